import { pause } from '../client/backoff.ts';

/** Lets loops wait until something has changed. */
export interface Changes {
  /** Wakes all that wait. */
  tell(): void;
  /** Resolves at the next change, after `ms`, or when a signal aborts, whichever is first. */
  next(ms: number, ...signals: readonly AbortSignal[]): Promise<void>;
}

export function createChanges(): Changes {
  let present = new AbortController();
  return {
    tell() {
      const told = present;
      present = new AbortController();
      told.abort();
    },
    next: (ms, ...signals) => pause(ms, present.signal, ...signals),
  };
}
