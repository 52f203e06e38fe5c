import { systemTiming, type Timing } from '../../src/discovery/timing.ts';

const LOOK_EVERY_MS = 50;
const never = new AbortController().signal;

/**
 * Waits until a condition holds: what it returns, once that is neither false nor undefined. Fails with what it was
 * about when it has not held for so long, on whose clock it is.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  timing: Timing = systemTiming,
  lookEveryMs = LOOK_EVERY_MS,
  timeoutMs = 30_000,
): Promise<Exclude<T, false | undefined>> {
  const deadline = timing.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== false && seen !== undefined) return seen as Exclude<T, false | undefined>;
    if (timing.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await timing.wait(lookEveryMs, never);
  }
}

/** Looks again and again for so long; fails with the first look that does. */
export async function throughout(
  forMs: number,
  look: () => void | Promise<void>,
  timing: Timing = systemTiming,
  lookEveryMs = LOOK_EVERY_MS,
): Promise<void> {
  for (const since = timing.now(); timing.now() - since <= forMs; ) {
    await look();
    await timing.wait(lookEveryMs, never);
  }
}
