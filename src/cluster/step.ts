import { unreachable } from '../core/errors.ts';
import type { ClusterSettings } from '../core/protocol/cluster-settings.ts';
import { beginIncarnation, campaign, nextElectionDeadlineMs, resign, settle, vote } from './election.ts';
import { close, expire, hear, leave, nextMemberDeadlineMs, start, takeReport } from './membership.ts';
import type { ClusterInput, ClusterState, Step } from './state.ts';
import { Turn } from './turn.ts';

/**
 * One step of a cluster: what its state becomes by an input, and what is to be done about it. What is due by the
 * time comes first, so that a session or a lease that is over is over whenever it is looked at, alarm or not.
 *
 * Invariants: at most one leader; an epoch has one leader, and each leader's is above all before it; a leader is a
 * member that runs and is well; a member that resigned leads only after it has campaigned.
 */
export function step(state: ClusterState, input: ClusterInput, nowMs: number, settings: ClusterSettings): Step {
  const turn = new Turn(state, nowMs, settings);
  // What is due is judged with what these tell of the past, and nobody is elected in an incarnation that is over.
  const comesFirst = input.type === 'heard' || input.type === 'started' || input.type === 'incarnation';
  if (!comesFirst) advance(turn);
  apply(turn, input);
  advance(turn);
  return turn.end();
}

function advance(turn: Turn): void {
  expire(turn);
  settle(turn);
}

function apply(turn: Turn, input: ClusterInput): void {
  switch (input.type) {
    case 'report':
      takeReport(turn, input.memberId, input.report, input.socket);
      return;
    case 'leave':
      leave(turn, input.memberId);
      return;
    case 'closed':
      close(turn, input.memberId);
      return;
    case 'heard':
      for (const { memberId, atMs } of input.pings) hear(turn, memberId, atMs);
      return;
    case 'campaign':
      campaign(turn, input.memberId);
      return;
    case 'vote':
      vote(turn, input.memberId, input.candidateId, input.term);
      return;
    case 'resign':
      resign(turn, input.memberId);
      return;
    case 'started':
      start(turn, input.sockets);
      return;
    case 'incarnation':
      beginIncarnation(turn, input.incarnation);
      return;
    case 'tick':
      return;
    default:
      unreachable(input);
  }
}

/** When the cluster is to be looked at again though nothing happens; null: never. */
export function nextDeadlineMs(state: ClusterState, settings: ClusterSettings): number | null {
  const member = nextMemberDeadlineMs(state.members.values(), settings);
  const election = nextElectionDeadlineMs(state, settings);
  if (member === null || election === null) return member ?? election;
  return Math.min(member, election);
}
