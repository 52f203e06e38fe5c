import type { ErrorCode } from '../core/errors.ts';
import type {
  ClusterChange,
  ElectionRecord,
  MemberHealth,
  MemberProfile,
  MemberReport,
  Vote,
  Votes,
} from '../core/protocol/cluster.ts';

/** A member as the cluster keeps it. Times are milliseconds since the epoch. */
export interface Member extends MemberProfile {
  readonly willing: boolean;
  readonly sessionTtlMs: number;
  /** It asked for that session; else it is what the cluster's settings say. */
  readonly ownTtl: boolean;
  readonly joinedAtMs: number;
  readonly seenAtMs: number;
  /** When it was last written down, which not every heartbeat is. */
  readonly writtenAtMs: number;
  /** When the socket it held closed; null while it holds one or never did. */
  readonly closedAtMs: number | null;
  /** It missed its heartbeats. */
  readonly silent: boolean;
}

/** Votes being taken. */
export interface Ballot extends Votes {
  readonly endsAtMs: number;
  /** When the election it belongs to is given up for a while. */
  readonly electionEndsAtMs: number;
}

/** Invariant: `term` never falls within an incarnation, and no two leaders have the same. */
export interface Election {
  /** 0 until the store has been given one. */
  readonly incarnation: number;
  /** The last that was given. */
  readonly term: number;
  /** The last epoch that was given. */
  readonly epoch: number;
  readonly leader: { readonly memberId: string; readonly term: number; readonly sinceMs: number } | null;
  readonly ballot: Ballot | null;
  /** After elections that failed: not before this. */
  readonly retryAtMs: number | null;
  readonly failures: number;
}

export interface ClusterState {
  readonly members: ReadonlyMap<string, Member>;
  readonly election: Election;
  /** Members that resigned and have not campaigned since, gone ones too, in that order. */
  readonly resigned: ReadonlySet<string>;
}

export const EMPTY_CLUSTER: ClusterState = {
  members: new Map(),
  election: { incarnation: 0, term: 0, epoch: 0, leader: null, ballot: null, retryAtMs: null, failures: 0 },
  resigned: new Set(),
};

/** What happens to a cluster. */
export type ClusterInput =
  /** A join or a heartbeat; `socket`: through the WebSocket it holds. A heartbeat over it may leave the status out. */
  | {
      readonly type: 'report';
      readonly memberId: string;
      readonly report: Partial<MemberReport>;
      readonly socket: boolean;
    }
  | { readonly type: 'leave'; readonly memberId: string }
  /** Its socket closed. */
  | { readonly type: 'closed'; readonly memberId: string }
  /** Members were heard of at times past, without a word: the platform answered their pings. */
  | { readonly type: 'heard'; readonly pings: readonly { readonly memberId: string; readonly atMs: number }[] }
  | { readonly type: 'campaign'; readonly memberId: string }
  | ({ readonly type: 'vote' } & Vote)
  | { readonly type: 'resign'; readonly memberId: string }
  /** Time passed. */
  | { readonly type: 'tick' }
  /** The object lives again; these members' sockets are still there. */
  | { readonly type: 'started'; readonly sockets: readonly string[] }
  /** The store was given an incarnation: it is new, or was restored. */
  | { readonly type: 'incarnation'; readonly incarnation: number };

/** What is to be done about it, in order. */
export type Effect =
  | { readonly type: 'save-member'; readonly memberId: string }
  | { readonly type: 'remove-member'; readonly memberId: string }
  | { readonly type: 'save-election' }
  | { readonly type: 'save-resigned'; readonly memberId: string; readonly resigned: boolean }
  | { readonly type: 'record'; readonly record: ElectionRecord }
  | { readonly type: 'announce'; readonly change: ClusterChange }
  /** Forget the watch's history: it belongs to another life of the store. */
  | { readonly type: 'restart-history'; readonly incarnation: number };

export interface Step {
  readonly state: ClusterState;
  readonly effects: readonly Effect[];
  /** Why the input changed nothing. */
  readonly refusal: { readonly code: ErrorCode; readonly message: string } | null;
}

/** What the cluster makes of a member. */
export function healthOf(member: Member): MemberHealth {
  if (member.status === 'Error') return 'Unhealthy';
  if (member.closedAtMs !== null || member.status === 'Stopping' || member.status === 'Stopped') return 'Inactive';
  return member.silent ? 'Unhealthy' : 'Active';
}
