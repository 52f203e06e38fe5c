import type { WatchMessage } from '../core/protocol/cluster.ts';
import type { EventSource } from './event-stream.ts';
import type { KvWatchMessage } from './kv/watch-messages.ts';

/** Some of what a watch has not been told, in order. */
export interface Untold {
  readonly messages: readonly (WatchMessage | KvWatchMessage)[];
  /** All changes up to it are told with these. */
  readonly reached: number;
  /** `gone`: the history that comes next is no more, and nothing comes after these. */
  readonly next: 'more' | 'nothing' | 'gone';
}

const EVENTS_AT_ONCE = 100;

/** The changes of a cluster after a revision, some at a time. */
export function untoldEvents(source: EventSource, after: number): Untold {
  const compactedRevision = source.compactedRevision();
  if (after < compactedRevision) {
    return { messages: [{ type: 'gone', compactedRevision }], reached: after, next: 'gone' };
  }
  const events = source.eventsAfter(after, EVENTS_AT_ONCE);
  return {
    messages: events.map((event) => ({ type: 'event', ...event })),
    reached: events.at(-1)?.revision ?? after,
    next: events.length < EVENTS_AT_ONCE ? 'nothing' : 'more',
  };
}
