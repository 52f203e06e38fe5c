import type { Random } from '../../src/core/random.ts';
import { type Backoff, pauseMs } from '../client/backoff.ts';
import type { Changes } from './changes.ts';
import type { Log } from './log.ts';
import type { QueueCalls } from './queue-calls.ts';
import type { Runner, RunningTask } from './runner.ts';

export interface LeaseKeepingParts {
  readonly calls: QueueCalls;
  readonly runner: Runner;
  readonly leaseSeconds: () => number;
  readonly changes: Changes;
  readonly random: Random;
  readonly log: Log;
}

/** Heartbeats of one request; each may carry progress of as much as a payload. */
const BEATS = 100;
const BEAT_BYTES = 512 * 1024;
/** Those due this soon go along. */
const TOGETHER = 0.2;
const BACKOFF: Backoff = { firstMs: 250, capMs: 5_000 };

/**
 * Extends the leases of what runs at a third of their time, brings progress up and cancellations down, and stops what
 * is no longer ours. Resolves when the signal aborts.
 */
export async function keepLeases(parts: LeaseKeepingParts, signal: AbortSignal): Promise<void> {
  const { calls, runner, leaseSeconds, changes, random, log } = parts;
  for (let failures = 0; !signal.aborted; ) {
    const nowMs = performance.now();
    const leased = runner.tasks().filter(({ isLost }) => !isLost);
    for (const one of leased) {
      // Beyond its lease a task may be running elsewhere: working on would be doing it twice at once.
      if (one.leaseUntilMs <= nowMs) runner.lose(one, 'its lease lapsed while the queue was out of reach');
    }
    const due = dueAt(nowMs, leased, leaseSeconds() * 1000);
    if (due.length === 0) {
      const nextMs = Math.min(
        ...leased.map(({ leaseUntilMs, heartbeatDueMs }) => Math.min(leaseUntilMs, heartbeatDueMs)),
      );
      await changes.next(Number.isFinite(nextMs) ? Math.max(1, nextMs - nowMs) : 60_000, signal);
      continue;
    }
    const sent = due.map(({ progress }) => progress);
    try {
      const answers = await calls.heartbeat(
        due.map(({ task: { taskId, leaseToken }, progress }) => ({ taskId, leaseToken, progress })),
        leaseSeconds(),
      );
      failures = 0;
      for (const [at, { outcome, leaseRemainingMs = 0, cancelled }] of answers.entries()) {
        const one = due[at];
        if (outcome !== 'extended') {
          runner.lose(one, 'its lease is over');
          continue;
        }
        one.leaseUntilMs = nowMs + leaseRemainingMs;
        one.heartbeatDueMs = nowMs + leaseRemainingMs / 3;
        if (one.progress === sent[at]) delete one.progress;
        if (cancelled === true) runner.cancel(one);
      }
    } catch (error) {
      if (failures === 0) log('heartbeats fail', { error: String(error) });
      const againMs = performance.now() + pauseMs(BACKOFF, ++failures, random);
      for (const one of due) one.heartbeatDueMs = againMs;
    }
  }
}

/** Those whose heartbeat is due, with those about to be, as many as one request carries. */
function dueAt(nowMs: number, leased: readonly RunningTask[], leaseMs: number): readonly RunningTask[] {
  const isDue = (marginMs: number) => (one: RunningTask) => !one.isLost && one.heartbeatDueMs <= nowMs + marginMs;
  if (!leased.some(isDue(0))) return [];
  const due: RunningTask[] = [];
  let bytes = 0;
  for (const one of leased.filter(isDue((TOGETHER * leaseMs) / 3))) {
    bytes += one.progress === undefined ? 0 : Buffer.byteLength(JSON.stringify(one.progress));
    if (due.length > 0 && (bytes > BEAT_BYTES || due.length >= BEATS)) break;
    due.push(one);
  }
  return due;
}
