import type { Clock } from '../core/clock.ts';
import type { ErrorCode } from '../core/errors.ts';
import type {
  BallotView,
  ClusterAnswer,
  ClusterEvent,
  ClusterRefusal,
  ClusterView,
  ElectionView,
  JoinAnswer,
  LeaderView,
  MemberReport,
  MemberView,
  Vote,
} from '../core/protocol/cluster.ts';
import type { ClusterSettings } from '../core/protocol/cluster-settings.ts';
import type { Log } from '../observe/log.ts';
import { overdue } from './membership.ts';
import type { ClusterInput, ClusterState, Step } from './state.ts';
import { nextDeadlineMs, step } from './step.ts';
import type { ClusterStore } from './store.ts';
import { ballotView, clusterView, leaderView, memberView } from './views.ts';

export interface ClusterParts {
  readonly store: ClusterStore;
  readonly settings: ClusterSettings;
  readonly clock: Clock;
  readonly log: Log;
  /** When a member's socket was last pinged, or null. */
  lastPingMs(memberId: string): number | null;
  /** Something changed that watchers and members want to hear of. Called after it was written. */
  changed(events: readonly ClusterEvent[]): void;
}

/** A cluster: the state, kept in step with its store. Members, the election, and the order of all changes. */
export class Cluster {
  private readonly parts: ClusterParts;
  private settings: ClusterSettings;
  private state: ClusterState;

  constructor(parts: ClusterParts) {
    this.parts = parts;
    this.settings = parts.settings;
    this.state = parts.store.load();
  }

  /** The store's incarnation; 0 for one that is new. */
  get incarnation(): number {
    return this.state.election.incarnation;
  }

  /** The last epoch that was given: what `If-Epoch` is held against. */
  epoch(): number {
    this.advance();
    return this.state.election.epoch;
  }

  /** Other settings are in force from now on: what follows from them is done at once. */
  configure(settings: ClusterSettings): void {
    this.settings = settings;
    this.advance();
  }

  /** To be called once after the object was made, with the members whose sockets are there still. */
  start(sockets: readonly string[]): void {
    this.hear(sockets);
    this.take({ type: 'started', sockets });
  }

  /** The store is new or was restored: from here on it gives epochs of this incarnation. */
  begin(incarnation: number): void {
    this.take({ type: 'incarnation', incarnation });
  }

  report(memberId: string, report: Partial<MemberReport>, socket: boolean): ClusterAnswer<JoinAnswer> {
    const refused = this.input({ type: 'report', memberId, report, socket });
    if (refused !== null) return refused;
    const member = this.state.members.get(memberId);
    if (member === undefined) return refusal('unavailable', 'the session ended at once');
    const { election } = this.state;
    return {
      ok: true,
      value: {
        member: memberView(this.state, member),
        sessionTtlSeconds: member.sessionTtlMs / 1_000,
        leader: election.leader?.memberId ?? null,
        epoch: election.epoch,
      },
    };
  }

  leave(memberId: string): ClusterAnswer<null> {
    return this.input({ type: 'leave', memberId }) ?? { ok: true, value: null };
  }

  /** The socket of a member closed. */
  close(memberId: string): void {
    this.input({ type: 'closed', memberId });
  }

  campaign(memberId: string): ClusterAnswer<ElectionView> {
    return this.input({ type: 'campaign', memberId }) ?? { ok: true, value: this.election() };
  }

  vote(vote: Vote): ClusterAnswer<ElectionView> {
    return this.input({ type: 'vote', ...vote }) ?? { ok: true, value: this.election() };
  }

  resign(memberId: string): ClusterAnswer<ElectionView> {
    return this.input({ type: 'resign', memberId }) ?? { ok: true, value: this.election() };
  }

  /** Does what is due. */
  advance(): void {
    this.input({ type: 'tick' });
  }

  /** When `advance` is next due though nothing happens; null: never. */
  nextDeadlineMs(): number | null {
    return nextDeadlineMs(this.state, this.settings);
  }

  members(): MemberView[] {
    this.advance();
    return [...this.state.members.values()].map((member) => memberView(this.state, member));
  }

  member(memberId: string): ClusterAnswer<MemberView> {
    this.advance();
    const member = this.state.members.get(memberId);
    if (member === undefined) return refusal('not_found', `there is no member "${memberId}"`);
    return { ok: true, value: memberView(this.state, member) };
  }

  leader(): LeaderView {
    this.advance();
    const leader = this.state.election.leader;
    if (leader !== null) this.hear([leader.memberId]);
    return this.presentLeader();
  }

  /** The leader as last decided, whatever is due by now. */
  presentLeader(): LeaderView {
    return leaderView(this.state, this.settings, this.parts.clock.now());
  }

  ballot(): BallotView | null {
    return ballotView(this.state, this.settings.election);
  }

  view(): ClusterView {
    this.advance();
    const { store, clock } = this.parts;
    return clusterView(this.state, this.settings, store.revision(), clock.now());
  }

  election(): ElectionView {
    const leader = this.leader();
    return {
      policy: this.settings.election.policy,
      leader,
      term: this.state.election.term,
      ballot: this.ballot(),
      history: this.parts.store.elections(),
    };
  }

  /** Null where the input was taken. */
  private input(input: ClusterInput): ClusterRefusal | null {
    const due = overdue(this.state, this.settings, this.parts.clock.now());
    if (due.length > 0) this.hear(due);
    const refused = this.take(input);
    return refused === null ? null : refusal(refused.code, refused.message);
  }

  private hear(memberIds: readonly string[]): void {
    const pings = memberIds.flatMap((memberId) => {
      const atMs = this.parts.lastPingMs(memberId);
      return atMs === null ? [] : [{ memberId, atMs }];
    });
    if (pings.length > 0) this.take({ type: 'heard', pings });
  }

  private take(input: ClusterInput): Step['refusal'] {
    const { store, clock, log } = this.parts;
    const nowMs = clock.now();
    const { state, effects, refusal: refused } = step(this.state, input, nowMs, this.settings);
    const announcements = effects.filter((effect) => effect.type === 'announce').length;
    store.write(state, effects, nowMs);
    this.state = state;
    for (const effect of effects) {
      if (effect.type === 'record') log.info('election', { ...effect.record });
    }
    if (announcements > 0) this.parts.changed(store.eventsAfter(store.revision() - announcements, announcements));
    return refused;
  }
}

function refusal(code: ErrorCode, message: string): ClusterRefusal {
  return { ok: false, code, message, errors: [] };
}
