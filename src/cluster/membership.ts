import { LIMITS } from '../core/limits.ts';
import type { MemberReport } from '../core/protocol/cluster.ts';
import type { ClusterSettings } from '../core/protocol/cluster-settings.ts';
import type { ClusterState, Member } from './state.ts';
import type { Turn } from './turn.ts';

/** A heartbeat is written down unless one was within this share of the session: a restart forgets no more than that. */
const UNWRITTEN_SHARE = 1 / 6;
/** A store that wakes this long after something was due was down meanwhile, and nobody could be heard. */
const DOWN_AFTER_MS = 5_000;

/** Heartbeats that are due in a session. */
const HEARTBEATS = 3;

/** When a member that says nothing any more is silent: it gets no new work, well before it is taken for dead. */
export function silentAtMs(member: Member, settings: ClusterSettings): number {
  return member.seenAtMs + silenceMs(member, settings);
}

function silenceMs({ sessionTtlMs }: Member, { unhealthyAfterMissed }: ClusterSettings): number {
  return Math.round((sessionTtlMs * unhealthyAfterMissed) / HEARTBEATS);
}

/** When a leader that says nothing any more leads no longer. */
export function leaseEndsAtMs(member: Member, settings: ClusterSettings): number {
  const { leaseSeconds } = settings.election;
  const silentMs = silentAtMs(member, settings);
  return leaseSeconds === null ? silentMs : Math.min(silentMs, member.seenAtMs + leaseSeconds * 1_000);
}

/** When a member that says nothing any more is gone. */
export function endsAtMs(member: Member, settings: ClusterSettings): number {
  const lapsesAtMs = member.seenAtMs + member.sessionTtlMs;
  if (member.closedAtMs === null) return lapsesAtMs;
  return Math.min(lapsesAtMs, member.closedAtMs + settings.reconnectGraceSeconds * 1_000);
}

/** Members that hold a socket and of whom something would be due: when they were last heard is to be looked up first. */
export function overdue(state: ClusterState, settings: ClusterSettings, nowMs: number): string[] {
  const due: string[] = [];
  for (const member of state.members.values()) {
    if (member.connected && leaseEndsAtMs(member, settings) <= nowMs) due.push(member.memberId);
  }
  return due;
}

/** A join or a heartbeat. */
export function takeReport(turn: Turn, memberId: string, report: Partial<MemberReport>, socket: boolean): void {
  const present = turn.members.get(memberId);
  if (present === undefined) {
    join(turn, memberId, report, socket);
    return;
  }
  const next: Member = {
    ...present,
    ...(present.ownTtl ? {} : { sessionTtlMs: turn.settings.sessionTtlSeconds * 1_000 }),
    ...told(report),
    seenAtMs: turn.nowMs,
    connected: present.connected || socket,
    closedAtMs: null,
    silent: false,
  };
  if (!sameButForTimes(present, next)) turn.put(next, 'changed', 'reported');
  else if (turn.nowMs - present.writtenAtMs >= present.sessionTtlMs * UNWRITTEN_SHARE) turn.put(next, null, '');
  else turn.touch(next);
}

function join(turn: Turn, memberId: string, report: Partial<MemberReport>, socket: boolean): void {
  if (report.status === undefined) {
    turn.refuse('not_found', `"${memberId}" is no member any more: join again`);
    return;
  }
  if (turn.members.size >= LIMITS.clusterMembers) {
    turn.refuse('unprocessable', `a cluster has at most ${LIMITS.clusterMembers} members`);
    return;
  }
  const member: Member = {
    memberId,
    address: null,
    zone: null,
    capabilities: [],
    metadata: {},
    load: null,
    willing: true,
    sessionTtlMs: turn.settings.sessionTtlSeconds * 1_000,
    ownTtl: false,
    ...told(report),
    status: report.status,
    joinedAtMs: turn.nowMs,
    seenAtMs: turn.nowMs,
    writtenAtMs: turn.nowMs,
    closedAtMs: null,
    connected: socket,
    silent: false,
  };
  turn.put(member, 'joined', 'joined');
}

/** What a report says, in a member's words. */
function told(report: Partial<MemberReport>): Partial<Member> {
  const { status, address, zone, capabilities, metadata, load, sessionTtlSeconds, candidate } = report;
  return {
    ...(status === undefined ? {} : { status }),
    ...(address === undefined ? {} : { address }),
    ...(zone === undefined ? {} : { zone }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(load === undefined ? {} : { load }),
    ...(sessionTtlSeconds === undefined ? {} : { sessionTtlMs: sessionTtlSeconds * 1_000, ownTtl: true }),
    ...(candidate === undefined ? {} : { willing: candidate }),
  };
}

function sameButForTimes(a: Member, b: Member): boolean {
  const shown = ({ load, seenAtMs, writtenAtMs, ...rest }: Member) => JSON.stringify(rest);
  return shown(a) === shown(b);
}

export function leave(turn: Turn, memberId: string): void {
  const member = turn.members.get(memberId);
  if (member === undefined) {
    turn.refuse('not_found', `there is no member "${memberId}"`);
    return;
  }
  turn.remove(member, 'left', 'left');
}

/** The socket closed: known at once, though the member has a moment to come back before it is gone. */
export function close(turn: Turn, memberId: string): void {
  const member = turn.members.get(memberId);
  if (member === undefined || !member.connected) return;
  turn.put({ ...member, connected: false, closedAtMs: turn.nowMs }, 'changed', 'disconnected');
}

export function hear(turn: Turn, memberId: string, atMs: number): void {
  const member = turn.members.get(memberId);
  if (member === undefined || atMs <= member.seenAtMs) return;
  const next = { ...member, seenAtMs: Math.min(atMs, turn.nowMs) };
  if (member.silent && silentAtMs(next, turn.settings) > turn.nowMs)
    turn.put({ ...next, silent: false }, 'changed', 'heard again');
  else turn.touch(next);
}

/**
 * The object lives again. Sockets that are no more were closed with it and not by their members, and while it was
 * down nobody could be heard: those members are given a moment to be heard of again before they are silent.
 */
export function start(turn: Turn, sockets: readonly string[]): void {
  const open = new Set(sockets);
  // Of those that hold a socket it is not written down when they were heard.
  const silentOnes = [...turn.members.values()].filter((member) => !member.connected);
  const dueAtMs = nextMemberDeadlineMs(silentOnes, turn.settings);
  const wasDown = dueAtMs !== null && turn.nowMs - dueAtMs > DOWN_AFTER_MS;
  for (const member of [...turn.members.values()]) {
    const cutOff = member.connected && !open.has(member.memberId);
    if (!cutOff && (member.connected || !wasDown)) continue;
    const graceMs = turn.settings.reconnectGraceSeconds * 1_000;
    const seenAtMs = turn.nowMs - Math.max(0, silenceMs(member, turn.settings) - graceMs);
    const next = {
      ...member,
      connected: member.connected && !cutOff,
      seenAtMs: cutOff ? seenAtMs : Math.max(member.seenAtMs, seenAtMs),
    };
    turn.put(next, cutOff ? 'changed' : null, 'the cluster restarted');
  }
}

/** Ends the sessions that are over and marks who went silent. */
export function expire(turn: Turn): void {
  for (const member of [...turn.members.values()]) {
    if (endsAtMs(member, turn.settings) <= turn.nowMs) {
      turn.remove(member, 'expired', member.closedAtMs === null ? 'session lapsed' : 'disconnected');
    } else if (!member.silent && silentAtMs(member, turn.settings) <= turn.nowMs) {
      turn.put({ ...member, silent: true }, 'changed', 'heartbeats missed');
    }
  }
}

/** When the next member falls silent or is gone, if none is heard of until then. */
export function nextMemberDeadlineMs(members: Iterable<Member>, settings: ClusterSettings): number | null {
  let next: number | null = null;
  for (const member of members) {
    const endMs = endsAtMs(member, settings);
    const dueMs = member.silent ? endMs : Math.min(endMs, silentAtMs(member, settings));
    if (next === null || dueMs < next) next = dueMs;
  }
  return next;
}
