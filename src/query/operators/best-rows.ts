import type { Bitmap } from '../../columns/bitmap.ts';
import type { Scalar } from '../../columns/column.ts';
import { type Batch, type Column, gatherBatch, gatherColumn, scalarAt, sliceColumn } from '../../columns/column.ts';
import { columnComparator, type Order, type SortOrder } from '../../columns/compare.ts';
import { concatBatches, concatColumns } from '../../columns/concat.ts';
import type { Schema } from '../../columns/types.ts';
import { compareColumns } from './compare.ts';
import { constantColumn } from './constant.ts';
import type { HeldMemory } from './held-memory.ts';
import { isNullColumn } from './logic.ts';
import { firstRows, orBits, rowsOfBits, trueBits } from './selection.ts';

/**
 * Keeps the best `wanted` of the rows it is shown, by keys. Rows that may be among them are gathered until
 * there are too many, then the best of those are kept; the last of them is the threshold that later rows must
 * pass. Rows equal in all keys: the one shown first is the better.
 */
export class BestRows {
  readonly #wanted: number;
  readonly #orders: readonly SortOrder[];
  readonly #schema: Schema;
  readonly #memory: HeldMemory;
  #rows: Batch[] = [];
  #keys: Column[][];
  #count = 0;
  /** The keys of the last row that is good enough, once there are `wanted` rows. */
  #threshold: readonly Column[] | undefined;

  constructor(wanted: number, orders: readonly SortOrder[], schema: Schema, memory: HeldMemory) {
    this.#wanted = wanted;
    this.#orders = orders;
    this.#schema = schema;
    this.#memory = memory;
    this.#keys = orders.map(() => []);
  }

  /**
   * Rows that may be good enough, by the first key alone; undefined where all may. A cheap question to ask
   * before making the rest of what `add` takes.
   */
  candidates(firstKey: Column): Int32Array | undefined {
    const threshold = this.#threshold;
    if (threshold !== undefined) return asGood(firstKey, threshold[0], this.#orders[0]);
    // With one key the best of these rows are known; with more, equal first keys would have to be kept.
    if (this.#orders.length > 1 || firstKey.length <= 2 * this.#wanted) return undefined;
    return bestOf([firstKey], this.#orders, firstKey.length, this.#wanted).sort();
  }

  /** Takes the rows that are good enough; the keys are beside the batch's rows. */
  add(batch: Batch, keys: readonly Column[]): void {
    const passing = this.#passing(keys, batch.length);
    if (passing?.length === 0) return;
    this.#append(batch, keys, passing);
    // Shrinking early keeps the threshold close, and what the threshold rules out need not be read at all.
    const most = this.#threshold === undefined ? this.#wanted - 1 : this.#wanted + (this.#wanted >> 3);
    if (this.#count > most) this.#shrink();
  }

  /** The first key of the last row that is good enough; undefined while every row is. */
  get worst(): Scalar | undefined {
    return this.#threshold === undefined ? undefined : scalarAt(this.#threshold[0], 0);
  }

  /** The best rows in order; undefined where there was none. */
  finish(): Batch | undefined {
    if (this.#count === 0) return undefined;
    this.#shrink();
    return this.#rows[0];
  }

  #append(batch: Batch, keys: readonly Column[], rows: Int32Array | undefined): void {
    const kept = rows === undefined ? batch : gatherBatch(batch, rows);
    this.#rows.push(kept);
    for (const [i, key] of keys.entries()) this.#keys[i].push(rows === undefined ? key : gatherColumn(key, rows));
    this.#count += kept.length;
    this.#memory.addBatch(kept);
  }

  /** The rows better than the threshold; undefined where all are. */
  #passing(keys: readonly Column[], length: number): Int32Array | undefined {
    const threshold = this.#threshold;
    if (threshold === undefined) {
      // The first rows: not all need to be kept, however many there are.
      return length > 2 * this.#wanted ? bestOf(keys, this.#orders, length, this.#wanted).sort() : undefined;
    }
    const compare = lexicographic(keys, threshold, this.#orders);
    const rows = asGood(keys[0], threshold[0], this.#orders[0]);
    let count = 0;
    for (const row of rows) if (compare(row, 0) < 0) rows[count++] = row;
    return rows.subarray(0, count);
  }

  #shrink(): void {
    const all = concatBatches(this.#schema, this.#rows);
    const keys = this.#orders.map((_, i) => concatColumns(this.#keys[i][0].type, this.#keys[i]));
    const best = bestOf(keys, this.#orders, all.length, this.#wanted);
    this.#rows = [gatherBatch(all, best)];
    this.#keys = keys.map((key) => [gatherColumn(key, best)]);
    this.#count = best.length;
    if (best.length === this.#wanted) {
      this.#threshold = this.#keys.map(([key]) => sliceColumn(key, best.length - 1, best.length));
    }
    this.#memory.release();
    this.#memory.addBatch(this.#rows[0]);
  }
}

/** The rows whose key is as good as a value or better, by the vector comparison. */
function asGood(key: Column, worst: Column, order: SortOrder): Int32Array {
  const value = scalarAt(worst, 0);
  if (value === null) {
    return order.nullsFirst ? rowsOfBits(nullBits(key), key.length) : firstRows(key.length);
  }
  const better = compareColumns(order.descending ? '>=' : '<=', key, constantColumn(value, key.type, key.length));
  const bits = order.nullsFirst ? orBits(trueBits(better), nullBits(key), key.length) : trueBits(better);
  return rowsOfBits(bits, key.length);
}

function nullBits(key: Column): Bitmap {
  return trueBits(isNullColumn(key, false));
}

/** Compares row `i` of some columns with row `j` of others, the first pair deciding first. */
function lexicographic(
  left: readonly Column[],
  right: readonly Column[],
  orders: readonly SortOrder[],
): (i: number, j: number) => Order {
  const comparators = left.map((column, k) => columnComparator(column, right[k], orders[k]));
  if (comparators.length === 1) return comparators[0];
  return (i, j) => {
    for (const compare of comparators) {
      const order = compare(i, j);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** The best `wanted` of `length` rows, in order, by a heap whose root is the worst row kept. */
function bestOf(keys: readonly Column[], orders: readonly SortOrder[], length: number, wanted: number): Int32Array {
  const compare = lexicographic(keys, keys, orders);
  // Of equal rows the earlier is the better, which makes the order total and the answer that of a stable sort.
  const worse = (a: number, b: number) => {
    const order = compare(a, b);
    return order === 0 ? a > b : order > 0;
  };
  const heap = new Int32Array(Math.min(wanted, length));
  const sink = (start: number, size: number) => {
    const row = heap[start];
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && worse(heap[child + 1], heap[child])) child++;
      if (!worse(heap[child], row)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = row;
  };
  for (let i = 0; i < heap.length; i++) heap[i] = i;
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(i, heap.length);
  for (let row = heap.length; row < length; row++) {
    if (!worse(heap[0], row)) continue;
    heap[0] = row;
    sink(0, heap.length);
  }
  for (let size = heap.length - 1; size > 0; size--) {
    const worst = heap[0];
    heap[0] = heap[size];
    heap[size] = worst;
    sink(0, size);
  }
  return heap;
}
