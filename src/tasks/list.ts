import type { TaskFilter, TaskPage } from '../core/protocol/tasks.ts';
import type { Lanes } from './lanes.ts';
import { cursorOf, type ListPosition, positionOf } from './list-cursor.ts';
import { finishedRecordOf, recordOf } from './task-record.ts';
import type { TaskStore } from './task-store.ts';

const BEFORE_ALL: ListPosition = { part: 'waiting', after: { lane: -1, dueAtMs: -1, sequence: -1 } };
/** Sequence numbers begin at 1. */
const BEFORE_FIRST = 0;

/**
 * Tasks that have not ended, by lane and time; then those that have, oldest first. One that moves between two pages
 * may be missed or met twice. Throws `bad_request` for a cursor that is none.
 */
export function listTasks(
  { store, lanes, shard }: { store: TaskStore; lanes: Lanes; shard: number },
  filter: TaskFilter,
  limit: number,
  cursor: string | undefined,
  nowMs: number,
): TaskPage {
  const position = cursor === undefined ? BEFORE_ALL : positionOf(cursor);
  const laneIds = filter.type === undefined ? null : lanes.ofType(filter.type).map(({ id }) => id);
  const wanted = { status: filter.status ?? null, lanes: laneIds, nowMs };
  const waiting = position.part === 'waiting' ? store.tasksAfter(position.after, wanted, limit + 1) : [];
  const items = waiting.slice(0, limit).map((task) => recordOf(task, lanes.get(task.lane), shard, nowMs));
  if (waiting.length > limit) return { items, nextCursor: cursorOf({ part: 'waiting', after: waiting[limit - 1] }) };
  const from = position.part === 'ended' ? position.after : BEFORE_FIRST;
  const ended = store.finishedAfter(from, wanted, limit - items.length + 1);
  const shown = ended.slice(0, limit - items.length);
  const after = shown.at(-1)?.sequence ?? from;
  return {
    items: [...items, ...shown.map((task) => finishedRecordOf(task, lanes.get(task.lane), shard))],
    nextCursor: ended.length > shown.length ? cursorOf({ part: 'ended', after }) : undefined,
  };
}
