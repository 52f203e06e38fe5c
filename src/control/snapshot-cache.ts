import type { Clock } from '../core/clock.ts';

/** A value is served without a look at its source for this long; a change is in force within it. */
const FRESH_MS = 2_000;
/**
 * A value no older than this is served while its successor is fetched. Beyond it the isolate has been idle, and
 * a request waits for the source, so that a change made meanwhile is in force for the first request after.
 */
const STALE_MS = 4_500;

/**
 * What a reader knows of the control plane: values by key, served from memory and renewed behind the request's
 * back (stale-while-revalidate). A source that fails leaves the last value in force: the data path outlives an
 * outage of the control plane.
 */
export class SnapshotCache<T> {
  private readonly entries = new Map<string, { value: T; readAtMs: number }>();
  private readonly loading = new Map<string, Promise<T>>();
  private readonly load: (key: string) => Promise<T>;
  private readonly clock: Clock;
  private readonly maxEntries: number;

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
    if (entry === undefined) return this.renew(key);
    const ageMs = this.clock.now() - entry.readAtMs;
    if (ageMs < FRESH_MS) return entry.value;
    const renewal = this.renew(key);
    if (ageMs < STALE_MS) {
      background(renewal.catch(() => {}));
      return entry.value;
    }
    return renewal.catch(() => entry.value);
  }

  /** Forgets a key: for the one who has just changed it. */
  forget(key: string): void {
    this.entries.delete(key);
    this.loading.delete(key);
  }

  private renew(key: string): Promise<T> {
    const running = this.loading.get(key);
    if (running !== undefined) return running;
    // The time before the read: a change during it is seen by the next.
    const readAtMs = this.clock.now();
    const work = this.load(key)
      .then((value) => {
        if (this.loading.get(key) === work) this.keep(key, value, readAtMs);
        return value;
      })
      .finally(() => {
        if (this.loading.get(key) === work) this.loading.delete(key);
      });
    this.loading.set(key, work);
    return work;
  }

  private keep(key: string, value: T, readAtMs: number): void {
    this.entries.delete(key);
    this.entries.set(key, { value, readAtMs });
    if (this.entries.size <= this.maxEntries) return;
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }
}
