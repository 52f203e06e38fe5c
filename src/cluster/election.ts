import { assert } from '../core/errors.ts';
import type { ClusterSettings } from '../core/protocol/cluster-settings.ts';
import { candidates, isFit, voters, votesNeeded } from './electorate.ts';
import { epochOf } from './epoch.ts';
import { leaseEndsAtMs } from './membership.ts';
import { type Ballot, type ClusterState, healthOf, type Member } from './state.ts';
import type { Turn } from './turn.ts';

/** A member wants to lead. It is in line where somebody does; its resignation, if any, is taken back. */
export function campaign(turn: Turn, memberId: string): void {
  const member = turn.members.get(memberId);
  if (member === undefined) {
    turn.refuse('not_found', `there is no member "${memberId}"`);
    return;
  }
  if (!isFit(member, turn)) {
    turn.refuse('conflict', `"${memberId}" is ${member.status} and ${healthOf(member)}: only one that runs leads`);
    return;
  }
  turn.setResigned(memberId, false);
  if (!member.willing) turn.put({ ...member, willing: true }, 'changed', 'campaigns');
  const { leader, ballot } = turn.election;
  if (leader !== null) return;
  if (turn.settings.election.policy === 'lease') {
    elect(turn, memberId, turn.election.term + 1, 'campaign');
    return;
  }
  if (ballot === null) {
    openBallot(turn, [memberId], 'campaign', null);
    return;
  }
  const votes = ballot.votes[memberId] === undefined ? { ...ballot.votes, [memberId]: memberId } : ballot.votes;
  if (ballot.candidates.includes(memberId) && votes === ballot.votes) return;
  const joined = { ...ballot, candidates: [...new Set([...ballot.candidates, memberId])], votes };
  turn.setElection({ ballot: joined });
  announceBallot(turn, joined, 'campaign');
}

/** A member's vote in a term. It has one: the same again is the same, another is refused. */
export function vote(turn: Turn, memberId: string, candidateId: string, term: number): void {
  const { policy } = turn.settings.election;
  if (policy !== 'majority') {
    turn.refuse('conflict', `the policy is "${policy}": there are no votes`);
    return;
  }
  const voter = turn.members.get(memberId);
  if (voter === undefined) {
    turn.refuse('not_found', `there is no member "${memberId}"`);
    return;
  }
  const { ballot, leader } = turn.election;
  // The vote that decided: its answer was lost, or it comes after the others.
  if (ballot === null && leader !== null && leader.term === term) return;
  if (ballot === null || ballot.term !== term) {
    turn.refuse('conflict', `no votes are taken in term ${term}; the last term was ${turn.election.term}`);
    return;
  }
  if (healthOf(voter) !== 'Active') {
    turn.refuse('conflict', `"${memberId}" is ${healthOf(voter)} and has no vote`);
    return;
  }
  if (!ballot.candidates.includes(candidateId)) {
    turn.refuse('conflict', `"${candidateId}" is no candidate in term ${term}`);
    return;
  }
  const before = ballot.votes[memberId];
  if (before === candidateId) return;
  if (before !== undefined) {
    turn.refuse('conflict', `"${memberId}" voted for "${before}" in term ${term}`);
    return;
  }
  turn.setElection({ ballot: { ...ballot, votes: { ...ballot.votes, [memberId]: candidateId } } });
}

/** A member leads no more, and will not until it campaigns. */
export function resign(turn: Turn, memberId: string): void {
  if (!turn.members.has(memberId)) {
    turn.refuse('not_found', `there is no member "${memberId}"`);
    return;
  }
  turn.setResigned(memberId, true);
  if (turn.election.leader?.memberId === memberId) depose(turn, 'resigned');
}

/** The store begins another life: what it knows of leaders and votes is another life's. */
export function beginIncarnation(turn: Turn, incarnation: number): void {
  assert(incarnation > turn.election.incarnation, 'an incarnation is larger than those before it');
  turn.restartHistory(incarnation);
  turn.setElection({ incarnation });
  if (turn.election.leader !== null) depose(turn, 'the cluster was restored');
  if (turn.election.ballot !== null) failBallot(turn, turn.election.ballot, 'the cluster was restored');
  // Nobody ever held this epoch, and it is above all that were: what they wrote by is refused from here on.
  turn.setElection({ epoch: incarnation * 2 ** 32 + turn.election.term, retryAtMs: null, failures: 0 });
}

/** Draws the consequences of what happened: who leads no more, who won, who is to be elected. */
export function settle(turn: Turn): void {
  checkLeader(turn);
  // Each pass either changes the ballot or ends; terms that nobody can win are not opened, so it does end.
  while (countVotes(turn) || electAutomatically(turn));
}

function checkLeader(turn: Turn): void {
  const { leader } = turn.election;
  if (leader === null) return;
  const member = turn.members.get(leader.memberId);
  if (member === undefined) depose(turn, turn.gone.get(leader.memberId) ?? 'gone');
  else if (!isFit(member, turn)) depose(turn, unfitness(member));
}

function unfitness(member: Member): string {
  if (member.closedAtMs !== null) return 'disconnected';
  if (member.status !== 'Running') return `is ${member.status}`;
  return member.silent ? 'heartbeats missed' : 'lease lapsed';
}

function depose(turn: Turn, reason: string): void {
  const { leader, epoch } = turn.election;
  assert(leader !== null, 'there is a leader to depose');
  turn.setElection({ leader: null, retryAtMs: null, failures: 0 });
  turn.record({ term: leader.term, epoch, memberId: leader.memberId, outcome: 'ended', reason });
  turn.announce({ kind: 'leader', memberId: null, epoch, reason });
}

function elect(turn: Turn, memberId: string, term: number, reason: string): void {
  const { incarnation } = turn.election;
  assert(turn.election.leader === null && term >= turn.election.term, 'one leader at a time, and terms grow');
  const epoch = epochOf(incarnation, term);
  const leader = { memberId, term, sinceMs: turn.nowMs };
  turn.setElection({ leader, term, epoch, ballot: null, retryAtMs: null, failures: 0 });
  turn.record({ term, epoch, memberId, outcome: 'elected', reason });
  turn.announce({ kind: 'leader', memberId, epoch, reason });
}

/** Opens the next term for these candidates, who have voted for themselves. */
function openBallot(turn: Turn, names: readonly string[], reason: string, electionEndsAtMs: number | null): void {
  const { campaignTimeoutSeconds, electionTimeoutSeconds } = turn.settings.election;
  const ballot: Ballot = {
    term: turn.election.term + 1,
    endsAtMs: turn.nowMs + campaignTimeoutSeconds * 1_000,
    electionEndsAtMs: electionEndsAtMs ?? turn.nowMs + electionTimeoutSeconds * 1_000,
    candidates: names,
    votes: Object.fromEntries(names.map((name) => [name, name])),
  };
  turn.setElection({ ballot, term: ballot.term, retryAtMs: null });
  announceBallot(turn, ballot, reason);
}

/** Counts the votes of those who still have one. Says whether the ballot changed. */
function countVotes(turn: Turn): boolean {
  const { ballot } = turn.election;
  if (ballot === null) return false;
  const { policy } = turn.settings.election;
  if (policy !== 'majority') {
    failBallot(turn, ballot, `the policy is "${policy}" now`);
    return true;
  }
  const live = voters(turn.members.values());
  const counts = new Map<string, number>();
  for (const { memberId } of live) {
    const choice = ballot.votes[memberId];
    if (choice !== undefined) counts.set(choice, (counts.get(choice) ?? 0) + 1);
  }
  const standing = candidates(turn)
    .map((member) => member.memberId)
    .filter((memberId) => ballot.candidates.includes(memberId));
  const most = standing.toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0))[0];
  const needed = votesNeeded(live.length, turn.settings.election);
  if (most !== undefined && (counts.get(most) ?? 0) >= needed) {
    elect(turn, most, ballot.term, `${counts.get(most)} of ${live.length} votes`);
    return true;
  }
  const reason =
    most === undefined
      ? 'no candidate left'
      : needed > live.length
        ? `${needed} votes needed of ${live.length} live members`
        : live.every(({ memberId }) => ballot.votes[memberId] !== undefined)
          ? 'tie'
          : ballot.endsAtMs <= turn.nowMs
            ? 'campaign timed out'
            : null;
  if (reason === null) {
    if (standing.length === ballot.candidates.length) return false;
    const fewer = { ...ballot, candidates: ballot.candidates.filter((name) => standing.includes(name)) };
    turn.setElection({ ballot: fewer });
    announceBallot(turn, fewer, 'a candidate withdrew');
    return false;
  }
  failBallot(turn, ballot, reason);
  // The one with the most votes, the preferred among equals, stands alone in the next term, so that a tie is not repeated.
  const next = most ?? candidates(turn)[0]?.memberId;
  if (next === undefined || ballot.electionEndsAtMs <= turn.nowMs || needed > live.length) {
    pause(turn);
    return false;
  }
  openBallot(turn, [next], reason, ballot.electionEndsAtMs);
  return true;
}

function failBallot(turn: Turn, ballot: Ballot, reason: string): void {
  turn.setElection({ ballot: null });
  turn.record({ term: ballot.term, epoch: null, memberId: null, outcome: 'failed', reason });
  turn.announce({ kind: 'ballot', term: ballot.term, candidates: ballot.candidates, state: 'failed', reason });
}

function pause(turn: Turn): void {
  const { retrySeconds, electionTimeoutSeconds } = turn.settings.election;
  const seconds = Math.min(retrySeconds * 2 ** Math.min(turn.election.failures, 10), electionTimeoutSeconds);
  turn.setElection({ retryAtMs: turn.nowMs + seconds * 1_000, failures: turn.election.failures + 1 });
}

/** Elects, or lets vote on, the most preferred candidate where nobody leads. Says whether it did. */
function electAutomatically(turn: Turn): boolean {
  const { leader, ballot, retryAtMs, incarnation, term } = turn.election;
  const settings = turn.settings.election;
  if (!settings.automatic || leader !== null || ballot !== null || incarnation === 0) return false;
  if (retryAtMs !== null && retryAtMs > turn.nowMs) return false;
  // The pause is over; where there is nobody to elect, the next to come is elected when it comes.
  if (retryAtMs !== null) turn.setElection({ retryAtMs: null });
  const preferred = candidates(turn)[0];
  if (preferred === undefined) return false;
  if (settings.policy === 'lease') {
    elect(turn, preferred.memberId, term + 1, 'automatic');
    return true;
  }
  const live = voters(turn.members.values()).length;
  if (votesNeeded(live, settings) > live) return false;
  openBallot(turn, [preferred.memberId], 'automatic', null);
  return true;
}

function announceBallot(turn: Turn, ballot: Ballot, reason: string): void {
  turn.announce({ kind: 'ballot', term: ballot.term, candidates: ballot.candidates, state: 'open', reason });
}

/** When the election is to be looked at though nothing happens. */
export function nextElectionDeadlineMs({ members, election }: ClusterState, settings: ClusterSettings): number | null {
  const { ballot, leader, retryAtMs } = election;
  if (ballot !== null) return ballot.endsAtMs;
  const member = leader === null ? undefined : members.get(leader.memberId);
  if (member !== undefined) return leaseEndsAtMs(member, settings);
  return settings.election.automatic ? retryAtMs : null;
}
