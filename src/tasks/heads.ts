import { lapse } from './endings.ts';
import { type Lane, READ_AHEAD } from './lane.ts';
import type { QueueMemory } from './queue-memory.ts';
import type { TaskKey } from './task-rows.ts';
import type { Track } from './track.ts';

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

/** Puts every lane of a track where its first task belongs at this time. */
export function settleTrack(queue: QueueMemory, track: Track, nowMs: number): void {
  for (let lane = track.later.top(); lane !== null; lane = track.later.top()) {
    if (lane.placed === null || lane.placed.dueAtMs > nowMs) break;
    track.displace(lane);
    track.unsettled.add(lane);
  }
  // Reading a lane may end leases of it, which unsettles it again.
  for (const lane of track.unsettled) {
    track.unsettled.delete(lane);
    place(queue, lane, nowMs);
  }
}

function place(queue: QueueMemory, lane: Lane, nowMs: number): void {
  const { track } = lane;
  track.displace(lane);
  const head = headOf(queue, lane, nowMs);
  if (head === null) return;
  const opensAtMs = queue.limiter.groupGate(lane.group.key)?.opensAtMs(nowMs) ?? nowMs;
  if (opensAtMs > nowMs) {
    queue.park(lane.group, opensAtMs);
    return;
  }
  lane.placed = head;
  if (head.dueAtMs > nowMs) {
    track.later.put(lane);
    return;
  }
  if (lane.turn.lanes.size === 0) queue.lanes.turns[track.level].join(lane.turn);
  lane.turn.lanes.add(lane);
  track.byAge.put(lane);
  track.byTurn.put(lane);
}

/** Reads on in a lane; answers the leases on the way that have run out. */
function readAhead(queue: QueueMemory, lane: Lane, nowMs: number): TaskKey[] {
  const limit = lane.readNext;
  lane.readNext = Math.min(READ_AHEAD, 2 * limit);
  const rows = queue.store.keysAfter(lane.id, lane.cursor, limit);
  const lapsed: TaskKey[] = [];
  lane.exhausted = rows.length < limit;
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
    else queue.leases.put({ ...key, untilMs: leaseUntilMs });
  }
  return lapsed;
}
