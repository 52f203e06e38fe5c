import { type Bitmap, getBit, newBitmap } from '../../columns/bitmap.ts';
import { type Codes, type Column, type FixedValues, nullColumn } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import { grownInt32 } from '../../core/grow.ts';
import { textsOf } from './compare-text.ts';
import { isDictionary } from './dictionary-once.ts';
import { joinHalves } from './halves.ts';
import { PairTable } from './pair-table.ts';
import { TextTable } from './text-table.ts';

/** The id every null has. */
export const NULL_ID = 0;

/** Integers from 0 up to here find their ids in an array instead of a hash table: 4 MB at most. */
const DIRECT_LENGTH = 1 << 20;

const UNIT = 4_294_967_296;

/**
 * Gives the values of one key column dense ids: 0 for null, then 1, 2, … in order of first appearance,
 * over all the batches it is shown. Equal values have one id whatever their layout; NaN equals NaN, -0 equals 0.
 */
export class KeyColumn {
  readonly #type: ColumnType;
  readonly #texts: TextTable | undefined;
  /** Values of up to 64 bits as their halves; for int128, pairs of ids of `#quarters`. */
  readonly #pairs = new PairTable();
  readonly #quarters: readonly [PairTable, PairTable] = [new PairTable(), new PairTable()];
  /**
   * The id of each small integer; 0 where it has none yet. Grown to the largest met. What is within it has its id
   * here alone and is in no hash table.
   */
  #direct: Int32Array = new Int32Array(0);
  #entries: { readonly dictionary: Column; readonly ids: Int32Array } | undefined;

  constructor(type: ColumnType) {
    this.#type = type;
    this.#texts = type.kind === 'string' || type.kind === 'json' || type.kind === 'bytes' ? new TextTable() : undefined;
  }

  /** One more than the largest id given. */
  get count(): number {
    return 1 + (this.#texts ?? this.#pairs).count;
  }

  get bytes(): number {
    const tables = (this.#texts?.bytes ?? 0) + this.#pairs.bytes + this.#quarters[0].bytes + this.#quarters[1].bytes;
    return tables + this.#direct.byteLength;
  }

  /** The id of each row, new ones where values are new. */
  assign(column: Column, into: Int32Array): void {
    if (isDictionary(column)) this.#assignCodes(column, column.data.codes, into);
    else this.#walk(column, 0, column.length, into, true);
    maskNulls(column, into, NULL_ID);
  }

  /** The id of each row; -1 where the value has none, and for null. */
  find(column: Column, into: Int32Array): void {
    if (isDictionary(column)) {
      const entries = new Int32Array(column.data.dictionary.length);
      this.#walk(column.data.dictionary, 0, entries.length, entries, false);
      mapCodes(column.data.codes, entries, into, column.length);
    } else this.#walk(column, 0, column.length, into, false);
    maskNulls(column, into, -1);
  }

  /** The values by id: a null in row 0. */
  values(): Column {
    if (this.#texts !== undefined) return this.#texts.column(this.#type);
    const length = this.count;
    if (this.#type.kind === 'null') return nullColumn(this.#type, length);
    const validity = newBitmap(length, true);
    validity[0] &= ~1;
    const [lower, upper] = this.#quarters;
    const wide = this.#type.kind === 'decimal' && this.#type.precision > 18;
    const data = wide
      ? joinHalves(this.#type, length, this.#pairs, lower, upper)
      : joinHalves(this.#type, length, this.#pairs);
    return { type: this.#type, length, validity, data };
  }

  /** Looks up only the entries some row has: a dictionary may hold values that no row of the batch does. */
  #assignCodes(column: Column, codes: Codes, into: Int32Array): void {
    assert(column.data.layout === 'dictionary', 'codes come from a dictionary');
    const { dictionary } = column.data;
    if (this.#entries?.dictionary !== dictionary) {
      this.#entries = { dictionary, ids: new Int32Array(dictionary.length) };
    }
    const { ids } = this.#entries;
    const one = new Int32Array(1);
    const { validity, length } = column;
    // Runs over rows whose entries are known are a plain table look-up; a new entry, or a null, interrupts them.
    for (let row = 0; ; row++) {
      row = mapKnown(codes, ids, into, row, length);
      if (row === length) return;
      if (validity !== null && !getBit(validity, row)) continue;
      this.#walk(dictionary, codes[row], codes[row] + 1, one, true);
      ids[codes[row]] = one[0];
      into[row] = one[0];
    }
  }

  /** Ids of rows `start` to `end`, into the front of `into`. A null row is passed over: what its slot holds is no value. */
  #walk(column: Column, start: number, end: number, into: Int32Array, insert: boolean): void {
    const { data, validity } = column;
    switch (data.layout) {
      case 'none':
        into.fill(NULL_ID, 0, end - start);
        return;
      case 'bits':
        this.#walkBits(data.values, validity, start, end, into, insert);
        return;
      case 'varlen':
        this.#walkTexts(column, start, end, into, insert);
        return;
      case 'fixed':
        this.#walkFixed(data.values, validity, start, end, into, insert);
        return;
      case 'int128':
        this.#walkWide(data.values, validity, start, end, into, insert);
        return;
      case 'dictionary':
        assert(false, 'a dictionary has none of its own');
    }
  }

  #walkBits(
    bits: Bitmap,
    validity: Bitmap | null,
    start: number,
    end: number,
    into: Int32Array,
    insert: boolean,
  ): void {
    for (let i = start; i < end; i++) {
      if (validity === null || getBit(validity, i)) into[i - start] = this.#word(getBit(bits, i) ? 1 : 0, 0, insert);
    }
  }

  /** The id of a value of up to 64 bits, -1 where it has none and is not to get one. */
  #word(low: number, high: number, insert: boolean): number {
    if (high !== 0 || low < 0 || low >= this.#direct.length) return this.#pair(low, high, insert);
    const id = this.#direct[low];
    if (id !== 0) return id;
    return insert ? this.#addDirect(low) : -1;
  }

  #addDirect(value: number): number {
    const id = this.#pairs.append(value, 0) + 1;
    this.#direct[value] = id;
    return id;
  }

  #pair(low: number, high: number, insert: boolean): number {
    const id = insert ? this.#pairs.idOf(low, high) : this.#pairs.find(low, high);
    return id < 0 ? -1 : id + 1;
  }

  #walkTexts(column: Column, start: number, end: number, into: Int32Array, insert: boolean): void {
    const { offsets, bytes } = textsOf(column);
    const { validity } = column;
    const texts = this.#texts;
    assert(texts !== undefined, 'a key of bytes has a table of texts');
    for (let i = start; i < end; i++) {
      if (validity !== null && !getBit(validity, i)) continue;
      const id = insert ? texts.idOf(bytes, offsets[i], offsets[i + 1]) : texts.find(bytes, offsets[i], offsets[i + 1]);
      into[i - start] = id < 0 ? -1 : id + 1;
    }
  }

  #walkFixed(
    values: FixedValues,
    validity: Bitmap | null,
    start: number,
    end: number,
    into: Int32Array,
    insert: boolean,
  ): void {
    if (values instanceof BigInt64Array) this.#walkBigInts(values, validity, start, end, into, insert);
    else if (values instanceof Int32Array) this.#walkInt32s(values, validity, start, end, into, insert);
    else if (this.#type.kind === 'double') this.#walkDoubles(values, validity, start, end, into, insert);
    else this.#walkIntegers(values, validity, start, end, into, insert);
  }

  /** Read as halves: a bigint would be an object a row. */
  #walkBigInts(
    values: BigInt64Array,
    validity: Bitmap | null,
    start: number,
    end: number,
    into: Int32Array,
    insert: boolean,
  ): void {
    const halves = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
    for (let i = start; i < end; i++) {
      if (validity !== null && !getBit(validity, i)) continue;
      into[i - start] = this.#word(halves[2 * i], halves[2 * i + 1], insert);
    }
  }

  #walkInt32s(
    values: Int32Array,
    validity: Bitmap | null,
    start: number,
    end: number,
    into: Int32Array,
    insert: boolean,
  ): void {
    const direct = this.#directFor(values, start, end);
    for (let i = start; i < end; i++) {
      if (validity !== null && !getBit(validity, i)) continue;
      const value = values[i];
      if (value >= 0 && value < direct.length) {
        const id = direct[value];
        into[i - start] = id !== 0 ? id : insert ? this.#addDirect(value) : -1;
      } else into[i - start] = this.#pair(value, value >> 31, insert);
    }
  }

  /** Integers in doubles, most often because one of them needs more than 32 bits. */
  #walkIntegers(
    values: Float64Array,
    validity: Bitmap | null,
    start: number,
    end: number,
    into: Int32Array,
    insert: boolean,
  ): void {
    const direct = this.#directFor(values, start, end);
    for (let i = start; i < end; i++) {
      if (validity !== null && !getBit(validity, i)) continue;
      const value = values[i];
      if (value >= 0 && value < direct.length) {
        const id = direct[value];
        into[i - start] = id !== 0 ? id : insert ? this.#addDirect(value) : -1;
      } else into[i - start] = this.#pair(value | 0, Math.floor(value / UNIT), insert);
    }
  }

  /** The array of small integers, grown to hold the largest of these. A single value is not worth growing it. */
  #directFor(values: Int32Array | Float64Array, start: number, end: number): Int32Array {
    if (end - start < 256) return this.#direct;
    let largest = 0;
    for (let i = start; i < end; i++) if (values[i] > largest && values[i] < DIRECT_LENGTH) largest = values[i];
    if (largest >= this.#direct.length) {
      this.#direct = grownInt32(this.#direct, Math.min(DIRECT_LENGTH, Math.max(1024, 2 * largest)));
      this.#moveDirect();
    }
    return this.#direct;
  }

  /** Brings values that had their ids before the array reached them into it. */
  #moveDirect(): void {
    const { lows, highs, count } = this.#pairs;
    const direct = this.#direct;
    for (let id = 0; id < count; id++) {
      if (highs[id] === 0 && lows[id] >= 0 && lows[id] < direct.length) direct[lows[id]] = id + 1;
    }
  }

  #walkDoubles(
    values: Float64Array,
    validity: Bitmap | null,
    start: number,
    end: number,
    into: Int32Array,
    insert: boolean,
  ): void {
    const one = new Float64Array(1);
    const halves = new Int32Array(one.buffer);
    for (let i = start; i < end; i++) {
      if (validity !== null && !getBit(validity, i)) continue;
      const value = values[i];
      // One bit pattern for both zeros, and one for every NaN.
      one[0] = value === 0 ? 0 : Number.isNaN(value) ? Number.NaN : value;
      into[i - start] = this.#pair(halves[0], halves[1], insert);
    }
  }

  #walkWide(
    values: BigInt64Array,
    validity: Bitmap | null,
    start: number,
    end: number,
    into: Int32Array,
    insert: boolean,
  ): void {
    const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
    const [lower, upper] = this.#quarters;
    for (let i = start; i < end; i++) {
      if (validity !== null && !getBit(validity, i)) continue;
      const at = 4 * i;
      if (insert) {
        const low = lower.idOf(words[at], words[at + 1]);
        into[i - start] = this.#pair(low, upper.idOf(words[at + 2], words[at + 3]), true);
        continue;
      }
      const low = lower.find(words[at], words[at + 1]);
      const high = upper.find(words[at + 2], words[at + 3]);
      into[i - start] = low < 0 || high < 0 ? -1 : this.#pair(low, high, false);
    }
  }
}

/** Maps codes to ids from `start` on, until a row whose entry has none; answers that row, or the length. */
function mapKnown(codes: Codes, ids: Int32Array, into: Int32Array, start: number, length: number): number {
  // A loop an array type, as everywhere that every row passes.
  if (codes instanceof Uint8Array) return mapKnown8(codes, ids, into, start, length);
  return codes instanceof Uint16Array
    ? mapKnown16(codes, ids, into, start, length)
    : mapKnown32(codes, ids, into, start, length);
}

function mapKnown8(codes: Uint8Array, ids: Int32Array, into: Int32Array, start: number, length: number): number {
  for (let row = start; row < length; row++) {
    const id = ids[codes[row]];
    if (!(id > 0)) return row;
    into[row] = id;
  }
  return length;
}

function mapKnown16(codes: Uint16Array, ids: Int32Array, into: Int32Array, start: number, length: number): number {
  for (let row = start; row < length; row++) {
    const id = ids[codes[row]];
    if (!(id > 0)) return row;
    into[row] = id;
  }
  return length;
}

function mapKnown32(codes: Int32Array, ids: Int32Array, into: Int32Array, start: number, length: number): number {
  for (let row = start; row < length; row++) {
    const id = ids[codes[row]];
    if (!(id > 0)) return row;
    into[row] = id;
  }
  return length;
}

function mapCodes(codes: Codes, entries: Int32Array, into: Int32Array, length: number): void {
  if (entries.length === 0) into.fill(-1, 0, length);
  else if (codes instanceof Uint8Array) for (let i = 0; i < length; i++) into[i] = entries[codes[i]];
  else if (codes instanceof Uint16Array) for (let i = 0; i < length; i++) into[i] = entries[codes[i]];
  else for (let i = 0; i < length; i++) into[i] = entries[codes[i]];
}

function maskNulls(column: Column, into: Int32Array, id: number): void {
  const { validity, length } = column;
  if (column.data.layout === 'none') into.fill(id, 0, length);
  else if (validity !== null) for (let i = 0; i < length; i++) if (!getBit(validity, i)) into[i] = id;
}
