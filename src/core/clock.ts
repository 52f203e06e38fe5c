/** Wall-clock time, passed in so that decisions can be replayed. */
export interface Clock {
  /** Milliseconds since the Unix epoch. In an isolate it stands still between I/O operations. */
  now(): number;
}

/** The platform's clock, which stands still while an isolate computes. */
export const systemClock: Clock = { now: () => Date.now() };

/** A clock that moves only when told to; for tests and simulation. */
export function manualClock(startMs = 0): Clock & { advance(ms: number): void } {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
  };
}
