import { TASK_PRIORITIES, type TaskRecord, type TaskStatus } from '../core/protocol/tasks.ts';
import type { Lane } from './lane.ts';
import { taskIdOf } from './task-id.ts';
import type { FinishedTask, StoredTask } from './task-rows.ts';

/** A task's status follows from its row and the time: a lease that has run out is one no more, noticed or not. */
export function statusOf(task: StoredTask, nowMs: number): TaskStatus {
  if (task.lease !== null && task.lease.untilMs > nowMs) return 'Running';
  return task.attempt === 0 ? 'Pending' : 'Retrying';
}

export function recordOf(task: StoredTask, lane: Lane, shard: number, nowMs: number): TaskRecord {
  const status = statusOf(task, nowMs);
  return {
    ...identity(task, lane, shard),
    status,
    submittedAtMs: task.submittedAtMs,
    dueAtMs: task.dueAtMs,
    expiresAtMs: task.expiresAtMs,
    attempts: task.attempt,
    history: task.history,
    options: task.options,
    payload: task.payload,
    running:
      task.lease === null || status !== 'Running'
        ? null
        : {
            agentId: task.lease.agentId,
            startedAtMs: task.lease.claimedAtMs,
            leaseExpiresAtMs: task.lease.untilMs,
            cancelRequested: task.cancelRequested,
            progress: task.progress,
          },
    finished: null,
  };
}

export function finishedRecordOf(task: FinishedTask, lane: Lane, shard: number): TaskRecord {
  const { body } = task;
  return {
    ...identity(task, lane, shard),
    status: task.status,
    submittedAtMs: body.submittedAtMs,
    dueAtMs: body.dueAtMs,
    expiresAtMs: null,
    attempts: body.attempts,
    history: body.history,
    options: body.options,
    payload: body.payload,
    running: null,
    finished: {
      atMs: body.atMs,
      keptUntilMs: task.expiresAtMs,
      data: body.data,
      error: body.error,
      processingTimeMs: body.processingTimeMs,
    },
  };
}

function identity(
  task: { readonly lane: number; readonly firstDueAtMs: number; readonly sequence: number },
  lane: Lane,
  shard: number,
): Pick<TaskRecord, 'taskId' | 'type' | 'priority' | 'requires'> {
  const { firstDueAtMs, sequence } = task;
  return {
    taskId: taskIdOf({ shard, lane: task.lane, firstDueAtMs, sequence }),
    type: lane.type,
    priority: TASK_PRIORITIES[lane.level],
    requires: lane.requires,
  };
}
