import { toBase64 } from '../../core/bytes.ts';
import { LIMITS } from '../../core/limits.ts';
import type { KvFrameRecord, KvRecord, KvWatch, KvWatchFrame } from '../../core/protocol/cluster-kv.ts';
import { type KvChange, type KvStore, RECORD_BYTES } from './store.ts';

/** Rows and bytes of one frame, about: a revision is never divided. */
const FRAME_ROWS = 1000;
const FRAME_BYTES = 1024 * 1024;

type KvEvent = (KvWatchFrame & { type: 'events' })['events'][number];

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
    const { events, cutBefore } = eventsOf(store, wanted, watch.previous);
    if (cutBefore !== null) standing.next = cutBefore;
    frames.push({ type: 'events', watchId, revision: standing.next - 1, events });
    return frames;
  }
  if (standing.progressDue && frames.length === 0) frames.push({ type: 'progress', watchId, revision: present });
  standing.progressDue = false;
  return frames;
}

/**
 * Changes as events, of which those that do not create a key have the record before them where that is asked for. What
 * these records have together is bounded: the frame is cut before the revision that would pass the bound, and where
 * that is its only one, the rest of them are left out, as etcd leaves out what is compacted.
 */
function eventsOf(
  store: KvStore,
  changes: readonly KvChange[],
  previous: boolean,
): { events: KvEvent[]; cutBefore: number | null } {
  const events: KvEvent[] = [];
  let room = LIMITS.watchPreviousBytes;
  for (const { revision, record } of changes) {
    const isMade = record.version > 0 && record.createRevision === revision;
    const before = previous && !isMade && room >= 0 ? store.before(record.key, revision) : undefined;
    if (before !== undefined) room -= before.key.length + before.value.length + RECORD_BYTES;
    if (room < 0 && revision > changes[0].revision) {
      return { events: events.filter((event) => event.record.modRevision < revision), cutBefore: revision };
    }
    events.push({
      type: record.version === 0 ? 'delete' : 'put',
      record: frameRecord(record),
      ...(before === undefined || room < 0 ? {} : { previous: frameRecord(before) }),
    });
  }
  return { events, cutBefore: null };
}

function frameRecord(record: KvRecord): KvFrameRecord {
  return { ...record, key: toBase64(record.key), value: toBase64(record.value) };
}
