import type { ElectionSettings } from '../core/protocol/cluster-settings.ts';
import { leaseEndsAtMs } from './membership.ts';
import { healthOf, type Member } from './state.ts';
import type { Turn } from './turn.ts';

/** The members whose votes count: those that are alive and well, whether they would lead or not. */
export function voters(members: Iterable<Member>): Member[] {
  return [...members].filter((member) => healthOf(member) === 'Active');
}

/** Votes a candidate needs when `live` members have one each. */
export function votesNeeded(live: number, settings: ElectionSettings): number {
  return settings.threshold ?? Math.floor(live / 2) + 1;
}

/** Whether a member may lead as far as its state goes: it is up, well, and was heard of within a leader's lease. */
export function isFit(member: Member, { settings, nowMs }: Pick<Turn, 'settings' | 'nowMs'>): boolean {
  return member.status === 'Running' && healthOf(member) === 'Active' && leaseEndsAtMs(member, settings) > nowMs;
}

/** Those who may be elected, the most preferred first. */
export function candidates(turn: Turn): Member[] {
  const { preferredMembers, preferredZones } = turn.settings.election;
  const place = (list: readonly string[], value: string | null): number => {
    const at = value === null ? -1 : list.indexOf(value);
    return at < 0 ? list.length : at;
  };
  const rank = (member: Member): readonly number[] => [
    place(preferredMembers, member.memberId),
    place(preferredZones, member.zone),
    member.joinedAtMs,
  ];
  return [...turn.members.values()]
    .filter((member) => member.willing && !turn.resigned.has(member.memberId) && isFit(member, turn))
    .map((member) => ({ member, rank: rank(member) }))
    .sort((a, b) => compare(a.rank, b.rank) || (a.member.memberId < b.member.memberId ? -1 : 1))
    .map(({ member }) => member);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : a[at] - b[at];
}
