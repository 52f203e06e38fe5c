import type { TaskKey } from './task-rows.ts';

/** A lease that runs out at `untilMs` unless its row says otherwise by then. */
export interface LeaseEntry extends TaskKey {
  readonly untilMs: number;
}

interface Kept extends LeaseEntry {
  isOver: boolean;
}

/** Entries that are over may be as many as those that are not, and so many more. */
const SLACK = 1_000;

/**
 * Leases by the time they run out, in memory, one for each task: what is extended or ends does not stay for as long as
 * the lease would have been, or an hour of short tasks under long leases would fill it. An entry is a hint, and whoever
 * takes one out looks at the row.
 *
 * A binary heap in which entries that are over are left where they are until they come up, or are too many: to take
 * each out would cost a task more than the heap costs it otherwise.
 */
export class LeaseHeap {
  private heap: Kept[] = [];
  private readonly bySequence = new Map<number, Kept>();

  /** Entries in memory, over or not. */
  get size(): number {
    return this.heap.length;
  }

  earliestMs(): number | null {
    while (this.heap.length > 0 && this.heap[0].isOver) this.dropFirst();
    return this.heap.length === 0 ? null : this.heap[0].untilMs;
  }

  /** A task is leased, or its lease ends at another time now. */
  put({ untilMs, lane, dueAtMs, sequence }: LeaseEntry): void {
    this.remove(sequence);
    const entry = { untilMs, lane, dueAtMs, sequence, isOver: false };
    this.bySequence.set(sequence, entry);
    const { heap } = this;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent].untilMs <= untilMs) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  /** A task is leased no more. */
  remove(sequence: number): void {
    const entry = this.bySequence.get(sequence);
    if (entry === undefined) return;
    entry.isOver = true;
    this.bySequence.delete(sequence);
    if (this.heap.length > 2 * this.bySequence.size + SLACK) this.tidy();
  }

  /** Takes out the earliest entry that has run out by `nowMs`. */
  popDue(nowMs: number): LeaseEntry | null {
    const earliestMs = this.earliestMs();
    if (earliestMs === null || earliestMs > nowMs) return null;
    const [first] = this.heap;
    this.bySequence.delete(first.sequence);
    this.dropFirst();
    return first;
  }

  clear(): void {
    this.heap = [];
    this.bySequence.clear();
  }

  private dropFirst(): void {
    const last = this.heap.pop();
    if (last !== undefined && this.heap.length > 0) this.sink(last, 0);
  }

  private tidy(): void {
    this.heap = this.heap.filter(({ isOver }) => !isOver);
    for (let at = (this.heap.length >> 1) - 1; at >= 0; at--) this.sink(this.heap[at], at);
  }

  /** Puts an entry at a place or below it. */
  private sink(entry: Kept, from: number): void {
    const { heap } = this;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].untilMs < heap[child].untilMs) child += 1;
      if (heap[child].untilMs >= entry.untilMs) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = entry;
  }
}
