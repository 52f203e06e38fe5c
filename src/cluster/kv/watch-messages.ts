import { fromBase64 } from '../../core/bytes.ts';
import type { KvFrameRecord, KvRecord, KvWatchFrame } from '../../core/protocol/cluster-kv.ts';
import { type RecordView, recordView } from './record-view.ts';

/** What a watch of keys is told, over server-sent events and over a WebSocket alike. */
export type KvWatchMessage =
  /** All changes of one revision; a watch resumes after the last one it was told of. */
  | {
      readonly type: 'event';
      readonly revision: number;
      readonly changes: readonly ({ readonly type: 'put' | 'delete' } & RecordView)[];
    }
  /** Everything up to here has been told. */
  | { readonly type: 'progress'; readonly revision: number }
  /** The history that the watch needs is gone; nothing comes after it. */
  | { readonly type: 'gone'; readonly compactedRevision: number };

/** The messages of a frame; that a watch is created is none. */
export function messagesOf(frame: KvWatchFrame): KvWatchMessage[] {
  switch (frame.type) {
    case 'created':
      return [];
    case 'progress':
      return [{ type: 'progress', revision: frame.revision }];
    case 'compacted':
      return [{ type: 'gone', compactedRevision: frame.compactedRevision }];
    case 'events': {
      const revisions = new Map<number, ({ type: 'put' | 'delete' } & RecordView)[]>();
      for (const { type, record } of frame.events) {
        const changes = revisions.get(record.modRevision) ?? [];
        changes.push({ type, ...recordView(decoded(record), type === 'put') });
        revisions.set(record.modRevision, changes);
      }
      return [...revisions].map(([revision, changes]) => ({ type: 'event', revision, changes }));
    }
  }
}

function decoded(record: KvFrameRecord): KvRecord {
  return { ...record, key: fromBase64(record.key), value: fromBase64(record.value) };
}
