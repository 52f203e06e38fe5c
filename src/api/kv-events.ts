import { Buffer } from 'node:buffer';
import type { KvFrameRecord, KvWatchFrame } from '../core/protocol/cluster-kv.ts';
import { recordView } from './kv-view.ts';

/**
 * Frames of the store as server-sent events: an `event` for each revision with all its changes, its `id` the revision
 * to resume after; `progress` now and then; `gone` where the history ends before the watch does.
 */
export function kvEvents(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = '';
  return new TransformStream({
    transform(chunk, controller) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      const shown = lines.flatMap((line) => eventsOf(JSON.parse(line) as KvWatchFrame));
      if (shown.length > 0) controller.enqueue(encoder.encode(shown.join('')));
    },
  });
}

function eventsOf(frame: KvWatchFrame): string[] {
  switch (frame.type) {
    // A comment, so that the answer begins before there is anything to tell.
    case 'created':
      return [': watching\n\n'];
    case 'progress':
      return [eventOf('progress', frame.revision, { type: 'progress', revision: frame.revision })];
    case 'compacted':
      return [eventOf('gone', null, { type: 'gone', compactedRevision: frame.compactedRevision })];
    case 'events': {
      const revisions = new Map<number, object[]>();
      for (const { type, record } of frame.events) {
        const changes = revisions.get(record.modRevision) ?? [];
        changes.push({ type, ...recordView(decoded(record), type === 'put') });
        revisions.set(record.modRevision, changes);
      }
      return [...revisions].map(([revision, changes]) =>
        eventOf('event', revision, { type: 'event', revision, changes }),
      );
    }
  }
}

function eventOf(name: string, id: number | null, data: object): string {
  return `event: ${name}\n${id === null ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

function decoded(record: KvFrameRecord) {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
  return { ...record, key: bytes(record.key), value: bytes(record.value) };
}
