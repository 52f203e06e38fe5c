import type { Random } from '../../src/core/random.ts';

/** How long to wait between attempts. */
export interface Backoff {
  readonly firstMs: number;
  readonly capMs: number;
}

/**
 * The pause before attempt `attempt + 1`, `attempt` counted from 1: doubled each time up to the cap, and somewhere
 * within its upper half, so that clients that lost the same server do not come back as one.
 */
export function pauseMs({ firstMs, capMs }: Backoff, attempt: number, random: Random): number {
  const fullMs = Math.min(capMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return fullMs / 2 + (fullMs / 2) * random.next();
}

/** Waits; an aborted signal ends the wait at once, without an error. */
export function pause(ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
  if (signals.some(({ aborted }) => aborted)) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    for (const signal of signals) signal.addEventListener('abort', end);
  });
}
