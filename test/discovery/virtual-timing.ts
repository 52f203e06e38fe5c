import type { Timing } from '../../src/discovery/timing.ts';

interface Timer {
  readonly atMs: number;
  readonly sequence: number;
  readonly fire: () => void;
}

/**
 * Time that passes when nothing else is left to do: whoever waits is woken in order, and the clock then stands at what
 * was waited for. For what computes in this process alone; an hour of it is a few milliseconds.
 */
export function virtualTiming(): Timing {
  const timers = new Set<Timer>();
  let nowMs = 1_700_000_000_000;
  let sequence = 0;
  let passing = false;

  const pass = async (): Promise<void> => {
    while (timers.size > 0) {
      await rest();
      let next: Timer | undefined;
      for (const timer of timers) {
        if (
          next === undefined ||
          timer.atMs < next.atMs ||
          (timer.atMs === next.atMs && timer.sequence < next.sequence)
        )
          next = timer;
      }
      if (next === undefined) break;
      timers.delete(next);
      nowMs = Math.max(nowMs, next.atMs);
      next.fire();
    }
    passing = false;
  };

  return {
    now: () => nowMs,
    wait: (ms, signal) =>
      new Promise((done) => {
        if (signal.aborted) return done();
        const end = () => {
          timers.delete(timer);
          signal.removeEventListener('abort', end);
          done();
        };
        const timer: Timer = { atMs: nowMs + Math.max(0, ms), sequence: sequence++, fire: end };
        timers.add(timer);
        signal.addEventListener('abort', end);
        if (!passing) {
          passing = true;
          void pass();
        }
      }),
  };
}

/** Until what runs has come to wait: promises settle before a turn of the event loop, streams within a few. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((done) => setImmediate(done));
}
