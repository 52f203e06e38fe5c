import type { QueueStats } from '../core/protocol/tasks.ts';
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
      maxRetries,
      leaseSeconds,
      resultRetentionSeconds,
      deadLetterRetentionSeconds,
      dedupeWindowSeconds,
      starvationSeconds,
    },
  };
}
