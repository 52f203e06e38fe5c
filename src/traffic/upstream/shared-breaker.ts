import type { BreakerReport, BreakerState, SharedBreaker } from '../../core/protocol/upstream-monitor.ts';
import { GRANT_MS } from './breaker.ts';

/** A breaker that has closed is told of for so long, so that every isolate hears of it. */
const TELL_CLOSED_MS = 10 * 60_000;
/** One that nobody has sent a probe through for so long is forgotten: nobody calls its upstream any more. */
const FORGET_HALF_OPEN_MS = 60 * 60_000;

/** What is kept of one shared breaker; plain data. */
export interface SharedBreakerRecord {
  readonly state: BreakerState;
  readonly round: number;
  readonly sinceMs: number;
  readonly retryAtMs: number;
  readonly recoveryMs: number;
  readonly probesWanted: number;
  readonly successes: number;
  /** Probes that isolates may be sending. */
  readonly grants: readonly { readonly isolate: string; readonly probes: number; readonly untilMs: number }[];
  readonly reason: string;
}

/**
 * What a report makes of a shared breaker; the same record where it is no news. A report that speaks of an earlier round
 * than the present is answered by the present state alone, so that repeating one changes nothing.
 */
export function takeReport(
  record: SharedBreakerRecord | undefined,
  report: BreakerReport,
  isolate: string,
  nowMs: number,
): SharedBreakerRecord | undefined {
  const round = record?.round ?? 0;
  if (report.round < round) return record;
  switch (report.event) {
    case 'opened':
    case 'reopened':
      return {
        state: 'Open',
        round: Math.max(round, report.round) + 1,
        sinceMs: nowMs,
        retryAtMs: nowMs + report.recoveryMs,
        recoveryMs: report.recoveryMs,
        probesWanted: report.halfOpenMaxRequests,
        successes: 0,
        grants: [],
        reason: report.reason,
      };
    case 'probed': {
      if (record === undefined || record.state === 'Closed') return record;
      const successes = record.successes + report.successes;
      const used = { ...record, successes, grants: withoutProbes(record.grants, isolate, report.successes) };
      return successes < record.probesWanted
        ? used
        : { ...used, state: 'Closed', sinceMs: nowMs, grants: [], reason: '' };
    }
  }
}

/** The record at a later time: Open becomes HalfOpen, grants lapse. Undefined where nothing needs to be told any more. */
export function pass(record: SharedBreakerRecord, nowMs: number): SharedBreakerRecord | undefined {
  if (record.state === 'Closed') return nowMs - record.sinceMs >= TELL_CLOSED_MS ? undefined : record;
  if (record.state === 'Open') {
    return nowMs < record.retryAtMs ? record : { ...record, state: 'HalfOpen', sinceMs: nowMs };
  }
  if (nowMs - record.sinceMs >= FORGET_HALF_OPEN_MS) return undefined;
  const grants = record.grants.filter(({ untilMs }) => untilMs > nowMs);
  return grants.length === record.grants.length ? record : { ...record, grants };
}

/** When `pass` makes another record of it. */
export function nextPassMs({ state, retryAtMs, sinceMs, grants }: SharedBreakerRecord): number {
  if (state === 'Open') return retryAtMs;
  if (state === 'Closed') return sinceMs + TELL_CLOSED_MS;
  return Math.min(...grants.map(({ untilMs }) => untilMs), sinceMs + FORGET_HALF_OPEN_MS);
}

/**
 * Gives the isolate that asks one probe, for the request that it has; the next may be another's. No more are under way
 * at a time than the breaker lets through.
 */
export function grantProbes(
  record: SharedBreakerRecord,
  isolate: string,
  nowMs: number,
): { record: SharedBreakerRecord; probes: number } {
  if (record.state !== 'HalfOpen') return { record, probes: 0 };
  const granted = record.grants.reduce((sum, { probes }) => sum + probes, 0);
  if (granted >= record.probesWanted - record.successes) return { record, probes: 0 };
  const probes = 1;
  // A little longer than the isolate may use them, which it counts from when it hears of them.
  const grant = { isolate, probes, untilMs: nowMs + 2 * GRANT_MS };
  return { record: { ...record, grants: [...record.grants, grant] }, probes };
}

/** What an isolate is told. */
export function toldOf(record: SharedBreakerRecord, probes: number, nowMs: number): SharedBreaker {
  const { state, round, sinceMs, retryAtMs, reason } = record;
  return {
    state,
    round,
    sinceMs,
    retryInMs: state === 'Open' ? Math.max(0, retryAtMs - nowMs) : 0,
    closedForMs: state === 'Closed' ? nowMs - sinceMs : 0,
    probes,
    reason,
  };
}

/** The grants of an isolate less the probes that it has made. */
function withoutProbes(grants: SharedBreakerRecord['grants'], isolate: string, made: number) {
  let left = made;
  return grants
    .map((grant) => {
      if (grant.isolate !== isolate || left === 0) return grant;
      const used = Math.min(left, grant.probes);
      left -= used;
      return { ...grant, probes: grant.probes - used };
    })
    .filter(({ probes }) => probes > 0);
}
