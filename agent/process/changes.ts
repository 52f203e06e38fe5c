import { pause } from '../client/backoff.ts';

/** Lets loops wait until something has changed. */
export interface Changes {
  /** Wakes all that wait. */
  tell(): void;
  /** Resolves at the next change, after `ms`, or when the signal aborts, whichever is first. */
  next(ms: number, signal?: AbortSignal): Promise<void>;
}

export function createChanges(): Changes {
  let present = new AbortController();
  return {
    tell() {
      const told = present;
      present = new AbortController();
      told.abort();
    },
    next: (ms, signal) => pause(ms, present.signal, ...(signal === undefined ? [] : [signal])),
  };
}
