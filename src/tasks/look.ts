import { OrasiError } from '../core/errors.ts';
import type { TaskRecord } from '../core/protocol/tasks.ts';
import { finish, settled } from './endings.ts';
import type { QueueMemory } from './queue-memory.ts';
import { finishedRecordOf, recordOf } from './task-record.ts';

/** The task as it is now: a lease that has run out is settled first. */
export function look(queue: QueueMemory, taskId: string, nowMs: number): TaskRecord | null {
  const place = queue.placeHere(taskId);
  if (place === null) return null;
  const task = settled(queue, taskId, nowMs);
  if (task !== null) return recordOf(task, queue.lanes.get(task.lane), queue.shard, nowMs);
  const finished = queue.finishedAt(place, nowMs);
  return finished === null ? null : finishedRecordOf(finished, queue.lanes.get(finished.lane), queue.shard);
}

/** Cancels: at once what waits, and what runs as soon as its agent hears of it. Throws `conflict` where it has ended. */
export function cancelTask(queue: QueueMemory, taskId: string, nowMs: number): TaskRecord | null {
  const record = look(queue, taskId, nowMs);
  if (record === null || record.status === 'Cancelled') return record;
  if (record.finished !== null) throw new OrasiError('conflict', `the task has ended: it is ${record.status}`);
  const task = settled(queue, taskId, nowMs);
  if (task === null) return record;
  if (task.lease !== null) {
    queue.store.requestCancel(task);
    return look(queue, taskId, nowMs);
  }
  finish(queue, task, 'Cancelled', nowMs, {});
  const kept = look(queue, taskId, nowMs);
  return kept ?? { ...record, status: 'Cancelled' };
}
