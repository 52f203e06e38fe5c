import { type QueueState, type QueueStats, TASK_PRIORITIES, TASK_STATUSES } from '../core/protocol/tasks.ts';
import { settleLapsed } from './endings.ts';
import { headOf } from './heads.ts';
import type { QueueMemory } from './queue-memory.ts';

/** Depth, age and rates of a shard. The first of an object's life counts the tables. */
export function statsOf(queue: QueueMemory, nowMs: number): Omit<QueueStats, 'waitingClaims' | 'rowsWritten'> {
  // Walked from their start, lanes come by every lease that was counted and has run out.
  if (queue.census.load(queue.store)) for (const lane of queue.lanes.all()) lane.forget();
  settleLapsed(queue, nowMs);
  let oldestMs = nowMs;
  for (const lane of queue.lanes.all()) oldestMs = Math.min(oldestMs, headOf(queue, lane, nowMs)?.dueAtMs ?? nowMs);
  const {
    shards,
    limits,
    maxRetries,
    leaseSeconds,
    resultRetentionSeconds,
    deadLetterRetentionSeconds,
    dedupeWindowSeconds,
    starvationSeconds,
  } = queue.settings;
  return {
    state: queue.isPaused() ? 'Paused' : queue.state,
    depth: queue.census.depth(queue.lanes.all()),
    oldestAgeMs: nowMs - oldestMs,
    submittedPerSecond: queue.submitted.perSecond(nowMs),
    finishedPerSecond: queue.ended.perSecond(nowMs),
    limits: {
      ...limits,
      shards,
      maxRetries,
      leaseSeconds,
      resultRetentionSeconds,
      deadLetterRetentionSeconds,
      dedupeWindowSeconds,
      starvationSeconds,
    },
  };
}

/** From the one that gives and takes everything to those that do less. */
const STATES: readonly QueueState[] = ['Active', 'Draining', 'Paused'];

/** The shards of a queue as one. */
export function combinedStats(shards: readonly [QueueStats, ...QueueStats[]]): QueueStats {
  const sum = (of: (stats: QueueStats) => number) => shards.reduce((total, stats) => total + of(stats), 0);
  const depthOf = (status: (typeof TASK_STATUSES)[number]) =>
    Object.fromEntries(TASK_PRIORITIES.map((priority) => [priority, sum(({ depth }) => depth[status][priority])]));
  return {
    state: STATES[Math.max(...shards.map(({ state }) => STATES.indexOf(state)))],
    depth: Object.fromEntries(TASK_STATUSES.map((status) => [status, depthOf(status)])) as QueueStats['depth'],
    oldestAgeMs: Math.max(...shards.map(({ oldestAgeMs }) => oldestAgeMs)),
    submittedPerSecond: sum(({ submittedPerSecond }) => submittedPerSecond),
    finishedPerSecond: sum(({ finishedPerSecond }) => finishedPerSecond),
    waitingClaims: sum(({ waitingClaims }) => waitingClaims),
    rowsWritten: sum(({ rowsWritten }) => rowsWritten),
    limits: shards[0].limits,
  };
}
