import { type Column, gatherColumn } from '../../../columns/column.ts';
import type { ColumnType } from '../../../columns/types.ts';
import { grownBytes, grownLength } from '../../../core/grow.ts';
import { KeyColumn } from '../key-column.ts';
import { PairTable } from '../pair-table.ts';
import type { Accumulator, GroupedRows } from './accumulator.ts';
import { CountAccumulator, type RowCounts } from './count.ts';

/** Shows another aggregate each value of a group once. */
export class DistinctAccumulator implements Accumulator {
  readonly #inner: Accumulator;
  readonly #rows: RowCounts;
  readonly #values: KeyColumn;
  readonly #seen = new PairTable();
  readonly #oneGroup: boolean;
  /** Where there is one group only, whether each value has been seen takes a byte and no look-up. */
  #seenIds: Uint8Array = new Uint8Array(0);
  /** While every row has been let in, the values seen are those below this id, and `#seenIds` is not kept. */
  #seenBelow = 0;
  #allIn = true;

  /** `rows` counts what the inner aggregate is shown. */
  constructor(inner: Accumulator, rows: RowCounts, argType: ColumnType, oneGroup: boolean) {
    this.#oneGroup = oneGroup;
    this.#inner = inner;
    this.#rows = rows;
    this.#values = new KeyColumn(argType);
  }

  get bytes(): number {
    return this.#inner.bytes + this.#rows.bytes + this.#values.bytes + this.#seen.bytes + this.#seenIds.byteLength;
  }

  grow(groups: number): void {
    this.#rows.grow(groups);
    this.#inner.grow(groups);
  }

  add(rows: GroupedRows, column: Column): void {
    const ids = new Int32Array(column.length);
    this.#values.assign(column, ids);
    const fresh = this.#oneGroup ? this.#freshOfOne(rows, ids) : this.#freshOfGroups(rows.groups, ids);
    if (fresh.length === 0) return;
    const groups = fresh.map((row) => rows.groups[row]);
    this.#rows.add(groups);
    // A count has no use for the values.
    const values = this.#inner instanceof CountAccumulator ? column : gatherColumn(column, fresh);
    this.#inner.add({ groups, leftOut: null, single: this.#oneGroup }, values);
  }

  #freshOfOne({ groups, single }: GroupedRows, ids: Int32Array): Int32Array {
    if (this.#allIn && single) return this.#firstSeen(ids);
    if (this.#seenIds.length < this.#values.count) {
      this.#seenIds = grownBytes(this.#seenIds, grownLength(this.#seenIds.length, this.#values.count));
    }
    if (this.#allIn) this.#seenIds.fill(1, 0, this.#seenBelow);
    this.#allIn = false;
    const seen = this.#seenIds;
    const rows = new Int32Array(ids.length);
    let fresh = 0;
    for (let i = 0; i < ids.length; i++) {
      if (seen[ids[i]] === 1 || groups[i] < 0) continue;
      seen[ids[i]] = 1;
      rows[fresh++] = i;
    }
    return rows.subarray(0, fresh);
  }

  /** Ids are given in the order of first appearance, so a value is new where its id is above all before it. */
  #firstSeen(ids: Int32Array): Int32Array {
    const rows = new Int32Array(ids.length);
    let fresh = 0;
    let below = this.#seenBelow;
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] < below) continue;
      below = ids[i] + 1;
      rows[fresh++] = i;
    }
    this.#seenBelow = below;
    return rows.subarray(0, fresh);
  }

  #freshOfGroups(groups: Int32Array, ids: Int32Array): Int32Array {
    const rows = new Int32Array(ids.length);
    let fresh = 0;
    for (let i = 0; i < groups.length; i++) {
      if (groups[i] < 0) continue;
      const before = this.#seen.count;
      if (this.#seen.idOf(groups[i], ids[i]) === before) rows[fresh++] = i;
    }
    return rows.subarray(0, fresh);
  }

  finish(groups: number): Column {
    return this.#inner.finish(groups);
  }
}
