import { type Bitmap, newBitmap, setBit } from './bitmap.ts';
import type { Batch, Column, FixedValues } from './column.ts';
import { dictionaryEncode } from './dictionary.ts';
import { inferInstants } from './infer-instants.ts';
import { inferText, type Texts } from './infer-text.ts';
import { writeInt128 } from './int128.ts';
import { doubleText, fitsInt64 } from './text.ts';
import type { TextForms } from './text-forms.ts';
import { BOOL, type ColumnType, DOUBLE, decimal, type Field, INT64, JSON_TYPE, NULL_TYPE, STRING } from './types.ts';
import { asciiText, writeText } from './utf8.ts';

/** What a row of a column under construction holds. Absent and null are the same. */
const ABSENT = 0;
const FALSE = 1;
const TRUE = 2;
/** An integer within ±2^53, in `numbers`. */
const INT = 3;
/** An int64 beyond ±2^53, in `bigs`. */
const BIG = 4;
/** An integer beyond int64, its digits in the text. */
const HUGE = 5;
const FRACTION = 6;
const TEXT = 7;
const NESTED = 8;

const FIRST_ROWS = 256;
const FIRST_TEXT = 4096;
/** The most digits a decimal keeps. */
const DECIMAL_DIGITS = 38;
/** Doubles hold every integer up to here. */
const MAX_EXACT = 2n ** 53n;

/** A finished column and what its field must say of it. */
export interface BuiltColumn {
  readonly column: Column;
  readonly wide: boolean;
  readonly text?: TextForms;
}

/** The field of a finished column. */
export function fieldOf(name: string, { column, wide, text }: BuiltColumn): Field {
  const nullable = column.validity !== null || column.type.kind === 'null';
  return { name, type: column.type, nullable, ...(wide ? { wide } : {}), ...(text === undefined ? {} : { text }) };
}

/**
 * What texts are taken for: `strings` whatever they look like, since the column's type is declared;
 * `instants` where all of them are dates or instants, in formats that tell numbers from text;
 * `values` for formats that have nothing but text.
 */
export type TextReading = 'strings' | 'instants' | 'values';

function readTexts(reading: TextReading, texts: Texts): BuiltColumn | null {
  if (reading === 'strings') return null;
  if (reading === 'values') return inferText(texts);
  return inferInstants(texts.offsets, texts.bytes, texts.length, texts.validity);
}

/**
 * Collects one column of a batch value by value and finds the narrowest type that holds them all.
 *
 * Values are given with their row, which never decreases; rows not given are null, and a row given
 * again is overwritten. What a value becomes depends on the value and the column's final type alone,
 * by the same widening as `widen` and `widenColumn`, so that cutting the rows into other batches
 * never changes them.
 */
export class ColumnBuilder {
  readonly name: string;
  #capacity = FIRST_ROWS;
  #kinds = new Uint8Array(FIRST_ROWS);
  #numbers: Float64Array<ArrayBuffer> | null = null;
  #bigs: BigInt64Array<ArrayBuffer> | null = null;
  /** Start of each row's text; filled up to `#textRow`. */
  #starts: Int32Array<ArrayBuffer> | null = null;
  #textRow = -1;
  #text = new Uint8Array(0);
  #textView = new DataView(this.#text.buffer);
  #textEnd = 0;

  readonly #reading: TextReading;

  constructor(name: string, reading: TextReading = 'instants') {
    this.name = name;
    this.#reading = reading;
  }

  setNull(row: number): void {
    if (row < this.#capacity) this.#kinds[row] = ABSENT;
  }

  setBool(row: number, value: boolean): void {
    if (row >= this.#capacity) this.#grow(row);
    this.#kinds[row] = value ? TRUE : FALSE;
  }

  /** An integer within ±2^53. */
  setInt(row: number, value: number): void {
    if (row >= this.#capacity) this.#grow(row);
    this.#numbers ??= new Float64Array(this.#capacity);
    this.#kinds[row] = INT;
    // Adding zero turns -0 into 0, which an integer column must not hold.
    this.#numbers[row] = value + 0;
  }

  /** An integer of any size, as `-` and digits without leading zeros. */
  setDigits(row: number, digits: string): void {
    // Past 20 characters it is beyond int64 for certain, and reading it would cost the square of its length.
    const value = digits.length <= 20 ? BigInt(digits) : null;
    if (value === null || !fitsInt64(value)) {
      this.setText(row, digits);
      this.#kinds[row] = HUGE;
    } else {
      this.setInteger(row, value);
    }
  }

  /** An int64. */
  setInteger(row: number, value: bigint): void {
    if (value >= -MAX_EXACT && value <= MAX_EXACT) {
      this.setInt(row, Number(value));
    } else {
      if (row >= this.#capacity) this.#grow(row);
      this.#bigs ??= new BigInt64Array(this.#capacity);
      this.#kinds[row] = BIG;
      this.#bigs[row] = value;
    }
  }

  setDouble(row: number, value: number): void {
    if (row >= this.#capacity) this.#grow(row);
    this.#numbers ??= new Float64Array(this.#capacity);
    this.#kinds[row] = FRACTION;
    this.#numbers[row] = value;
  }

  setText(row: number, value: string): void {
    this.#openText(row, value.length * 3);
    this.#textEnd = writeText(value, this.#text, this.#textEnd);
    this.#kinds[row] = TEXT;
  }

  /** Valid UTF-8 from a buffer. Four bytes a step, since a byte a step costs as much as finding the bytes did. */
  setUtf8(row: number, source: DataView, start: number, end: number): void {
    this.#openText(row, end - start);
    const view = this.#textView;
    let at = this.#textEnd;
    let from = start;
    for (; from + 4 <= end; from += 4, at += 4) view.setUint32(at, source.getUint32(from, true), true);
    for (; from < end; from++, at++) view.setUint8(at, source.getUint8(from));
    this.#textEnd = at;
    this.#kinds[row] = TEXT;
  }

  /** A nested value as JSON text without white space around its tokens. */
  setJson(row: number, source: DataView, start: number, end: number): void {
    this.setUtf8(row, source, start, end);
    this.#kinds[row] = NESTED;
  }

  /** Takes back whatever the row was given. */
  clear(row: number): void {
    if (row < this.#capacity) this.#kinds[row] = ABSENT;
    if (this.#textRow === row && this.#starts !== null) {
      this.#textEnd = this.#starts[row];
      this.#textRow = row - 1;
    }
  }

  /** Whether the row has a value. */
  has(row: number): boolean {
    return row < this.#capacity && this.#kinds[row] !== ABSENT;
  }

  /** The column of rows 0 to `length`, and room for the next batch. */
  finish(length: number): BuiltColumn {
    if (length > this.#capacity) this.#grow(length - 1);
    const kinds = this.#kinds;
    let seen = 0;
    for (let row = 0; row < length; row++) seen |= 1 << kinds[row];
    const validity = (seen & 1) === 0 ? null : this.#validity(length);
    const built = this.#build(seen >> 1, length, validity);
    kinds.fill(ABSENT);
    this.#textRow = -1;
    this.#textEnd = 0;
    return built;
  }

  #build(seen: number, length: number, validity: Bitmap | null): BuiltColumn {
    const only = (...kinds: number[]) => {
      const allowed = kinds.reduce((bits, kind) => bits | (1 << (kind - 1)), 0);
      return (seen & ~allowed) === 0;
    };
    const narrow = (type: ColumnType, data: Column['data']) => ({
      column: { type, length, validity, data },
      wide: false,
    });
    if (seen === 0)
      return { column: { type: NULL_TYPE, length, validity: null, data: { layout: 'none' } }, wide: false };
    if (only(FALSE, TRUE)) return narrow(BOOL, { layout: 'bits', values: this.#bools(length) });
    if (only(INT)) return narrow(INT64, { layout: 'fixed', values: this.#ints(length) });
    if (only(INT, BIG)) {
      return {
        column: { type: INT64, length, validity, data: { layout: 'fixed', values: this.#bigints(length) } },
        wide: true,
      };
    }
    if (only(INT, BIG, HUGE) && this.#hugeDigits(length) <= DECIMAL_DIGITS) {
      return narrow(decimal(DECIMAL_DIGITS, 0), { layout: 'int128', values: this.#decimals(length) });
    }
    if (only(INT, FRACTION)) return narrow(DOUBLE, { layout: 'fixed', values: this.#doubles(length) });
    if (only(TEXT)) return this.#strings(length, validity);
    if (only(NESTED)) return narrow(JSON_TYPE, { layout: 'varlen', ...this.#texts(length) });
    return this.#mixed(length, validity);
  }

  #validity(length: number): Bitmap {
    const bits = newBitmap(length, false);
    for (let row = 0; row < length; row++) if (this.#kinds[row] !== ABSENT) setBit(bits, row);
    return bits;
  }

  #bools(length: number): Bitmap {
    const bits = newBitmap(length, false);
    for (let row = 0; row < length; row++) if (this.#kinds[row] === TRUE) setBit(bits, row);
    return bits;
  }

  #numberSlots(): Float64Array {
    return this.#numbers ?? new Float64Array(this.#capacity);
  }

  #ints(length: number): FixedValues {
    const [kinds, numbers] = [this.#kinds, this.#numberSlots()];
    const out = new Int32Array(length);
    for (let row = 0; row < length; row++) {
      if (kinds[row] !== INT) continue;
      out[row] = numbers[row];
      if (out[row] !== numbers[row]) return this.#doubles(length);
    }
    return out;
  }

  #doubles(length: number): Float64Array {
    const [kinds, numbers] = [this.#kinds, this.#numberSlots()];
    const out = new Float64Array(length);
    for (let row = 0; row < length; row++) if (kinds[row] !== ABSENT) out[row] = numbers[row];
    return out;
  }

  #bigints(length: number): BigInt64Array {
    const out = new BigInt64Array(length);
    for (let row = 0; row < length; row++) out[row] = this.#integerAt(row);
    return out;
  }

  #integerAt(row: number): bigint {
    switch (this.#kinds[row]) {
      case INT:
        return BigInt(this.#numberSlots()[row]);
      case BIG:
        return this.#bigs === null ? 0n : this.#bigs[row];
      case HUGE:
        return BigInt(this.#digits(row));
      default:
        return 0n;
    }
  }

  #digits(row: number): string {
    return asciiText(this.#text, this.#startOf(row), this.#startOf(row + 1));
  }

  #hugeDigits(length: number): number {
    let most = 0;
    for (let row = 0; row < length; row++) {
      if (this.#kinds[row] === HUGE) most = Math.max(most, this.#digits(row).replace('-', '').length);
    }
    return most;
  }

  #decimals(length: number): BigInt64Array {
    const out = new BigInt64Array(2 * length);
    for (let row = 0; row < length; row++) writeInt128(out, row, this.#integerAt(row));
    return out;
  }

  #startOf(row: number): number {
    return this.#starts !== null && row <= this.#textRow ? this.#starts[row] : this.#textEnd;
  }

  /** Offsets and bytes of all rows as they stand. */
  #texts(length: number): { offsets: Int32Array; bytes: Uint8Array } {
    const offsets = new Int32Array(length + 1).fill(this.#textEnd);
    if (this.#starts !== null) offsets.set(this.#starts.subarray(0, Math.min(this.#textRow, length) + 1));
    return { offsets, bytes: this.#text.slice(0, this.#textEnd) };
  }

  #strings(length: number, validity: Bitmap | null): BuiltColumn {
    const texts = this.#texts(length);
    const read = readTexts(this.#reading, { ...texts, length, validity });
    if (read !== null) return read;
    const dictionary = dictionaryEncode(STRING, texts.offsets, texts.bytes, length, validity);
    return {
      column: { type: STRING, length, validity, data: dictionary ?? { layout: 'varlen', ...texts } },
      wide: false,
    };
  }

  /** Kinds without a common type but string: each value as its canonical text. */
  #mixed(length: number, validity: Bitmap | null): BuiltColumn {
    const offsets = new Int32Array(length + 1);
    const text = this.#text.subarray(0, this.#textEnd);
    // 25 characters is the longest text of a number that is not already text.
    const bytes = new Uint8Array(this.#textEnd + 25 * length);
    let at = 0;
    for (let row = 0; row < length; row++) {
      switch (this.#kinds[row]) {
        case ABSENT:
          break;
        case FALSE:
        case TRUE:
          at = writeText(this.#kinds[row] === TRUE ? 'true' : 'false', bytes, at);
          break;
        case INT:
        case FRACTION:
          at = writeText(doubleText(this.#numberSlots()[row]), bytes, at);
          break;
        case BIG:
          at = writeText(this.#integerAt(row).toString(), bytes, at);
          break;
        default: {
          const [start, end] = [this.#startOf(row), this.#startOf(row + 1)];
          bytes.set(text.subarray(start, end), at);
          at += end - start;
        }
      }
      offsets[row + 1] = at;
    }
    return {
      column: { type: STRING, length, validity, data: { layout: 'varlen', offsets, bytes: bytes.slice(0, at) } },
      wide: false,
    };
  }

  #openText(row: number, room: number): void {
    if (row >= this.#capacity) this.#grow(row);
    this.#starts ??= new Int32Array(this.#capacity);
    if (this.#textRow === row) {
      this.#textEnd = this.#starts[row];
    } else {
      for (let gap = this.#textRow + 1; gap <= row; gap++) this.#starts[gap] = this.#textEnd;
      this.#textRow = row;
    }
    if (this.#textEnd + room > this.#text.length) {
      const text = new Uint8Array(Math.max(FIRST_TEXT, 2 * this.#text.length, this.#textEnd + room));
      text.set(this.#text.subarray(0, this.#textEnd));
      this.#text = text;
      this.#textView = new DataView(text.buffer);
    }
  }

  #grow(row: number): void {
    while (this.#capacity <= row) this.#capacity *= 2;
    const kinds = new Uint8Array(this.#capacity);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    if (this.#numbers !== null) {
      const numbers = new Float64Array(this.#capacity);
      numbers.set(this.#numbers);
      this.#numbers = numbers;
    }
    if (this.#bigs !== null) {
      const bigs = new BigInt64Array(this.#capacity);
      bigs.set(this.#bigs);
      this.#bigs = bigs;
    }
    if (this.#starts !== null) {
      const starts = new Int32Array(this.#capacity);
      starts.set(this.#starts);
      this.#starts = starts;
    }
  }
}

/**
 * Collects a batch row by row. Columns are in the order in which they first had a value in a kept row.
 *
 *     const name = builder.column('name'); name.setText(builder.row, 'x'); builder.commitRow();
 */
export class BatchBuilder {
  #columns: ColumnBuilder[] = [];
  #byName = new Map<string, ColumnBuilder>();
  readonly #reading: (name: string) => TextReading;
  #row = 0;
  #columnsBefore = 0;

  /** `reading` says how the texts of a column are taken. */
  constructor(reading: (name: string) => TextReading = () => 'instants') {
    this.#reading = reading;
  }

  /** The row now being filled, which is also the number of rows kept. */
  get row(): number {
    return this.#row;
  }

  get columns(): readonly ColumnBuilder[] {
    return this.#columns;
  }

  /** The builder of a column, made where the name is new. */
  column(name: string): ColumnBuilder {
    let column = this.#byName.get(name);
    if (column === undefined) {
      column = new ColumnBuilder(name, this.#reading(name));
      this.#byName.set(name, column);
      this.#columns.push(column);
    }
    return column;
  }

  /** Keeps the columns there are, whether or not a kept row has them. */
  fixColumns(): void {
    this.#columnsBefore = this.#columns.length;
  }

  commitRow(): void {
    this.#row++;
    this.#columnsBefore = this.#columns.length;
  }

  /** Forgets the row being filled, and the columns only it had. */
  rollbackRow(): void {
    for (const column of this.#columns.splice(this.#columnsBefore)) this.#byName.delete(column.name);
    for (const column of this.#columns) column.clear(this.#row);
  }

  /** Bytes the columns will hold, but for text, which the caller knows from its input. */
  get fixedBytes(): number {
    return this.#row * this.#columns.length * 9;
  }

  /** The batch of the rows kept; the builder goes on empty, its columns known. */
  finish(): Batch {
    const length = this.#row;
    const schema: Field[] = [];
    const columns: Column[] = [];
    for (const builder of this.#columns) {
      const built = builder.finish(length);
      schema.push(fieldOf(builder.name, built));
      columns.push(built.column);
    }
    this.#row = 0;
    return { schema, length, columns };
  }
}
