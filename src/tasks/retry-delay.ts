import type { QueueSettings } from '../core/protocol/queue-settings.ts';
import type { Random } from '../core/random.ts';

/** The most that chance adds to a delay, as a part of it: tasks that failed together do not come back together. */
const JITTER = 0.2;

/**
 * Milliseconds between the end of attempt number `attempt`, counted from 1, and the next: the first delay doubled
 * with every attempt, then up to a fifth on top. Never less than the doubled delay and never more than the longest.
 */
export function retryDelayMs(
  attempt: number,
  firstSeconds: number | undefined,
  settings: QueueSettings,
  random: Random,
): number {
  const longest = settings.retryDelayMaxSeconds / (1 + JITTER);
  const nominal = Math.min(longest, (firstSeconds ?? settings.retryDelaySeconds) * 2 ** Math.min(attempt - 1, 30));
  return Math.ceil(nominal * 1_000 * (1 + JITTER * random.next()));
}
