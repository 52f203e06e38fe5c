import { isBuiltInType } from '../core/protocol/built-in-tasks.ts';
import { type NewTask, type RedriveRequest, type SubmittedTask, TASK_PRIORITIES } from '../core/protocol/tasks.ts';
import { settled, settleLapsed } from './endings.ts';
import type { Lane } from './lane.ts';
import { look } from './look.ts';
import { GROUPS_KEPT_MS } from './purge.ts';
import type { QueueMemory } from './queue-memory.ts';
import { taskIdOf } from './task-id.ts';
import type { FinishedTask, StoredTask } from './task-rows.ts';
import { AHEAD } from './task-store.ts';

/** Stores a task, unless one of its dedupe key is there. */
export function submitTask(queue: QueueMemory, task: NewTask, nowMs: number): SubmittedTask {
  if (task.dedupeKey !== undefined) {
    const taskId = queue.store.dedupe(task.dedupeKey, nowMs);
    // A task that left no result has ended well, or was cancelled, and its kind of result is not wanted.
    if (taskId !== null) return { taskId, status: look(queue, taskId, nowMs)?.status ?? 'Completed', duplicate: true };
  }
  const { type, requires } = task;
  const kind = { type, level: TASK_PRIORITIES.indexOf(task.priority), requires };
  const lane = queue.lanes.of(kind, task.options.groupKey ?? null);
  if (lane.group.key !== null) queue.expires(nowMs + GROUPS_KEPT_MS);
  const dueAtMs = Math.max(nowMs, task.runAtMs ?? nowMs + (task.delayMs ?? 0));
  const place = { shard: queue.shard, lane: lane.id, firstDueAtMs: dueAtMs, sequence: queue.takeSequence() };
  addTask(queue, lane, {
    lane: lane.id,
    dueAtMs,
    sequence: place.sequence,
    firstDueAtMs: dueAtMs,
    submittedAtMs: nowMs,
    expiresAtMs: task.expiresAtMs ?? null,
    attempt: 0,
    lease: null,
    settledToken: null,
    cancelRequested: false,
    options: task.options,
    history: [],
    progress: null,
    payload: task.payload,
  });
  if (!isBuiltInType(type)) queue.arrivals.add(nowMs, 1);
  const taskId = taskIdOf(place);
  if (task.dedupeKey !== undefined) {
    const untilMs = nowMs + (task.dedupeWindowSeconds ?? queue.settings.dedupeWindowSeconds) * 1_000;
    queue.store.addDedupe(task.dedupeKey, taskId, untilMs);
    queue.expires(untilMs);
  }
  return { taskId, status: 'Pending', duplicate: false };
}

/** Puts failed tasks back, due now and with all their attempts before them; answers how many. */
export function redriveTasks(queue: QueueMemory, request: RedriveRequest, nowMs: number): number {
  let count = 0;
  for (const task of deadLetters(queue, request, nowMs)) {
    const lane = queue.lanes.get(task.lane);
    queue.store.removeFinished(task.sequence);
    queue.census.change(task.lane, 'Failed', -1);
    addTask(queue, lane, {
      lane: task.lane,
      // Its id names the first place, and two rows of one task are never there at once.
      dueAtMs: nowMs,
      sequence: task.sequence,
      firstDueAtMs: task.firstDueAtMs,
      submittedAtMs: task.body.submittedAtMs,
      expiresAtMs: null,
      attempt: 0,
      lease: null,
      settledToken: task.leaseToken,
      cancelRequested: false,
      options: task.body.options,
      history: task.body.history,
      progress: null,
      payload: task.body.payload ?? 'null',
    });
    count += 1;
  }
  return count;
}

/** Some at a time: all that one call may redrive are larger than memory. What is taken may be removed meanwhile. */
function* deadLetters(
  queue: QueueMemory,
  { taskIds, type, max }: RedriveRequest,
  nowMs: number,
): Generator<FinishedTask> {
  settleLapsed(queue, nowMs);
  if (taskIds === null) {
    const wanted = { status: 'Failed', type: type ?? null, nowMs } as const;
    let after = -1;
    for (let left = max; left > 0; left -= AHEAD) {
      const next = queue.store.finishedAfter(after, wanted, Math.min(left, AHEAD));
      yield* next;
      const last = next.at(-1);
      if (last === undefined) return;
      after = last.sequence;
    }
    return;
  }
  for (const taskId of [...new Set(taskIds)].slice(0, max)) {
    // Its last lease may have run out and nobody looked since.
    settled(queue, taskId, nowMs);
    const place = queue.placeHere(taskId);
    const task = place === null ? null : queue.finishedAt(place, nowMs);
    const isWanted = task !== null && (type === undefined || queue.lanes.get(task.lane).type === type);
    if (isWanted && task.status === 'Failed') yield task;
  }
}

function addTask(queue: QueueMemory, lane: Lane, task: StoredTask): void {
  queue.store.insert(task);
  lane.added(task);
  queue.census.change(lane.id, 'Pending', 1);
  if (task.expiresAtMs !== null) queue.expires(task.expiresAtMs);
}
