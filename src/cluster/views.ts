import type {
  BallotView,
  ClusterChange,
  ClusterView,
  ElectionState,
  LeaderView,
  MemberView,
} from '../core/protocol/cluster.ts';
import type { ClusterSettings, ElectionSettings } from '../core/protocol/cluster-settings.ts';
import { voters, votesNeeded } from './electorate.ts';
import { leaseEndsAtMs } from './membership.ts';
import { type ClusterState, type Election, EMPTY_CLUSTER, healthOf, type Member } from './state.ts';

const time = (ms: number): string => new Date(ms).toISOString();

export function memberView(state: ClusterState, member: Member): MemberView {
  const { memberId, address, zone, capabilities, metadata, status, load, connected } = member;
  return {
    ...{ memberId, address, zone, capabilities, metadata, status, load, connected },
    health: healthOf(member),
    election: electionStateOf(state.election, memberId),
    candidate: member.willing && !state.resigned.has(memberId),
    sessionTtlSeconds: member.sessionTtlMs / 1_000,
    joinedAt: time(member.joinedAtMs),
    seenAt: time(member.seenAtMs),
  };
}

/** What a watcher is told of a member: all that does not change by itself. */
export function changedMember(
  member: Member,
  change: 'joined' | 'changed' | 'left' | 'expired',
  reason: string,
  resigned: ReadonlySet<string>,
): ClusterChange {
  const { load, seenAt, election, ...shown } = memberView({ ...EMPTY_CLUSTER, resigned }, member);
  return { kind: 'member', change, reason, member: shown };
}

export function electionStateOf(election: Election, memberId: string): ElectionState {
  if (election.leader !== null) return election.leader.memberId === memberId ? 'Elected' : 'Following';
  return election.ballot?.candidates.includes(memberId) ? 'Campaigning' : 'Idle';
}

export function leaderView(state: ClusterState, settings: ClusterSettings, nowMs: number): LeaderView {
  const { leader, ballot, epoch } = state.election;
  const member = leader === null ? undefined : state.members.get(leader.memberId);
  if (member === undefined) {
    const standing = ballot === null ? 'Idle' : 'Campaigning';
    return { memberId: null, epoch, state: standing, leaseExpiresAt: null, leaseRemainingMs: 0 };
  }
  const expiresAtMs = leaseEndsAtMs(member, settings);
  return {
    memberId: member.memberId,
    epoch,
    state: 'Elected',
    leaseExpiresAt: time(expiresAtMs),
    leaseRemainingMs: Math.max(0, expiresAtMs - nowMs),
  };
}

export function ballotView(state: ClusterState, settings: ElectionSettings): BallotView | null {
  const { ballot } = state.election;
  if (ballot === null) return null;
  const { term, candidates, votes } = ballot;
  return {
    ...{ term, candidates, votes },
    votesNeeded: votesNeeded(voters(state.members.values()).length, settings),
    endsAt: time(ballot.endsAtMs),
  };
}

export function clusterView(
  state: ClusterState,
  settings: ClusterSettings,
  revision: number,
  nowMs: number,
): ClusterView {
  const members = [...state.members.values()].map((member) => memberView(state, member));
  const count = (health: MemberView['health']) => members.filter((member) => member.health === health).length;
  return {
    revision,
    leader: leaderView(state, settings, nowMs),
    ballot: ballotView(state, settings.election),
    members,
    health: {
      total: members.length,
      active: count('Active'),
      inactive: count('Inactive'),
      unhealthy: count('Unhealthy'),
    },
  };
}
