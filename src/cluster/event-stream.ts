import type { ClusterEvent, WatchMessage } from '../core/protocol/cluster.ts';

/** Where the events of a watch come from. */
export interface EventSource {
  /** Changes after a revision, oldest first. */
  eventsAfter(revision: number, limit: number): readonly ClusterEvent[];
  /** Changes up to here are forgotten. */
  compactedRevision(): number;
  /** Calls `wake` once at the next change; the returned function forgets it. */
  onNext(wake: () => void): () => void;
}

export interface WatchTiming {
  /** How often a watch is told how far it has come; it keeps the connection open, too. */
  readonly progressEveryMs: number;
  /** A timer that can be taken back; `setTimeout` in production. */
  startTimer(ms: number, fire: () => void): () => void;
}

const EVENTS_AT_ONCE = 100;

/**
 * The changes after a revision as server-sent events (HTML, section 9.2), each with its revision as `id`, so that
 * an EventSource resumes by itself. It is pulled: a slow reader keeps a revision, not a buffer, and reads on from
 * the log. Where the log was cut meanwhile the stream ends: whoever resumes is told why.
 */
export function eventStream(source: EventSource, after: number, timing: WatchTiming): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let revision = after;
  let progressDue = true;
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
      progressDue = true;
      arm();
      wake();
    });
  };
  return new ReadableStream({
    type: 'bytes',
    start: arm,
    async pull(controller) {
      for (;;) {
        if (over || revision < source.compactedRevision()) {
          stop();
          controller.close();
          // A byte stream with a read waiting is closed only once that read is answered.
          controller.byobRequest?.respond(0);
          return;
        }
        const events = source.eventsAfter(revision, EVENTS_AT_ONCE);
        if (events.length > 0) {
          revision = events[events.length - 1].revision;
          controller.enqueue(encoder.encode(events.map((event) => frame({ type: 'event', ...event })).join('')));
          return;
        }
        if (progressDue) {
          progressDue = false;
          controller.enqueue(encoder.encode(frame({ type: 'progress', revision })));
          return;
        }
        await new Promise<void>((resolve) => {
          const forget = source.onNext(resolve);
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

function frame(message: Exclude<WatchMessage, { type: 'gone' }>): string {
  return `id: ${message.revision}\nevent: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`;
}
