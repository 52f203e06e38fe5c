import { type Bitmap, getBit, newBitmap } from '../../columns/bitmap.ts';
import { type Column, type FixedValues, nullColumn } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import { textsOf } from './compare-text.ts';
import { isDictionary } from './dictionary-once.ts';
import { joinHalves } from './halves.ts';
import { PairTable } from './pair-table.ts';
import { TextTable } from './text-table.ts';

/** The id every null has. */
export const NULL_ID = 0;

/** Small integers find their ids in an array instead of a hash table. */
const DIRECT_LEAST = -65_536;
const DIRECT_LENGTH = 196_608;

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
  #direct: Int32Array | undefined;
  #entries: { dictionary: Column; ids: Int32Array } | undefined;

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
    return tables + (this.#direct?.byteLength ?? 0);
  }

  /** The id of each row, new ones where values are new. */
  assign(column: Column, into: Int32Array): void {
    if (isDictionary(column)) this.#assignCodes(column, into);
    else this.#walk(column, into, true);
    maskNulls(column, into, NULL_ID);
  }

  /** The id of each row; -1 where the value has none, and for null. */
  find(column: Column, into: Int32Array): void {
    if (isDictionary(column)) {
      const entries = new Int32Array(column.data.dictionary.length);
      this.#walk(column.data.dictionary, entries, false);
      const { codes } = column.data;
      for (let i = 0; i < column.length; i++) into[i] = entries[codes[i]];
    } else this.#walk(column, into, false);
    maskNulls(column, into, -1);
  }

  /** The values by id: a null in row 0. */
  values(): Column {
    if (this.#texts !== undefined) return this.#texts.column(this.#type);
    const length = this.count;
    if (this.#type.kind === 'null') return nullColumn(this.#type, length);
    const validity = newBitmap(length, true);
    validity[0] &= ~1;
    const data =
      this.#type.kind === 'decimal' && this.#type.precision > 18
        ? joinHalves(this.#type, length, ...this.#wideHalves())
        : joinHalves(this.#type, length, this.#pairs);
    return { type: this.#type, length, validity, data };
  }

  #wideHalves(): [PairTable, PairTable, PairTable] {
    return [this.#pairs, ...this.#quarters];
  }

  /** Looks an entry up when its first row comes by: a dictionary may hold values no row has. */
  #assignCodes(column: Column & { data: { layout: 'dictionary' } }, into: Int32Array): void {
    const { codes, dictionary } = column.data;
    if (this.#entries?.dictionary !== dictionary) {
      this.#entries = { dictionary, ids: new Int32Array(dictionary.length) };
    }
    const { ids } = this.#entries;
    const one = new Int32Array(1);
    const { validity } = column;
    for (let i = 0; i < column.length; i++) {
      const id = ids[codes[i]];
      if (id > 0) {
        into[i] = id;
      } else if (validity === null || getBit(validity, i)) {
        this.#walkRange(dictionary, codes[i], codes[i] + 1, one, true);
        ids[codes[i]] = one[0];
        into[i] = one[0];
      }
    }
  }

  #walk(column: Column, into: Int32Array, insert: boolean): void {
    this.#walkRange(column, 0, column.length, into, insert);
  }

  /** Ids of rows `start` to `end`, into the front of `into`. A null row is passed over: what its slot holds is no value. */
  #walkRange(column: Column, start: number, end: number, into: Int32Array, insert: boolean): void {
    const { data } = column;
    switch (data.layout) {
      case 'none':
        into.fill(NULL_ID, 0, end - start);
        return;
      case 'bits':
        this.#walkBits(data.values, column, start, end, into, insert);
        return;
      case 'varlen':
        this.#walkTexts(column, start, end, into, insert);
        return;
      case 'fixed':
        this.#walkFixed(data.values, column, start, end, into, insert);
        return;
      case 'int128':
        this.#walkWide(data.values, column, start, end, into, insert);
        return;
      case 'dictionary':
        assert(false, 'a dictionary has none of its own');
    }
  }

  #walkBits(bits: Bitmap, column: Column, start: number, end: number, into: Int32Array, insert: boolean): void {
    const { validity } = column;
    for (let i = start; i < end; i++) {
      if (validity === null || getBit(validity, i)) into[i - start] = this.#pair(getBit(bits, i) ? 1 : 0, 0, insert);
    }
  }

  #pair(low: number, high: number, insert: boolean): number {
    return insert ? this.#pairs.idOf(low, high) + 1 : this.#found(this.#pairs.find(low, high));
  }

  #found(id: number): number {
    return id < 0 ? -1 : id + 1;
  }

  #walkTexts(column: Column, start: number, end: number, into: Int32Array, insert: boolean): void {
    const { offsets, bytes } = textsOf(column);
    const { validity } = column;
    const texts = this.#texts;
    assert(texts !== undefined, 'a key of bytes has a table of texts');
    for (let i = start; i < end; i++) {
      if (validity !== null && !getBit(validity, i)) continue;
      into[i - start] = insert
        ? texts.idOf(bytes, offsets[i], offsets[i + 1]) + 1
        : this.#found(texts.find(bytes, offsets[i], offsets[i + 1]));
    }
  }

  #walkFixed(values: FixedValues, column: Column, start: number, end: number, into: Int32Array, insert: boolean): void {
    const { validity } = column;
    const nulls = (i: number) => validity !== null && !getBit(validity, i);
    if (values instanceof BigInt64Array) {
      // Read as halves: a bigint would be an object a row.
      const halves = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
      for (let i = start; i < end; i++) {
        if (!nulls(i)) into[i - start] = this.#pair(halves[2 * i], halves[2 * i + 1], insert);
      }
    } else if (values instanceof Int32Array) {
      this.#walkInt32(values, column, start, end, into, insert);
    } else if (column.type.kind === 'double') {
      const one = new Float64Array(1);
      const halves = new Int32Array(one.buffer);
      for (let i = start; i < end; i++) {
        if (nulls(i)) continue;
        const value = values[i];
        one[0] = value === 0 ? 0 : Number.isNaN(value) ? Number.NaN : value;
        into[i - start] = this.#pair(halves[0], halves[1], insert);
      }
    } else {
      for (let i = start; i < end; i++) {
        if (nulls(i)) continue;
        const value = values[i];
        into[i - start] = this.#pair(value | 0, Math.floor(value / 4_294_967_296), insert);
      }
    }
  }

  #walkInt32(values: Int32Array, column: Column, start: number, end: number, into: Int32Array, insert: boolean): void {
    const { validity } = column;
    if (end - start > 1) this.#direct ??= new Int32Array(DIRECT_LENGTH);
    const direct = this.#direct;
    for (let i = start; i < end; i++) {
      if (validity !== null && !getBit(validity, i)) continue;
      const value = values[i];
      const place = value - DIRECT_LEAST;
      if (direct !== undefined && place >= 0 && place < DIRECT_LENGTH) {
        let id = direct[place];
        if (id === 0) {
          id = this.#pair(value, value >> 31, insert);
          if (id > 0) direct[place] = id;
        }
        into[i - start] = id;
      } else into[i - start] = this.#pair(value, value >> 31, insert);
    }
  }

  #walkWide(
    values: BigInt64Array,
    column: Column,
    start: number,
    end: number,
    into: Int32Array,
    insert: boolean,
  ): void {
    const { validity } = column;
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

function maskNulls(column: Column, into: Int32Array, id: number): void {
  const { validity, length } = column;
  if (column.data.layout === 'none') into.fill(id, 0, length);
  else if (validity !== null) for (let i = 0; i < length; i++) if (!getBit(validity, i)) into[i] = id;
}
