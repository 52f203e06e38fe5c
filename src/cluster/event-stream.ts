import type { ChangeSignal } from '../core/change-signal.ts';
import type { ClusterEvent, WatchMessage } from '../core/protocol/cluster.ts';
import { pulledStream, type WatchTiming } from './pulled-stream.ts';

/** Where the events of a watch come from. */
export interface EventSource {
  /** Changes after a revision, oldest first. */
  eventsAfter(revision: number, limit: number): readonly ClusterEvent[];
  /** Changes up to here are forgotten. */
  compactedRevision(): number;
}

const EVENTS_AT_ONCE = 100;

/**
 * The changes after a revision as server-sent events (HTML, section 9.2), each with its revision as `id`, so that
 * an EventSource resumes by itself. Where the log was cut meanwhile the stream ends: whoever resumes is told why.
 */
export function eventStream(
  source: EventSource,
  after: number,
  changes: ChangeSignal,
  timing: WatchTiming,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let revision = after;
  let progressDue = true;
  const teller = {
    next() {
      if (revision < source.compactedRevision()) return 'end' as const;
      const events = source.eventsAfter(revision, EVENTS_AT_ONCE);
      if (events.length > 0) {
        revision = events[events.length - 1].revision;
        return encoder.encode(events.map((event) => frame({ type: 'event', ...event })).join(''));
      }
      if (!progressDue) return 'nothing' as const;
      progressDue = false;
      return encoder.encode(frame({ type: 'progress', revision }));
    },
    progressDue() {
      progressDue = true;
    },
  };
  return pulledStream(teller, changes, timing);
}

function frame(message: Exclude<WatchMessage, { type: 'gone' }>): string {
  return `id: ${message.revision}\nevent: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`;
}
