import type { ErrorCode, FieldError } from '../errors.ts';

/** What a member says of itself. */
export const MEMBER_STATUSES = ['Starting', 'Running', 'Stopping', 'Stopped', 'Error'] as const;
export type MemberStatus = (typeof MEMBER_STATUSES)[number];

/** What the cluster makes of it: `Active` may be given work, `Inactive` is leaving or cut off, `Unhealthy` is silent or in error. */
export const MEMBER_HEALTHS = ['Active', 'Inactive', 'Unhealthy'] as const;
export type MemberHealth = (typeof MEMBER_HEALTHS)[number];

/** Where a member stands in the election. */
export const ELECTION_STATES = ['Idle', 'Campaigning', 'Elected', 'Following'] as const;
export type ElectionState = (typeof ELECTION_STATES)[number];

/** What a member reports of its machine; never measured by the platform, which cannot. */
export interface MemberLoad {
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly activeTasks: number;
  readonly queueLength: number;
}

/** A join or a heartbeat. What is left out stays as it was. */
export interface MemberReport {
  readonly status: MemberStatus;
  readonly address?: string | undefined;
  readonly zone?: string | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly load?: MemberLoad | undefined;
  /** How long its session lasts without a word from it; the cluster's default where it never said. */
  readonly sessionTtlSeconds?: number | undefined;
  /** Whether it would lead; true where it never said. A resignation outlasts it. */
  readonly candidate?: boolean | undefined;
}

/** What is known of a member, as it is kept and as it is shown. */
export interface MemberProfile {
  readonly memberId: string;
  readonly address: string | null;
  readonly zone: string | null;
  readonly capabilities: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: MemberStatus;
  readonly load: MemberLoad | null;
  /** Whether it holds a WebSocket. */
  readonly connected: boolean;
}

/** A member as it is shown. Times are RFC 3339. */
export interface MemberView extends MemberProfile {
  readonly health: MemberHealth;
  readonly election: ElectionState;
  /** Whether it may be elected as far as its own will goes: false for one that never would, or that resigned. */
  readonly candidate: boolean;
  readonly sessionTtlSeconds: number;
  readonly joinedAt: string;
  readonly seenAt: string;
}

/** Who leads. Without a leader `memberId` is null and `epoch` one that nobody holds any more. */
export interface LeaderView {
  readonly memberId: string | null;
  /** incarnation · 2³² + term: grows with every leader, through crashes and restores. 0 where nobody ever joined. */
  readonly epoch: number;
  /** `Campaigning` while votes are taken, `Idle` where there is nobody to elect. */
  readonly state: Exclude<ElectionState, 'Following'>;
  readonly leaseExpiresAt: string | null;
  /** The same as a duration, for a member whose clock is wrong. */
  readonly leaseRemainingMs: number;
}

/** The answer to a join or a heartbeat. */
export interface JoinAnswer {
  readonly member: MemberView;
  readonly sessionTtlSeconds: number;
  /** The leader's member id. */
  readonly leader: string | null;
  readonly epoch: number;
}

/** Votes of a term, under the policy `majority`. Invariant: a member has at most one vote in a term. */
export interface Votes {
  readonly term: number;
  readonly candidates: readonly string[];
  /** Voter to candidate. */
  readonly votes: Readonly<Record<string, string>>;
}

/** Votes being taken, as they are shown. */
export interface BallotView extends Votes {
  readonly votesNeeded: number;
  readonly endsAt: string;
}

/** An entry of the history of elections. */
export interface ElectionRecord {
  readonly at: string;
  readonly term: number;
  /** A leader's; null for a term nobody won. */
  readonly epoch: number | null;
  readonly memberId: string | null;
  readonly outcome: 'elected' | 'ended' | 'failed';
  readonly reason: string;
}

export interface ElectionView {
  readonly policy: 'lease' | 'majority';
  readonly leader: LeaderView;
  readonly term: number;
  readonly ballot: BallotView | null;
  /** Newest first. */
  readonly history: readonly ElectionRecord[];
}

/** The whole cluster at a revision: a watch from that revision misses nothing. */
export interface ClusterView {
  readonly revision: number;
  readonly leader: LeaderView;
  readonly ballot: BallotView | null;
  readonly members: readonly MemberView[];
  readonly health: {
    readonly total: number;
    readonly active: number;
    readonly inactive: number;
    readonly unhealthy: number;
  };
}

/** One change, as a watch shows it. Load and times of heartbeats are no changes. */
export type ClusterChange =
  | {
      readonly kind: 'member';
      readonly change: 'joined' | 'changed' | 'left' | 'expired';
      readonly reason: string;
      readonly member: Omit<MemberView, 'load' | 'seenAt' | 'election'>;
    }
  | { readonly kind: 'leader'; readonly memberId: string | null; readonly epoch: number; readonly reason: string }
  | {
      readonly kind: 'ballot';
      readonly term: number;
      readonly candidates: readonly string[];
      readonly state: 'open' | 'failed';
      readonly reason: string;
    };

/** A change with its place in the order of all changes of the cluster. */
export type ClusterEvent = ClusterChange & { readonly revision: number; readonly time: string };

/** What comes down a watch. */
export type WatchMessage =
  | ({ readonly type: 'event' } & ClusterEvent)
  /** Nothing is missing up to here: to resume from. */
  | { readonly type: 'progress'; readonly revision: number }
  /** Over a WebSocket, before its end: the history that the watch needs is no more. Of server-sent events the stream ends. */
  | { readonly type: 'gone'; readonly compactedRevision: number };

export interface Vote {
  readonly memberId: string;
  readonly candidateId: string;
  readonly term: number;
}

/** A backup that was taken of a cluster. */
export interface ClusterBackup {
  readonly backupId: string;
  readonly createdAt: string;
  readonly sizeBytes: number;
  /** Of the cluster's state. */
  readonly revision: number;
  readonly epoch: number;
}

/** What a cluster goes on with after a restore: both are above all that were before. */
export interface ClusterRestored {
  readonly backupId: string;
  readonly revision: number;
  readonly epoch: number;
}

/** A refusal is an answer: an error does not cross an RPC as the class it was. */
export interface ClusterRefusal {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly message: string;
  readonly errors: readonly FieldError[];
  /** With `gone`: history up to here is no more. */
  readonly compactedRevision?: number;
}
export type ClusterAnswer<T> = { readonly ok: true; readonly value: T } | ClusterRefusal;

/** What the management surface asks of a Cluster object, by RPC. */
export interface ClusterObject {
  report(memberId: string, report: MemberReport): Promise<ClusterAnswer<JoinAnswer>>;
  leave(memberId: string): Promise<ClusterAnswer<null>>;
  members(): Promise<readonly MemberView[]>;
  member(memberId: string): Promise<ClusterAnswer<MemberView>>;
  leader(): Promise<LeaderView>;
  state(): Promise<ClusterView>;
  election(): Promise<ElectionView>;
  campaign(memberId: string): Promise<ClusterAnswer<ElectionView>>;
  vote(vote: Vote): Promise<ClusterAnswer<ElectionView>>;
  resign(memberId: string): Promise<ClusterAnswer<ElectionView>>;
  /** Server-sent events after `revision`, or from now on; a refusal where that history is gone. */
  watch(revision: number | null): Promise<ReadableStream<Uint8Array> | ClusterRefusal>;
  backup(): Promise<ClusterAnswer<ClusterBackup>>;
  /** Becomes what it, or another cluster, was when a backup was taken; members join anew. `from` as `find` takes it. */
  restore(from: string, backupId: string): Promise<ClusterAnswer<ClusterRestored>>;
  /**
   * An upgrade, answered 101: to a member's WebSocket where the path ends with `/connect`, to that of a watch of events
   * after `?revision=` where it ends with `/watch`. A watch that is refused is answered 410 with a `ClusterRefusal`.
   */
  fetch(request: Request): Promise<Response>;
}

/** Agent to cluster, over the held WebSocket. Besides these the bare text `ping`, answered `pong`, is a heartbeat. */
export type MemberMessage =
  | ({ readonly type: 'join'; readonly memberId: string } & MemberReport)
  | ({ readonly type: 'heartbeat' } & Partial<MemberReport>)
  | { readonly type: 'leave' }
  | { readonly type: 'campaign' }
  | { readonly type: 'resign' }
  | { readonly type: 'vote'; readonly candidateId: string; readonly term: number };

/** Cluster to agent. */
export type ClusterMessage =
  | ({ readonly type: 'joined' } & JoinAnswer)
  | ({ readonly type: 'leader' } & LeaderView)
  | ({ readonly type: 'ballot' } & BallotView)
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string };
