import type { KvWatch } from '../../core/protocol/cluster-kv.ts';
import { stand, tell } from './standing.ts';
import type { KvStore } from './store.ts';

/** Wakes those who wait for the store to change. It carries nothing: what changed is in the history. */
export class KvSignal {
  private readonly waiting = new Set<() => void>();
  private over = false;

  /** True once the store is no more. */
  get ended(): boolean {
    return this.over;
  }

  end(): void {
    this.over = true;
    this.notify();
  }

  notify(): void {
    const woken = [...this.waiting];
    this.waiting.clear();
    for (const wake of woken) wake();
  }

  /** Calls `wake` once at the next change; the returned function forgets it. */
  onNext(wake: () => void): () => void {
    this.waiting.add(wake);
    return () => this.waiting.delete(wake);
  }
}

export interface KvWatchTiming {
  readonly progressEveryMs: number;
  /** A timer that can be taken back; `setTimeout` in production. */
  startTimer(ms: number, fire: () => void): () => void;
}

/**
 * Watches as one stream of JSON lines. It is pulled: a reader that is slow keeps its place, not a buffer, and reads on
 * from the history when it is ready; where that is gone it is told so. Ends when no watch is left.
 */
export function kvWatchStream(
  store: KvStore,
  watches: readonly KvWatch[],
  signal: KvSignal,
  timing: KvWatchTiming,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  // The revision that a watch from now on begins at is the one at its opening, not at its first read.
  const standings = watches.map((watch) => stand(store, watch));
  let wake: () => void = () => {};
  let stopTimer: () => void = () => {};
  const everySoOften = (): void => {
    stopTimer = timing.startTimer(timing.progressEveryMs, () => {
      for (const standing of standings) standing.progressDue = standing.watch.progress;
      everySoOften();
      wake();
    });
  };

  return new ReadableStream({
    type: 'bytes',
    start() {
      everySoOften();
    },
    async pull(controller) {
      for (;;) {
        if (signal.ended) standings.splice(0);
        const frames = standings.flatMap((standing) => tell(store, standing));
        for (const frame of frames) {
          if (frame.type !== 'compacted') continue;
          standings.splice(
            standings.findIndex(({ watch }) => watch.watchId === frame.watchId),
            1,
          );
        }
        if (frames.length > 0) {
          controller.enqueue(encoder.encode(frames.map((frame) => `${JSON.stringify(frame)}\n`).join('')));
          return;
        }
        if (standings.length === 0) {
          stopTimer();
          controller.close();
          // A byte stream with a read waiting is closed only once that read is answered.
          controller.byobRequest?.respond(0);
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
    cancel() {
      stopTimer();
      standings.splice(0);
      wake();
    },
  });
}
