import { toHex } from '../core/bytes.ts';
import { assert } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { type ClaimedTask, type ClaimRequest, TASK_PRIORITIES } from '../core/protocol/tasks.ts';
import { expire, settleLapsed } from './endings.ts';
import { settleTrack } from './heads.ts';
import type { Lane } from './lane.ts';
import { leaseEndMs } from './leases.ts';
import { nextLane, served } from './next-lane.ts';
import type { QueueMemory } from './queue-memory.ts';
import type { StoredTask } from './task-rows.ts';
import type { Track } from './track.ts';

/** Who gets a task, and for how long; without `leaseSeconds` for as long as the task or the queue says. */
export interface Taker {
  readonly agentId: string;
  readonly leaseSeconds?: number | undefined;
}

/** Those who take tasks: one agent that claims, or all that are connected. */
export interface Takers {
  /** Whether any of them may have tasks of a kind. */
  suits(kind: Track): boolean;
  /** Who of them gets a task of a lane that suits; null where nobody has room for its kind any more. Who is named gets it. */
  choose(task: { readonly lane: Lane; readonly groupKey: string | undefined }): Taker | null;
}

/** The one agent that claims. */
export function takerOf(request: Omit<ClaimRequest, 'waitMs' | 'max'>): Takers {
  const { agentId, leaseSeconds } = request;
  const types = request.types === null ? null : new Set(request.types);
  const capabilities = new Set(request.capabilities);
  return {
    suits: (kind) => kind.suits(types, capabilities),
    choose: () => ({ agentId, leaseSeconds }),
  };
}

/** Leases up to `max` due tasks, in the order of `nextLane`. Whatever alarms did, what is due is found here. */
export function leaseTasks(queue: QueueMemory, takers: Takers, max: number, nowMs: number): ClaimedTask[] {
  if (queue.isPaused()) return [];
  // Counting what runs finds leases that ran out before the object last started: they hold no limit shut.
  queue.ready(nowMs);
  settleLapsed(queue, nowMs);
  let suitable = [...queue.lanes.tracks()].filter((track) => takers.suits(track));
  const claimed: ClaimedTask[] = [];
  let payloadChars = 0;
  let before: Lane | null = null;
  while (claimed.length < max) {
    const next = nextLane(queue, suitable, nowMs);
    if (next === null) break;
    const { lane } = next;
    const [head] = lane.ahead;
    // Where groups take turns, the next task is of another lane.
    if (lane === before && !queue.store.knows(head)) queue.store.readAhead(lane.ahead.slice(0, max - claimed.length));
    before = lane;
    const task = queue.store.read(head);
    assert(task !== null && task.lease === null, 'what was read ahead is there and not leased');
    if (task.expiresAtMs !== null && task.expiresAtMs <= nowMs) {
      expire(queue, task, nowMs);
      continue;
    }
    if (claimed.length > 0 && payloadChars + task.payload.length > LIMITS.taskAnswerChars) break;
    const taker = takers.choose({ lane, groupKey: task.options.groupKey });
    if (taker === null) {
      suitable = suitable.filter((track) => track !== lane.track);
      continue;
    }
    payloadChars += task.payload.length;
    served(queue, next);
    claimed.push(leaseOut(queue, task, lane, taker, nowMs));
  }
  queue.limiter.save();
  return claimed;
}

/** When these may find something, with what is known now; null for never. */
export function nextClaimAtMs(queue: QueueMemory, takers: Pick<Takers, 'suits'>, nowMs: number): number | null {
  if (queue.isPaused()) return null;
  const suitable = [...queue.lanes.tracks()].filter((track) => takers.suits(track));
  if (suitable.length === 0) return null;
  queue.ready(nowMs);
  const { limiter } = queue;
  let dueAtMs = queue.opensNextAtMs() ?? Number.POSITIVE_INFINITY;
  for (const track of suitable) {
    settleTrack(queue, track, nowMs);
    const headAtMs = track.byAge.top()?.placed?.dueAtMs ?? track.later.top()?.placed?.dueAtMs;
    if (headAtMs !== undefined)
      dueAtMs = Math.min(dueAtMs, Math.max(headAtMs, limiter.typeGate(track.type).opensAtMs(nowMs)));
  }
  // A gate that is open opens now, and what was due earlier is due all the same.
  const opensAtMs = limiter.queueGate().opensAtMs(nowMs);
  const startsAtMs = opensAtMs > nowMs ? Math.max(dueAtMs, opensAtMs) : dueAtMs;
  const earliest = Math.min(startsAtMs, nextLapseMs(queue) ?? startsAtMs);
  return Number.isFinite(earliest) ? earliest : null;
}

/** When the first lease runs out; what is remembered and is none any more is dropped. */
function nextLapseMs(queue: QueueMemory): number | null {
  for (;;) {
    const untilMs = queue.leases.earliestMs();
    const entry = untilMs === null ? null : queue.leases.popDue(untilMs);
    if (entry === null) return null;
    if (queue.store.read(entry)?.lease?.untilMs !== entry.untilMs) continue;
    queue.leases.put(entry);
    return entry.untilMs;
  }
}

function leaseOut(queue: QueueMemory, task: StoredTask, lane: Lane, taker: Taker, nowMs: number): ClaimedTask {
  const { options } = task;
  const timeoutSeconds = queue.timeoutSecondsOf(task);
  const leaseMs = (taker.leaseSeconds ?? timeoutSeconds ?? queue.settings.leaseSeconds) * 1_000;
  const attempt = task.attempt + 1;
  const lease = {
    token: `${attempt}.${toHex(queue.random.bytes(12))}`,
    untilMs: leaseEndMs(nowMs, leaseMs, nowMs, timeoutSeconds),
    leaseMs,
    agentId: taker.agentId,
    claimedAtMs: nowMs,
  };
  queue.store.lease(task, attempt, lease);
  queue.leases.put({ untilMs: lease.untilMs, lane: task.lane, dueAtMs: task.dueAtMs, sequence: task.sequence });
  lane.taken();
  queue.leaseBegan(lane, task, nowMs);
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
