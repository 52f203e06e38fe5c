import { type Column, gatherColumn } from '../../../columns/column.ts';
import type { ColumnType } from '../../../columns/types.ts';
import { KeyColumn } from '../key-column.ts';
import { PairTable } from '../pair-table.ts';
import type { Accumulator } from './accumulator.ts';

/** Shows another aggregate each value of a group once. */
export class DistinctAccumulator implements Accumulator {
  readonly #inner: Accumulator;
  readonly #values: KeyColumn;
  readonly #seen = new PairTable();

  constructor(inner: Accumulator, argType: ColumnType) {
    this.#inner = inner;
    this.#values = new KeyColumn(argType);
  }

  get bytes(): number {
    return this.#inner.bytes + this.#values.bytes + this.#seen.bytes;
  }

  grow(groups: number): void {
    this.#inner.grow(groups);
  }

  add(groups: Int32Array, column: Column): void {
    const ids = new Int32Array(column.length);
    this.#values.assign(column, ids);
    const rows = new Int32Array(column.length);
    let fresh = 0;
    for (let i = 0; i < groups.length; i++) {
      if (groups[i] < 0) continue;
      const before = this.#seen.count;
      if (this.#seen.idOf(groups[i], ids[i]) === before) rows[fresh++] = i;
    }
    if (fresh === 0) return;
    const kept = rows.subarray(0, fresh);
    this.#inner.add(
      kept.map((row) => groups[row]),
      gatherColumn(column, kept),
    );
  }

  finish(groups: number): Column {
    return this.#inner.finish(groups);
  }
}
