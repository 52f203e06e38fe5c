import { toHex } from '../core/bytes.ts';
import { assert } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { type ClaimedTask, type ClaimRequest, TASK_PRIORITIES } from '../core/protocol/tasks.ts';
import { expire, lapse, settleLapsed } from './endings.ts';
import { type Lane, READ_AHEAD } from './lane.ts';
import { leaseEndMs } from './leases.ts';
import type { QueueMemory } from './queue-memory.ts';
import type { StoredTask, TaskKey } from './task-store.ts';
import { compareUrgency, type Urgency, urgencyOf } from './urgency.ts';

/** Who gets a task, and for how long; without `leaseSeconds` for as long as the task or the queue says. */
export interface Taker {
  readonly agentId: string;
  readonly leaseSeconds?: number | undefined;
}

/** Those who take tasks: one agent that claims, or all that are connected. */
export interface Takers {
  /** Whether any of them may have the tasks of a lane. */
  suits(lane: Lane): boolean;
  /** Who of them gets a task of a lane that suits; null where nobody has room for it any more. Who is named gets it. */
  choose(task: { readonly lane: Lane; readonly groupKey: string | undefined }): Taker | null;
}

/** The one agent that claims. */
export function takerOf(request: Omit<ClaimRequest, 'waitMs' | 'max'>): Takers {
  const { agentId, leaseSeconds } = request;
  const types = request.types === null ? null : new Set(request.types);
  const capabilities = new Set(request.capabilities);
  return {
    suits: (lane) => lane.suits(types, capabilities),
    choose: () => ({ agentId, leaseSeconds }),
  };
}

/** Leases up to `max` due tasks, most urgent first. Whatever alarms did, what is due is found here. */
export function leaseTasks(queue: QueueMemory, takers: Takers, max: number, nowMs: number): ClaimedTask[] {
  if (queue.state === 'Paused') return [];
  settleLapsed(queue, nowMs);
  let suitable = queue.lanes.all().filter((lane) => takers.suits(lane));
  const claimed: ClaimedTask[] = [];
  let payloadChars = 0;
  while (claimed.length < max) {
    const lane = mostUrgent(queue, suitable, nowMs);
    if (lane === null) break;
    const task = queue.store.read(lane.ahead[0]);
    assert(task !== null && task.lease === null, 'what was read ahead is there and not leased');
    if (task.expiresAtMs !== null && task.expiresAtMs <= nowMs) {
      expire(queue, task, nowMs);
      continue;
    }
    if (claimed.length > 0 && payloadChars + task.payload.length > LIMITS.claimPayloadChars) break;
    const taker = takers.choose({ lane, groupKey: task.options.groupKey });
    if (taker === null) {
      suitable = suitable.filter((each) => each !== lane);
      continue;
    }
    payloadChars += task.payload.length;
    claimed.push(leaseOut(queue, task, lane, taker, nowMs));
  }
  return claimed;
}

/** When these may find something, with what is known now; null for never. */
export function nextClaimAtMs(queue: QueueMemory, takers: Pick<Takers, 'suits'>, nowMs: number): number | null {
  if (queue.state === 'Paused') return null;
  let earliest = Number.POSITIVE_INFINITY;
  const suitable = queue.lanes.all().filter((lane) => takers.suits(lane));
  if (suitable.length === 0) return null;
  for (const lane of suitable) {
    earliest = Math.min(earliest, headOf(queue, lane, nowMs)?.dueAtMs ?? earliest);
  }
  earliest = Math.min(earliest, nextLapseMs(queue) ?? earliest);
  return Number.isFinite(earliest) ? earliest : null;
}

/** When the first lease runs out that is still held; what is remembered of others before it is dropped. */
function nextLapseMs(queue: QueueMemory): number | null {
  for (;;) {
    const untilMs = queue.leases.earliestMs();
    const entry = untilMs === null ? null : queue.leases.popDue(untilMs);
    if (entry === null) return null;
    if (queue.store.read(entry)?.lease?.untilMs !== entry.untilMs) continue;
    queue.leases.push(entry);
    return entry.untilMs;
  }
}

/** The first unleased task of a lane; leases on the way are remembered, or settled where they have run out. */
export function headOf(queue: QueueMemory, lane: Lane, nowMs: number): TaskKey | null {
  while (lane.ahead.length === 0 && !lane.exhausted) {
    for (const key of readAhead(queue, lane, nowMs)) {
      const task = queue.store.read(key);
      if (task?.lease) lapse(queue, task, task.lease.untilMs);
    }
  }
  return lane.ahead[0] ?? null;
}

function leaseOut(queue: QueueMemory, task: StoredTask, lane: Lane, taker: Taker, nowMs: number): ClaimedTask {
  const { options } = task;
  const leaseMs = (taker.leaseSeconds ?? options.timeoutSeconds ?? queue.settings.leaseSeconds) * 1_000;
  const attempt = task.attempt + 1;
  const lease = {
    token: `${attempt}.${toHex(queue.random.bytes(12))}`,
    untilMs: leaseEndMs(nowMs, leaseMs, nowMs, options.timeoutSeconds),
    leaseMs,
    agentId: taker.agentId,
    claimedAtMs: nowMs,
  };
  queue.store.lease(task, attempt, lease);
  queue.leases.push({ untilMs: lease.untilMs, lane: task.lane, dueAtMs: task.dueAtMs, sequence: task.sequence });
  lane.taken();
  queue.census.change(task.lane, task.attempt === 0 ? 'Pending' : 'Retrying', -1);
  queue.census.change(task.lane, 'Running', 1);
  return {
    taskId: queue.idOf(task),
    type: lane.type,
    priority: TASK_PRIORITIES[lane.level],
    payload: task.payload,
    attempt,
    leaseToken: lease.token,
    leaseExpiresAtMs: lease.untilMs,
    leaseRemainingMs: lease.untilMs - nowMs,
    submittedAtMs: task.submittedAtMs,
    options,
  };
}

/** The lane whose first due task goes before all others, with that task first in `ahead`; null where none is due. */
function mostUrgent(queue: QueueMemory, lanes: readonly Lane[], nowMs: number): Lane | null {
  let first: { lane: Lane; urgency: Urgency } | null = null;
  for (const lane of lanes) {
    const head = headOf(queue, lane, nowMs);
    if (head === null || head.dueAtMs > nowMs) continue;
    const urgency = urgencyOf(head, lane.level, queue.starvationMs());
    if (first === null || compareUrgency(urgency, first.urgency) < 0) first = { lane, urgency };
  }
  return first?.lane ?? null;
}

/** Reads on in a lane; answers the leases on the way that have run out. */
function readAhead(queue: QueueMemory, lane: Lane, nowMs: number): TaskKey[] {
  const rows = queue.store.keysAfter(lane.id, lane.cursor, READ_AHEAD);
  const lapsed: TaskKey[] = [];
  lane.exhausted = rows.length < READ_AHEAD;
  for (const { key, leaseUntilMs } of rows) {
    if (leaseUntilMs === null) {
      lane.ahead.push(key);
      continue;
    }
    // A lease after tasks without one is met again when those are gone.
    if (lane.ahead.length > 0) {
      lane.exhausted = false;
      break;
    }
    lane.cursor = key;
    if (leaseUntilMs <= nowMs) lapsed.push(key);
    else queue.leases.push({ ...key, untilMs: leaseUntilMs });
  }
  return lapsed;
}
