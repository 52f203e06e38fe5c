import { expire, settleLapsed } from './endings.ts';
import type { QueueMemory } from './queue-memory.ts';

/** Expired tasks ended by one purge. */
const EXPIRED_AT_ONCE = 1_000;
/** A purge reads whole tables: not more often than this, and the less often the more rows there are. */
const PURGE_EVERY_MS = 60_000;
const PURGE_ROWS_PER_MS = 1;
/** Groups of which nothing is stored are forgotten after about this long. */
export const GROUPS_KEPT_MS = 10 * 60_000;

/** Ends what has expired and drops what was kept long enough; knows when that is due next. */
export class Purge {
  private readonly queue: QueueMemory;
  private ranAtMs = Number.NEGATIVE_INFINITY;
  private everyMs = PURGE_EVERY_MS;

  constructor(queue: QueueMemory) {
    this.queue = queue;
  }

  /** Null for never. */
  nextAtMs(): number | null {
    const { expiryAtMs } = this.queue;
    return expiryAtMs === null ? null : Math.max(expiryAtMs, this.ranAtMs + this.everyMs);
  }

  run(nowMs: number): void {
    const { queue } = this;
    settleLapsed(queue, nowMs);
    for (const key of queue.store.expiredTasks(nowMs, EXPIRED_AT_ONCE)) {
      const task = queue.store.read(key);
      if (task !== null) expire(queue, task, nowMs);
    }
    for (const { lane, status, count } of queue.store.dropExpired(nowMs)) queue.census.change(lane, status, -count);
    const { atMs, rowsRead } = queue.store.nextExpiry();
    const dropped = queue.store.dropEmptyGroups();
    queue.lanes.drop(dropped);
    queue.census.drop(dropped);
    queue.expiryAtMs = atMs;
    if (queue.lanes.hasGroups()) queue.expires(nowMs + GROUPS_KEPT_MS);
    this.ranAtMs = nowMs;
    this.everyMs = Math.max(PURGE_EVERY_MS, rowsRead / PURGE_ROWS_PER_MS);
  }
}
