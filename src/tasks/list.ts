import { LIMITS } from '../core/limits.ts';
import type { TaskFilter, TaskPage, TaskRecord } from '../core/protocol/tasks.ts';
import type { Lanes } from './lanes.ts';
import { cursorOf, type ListPosition, positionOf } from './list-cursor.ts';
import { finishedRecordOf, recordOf } from './task-record.ts';
import { AHEAD, type StoredFilter, type TaskStore } from './task-store.ts';

const BEFORE_ALL: ListPosition = { part: 'waiting', after: { lane: -1, dueAtMs: -1, sequence: -1 } };
/** Sequence numbers begin at 1. */
const BEFORE_ENDED: ListPosition = { part: 'ended', after: 0 };

interface ListedQueue {
  readonly store: TaskStore;
  readonly lanes: Lanes;
  readonly shard: number;
}

/**
 * Tasks that have not ended, by lane and time; then those that have, oldest first: `limit` of them, or fewer where
 * they are large. One that moves between two pages may be missed or met twice. Throws `bad_request` for a cursor that
 * is none.
 */
export function listTasks(
  queue: ListedQueue,
  filter: TaskFilter,
  limit: number,
  cursor: string | undefined,
  nowMs: number,
): TaskPage {
  const wanted = { status: filter.status ?? null, type: filter.type ?? null, nowMs };
  const items: TaskRecord[] = [];
  let position = cursor === undefined ? BEFORE_ALL : positionOf(cursor);
  for (let chars = 0; ; ) {
    // Some at a time: a thousand of the largest are larger than memory.
    const next = tasksAfter(queue, position, wanted);
    for (const { record, at } of next) {
      chars += charsOf(record);
      const isFull = items.length === limit || (items.length > 0 && chars > LIMITS.taskAnswerChars);
      if (isFull) return { items, nextCursor: cursorOf(position) };
      items.push(record);
      position = at;
    }
    if (next.length === AHEAD) continue;
    if (position.part === 'ended') return { items, nextCursor: undefined };
    position = BEFORE_ENDED;
  }
}

/** Characters of all that a task carries for others. */
export function charsOf({ payload, running, finished, history }: TaskRecord): number {
  const texts = [payload, running?.progress, finished?.data, finished?.error, ...history.map(({ error }) => error)];
  return texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

function tasksAfter(
  { store, lanes, shard }: ListedQueue,
  position: ListPosition,
  filter: StoredFilter,
): { record: TaskRecord; at: ListPosition }[] {
  if (position.part === 'waiting')
    return store.tasksAfter(position.after, filter, AHEAD).map((task) => ({
      record: recordOf(task, lanes.get(task.lane), shard, filter.nowMs),
      at: { part: 'waiting', after: task },
    }));
  return store.finishedAfter(position.after, filter, AHEAD).map((task) => ({
    record: finishedRecordOf(task, lanes.get(task.lane), shard),
    at: { part: 'ended', after: task.sequence },
  }));
}
