import { LIMITS } from '../core/limits.ts';
import type { ScalingSignals } from '../core/protocol/scaling.ts';
import type { QueueMemory } from './queue-memory.ts';

/** What a shard measures of the tasks it has for agents. Reads at most `LIMITS.scalingBacklog` rows, and none of ended tasks. */
export function signalsOf(queue: QueueMemory, nowMs: number): ScalingSignals {
  const { store, arrivals, ended, service } = queue;
  const { waiting, running, oldestDueAtMs } = store.due(nowMs, LIMITS.scalingBacklog);
  return {
    givesOut: !queue.isPaused(),
    backlog: waiting,
    running,
    oldestAgeSeconds: oldestDueAtMs === null ? 0 : Math.max(0, nowMs - oldestDueAtMs) / 1_000,
    arrivalsPerSecond: arrivals.perSecond(nowMs),
    servicePerSecond: ended.perSecond(nowMs),
    serviceSeconds: service.meanSeconds(),
  };
}
