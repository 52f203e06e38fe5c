import { countBits, setBit } from '../../../columns/bitmap.ts';
import { type Column, gatherColumn } from '../../../columns/column.ts';
import { plainColumn } from '../../../columns/plain.ts';
import { type ColumnType, INT64 } from '../../../columns/types.ts';
import { grownBytes, grownLength } from '../../../core/grow.ts';
import { KeyColumn } from '../key-column.ts';
import type { Accumulator, GroupedRows } from './accumulator.ts';

/** Integers from 0 up to here are a bit each: 1 MB at most, which a processor keeps at hand. */
const MOST_BITS = 2 ** 23;

/**
 * `count(DISTINCT …)` of all rows. Nothing asks which value came first, so that a small integer takes a bit and
 * not an id; what is no small integer is counted by its ids.
 */
export class DistinctCountAccumulator implements Accumulator {
  readonly #others: KeyColumn;
  readonly #type: ColumnType;
  #bits: Uint8Array = new Uint8Array(0);

  constructor(argType: ColumnType) {
    this.#type = argType;
    this.#others = new KeyColumn(argType);
  }

  get bytes(): number {
    return this.#bits.byteLength + this.#others.bytes;
  }

  grow(): void {}

  add({ groups, single }: GroupedRows, column: Column): void {
    const rest = this.#type.kind === 'int64' ? this.#noteSmall(groups, single, column) : presentRows(groups, single);
    if (rest?.length === 0) return;
    const values = rest === undefined ? column : gatherColumn(column, rest);
    this.#others.assign(values, new Int32Array(values.length));
  }

  /** Notes the small integers; gives the rows of the others, undefined where those are all rows. */
  #noteSmall(groups: Int32Array, single: boolean, column: Column): Int32Array | undefined {
    const { data } = plainColumn(column);
    if (data.layout !== 'fixed') return presentRows(groups, single);
    const { values } = data;
    const rest = new Int32Array(groups.length);
    if (values instanceof BigInt64Array) return rest.subarray(0, this.#noteWords(groups, values, rest));
    const bits = this.#bitsUpTo(largestSmall(values));
    const count =
      values instanceof Int32Array ? noteInt32s(groups, values, bits, rest) : noteDoubles(groups, values, bits, rest);
    return rest.subarray(0, count);
  }

  /** Read as halves: a bigint would be an object a row. */
  #noteWords(groups: Int32Array, values: BigInt64Array, rest: Int32Array): number {
    const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
    let count = 0;
    for (let i = 0; i < groups.length; i++) {
      if (groups[i] < 0) continue;
      const low = words[2 * i];
      if (words[2 * i + 1] === 0 && low >= 0 && low < MOST_BITS) setBit(this.#bitsUpTo(low), low);
      else rest[count++] = i;
    }
    return count;
  }

  #bitsUpTo(value: number): Uint8Array {
    const bytes = (value >> 3) + 1;
    if (bytes > this.#bits.length) this.#bits = grownBytes(this.#bits, grownLength(this.#bits.length, bytes));
    return this.#bits;
  }

  finish(): Column {
    const count = countBits(this.#bits, 8 * this.#bits.length) + this.#others.count - 1;
    const values = Float64Array.of(count);
    return { type: INT64, length: 1, validity: null, data: { layout: 'fixed', values } };
  }
}

/** The rows let in; undefined where all are. */
function presentRows(groups: Int32Array, single: boolean): Int32Array | undefined {
  if (single) return undefined;
  const rows = new Int32Array(groups.length);
  let count = 0;
  for (let i = 0; i < groups.length; i++) if (groups[i] >= 0) rows[count++] = i;
  return rows.subarray(0, count);
}

/** The largest of the integers that are small; what stands in the slot of a null counts too, and does no harm. */
function largestSmall(values: Int32Array | Float64Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > largest && values[i] < MOST_BITS) largest = values[i];
  return largest;
}

function noteInt32s(groups: Int32Array, values: Int32Array, bits: Uint8Array, rest: Int32Array): number {
  let count = 0;
  for (let i = 0; i < groups.length; i++) {
    if (groups[i] < 0) continue;
    const value = values[i];
    if (value >= 0 && value < MOST_BITS) bits[value >> 3] |= 1 << (value & 7);
    else rest[count++] = i;
  }
  return count;
}

function noteDoubles(groups: Int32Array, values: Float64Array, bits: Uint8Array, rest: Int32Array): number {
  let count = 0;
  for (let i = 0; i < groups.length; i++) {
    if (groups[i] < 0) continue;
    const value = values[i];
    if (value >= 0 && value < MOST_BITS) bits[value >> 3] |= 1 << (value & 7);
    else rest[count++] = i;
  }
  return count;
}
