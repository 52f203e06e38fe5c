import { LIMITS } from '../core/limits.ts';
import type { ScalingSignals } from '../core/protocol/scaling.ts';
import type { QueueMemory } from './queue-memory.ts';

/** What a shard measures of itself. Reads at most `LIMITS.scalingBacklog` rows, and none of ended tasks. */
export function signalsOf({ store, state, submitted, ended, service }: QueueMemory, nowMs: number): ScalingSignals {
  const { waiting, running, oldestDueAtMs } = store.due(nowMs, LIMITS.scalingBacklog);
  return {
    givesOut: state !== 'Paused',
    backlog: waiting,
    running,
    oldestAgeSeconds: oldestDueAtMs === null ? 0 : Math.max(0, nowMs - oldestDueAtMs) / 1_000,
    arrivalsPerSecond: submitted.perSecond(nowMs),
    servicePerSecond: ended.perSecond(nowMs),
    serviceSeconds: service.meanSeconds(),
  };
}
