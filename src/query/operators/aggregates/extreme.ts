import { getBit, newBitmap, setBit } from '../../../columns/bitmap.ts';
import { type Column, type ColumnData, gatherColumn } from '../../../columns/column.ts';
import { concatColumns } from '../../../columns/concat.ts';
import { plainColumn, toBigInts } from '../../../columns/plain.ts';
import type { ColumnType } from '../../../columns/types.ts';
import { assert } from '../../../core/errors.ts';
import { grownBigInts, grownBytes, grownDoubles, grownInt32, grownLength } from '../../../core/grow.ts';
import { compareTexts, textsOf } from '../compare-text.ts';
import type { Accumulator, GroupedRows } from './accumulator.ts';

/** The least or the greatest value of each group in the engine's order; null for a group without a value. */
export function extremeAccumulator(type: ColumnType, greatest: boolean): Accumulator {
  switch (type.kind) {
    case 'string':
    case 'json':
    case 'bytes':
      return new TextExtreme(type, greatest);
    case 'decimal':
      return type.precision > 18 ? new WideExtreme(type, greatest) : new NumberExtreme(type, greatest);
    default:
      return new NumberExtreme(type, greatest);
  }
}

/** Numbers, dates, instants and bools. */
class NumberExtreme implements Accumulator {
  readonly #type: ColumnType;
  readonly #greatest: boolean;
  #best: Float64Array = new Float64Array(0);
  /** Takes over from `#best` at the first batch of values that doubles do not hold exactly. */
  #bestBig: BigInt64Array | undefined;
  #seen: Uint8Array = new Uint8Array(0);

  constructor(type: ColumnType, greatest: boolean) {
    this.#type = type;
    this.#greatest = greatest;
  }

  get bytes(): number {
    return this.#best.byteLength + this.#seen.byteLength + (this.#bestBig?.byteLength ?? 0);
  }

  grow(groups: number): void {
    if (groups <= this.#seen.length) return;
    const length = grownLength(this.#seen.length, groups);
    this.#seen = grownBytes(this.#seen, length);
    if (this.#bestBig === undefined) this.#best = grownDoubles(this.#best, length);
    else this.#bestBig = grownBigInts(this.#bestBig, length);
  }

  add({ groups }: GroupedRows, column: Column): void {
    const { data } = plainColumn(column);
    switch (data.layout) {
      case 'none':
        return;
      case 'bits': {
        const values = new Float64Array(column.length);
        for (let i = 0; i < values.length; i++) values[i] = getBit(data.values, i) ? 1 : 0;
        this.#addNumbers(groups, values);
        return;
      }
      case 'fixed':
        if (this.#bestBig !== undefined || data.values instanceof BigInt64Array)
          this.#addBigInts(groups, toBigInts(data.values));
        else if (data.values instanceof Int32Array) this.#addInt32(groups, data.values);
        else this.#addNumbers(groups, data.values);
        return;
      default:
        assert(false, `${data.layout} has no order of numbers`);
    }
  }

  #addInt32(groups: Int32Array, values: Int32Array): void {
    const best = this.#best;
    const seen = this.#seen;
    const greatest = this.#greatest;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group < 0) continue;
      const value = values[i];
      if (seen[group] === 0 || (greatest ? value > best[group] : value < best[group])) {
        best[group] = value;
        seen[group] = 1;
      }
    }
  }

  /** NaN is above every number: it wins as the greatest, and loses to anything as the least. */
  #addNumbers(groups: Int32Array, values: Float64Array): void {
    const best = this.#best;
    const seen = this.#seen;
    const greatest = this.#greatest;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group < 0) continue;
      const value = values[i];
      const held = best[group];
      const better = greatest ? value > held || Number.isNaN(value) : value < held || Number.isNaN(held);
      if (better || seen[group] === 0) {
        best[group] = value;
        seen[group] = 1;
      }
    }
  }

  /** Compared as words, the high one signed and the low one not: a bigint would be an object a row. */
  #addBigInts(groups: Int32Array, values: BigInt64Array): void {
    this.#bestBig ??= toBigInts(this.#best);
    const best = new Int32Array(this.#bestBig.buffer, 0, 2 * this.#bestBig.length);
    const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
    const seen = this.#seen;
    const greatest = this.#greatest;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group < 0) continue;
      const low = words[2 * i];
      const high = words[2 * i + 1];
      const heldHigh = best[2 * group + 1];
      const heldLow = best[2 * group] >>> 0;
      const better = greatest
        ? high > heldHigh || (high === heldHigh && low >>> 0 > heldLow)
        : high < heldHigh || (high === heldHigh && low >>> 0 < heldLow);
      if (!better && seen[group] === 1) continue;
      best[2 * group] = low;
      best[2 * group + 1] = high;
      seen[group] = 1;
    }
  }

  finish(groups: number): Column {
    const validity = newBitmap(groups, false);
    for (let group = 0; group < groups; group++) if (this.#seen[group] === 1) setBit(validity, group);
    return { type: this.#type, length: groups, validity, data: this.#data(groups) };
  }

  #data(groups: number): ColumnData {
    if (this.#type.kind === 'bool') {
      const values = newBitmap(groups, false);
      for (let group = 0; group < groups; group++) if (this.#best[group] === 1) setBit(values, group);
      return { layout: 'bits', values };
    }
    if (this.#type.kind === 'date') return { layout: 'fixed', values: Int32Array.from(this.#best.subarray(0, groups)) };
    if (this.#bestBig !== undefined) return { layout: 'fixed', values: this.#bestBig.slice(0, groups) };
    const values = this.#best.slice(0, groups);
    return { layout: 'fixed', values: this.#type.kind === 'decimal' ? toBigInts(values) : values };
  }
}

/** Text, json and bytes: each group's best lies in an arena, which is packed when half of it is out of date. */
class TextExtreme implements Accumulator {
  readonly #type: ColumnType;
  readonly #sign: number;
  #starts: Int32Array = new Int32Array(0);
  /** -1 for a group without a value. */
  #lengths: Int32Array = new Int32Array(0);
  #arena: Uint8Array = new Uint8Array(1024);
  #end = 0;
  #liveBytes = 0;

  constructor(type: ColumnType, greatest: boolean) {
    this.#type = type;
    this.#sign = greatest ? -1 : 1;
  }

  get bytes(): number {
    return this.#arena.byteLength + 2 * this.#starts.byteLength;
  }

  grow(groups: number): void {
    const before = this.#starts.length;
    if (groups <= before) return;
    this.#starts = grownInt32(this.#starts, grownLength(before, groups));
    this.#lengths = grownInt32(this.#lengths, this.#starts.length).fill(-1, before);
  }

  add({ groups }: GroupedRows, column: Column): void {
    const plain = column.data.layout === 'dictionary' ? column.data.dictionary : column;
    if (plain.data.layout === 'none') return;
    const codes = column.data.layout === 'dictionary' ? column.data.codes : undefined;
    const texts = textsOf(plain);
    const held = { offsets: new Int32Array(2), bytes: this.#arena };
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group < 0) continue;
      const row = codes === undefined ? i : codes[i];
      if (this.#lengths[group] >= 0) {
        held.offsets[0] = this.#starts[group];
        held.offsets[1] = this.#starts[group] + this.#lengths[group];
        held.bytes = this.#arena;
        if (this.#sign * compareTexts(texts, row, held, 0) >= 0) continue;
      }
      this.#keep(group, texts.bytes.subarray(texts.offsets[row], texts.offsets[row + 1]));
    }
  }

  #keep(group: number, bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#arena.length) this.#makeRoom(bytes.length);
    this.#arena.set(bytes, this.#end);
    this.#liveBytes += bytes.length - Math.max(0, this.#lengths[group]);
    this.#starts[group] = this.#end;
    this.#lengths[group] = bytes.length;
    this.#end += bytes.length;
  }

  #makeRoom(bytes: number): void {
    const arena = new Uint8Array(grownLength(this.#liveBytes, this.#liveBytes + bytes));
    let end = 0;
    for (let group = 0; group < this.#starts.length; group++) {
      const length = this.#lengths[group];
      if (length < 0) continue;
      arena.set(this.#arena.subarray(this.#starts[group], this.#starts[group] + length), end);
      this.#starts[group] = end;
      end += length;
    }
    this.#arena = arena;
    this.#end = end;
  }

  finish(groups: number): Column {
    const offsets = new Int32Array(groups + 1);
    const validity = newBitmap(groups, false);
    for (let group = 0; group < groups; group++) {
      const length = this.#lengths[group];
      offsets[group + 1] = offsets[group] + Math.max(0, length);
      if (length >= 0) setBit(validity, group);
    }
    const bytes = new Uint8Array(offsets[groups]);
    for (let group = 0; group < groups; group++) {
      const start = this.#starts[group];
      bytes.set(this.#arena.subarray(start, start + Math.max(0, this.#lengths[group])), offsets[group]);
    }
    return { type: this.#type, length: groups, validity, data: { layout: 'varlen', offsets, bytes } };
  }
}

/** Decimals of more than 18 digits. */
class WideExtreme implements Accumulator {
  readonly #type: ColumnType;
  readonly #greatest: boolean;
  #best: BigInt64Array = new BigInt64Array(0);
  #seen: Uint8Array = new Uint8Array(0);

  constructor(type: ColumnType, greatest: boolean) {
    this.#type = type;
    this.#greatest = greatest;
  }

  get bytes(): number {
    return this.#best.byteLength + this.#seen.byteLength;
  }

  grow(groups: number): void {
    if (groups <= this.#seen.length) return;
    this.#seen = grownBytes(this.#seen, grownLength(this.#seen.length, groups));
    this.#best = grownBigInts(this.#best, 2 * this.#seen.length);
  }

  add({ groups }: GroupedRows, column: Column): void {
    if (column.data.layout === 'none') return;
    assert(column.data.layout === 'int128', 'a wide decimal has 128 bits');
    const { values } = column.data;
    const best = this.#best;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group < 0) continue;
      const less = isLess(values, i, best, group);
      const better = this.#greatest ? isLess(best, group, values, i) : less;
      if (!better && this.#seen[group] === 1) continue;
      best[2 * group] = values[2 * i];
      best[2 * group + 1] = values[2 * i + 1];
      this.#seen[group] = 1;
    }
  }

  finish(groups: number): Column {
    const validity = newBitmap(groups, false);
    for (let group = 0; group < groups; group++) if (this.#seen[group] === 1) setBit(validity, group);
    const values = this.#best.slice(0, 2 * groups);
    return { type: this.#type, length: groups, validity, data: { layout: 'int128', values } };
  }
}

function isLess(a: BigInt64Array, i: number, b: BigInt64Array, j: number): boolean {
  const [high, otherHigh] = [a[2 * i + 1], b[2 * j + 1]];
  if (high !== otherHigh) return high < otherHigh;
  return BigInt.asUintN(64, a[2 * i]) < BigInt.asUintN(64, b[2 * j]);
}

/** Some value of each group, the first met; null for a group without a value. */
export class AnyValueAccumulator implements Accumulator {
  readonly #type: ColumnType;
  readonly #parts: Column[] = [];
  #partBytes = 0;
  #rows = 0;
  /** The row of the parts, one after the other, that holds a group's value; 0 for none, else the row + 1. */
  #places: Int32Array = new Int32Array(0);

  constructor(type: ColumnType) {
    this.#type = type;
  }

  get bytes(): number {
    return this.#places.byteLength + this.#partBytes;
  }

  grow(groups: number): void {
    if (groups > this.#places.length) this.#places = grownInt32(this.#places, grownLength(this.#places.length, groups));
  }

  add({ groups }: GroupedRows, column: Column): void {
    const rows: number[] = [];
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group < 0 || this.#places[group] > 0) continue;
      rows.push(i);
      this.#places[group] = this.#rows + rows.length;
    }
    if (rows.length === 0) return;
    // Without its dictionary, which would otherwise stay alive for a few rows of it.
    this.#parts.push(plainColumn(gatherColumn(column, Int32Array.from(rows))));
    this.#rows += rows.length;
    this.#partBytes += 16 * rows.length;
  }

  finish(groups: number): Column {
    const places = this.#places.subarray(0, groups).map((place) => place - 1);
    return gatherColumn(concatColumns(this.#type, [...this.#parts, emptyOf(this.#type)]), places);
  }
}

function emptyOf(type: ColumnType): Column {
  return concatColumns(type, []);
}
