import { type Bitmap, bitmapBytes, countBits, getBit, newBitmap, sliceBitmap } from './bitmap.ts';
import { gatherBits, gatherData, hasNegative } from './gather-data.ts';
import { readInt128 } from './int128.ts';
import type { ColumnType, Schema } from './types.ts';

/**
 * A column: values of one type in flat memory, laid out as Arrow lays them out.
 *
 * Which layouts a type may have:
 * - null: `none`
 * - bool: `bits`
 * - int64: `fixed`, in the narrowest array that is exact: Int32Array, Float64Array (integers
 *   within ±2^53, never -0 or NaN) or BigInt64Array. Readers must accept all three.
 * - double: `fixed`, Float64Array
 * - date: `fixed`, Int32Array
 * - timestamp: `fixed`, Float64Array (only within ±2^53) or BigInt64Array
 * - decimal: `fixed`, BigInt64Array of unscaled values while precision ≤ 18; else `int128`
 * - string, json (UTF-8) and bytes: `varlen`
 * - string, int64, double, date, timestamp may also be `dictionary`: codes into a column without nulls
 *
 * Invariant: a null row's slot holds an arbitrary value (for a dictionary, any code below its length,
 * or 0 with an empty dictionary), so kernels may compute over all rows and mask afterwards.
 */
export interface Column {
  readonly type: ColumnType;
  readonly length: number;
  /** Null when every row is present. */
  readonly validity: Bitmap | null;
  readonly data: ColumnData;
}

/** The arrays of the `fixed` layout. */
export type FixedValues = Int32Array | Float64Array | BigInt64Array;
/** Codes of a dictionary's entries, in an array wide enough for all of them. */
export type Codes = Uint8Array | Uint16Array | Int32Array;

/** The memory of a column, by layout. */
export type ColumnData =
  | { readonly layout: 'none' }
  | { readonly layout: 'bits'; readonly values: Bitmap }
  | { readonly layout: 'fixed'; readonly values: FixedValues }
  /** Little-endian pairs: low word at 2i, high (signed) word at 2i+1. */
  | { readonly layout: 'int128'; readonly values: BigInt64Array }
  /** Value `i` is `bytes[offsets[i] .. offsets[i+1])`; `offsets` has length + 1 entries and may start above 0. */
  | { readonly layout: 'varlen'; readonly offsets: Int32Array; readonly bytes: Uint8Array }
  | { readonly layout: 'dictionary'; readonly codes: Codes; readonly dictionary: Column };

/**
 * Rows as columns. Invariant: `columns[i]` belongs to `schema[i]` and has `length` rows;
 * a column's type is its field's type.
 */
export interface Batch {
  readonly schema: Schema;
  readonly length: number;
  readonly columns: readonly Column[];
}

/**
 * A value taken out of a column; what it is depends on the column's type alone:
 * bool → boolean; int64, timestamp and decimal (unscaled) → bigint; double → number;
 * date → number of days; string and json → string; bytes → Uint8Array; null in any → null.
 */
export type Scalar = null | boolean | number | bigint | string | Uint8Array;

const decoder = new TextDecoder();

/** Decodes UTF-8; short ASCII, the common case, without entering the decoder. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start < 24) {
    let text = '';
    let i = start;
    for (; i < end; i++) {
      const byte = bytes[i];
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (i === end) return text;
  }
  return decoder.decode(bytes.subarray(start, end));
}

/** Whether a row is null. */
export function isNull(column: Column, row: number): boolean {
  if (column.validity !== null) return !getBit(column.validity, row);
  return column.data.layout === 'none';
}

/** How many rows are null. */
export function nullCount(column: Column): number {
  if (column.data.layout === 'none') return column.length;
  return column.validity === null ? 0 : column.length - countBits(column.validity, column.length);
}

/** The value at a row. For the edges (results, tests, fallbacks); loops over columns read `data` instead. */
export function scalarAt(column: Column, row: number): Scalar {
  if (isNull(column, row)) return null;
  const { data, type } = column;
  switch (data.layout) {
    case 'none':
      return null;
    case 'bits':
      return getBit(data.values, row);
    case 'fixed': {
      const value = data.values[row];
      if (type.kind === 'double' || type.kind === 'date') return Number(value);
      return typeof value === 'bigint' ? value : BigInt(value);
    }
    case 'int128':
      return readInt128(data.values, row);
    case 'varlen': {
      const start = data.offsets[row];
      const end = data.offsets[row + 1];
      return type.kind === 'bytes' ? data.bytes.slice(start, end) : decodeText(data.bytes, start, end);
    }
    case 'dictionary':
      return scalarAt(data.dictionary, data.codes[row]);
  }
}

/** A column of `length` nulls of a type. */
export function nullColumn(type: ColumnType, length: number): Column {
  return { type, length, validity: newBitmap(length, false), data: emptyData(type, length) };
}

function emptyData(type: ColumnType, length: number): ColumnData {
  switch (type.kind) {
    case 'null':
      return { layout: 'none' };
    case 'bool':
      return { layout: 'bits', values: newBitmap(length, false) };
    case 'int64':
    case 'date':
      return { layout: 'fixed', values: new Int32Array(length) };
    case 'double':
    case 'timestamp':
      return { layout: 'fixed', values: new Float64Array(length) };
    case 'decimal':
      return type.precision <= 18
        ? { layout: 'fixed', values: new BigInt64Array(length) }
        : { layout: 'int128', values: new BigInt64Array(2 * length) };
    case 'string':
    case 'json':
    case 'bytes':
      return { layout: 'varlen', offsets: new Int32Array(length + 1), bytes: new Uint8Array(0) };
  }
}

/** Rows `start` to `end`; shares the memory of fixed, varlen and dictionary values. */
export function sliceColumn(column: Column, start: number, end: number): Column {
  if (start === 0 && end === column.length) return column;
  const validity = column.validity === null ? null : sliceBitmap(column.validity, start, end);
  return { type: column.type, length: end - start, validity, data: sliceData(column.data, start, end) };
}

function sliceData(data: ColumnData, start: number, end: number): ColumnData {
  switch (data.layout) {
    case 'none':
      return data;
    case 'bits':
      return { layout: 'bits', values: sliceBitmap(data.values, start, end) };
    case 'fixed':
      return { layout: 'fixed', values: data.values.subarray(start, end) };
    case 'int128':
      return { layout: 'int128', values: data.values.subarray(2 * start, 2 * end) };
    case 'varlen':
      return { layout: 'varlen', offsets: data.offsets.subarray(start, end + 1), bytes: data.bytes };
    case 'dictionary':
      return { layout: 'dictionary', codes: data.codes.subarray(start, end), dictionary: data.dictionary };
  }
}

/** Rows `start` to `end` of a batch; shares memory as `sliceColumn` does. */
export function sliceBatch(batch: Batch, start: number, end: number): Batch {
  if (start === 0 && end === batch.length) return batch;
  return {
    schema: batch.schema,
    length: end - start,
    columns: batch.columns.map((column) => sliceColumn(column, start, end)),
  };
}

/** The rows at `rows`, in that order (repeats allowed); a negative row gives a null. */
export function gatherColumn(column: Column, rows: Int32Array): Column {
  const { type, data } = column;
  const length = rows.length;
  const anyNegative = hasNegative(rows);
  if (data.layout === 'none') return { type, length, validity: newBitmap(length, false), data };
  let validity: Bitmap | null = null;
  if (anyNegative || column.validity !== null) {
    const present = column.validity ?? newBitmap(column.length, true);
    validity = gatherBits(present, rows, anyNegative);
    if (countBits(validity, length) === length) validity = null;
  }
  return { type, length, validity, data: gatherData(data, rows, anyNegative) };
}

/** The rows of a batch at `rows`, in that order. */
export function gatherBatch(batch: Batch, rows: Int32Array): Batch {
  return {
    schema: batch.schema,
    length: rows.length,
    columns: batch.columns.map((column) => gatherColumn(column, rows)),
  };
}

/** Bytes of memory a column holds alive by itself (a shared dictionary counts in each). */
export function columnBytes(column: Column): number {
  const validity = column.validity === null ? 0 : bitmapBytes(column.length);
  const { data } = column;
  switch (data.layout) {
    case 'none':
      return validity;
    case 'bits':
    case 'fixed':
    case 'int128':
      return validity + data.values.byteLength;
    case 'varlen':
      return validity + data.offsets.byteLength + data.offsets[column.length] - data.offsets[0];
    case 'dictionary':
      return validity + data.codes.byteLength + columnBytes(data.dictionary);
  }
}

/** Bytes of memory a batch holds alive: what `columnBytes` says of its columns. */
export function batchBytes(batch: Batch): number {
  return batch.columns.reduce((sum, column) => sum + columnBytes(column), 0);
}
