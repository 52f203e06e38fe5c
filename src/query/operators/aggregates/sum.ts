import { type Bitmap, newBitmap, setBit } from '../../../columns/bitmap.ts';
import type { Column, Scalar } from '../../../columns/column.ts';
import { plainColumn } from '../../../columns/plain.ts';
import type { ColumnType } from '../../../columns/types.ts';
import { assert, OrasiError } from '../../../core/errors.ts';
import { grownDoubles, grownLength } from '../../../core/grow.ts';
import { columnOfScalars } from '../build-column.ts';
import { addCoded, codedNumbers } from '../coded-numbers.ts';
import { ExactSum } from '../exact-sum.ts';
import type { Accumulator, GroupedRows } from './accumulator.ts';
import { PresentCounts, type RowCounts } from './count.ts';

/** Sums that are doubles: null for a group without a value. */
export class DoubleSumAccumulator implements Accumulator {
  readonly #type: ColumnType;
  readonly #mean: boolean;
  readonly #counts: PresentCounts;
  #groups = 0;
  #sums: Float64Array = new Float64Array(0);

  /** With `mean`, the sums divided by the counts. */
  constructor(type: ColumnType, mean: boolean, rows: RowCounts) {
    this.#counts = new PresentCounts(rows);
    this.#type = type;
    this.#mean = mean;
  }

  get bytes(): number {
    return this.#sums.byteLength + this.#counts.bytes;
  }

  grow(groups: number): void {
    this.#groups = groups;
    this.#counts.grow(groups);
    if (groups > this.#sums.length) this.#sums = grownDoubles(this.#sums, grownLength(this.#sums.length, groups));
  }

  add(rows: GroupedRows, column: Column): void {
    this.#counts.add(rows, this.#groups);
    const coded = codedNumbers(column);
    if (coded !== undefined) {
      addCoded(this.#sums, rows, coded);
      return;
    }
    const { data } = plainColumn(column);
    if (data.layout === 'none') return;
    assert(data.layout === 'fixed' && data.values instanceof Float64Array, 'doubles are added');
    if (rows.single) this.#sums[0] += sumOf(data.values);
    else addDoubles(this.#sums, rows, data.values);
  }

  finish(groups: number): Column {
    const values = this.#sums.slice(0, groups);
    const counts = this.#counts.all(groups);
    const validity = newBitmap(groups, false);
    for (let group = 0; group < groups; group++) {
      const count = counts[group];
      if (count === 0) continue;
      setBit(validity, group);
      if (this.#mean) values[group] /= count;
    }
    return { type: this.#type, length: groups, validity, data: { layout: 'fixed', values } };
  }
}

/**
 * Sums of integers and decimals, exact whatever their size; null for a group without a value. The answer is
 * an int64 or a decimal of the values' scale, or with `mean` a double. Throws `type_error` where a sum does not
 * fit the answer's type.
 */
export class ExactSumAccumulator implements Accumulator {
  readonly #type: ColumnType;
  /** What a value is a multiple of: 10^-scale for a decimal. */
  readonly #unit: number;
  readonly #mean: boolean;
  readonly #counts: PresentCounts;
  #groups = 0;
  readonly #sums = new ExactSum();

  constructor(argType: ColumnType, type: ColumnType, mean: boolean, rows: RowCounts) {
    this.#counts = new PresentCounts(rows);
    this.#type = type;
    this.#unit = argType.kind === 'decimal' ? 10 ** argType.scale : 1;
    this.#mean = mean;
  }

  get bytes(): number {
    return this.#sums.bytes + this.#counts.bytes;
  }

  grow(groups: number): void {
    this.#groups = groups;
    this.#counts.grow(groups);
    this.#sums.grow(groups);
  }

  add(rows: GroupedRows, column: Column): void {
    this.#counts.add(rows, this.#groups);
    const coded = codedNumbers(column);
    if (coded !== undefined && this.#sums.addCoded(rows, coded)) return;
    const { data } = plainColumn(column);
    if (data.layout === 'none') return;
    if (data.layout === 'int128') {
      this.#sums.addInt128(rows, data.values);
      return;
    }
    assert(data.layout === 'fixed', 'integers are added');
    if (data.values instanceof Int32Array) this.#sums.addInt32(rows, data.values);
    else if (data.values instanceof Float64Array) this.#sums.addDoubles(rows, data.values);
    else this.#sums.addBigInts(rows, data.values);
  }

  finish(groups: number): Column {
    return this.#mean || this.#type.kind === 'double' ? this.#doubles(groups) : this.#exact(groups);
  }

  #doubles(groups: number): Column {
    const values = new Float64Array(groups);
    const counts = this.#counts.all(groups);
    const validity: Bitmap = newBitmap(groups, false);
    for (let group = 0; group < groups; group++) {
      const count = counts[group];
      if (count === 0) continue;
      setBit(validity, group);
      values[group] = this.#sums.totalDouble(group) / (this.#mean ? count : 1) / this.#unit;
    }
    return { type: this.#type, length: groups, validity, data: { layout: 'fixed', values } };
  }

  #exact(groups: number): Column {
    const limit = this.#type.kind === 'decimal' ? 10n ** BigInt(this.#type.precision) : 2n ** 63n;
    const totals: Scalar[] = [];
    for (let group = 0; group < groups; group++) {
      if (this.#counts.of(group) === 0) {
        totals.push(null);
        continue;
      }
      const total = this.#sums.total(group);
      if (total >= limit || total < -limit) {
        throw new OrasiError('type_error', `a sum is outside the range of ${this.#type.kind}; sum doubles instead`);
      }
      totals.push(total);
    }
    return columnOfScalars(this.#type, totals);
  }
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

function addDoubles(sums: Float64Array, { groups, leftOut }: GroupedRows, values: Float64Array): void {
  if (leftOut === null) for (let i = 0; i < groups.length; i++) sums[groups[i]] += values[i];
  else for (let i = 0; i < groups.length; i++) if (groups[i] >= 0) sums[groups[i]] += values[i];
}
