import type { KvFrameRecord, KvInterval, KvWatchFrame } from '../core/protocol/cluster-kv.ts';
import { MalformedMessage, type Shown, show } from './etcd-json.ts';

/** The JSON documents of a text, one after another, with or without whitespace between them. */
export function splitMessages(text: string): string[] {
  const messages: string[] = [];
  let depth = 0;
  let from = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (quoted) {
      if (letter === '\\') at++;
      else if (letter === '"') quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === '{') depth++;
    else if (letter === '}' && --depth === 0) {
      messages.push(text.slice(from, at + 1));
      from = at + 1;
    }
  }
  if (text.slice(from).trim() !== '') throw new MalformedMessage('unexpected EOF');
  return messages;
}

/** Whether no key is in an interval that has an end. */
export function isEmptyInterval({ key, rangeEnd }: KvInterval): boolean {
  if (rangeEnd.length === 0 || (rangeEnd.length === 1 && rangeEnd[0] === 0)) return false;
  for (let at = 0; at < key.length; at++) {
    if (at === rangeEnd.length || key[at] > rangeEnd[at]) return true;
    if (key[at] < rangeEnd[at]) return false;
  }
  return key.length === rangeEnd.length;
}

/** Frames of the store as the lines of etcd's watch, behind those of the watches refused, with their reasons. */
export function etcdWatchLines(
  header: (revision: number) => Shown,
  refused: readonly string[],
): TransformStream<Uint8Array, Uint8Array> {
  const lineOf = (result: object): string => `${JSON.stringify({ result })}\n`;
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = '';
  return new TransformStream({
    start(controller) {
      const shown = refused.map((cancel_reason) =>
        lineOf(show({ header: header(0), watch_id: '-1', created: true, canceled: true, cancel_reason })),
      );
      if (shown.length > 0) controller.enqueue(encoder.encode(shown.join('')));
    },
    transform(chunk, controller) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      const shown = lines.map((line) => lineOf(shownFrame(JSON.parse(line) as KvWatchFrame, header)));
      if (shown.length > 0) controller.enqueue(encoder.encode(shown.join('')));
    },
  });
}

function shownFrame(frame: KvWatchFrame, header: (revision: number) => Shown): object {
  const watch_id = frame.watchId;
  switch (frame.type) {
    case 'created':
      return show({ header: header(frame.revision), watch_id, created: true });
    case 'progress':
      return show({ header: header(frame.revision), watch_id });
    case 'compacted':
      return show({ header: header(0), watch_id, canceled: true, compact_revision: frame.compactedRevision });
    case 'events':
      return show({
        header: header(frame.revision),
        watch_id,
        events: frame.events.map((event) => ({
          type: event.type === 'delete' ? 'DELETE' : undefined,
          kv: shownRecord(event.record),
          prev_kv: event.previous === undefined ? undefined : shownRecord(event.previous),
        })),
      });
  }
}

function shownRecord(record: KvFrameRecord): Shown {
  return {
    key: record.key,
    create_revision: record.createRevision,
    mod_revision: record.modRevision,
    version: record.version,
    value: record.value,
    lease: record.leaseId,
  };
}
