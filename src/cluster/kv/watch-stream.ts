import type { KvFrameRecord, KvRecord, KvWatch, KvWatchFrame } from '../../core/protocol/cluster-kv.ts';
import type { KvStore } from './store.ts';

/** Rows and bytes of one frame, about: a revision is never divided. */
const FRAME_ROWS = 1000;
const FRAME_BYTES = 1024 * 1024;

/** Wakes those who wait for the store to change. It carries nothing: what changed is in the history. */
export class KvSignal {
  private readonly waiting = new Set<() => void>();
  private over = false;

  /** True once the store is no more. */
  get ended(): boolean {
    return this.over;
  }

  end(): void {
    this.over = true;
    this.notify();
  }

  notify(): void {
    const woken = [...this.waiting];
    this.waiting.clear();
    for (const wake of woken) wake();
  }

  /** Calls `wake` once at the next change; the returned function forgets it. */
  onNext(wake: () => void): () => void {
    this.waiting.add(wake);
    return () => this.waiting.delete(wake);
  }
}

export interface KvWatchTiming {
  readonly progressEveryMs: number;
  /** A timer that can be taken back; `setTimeout` in production. */
  startTimer(ms: number, fire: () => void): () => void;
}

/** Where a watch stands: all before `next` has been told, nothing of it and after. */
interface Standing {
  readonly watch: KvWatch;
  next: number;
  /** The frame that it begins with is still to be sent. */
  created: boolean;
  progressDue: boolean;
}

/**
 * Watches as one stream of JSON lines. It is pulled: a reader that is slow keeps its place, not a buffer, and reads on
 * from the history when it is ready; where that is gone it is told so. Ends when no watch is left.
 */
export function kvWatchStream(
  store: KvStore,
  watches: readonly KvWatch[],
  signal: KvSignal,
  timing: KvWatchTiming,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  // The revision that a watch from now on begins at is the one at its opening, not at its first read.
  const present = store.revision();
  const standings: Standing[] = watches.map((watch) => ({
    watch,
    next: watch.startRevision > 0 ? watch.startRevision : present + 1,
    created: false,
    progressDue: false,
  }));
  let wake: () => void = () => {};
  let stopTimer: () => void = () => {};
  const everySoOften = (): void => {
    stopTimer = timing.startTimer(timing.progressEveryMs, () => {
      for (const standing of standings) standing.progressDue = standing.watch.progress;
      everySoOften();
      wake();
    });
  };

  return new ReadableStream({
    type: 'bytes',
    start() {
      everySoOften();
    },
    async pull(controller) {
      for (;;) {
        if (signal.ended) standings.splice(0);
        const frames = standings.flatMap((standing) => step(store, standing));
        for (const frame of frames) {
          if (frame.type !== 'compacted') continue;
          standings.splice(
            standings.findIndex(({ watch }) => watch.watchId === frame.watchId),
            1,
          );
        }
        if (frames.length > 0) {
          controller.enqueue(encoder.encode(frames.map((frame) => `${JSON.stringify(frame)}\n`).join('')));
          return;
        }
        if (standings.length === 0) {
          stopTimer();
          controller.close();
          // A byte stream with a read waiting is closed only once that read is answered.
          controller.byobRequest?.respond(0);
          return;
        }
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
      stopTimer();
      standings.splice(0);
      wake();
    },
  });
}

/** What a watch is to be told now; advances it. */
function step(store: KvStore, standing: Standing): KvWatchFrame[] {
  const { watch } = standing;
  const { watchId } = watch;
  const present = store.revision();
  const frames: KvWatchFrame[] = [];
  if (!standing.created) {
    standing.created = true;
    frames.push({ type: 'created', watchId, revision: present });
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

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
