import type { ChangeSignal } from '../core/change-signal.ts';
import type { Timer } from '../core/timer.ts';
import type { JsonObject } from './json.ts';
import { StatusError } from './status.ts';
import type { WatchCursor, WatchEvent } from './watch.ts';

export interface WatchSource {
  readonly start: WatchCursor;
  /** The next events and where the watch then stands; throws a StatusError where it cannot go on. */
  step(cursor: WatchCursor): { events: readonly WatchEvent[]; cursor: WatchCursor };
  /** The event as the caller wants it. */
  show(event: WatchEvent): JsonObject;
  /** A bookmark at a revision; undefined where none was asked for. */
  bookmark(revision: number): WatchEvent | undefined;
}

export interface WatchTiming {
  /** When the watch ends by itself, in milliseconds from now. */
  readonly lastsMs: number;
  readonly bookmarkEveryMs: number;
  /** A timer that can be taken back; `setTimeout` in production. */
  readonly startTimer: Timer;
}

/**
 * A watch as a stream of JSON lines. It is pulled: a reader that is slow keeps its cursor, not a buffer, and reads
 * on from the change log when it is ready. At its end the stream is closed, never broken, since clients take a
 * broken one for an error.
 */
export function watchStream(
  source: WatchSource,
  signal: ChangeSignal,
  timing: WatchTiming,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let cursor = source.start;
  let bookmarkDue = false;
  let over = false;
  let wake: () => void = () => {};
  const stops: (() => void)[] = [];
  const stop = () => {
    over = true;
    for (const cancel of stops.splice(0)) cancel();
    wake();
  };
  const every = (): (() => void) =>
    timing.startTimer(timing.bookmarkEveryMs, () => {
      bookmarkDue = true;
      stops.push(every());
      wake();
    });

  const lines = (events: readonly WatchEvent[]): Uint8Array =>
    encoder.encode(
      events.map((event) => `${JSON.stringify({ type: event.type, object: source.show(event) })}\n`).join(''),
    );
  const marked = (): WatchEvent[] => {
    const event = cursor.at === 'changes' ? source.bookmark(cursor.revision) : undefined;
    return event === undefined ? [] : [event];
  };

  return new ReadableStream({
    type: 'bytes',
    start() {
      stops.push(timing.startTimer(timing.lastsMs, stop), every());
    },
    async pull(controller) {
      for (;;) {
        if (over) {
          const last = marked();
          if (last.length > 0) controller.enqueue(lines(last));
          return close(controller);
        }
        let events: readonly WatchEvent[];
        const before = cursor;
        try {
          ({ events, cursor } = source.step(cursor));
        } catch (error) {
          stop();
          if (!(error instanceof StatusError)) throw error;
          // Kubernetes' way to say that a watch cannot go on: an event in the stream, then its end.
          controller.enqueue(lines([{ type: 'ERROR', object: error.toStatus() }]));
          return close(controller);
        }
        if (events.length === 0 && bookmarkDue) {
          bookmarkDue = false;
          events = marked();
        }
        if (events.length > 0) {
          controller.enqueue(lines(events));
          return;
        }
        // A step without events may still have got on (past other objects, past the initial ones): more may follow.
        if (before.at !== cursor.at || before.revision !== cursor.revision) continue;
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
      stop();
    },
  });
}

/** A byte stream with a read waiting is closed only once that read is answered. */
function close(controller: ReadableByteStreamController): void {
  controller.close();
  controller.byobRequest?.respond(0);
}
