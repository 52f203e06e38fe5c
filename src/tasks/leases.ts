import { isBuiltInType } from '../core/protocol/built-in-tasks.ts';
import type { HeartbeatAnswer, HeartbeatRequest, ReportOutcome, TaskReport } from '../core/protocol/tasks.ts';
import { fail, succeed } from './endings.ts';
import type { QueueMemory } from './queue-memory.ts';
import type { StoredTask } from './task-rows.ts';

/** Takes the result of one lease, if it is still its holder's to give. */
export function reportLease(queue: QueueMemory, report: TaskReport, nowMs: number): ReportOutcome {
  const place = queue.placeHere(report.taskId);
  if (place === null) return 'unknown';
  const task = queue.store.find(place);
  if (task === null) {
    const finished = queue.finishedAt(place, nowMs);
    if (finished === null) return 'unknown';
    return finished.leaseToken === report.leaseToken ? 'duplicate' : 'stale';
  }
  const lease = heldLease(task, report.leaseToken, nowMs);
  if (lease === null) return task.settledToken === report.leaseToken ? 'duplicate' : 'stale';
  if (report.success) succeed(queue, task, nowMs, report);
  else {
    fail(queue, task, {
      atMs: nowMs,
      outcome: 'failed',
      error: report.error ?? 'the agent reported a failure and said no more',
      retryable: report.retryable,
      settledToken: report.leaseToken,
      data: report.data ?? null,
      processingTimeMs: report.processingTimeMs ?? null,
    });
  }
  if (!isBuiltInType(queue.lanes.get(task.lane).type)) queue.service.add(nowMs - lease.claimedAtMs);
  return 'accepted';
}

/** Extends one lease, keeps its progress, and tells whether the task is to be stopped. */
export function extendLease(
  queue: QueueMemory,
  { taskId, leaseToken, progress, ifProgress }: HeartbeatRequest['leases'][number],
  leaseSeconds: number | undefined,
  nowMs: number,
): HeartbeatAnswer {
  const place = queue.placeHere(taskId);
  const task = place === null ? null : queue.store.find(place);
  if (task === null) {
    const ended = place !== null && queue.finishedAt(place, nowMs) !== null;
    return { taskId, outcome: ended ? 'stale' : 'unknown' };
  }
  const lease = heldLease(task, leaseToken, nowMs);
  if (lease === null || (ifProgress !== undefined && ifProgress !== task.progress)) return { taskId, outcome: 'stale' };
  const leaseMs = leaseSeconds === undefined ? lease.leaseMs : leaseSeconds * 1_000;
  const untilMs = leaseEndMs(nowMs, leaseMs, lease.claimedAtMs, queue.timeoutSecondsOf(task));
  queue.store.extend(task, untilMs, progress ?? null);
  queue.leases.put({ untilMs, lane: task.lane, dueAtMs: task.dueAtMs, sequence: task.sequence });
  return {
    taskId,
    outcome: 'extended',
    leaseExpiresAtMs: untilMs,
    leaseRemainingMs: untilMs - nowMs,
    cancelled: task.cancelRequested,
  };
}

/** When a lease given or extended now ends: no later than the timeout of its task allows the attempt. */
export function leaseEndMs(
  nowMs: number,
  leaseMs: number,
  claimedAtMs: number,
  timeoutSeconds: number | undefined,
): number {
  const untilMs = nowMs + leaseMs;
  return timeoutSeconds === undefined ? untilMs : Math.min(untilMs, claimedAtMs + timeoutSeconds * 1_000);
}

/** The lease of a task if the token is its and it has not run out. */
export function heldLease(task: StoredTask, token: string, nowMs: number): StoredTask['lease'] {
  const { lease } = task;
  return lease !== null && lease.token === token && lease.untilMs > nowMs ? lease : null;
}
