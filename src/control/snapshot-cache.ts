import type { Clock } from '../core/clock.ts';

/** A value is served without a look at its source for this long; a change is in force within it. */
const FRESH_MS = 2_000;
/**
 * A value no older than this is served while its successor is fetched. Beyond it the isolate has been idle, and
 * a request waits for the source, so that a change made meanwhile is in force for the first request after.
 */
const STALE_MS = 4_500;
/** A renewal that has not ended by now died with the request that began it; another request may begin one. */
const RENEWAL_MS = 1_000;

interface Entry<T> {
  readonly value: T;
  /** Before the read began: a change during it is seen by the next. */
  readonly readAtMs: number;
  renewingSinceMs: number;
}

/**
 * What a reader knows of the control plane: values by key, served from memory and renewed behind the request's
 * back (stale-while-revalidate). A source that fails leaves the last value in force: the data path outlives an
 * outage of the control plane.
 *
 * No request waits for a read that another began: a Worker's I/O ends with the request that began it, and whoever
 * waited for it would wait for ever.
 */
export class SnapshotCache<T> {
  private readonly entries = new Map<string, Entry<T>>();
  private readonly load: (key: string) => Promise<T>;
  private readonly clock: Clock;
  private readonly maxEntries: number;
  /** Grows when a key is forgotten, so that reads begun before are not kept. */
  private epoch = 0;

  constructor(load: (key: string) => Promise<T>, clock: Clock, maxEntries = 10_000) {
    this.load = load;
    this.clock = clock;
    this.maxEntries = maxEntries;
  }

  /**
   * The value of a key, at most 5 s behind its source while that answers. Waits for the source only where nothing
   * recent is known. `background` is told of a renewal it should keep the isolate alive for (`waitUntil`).
   */
  async get(key: string, background: (work: Promise<unknown>) => void = () => {}): Promise<T> {
    const entry = this.entries.get(key);
    if (entry === undefined) return this.read(key);
    const nowMs = this.clock.now();
    const ageMs = nowMs - entry.readAtMs;
    if (ageMs >= STALE_MS) return this.read(key).catch(() => entry.value);
    if (ageMs >= FRESH_MS && nowMs - entry.renewingSinceMs >= RENEWAL_MS) {
      entry.renewingSinceMs = nowMs;
      background(this.read(key).catch(() => {}));
    }
    return entry.value;
  }

  /** Forgets a key: for the one who has just changed it. */
  forget(key: string): void {
    this.epoch += 1;
    this.entries.delete(key);
  }

  private async read(key: string): Promise<T> {
    const { epoch } = this;
    const readAtMs = this.clock.now();
    const value = await this.load(key);
    const present = this.entries.get(key);
    if (epoch === this.epoch && (present === undefined || present.readAtMs <= readAtMs))
      this.keep(key, value, readAtMs);
    return value;
  }

  private keep(key: string, value: T, readAtMs: number): void {
    this.entries.delete(key);
    this.entries.set(key, { value, readAtMs, renewingSinceMs: Number.NEGATIVE_INFINITY });
    if (this.entries.size <= this.maxEntries) return;
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }
}
