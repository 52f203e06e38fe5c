import { toBase64 } from '../../core/bytes.ts';
import type { KvFrameRecord, KvRecord, KvWatch, KvWatchFrame } from '../../core/protocol/cluster-kv.ts';
import type { KvStore } from './store.ts';

/** Rows and bytes of one frame, about: a revision is never divided. */
const FRAME_ROWS = 1000;
const FRAME_BYTES = 1024 * 1024;

/** Where a watch stands: all before `next` has been told, nothing of it and after. */
export interface Standing {
  readonly watch: KvWatch;
  next: number;
  /** The frame that it begins with has been told. */
  created: boolean;
  progressDue: boolean;
}

/** A watch at its beginning. */
export function stand(store: KvStore, watch: KvWatch): Standing {
  const next = watch.startRevision > 0 ? watch.startRevision : store.revision() + 1;
  return { watch, next, created: false, progressDue: false };
}

/** What a watch is to be told now; advances it. */
export function tell(store: KvStore, standing: Standing): KvWatchFrame[] {
  const { watch } = standing;
  const { watchId } = watch;
  const present = store.revision();
  const frames: KvWatchFrame[] = [];
  if (!standing.created) {
    standing.created = true;
    // What is written between the opening and this is told, and is not behind a watch that begins before it.
    frames.push({ type: 'created', watchId, revision: watch.startRevision > 0 ? present : standing.next - 1 });
  }
  const compactedRevision = store.compactedRevision();
  if (standing.next < compactedRevision) return [...frames, { type: 'compacted', watchId, compactedRevision }];
  while (standing.next <= present) {
    const { changes, reached } = store.changes(watch, standing.next, FRAME_ROWS, FRAME_BYTES);
    standing.next = reached + 1;
    const wanted = changes.filter(({ record }) => (record.version === 0 ? watch.deletes : watch.puts));
    if (wanted.length === 0) continue;
    const events = wanted.map(({ revision, record }) => {
      const isMade = record.version > 0 && record.createRevision === revision;
      const before = watch.previous && !isMade ? store.before(record.key, revision) : undefined;
      return {
        type: record.version === 0 ? ('delete' as const) : ('put' as const),
        record: frameRecord(record),
        ...(before === undefined ? {} : { previous: frameRecord(before) }),
      };
    });
    frames.push({ type: 'events', watchId, revision: reached, events });
    return frames;
  }
  if (standing.progressDue && frames.length === 0) frames.push({ type: 'progress', watchId, revision: present });
  standing.progressDue = false;
  return frames;
}

function frameRecord(record: KvRecord): KvFrameRecord {
  return { ...record, key: toBase64(record.key), value: toBase64(record.value) };
}
