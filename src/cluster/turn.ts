import type { ErrorCode } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { ClusterChange, ElectionRecord } from '../core/protocol/cluster.ts';
import type { ClusterSettings } from '../core/protocol/cluster-settings.ts';
import type { ClusterState, Effect, Election, Member, Step } from './state.ts';
import { changedMember } from './views.ts';

/**
 * One step under way: the state as it becomes, and what is to be done about it. The state it began with is left as
 * it was.
 */
export class Turn {
  readonly nowMs: number;
  readonly settings: ClusterSettings;
  readonly members: Map<string, Member>;
  readonly resigned: Set<string>;
  election: Election;
  /** Why members are gone that were there when the turn began. */
  readonly gone = new Map<string, string>();
  private readonly effects: Effect[] = [];
  private refusal: Step['refusal'] = null;

  constructor(state: ClusterState, nowMs: number, settings: ClusterSettings) {
    this.nowMs = nowMs;
    this.settings = settings;
    this.members = new Map(state.members);
    this.resigned = new Set(state.resigned);
    this.election = state.election;
  }

  end(): Step {
    const { members, election, resigned } = this;
    return { state: { members, election, resigned }, effects: this.effects, refusal: this.refusal };
  }

  refuse(code: ErrorCode, message: string): void {
    this.refusal = { code, message };
  }

  /** A member as it now is. With a `change`, watchers hear of it. */
  put(member: Member, change: 'joined' | 'changed' | null, reason: string): void {
    this.members.set(member.memberId, { ...member, writtenAtMs: this.nowMs });
    this.effects.push({ type: 'save-member', memberId: member.memberId });
    if (change !== null) this.announce(changedMember(member, change, reason, this.resigned));
  }

  /** A member as it now is, not worth a write: what is stored says enough. */
  touch(member: Member): void {
    this.members.set(member.memberId, member);
  }

  remove(member: Member, change: 'left' | 'expired', reason: string): void {
    this.members.delete(member.memberId);
    this.gone.set(member.memberId, reason);
    this.effects.push({ type: 'remove-member', memberId: member.memberId });
    this.announce(changedMember(member, change, reason, this.resigned));
  }

  setElection(change: Partial<Election>): void {
    this.election = { ...this.election, ...change };
    this.effects.push({ type: 'save-election' });
  }

  setResigned(memberId: string, resigned: boolean): void {
    if (this.resigned.has(memberId) === resigned) return;
    if (resigned) this.resigned.add(memberId);
    else this.resigned.delete(memberId);
    this.effects.push({ type: 'save-resigned', memberId, resigned });
    const [oldest] = this.resigned;
    if (this.resigned.size > LIMITS.clusterResignations) this.setResigned(oldest, false);
  }

  record(record: Omit<ElectionRecord, 'at'>): void {
    this.effects.push({ type: 'record', record: { at: new Date(this.nowMs).toISOString(), ...record } });
  }

  announce(change: ClusterChange): void {
    this.effects.push({ type: 'announce', change });
  }

  restartHistory(incarnation: number): void {
    this.effects.push({ type: 'restart-history', incarnation });
  }
}
