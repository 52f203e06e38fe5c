import { LIMITS } from '../core/limits.ts';
import type { KvInterval, KvWatch, KvWatchFrame } from '../core/protocol/cluster-kv.ts';
import { MalformedMessage, readMessage, type Shown, show } from './etcd-json.ts';
import { shownRecord, WATCH, watchOf } from './etcd-messages.ts';

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

/** What a stream is answered beside the frames of its watches. */
export type Said =
  /** Of a watch that was refused; etcd gives it no id. */
  | { readonly type: 'refused'; readonly reason: string }
  /** Of a watch that its client ended in the same breath. */
  | { readonly type: 'cancelled'; readonly watchId: number }
  /** How far the store is, which its client asked for. */
  | { readonly type: 'progress' };

/** The watches that a body's requests come to, and what else there is to answer, in order. Throws `MalformedMessage`. */
export function watchesOf(texts: readonly string[]): { watches: readonly KvWatch[]; said: readonly Said[] } {
  const watches: KvWatch[] = [];
  const said: Said[] = [];
  let begins = false;
  let nextId = 0;
  // As etcd chooses: the least that was not chosen yet and is nobody's.
  const freeId = (): number => {
    while (isTaken(watches, nextId)) nextId += 1;
    return nextId++;
  };
  for (const text of texts) {
    const request = readMessage(WATCH, text);
    const create = request.message('create_request');
    const cancel = request.message('cancel_request');
    if (create !== undefined) {
      if (watches.length === LIMITS.watchesPerStream) {
        throw new MalformedMessage(`a stream has at most ${LIMITS.watchesPerStream} watches`);
      }
      begins = true;
      const watchId = create.number('watch_id');
      const wanted = watchOf(create, watchId);
      if (isEmptyInterval(wanted)) said.push({ type: 'refused', reason: 'mvcc: watcher range is empty' });
      else if (watchId !== 0 && isTaken(watches, watchId)) said.push({ type: 'refused', reason: DUPLICATE });
      else watches.push({ ...wanted, watchId: watchId === 0 ? freeId() : watchId });
    } else if (cancel !== undefined) {
      const at = watches.findIndex(({ watchId }) => watchId === cancel.number('watch_id'));
      // Of a watch that is not there nothing is said.
      if (at >= 0) said.push({ type: 'cancelled', watchId: watches.splice(at, 1)[0].watchId });
    } else if (request.message('progress_request') !== undefined) said.push({ type: 'progress' });
  }
  if (!begins) throw new MalformedMessage('a watch begins with a create_request');
  return { watches, said };
}

/** Whether no key is in an interval that has an end. */
function isEmptyInterval({ key, rangeEnd }: KvInterval): boolean {
  if (rangeEnd.length === 0 || (rangeEnd.length === 1 && rangeEnd[0] === 0)) return false;
  for (let at = 0; at < key.length; at++) {
    if (at === rangeEnd.length || key[at] > rangeEnd[at]) return true;
    if (key[at] < rangeEnd[at]) return false;
  }
  return key.length === rangeEnd.length;
}

const DUPLICATE = 'mvcc: duplicate watch ID provided on the WatchStream';

function isTaken(watches: readonly KvWatch[], id: number): boolean {
  return watches.some(({ watchId }) => watchId === id);
}

/**
 * Frames of the store as the lines of etcd's watch. What else was said comes behind the frame that says that the last
 * of the watches, `watches` in number, is created.
 */
export function etcdWatchLines(
  header: (revision: number) => Shown,
  watches: number,
  present: number,
  said: readonly Said[],
): TransformStream<Uint8Array, Uint8Array> {
  const lineOf = (result: object): string => `${JSON.stringify({ result })}\n`;
  const rest = said.flatMap((each) => shownSaid(each, header, present).map(lineOf)).join('');
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let toBeCreated = watches;
  let unfinished = '';
  return new TransformStream({
    start(controller) {
      if (toBeCreated === 0 && rest !== '') controller.enqueue(encoder.encode(rest));
    },
    transform(chunk, controller) {
      const lines = (unfinished + decoder.decode(chunk, { stream: true })).split('\n');
      unfinished = lines.pop() ?? '';
      let shown = '';
      for (const line of lines) {
        const frame = JSON.parse(line) as KvWatchFrame;
        shown += lineOf(shownFrame(frame, header));
        if (frame.type === 'created' && --toBeCreated === 0) shown += rest;
      }
      if (shown !== '') controller.enqueue(encoder.encode(shown));
    },
  });
}

function shownSaid(said: Said, header: (revision: number) => Shown, present: number): object[] {
  switch (said.type) {
    case 'refused':
      return [show({ header: header(0), watch_id: '-1', created: true, canceled: true, cancel_reason: said.reason })];
    case 'cancelled':
      return [
        show({ header: header(present), watch_id: said.watchId, created: true }),
        show({ header: header(present), watch_id: said.watchId, canceled: true }),
      ];
    case 'progress':
      return [show({ header: header(present), watch_id: '-1' })];
  }
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
