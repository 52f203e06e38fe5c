import { settleTrack } from './heads.ts';
import type { Lane } from './lane.ts';
import type { QueueMemory } from './queue-memory.ts';
import type { TaskKey } from './task-rows.ts';
import type { Track } from './track.ts';
import { compareTurns } from './turns.ts';
import { compareUrgency, type Urgency, urgencyOf } from './urgency.ts';

/** Whose task goes next; `inTurn` where it is its group's turn, else its age decided. */
export interface NextLane {
  readonly lane: Lane;
  readonly inTurn: boolean;
}

/**
 * The lane whose first task goes next, with that task first in `ahead`; null where none is due that may begin.
 *
 * Between priorities urgency decides, by the oldest of each. Within the priority that won, groups take turns, among
 * the tasks that are more urgent than all of other priorities: fairness never lets a task overtake one of another
 * priority that urgency puts first. Where the one in turn is not among them, the oldest goes.
 */
export function nextLane(queue: QueueMemory, tracks: readonly Track[], nowMs: number): NextLane | null {
  const { limiter } = queue;
  if (limiter.queueGate().opensAtMs(nowMs) > nowMs) return null;
  const oldest: (Lane | undefined)[] = [];
  const inTurn: (Lane | undefined)[] = [];
  for (const track of tracks) {
    settleTrack(queue, track, nowMs);
    const first = track.byAge.top();
    const next = track.byTurn.top();
    if (first === null || next === null || limiter.typeGate(track.type).opensAtMs(nowMs) > nowMs) continue;
    const { level } = track;
    if (isOlder(first, oldest[level])) oldest[level] = first;
    const present = inTurn[level];
    const order = present === undefined ? -1 : compareTurns(next.turn, present.turn);
    if (order < 0 || (order === 0 && isOlder(next, present))) inTurn[level] = next;
  }
  const [best, rival] = oldest
    .flatMap((lane) => (lane === undefined ? [] : [{ lane, urgency: urgencyIn(queue, lane) }]))
    .sort((a, b) => compareUrgency(a.urgency, b.urgency));
  if (best === undefined) return null;
  const turned = inTurn[best.lane.level] ?? best.lane;
  if (rival !== undefined && compareUrgency(urgencyIn(queue, turned), rival.urgency) > 0)
    return { lane: best.lane, inTurn: false };
  return { lane: turned, inTurn: true };
}

/** Counts a task of a lane as its group's. */
export function served(queue: QueueMemory, { lane, inTurn }: NextLane): void {
  const { turn } = lane;
  queue.lanes.turns[lane.level].served(turn, inTurn);
  for (const each of turn.lanes) each.track.byTurn.put(each);
}

function urgencyIn(queue: QueueMemory, lane: Lane): Urgency {
  return urgencyOf(keyOf(lane), lane.level, queue.starvationMs());
}

function isOlder(lane: Lane, than: Lane | undefined): boolean {
  if (than === undefined) return true;
  const [a, b] = [keyOf(lane), keyOf(than)];
  return a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.sequence < b.sequence);
}

function keyOf(lane: Lane): TaskKey {
  return lane.ahead[0];
}
