import type { TaskAttempt } from '../core/protocol/tasks.ts';
import type { QueueMemory } from './queue-memory.ts';
import { retryDelayMs } from './retry-delay.ts';
import type { StoredTask } from './task-rows.ts';

/** Lapsed leases settled by one call, so that none takes long after an outage; the next call goes on. */
const LAPSES_AT_ONCE = 500;
/** Attempts remembered of a task; of one redriven time and again the last. */
const HISTORY = 20;

/** How an attempt ended badly. */
export interface Failure {
  readonly atMs: number;
  readonly outcome: 'failed' | 'lapsed';
  readonly error: string;
  readonly retryable: boolean;
  /** The token that reported it; null where nobody did. */
  readonly settledToken: string | null;
  readonly data: string | null;
  readonly processingTimeMs: number | null;
}

interface Result {
  readonly data?: string | null | undefined;
  readonly error?: string | null | undefined;
  readonly processingTimeMs?: number | null | undefined;
  readonly leaseToken?: string | undefined;
}

/** An attempt ended well, and its task with it. */
export function succeed(queue: QueueMemory, task: StoredTask, nowMs: number, result: Result): void {
  const history = remembered(task.history, {
    attempt: task.attempt,
    agentId: task.lease?.agentId ?? '',
    startedAtMs: task.lease?.claimedAtMs ?? nowMs,
    endedAtMs: nowMs,
    outcome: 'succeeded',
  });
  finish(queue, { ...task, history }, 'Completed', nowMs, { ...result, error: undefined });
}

/** An attempt ended badly: the task waits for the next, or has had its last. */
export function fail(queue: QueueMemory, task: StoredTask, failure: Failure): void {
  const { atMs, outcome, error } = failure;
  const { maxRetries = queue.settings.maxRetries, retryDelaySeconds } = task.options;
  const history = remembered(task.history, {
    attempt: task.attempt,
    agentId: task.lease?.agentId ?? '',
    startedAtMs: task.lease?.claimedAtMs ?? atMs,
    endedAtMs: atMs,
    outcome,
    error,
  });
  if (task.cancelRequested || !failure.retryable || task.attempt > maxRetries) {
    const status = task.cancelRequested ? 'Cancelled' : 'Failed';
    finish(queue, { ...task, history }, status, atMs, failureResult(failure));
    return;
  }
  const dueAtMs = atMs + retryDelayMs(task.attempt, retryDelaySeconds, queue.settings, queue.random);
  queue.store.retry(task, dueAtMs, failure.settledToken, history);
  queue.lanes.get(task.lane).added({ lane: task.lane, dueAtMs, sequence: task.sequence });
  queue.leaseEnded(task);
  queue.census.change(task.lane, 'Retrying', 1);
  if (task.expiresAtMs !== null) queue.expires(task.expiresAtMs);
}

/** A task that waited past its expiry fails. */
export function expire(queue: QueueMemory, task: StoredTask, nowMs: number): void {
  finish(queue, task, 'Failed', nowMs, { error: 'it expired before it was started' });
}

/** A lease ran out at `atMs`: that attempt failed. */
export function lapse(queue: QueueMemory, task: StoredTask, atMs: number): void {
  const timeoutSeconds = queue.timeoutSecondsOf(task);
  const timedOut =
    timeoutSeconds !== undefined && task.lease !== null && atMs - task.lease.claimedAtMs >= timeoutSeconds * 1_000;
  fail(queue, task, {
    atMs,
    outcome: 'lapsed',
    error: timedOut
      ? `the attempt took longer than its timeout of ${timeoutSeconds} s`
      : 'the lease ran out without a heartbeat or a result',
    retryable: true,
    settledToken: null,
    data: null,
    processingTimeMs: null,
  });
}

/** Settles leases that have run out, as many as one call may. */
export function settleLapsed(queue: QueueMemory, nowMs: number): void {
  for (let settled = 0; settled < LAPSES_AT_ONCE; settled++) {
    const entry = queue.leases.popDue(nowMs);
    if (entry === null) return;
    const task = queue.store.read(entry);
    if (task?.lease && task.lease.untilMs <= nowMs) lapse(queue, task, task.lease.untilMs);
  }
}

/** The task that has not ended, its lease or its wait settled where they have run out; null where there is none. */
export function settled(queue: QueueMemory, taskId: string, nowMs: number): StoredTask | null {
  const place = queue.placeHere(taskId);
  let task = place === null ? null : queue.store.find(place);
  if (place === null || task === null) return null;
  if (task.lease !== null && task.lease.untilMs <= nowMs) {
    lapse(queue, task, task.lease.untilMs);
    task = queue.store.find(place);
  }
  // What waits again since its lease ran out may have expired meanwhile.
  if (task !== null && task.lease === null && task.expiresAtMs !== null && task.expiresAtMs <= nowMs) {
    expire(queue, task, nowMs);
    return null;
  }
  return task;
}

/** Takes a task out of the queue and keeps its result for as long as it is wanted; a dead letter always. */
export function finish(
  queue: QueueMemory,
  task: StoredTask,
  status: 'Completed' | 'Failed' | 'Cancelled',
  atMs: number,
  result: Result,
): void {
  queue.store.remove(task);
  if (task.lease === null) {
    queue.lanes.get(task.lane).removed();
    queue.census.change(task.lane, task.attempt === 0 ? 'Pending' : 'Retrying', -1);
  } else queue.leaseEnded(task);
  queue.ended.add(queue.clock.now(), 1);
  const keptSeconds =
    status === 'Failed'
      ? queue.settings.deadLetterRetentionSeconds
      : (task.options.resultRetentionSeconds ?? queue.settings.resultRetentionSeconds);
  if (keptSeconds <= 0) return;
  const expiresAtMs = atMs + keptSeconds * 1_000;
  queue.store.addFinished({
    lane: task.lane,
    sequence: task.sequence,
    firstDueAtMs: task.firstDueAtMs,
    status,
    expiresAtMs,
    leaseToken: result.leaseToken ?? null,
    body: {
      submittedAtMs: task.submittedAtMs,
      dueAtMs: task.dueAtMs,
      atMs,
      attempts: task.attempt,
      history: task.history,
      options: task.options,
      data: result.data ?? null,
      error: result.error ?? null,
      processingTimeMs: result.processingTimeMs ?? null,
      payload: status === 'Failed' ? task.payload : null,
    },
  });
  queue.census.change(task.lane, status, 1);
  queue.expires(expiresAtMs);
}

function remembered(history: readonly TaskAttempt[], attempt: TaskAttempt): TaskAttempt[] {
  return [...history, attempt].slice(-HISTORY);
}

function failureResult({ data, error, processingTimeMs, settledToken }: Failure): Result {
  return { data, error, processingTimeMs, leaseToken: settledToken ?? undefined };
}
