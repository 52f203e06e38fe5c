import type { ChangeSignal } from '../core/change-signal.ts';
import type { Timer } from '../core/timer.ts';

export interface WatchTiming {
  /** How often a watch is told how far it has come; it keeps the connection open, too. */
  readonly progressEveryMs: number;
  /** A timer that can be taken back; `setTimeout` in production. */
  readonly startTimer: Timer;
}

/** What a stream tells of a place in a history. */
export interface Teller {
  /** What comes next; `nothing` until there is a change or progress is due, and no more behind the `end`. */
  next(): Uint8Array | 'nothing' | 'end';
  /** It is time again to tell of progress. */
  progressDue(): void;
}

/**
 * A watch as a stream. It is pulled: a reader that is slow keeps its place, not a buffer, and reads on from the history
 * when it is ready.
 */
export function pulledStream(teller: Teller, signal: ChangeSignal, timing: WatchTiming): ReadableStream<Uint8Array> {
  let over = false;
  let wake: () => void = () => {};
  let cancelTimer: () => void = () => {};
  const stop = () => {
    over = true;
    cancelTimer();
    wake();
  };
  const arm = () => {
    cancelTimer = timing.startTimer(timing.progressEveryMs, () => {
      teller.progressDue();
      arm();
      wake();
    });
  };
  return new ReadableStream({
    type: 'bytes',
    start: arm,
    async pull(controller) {
      for (;;) {
        const next = over || signal.ended ? 'end' : teller.next();
        if (next === 'end') {
          stop();
          controller.close();
          // A byte stream with a read waiting is closed only once that read is answered.
          controller.byobRequest?.respond(0);
          return;
        }
        if (next !== 'nothing') {
          controller.enqueue(next);
          return;
        }
        await new Promise<void>((resolve) => {
          const forget = signal.onNext(resolve);
          wake = () => {
            forget();
            resolve();
          };
        });
      }
    },
    cancel: stop,
  });
}
