import { assert } from '../core/errors.ts';
import { type Bitmap, newBitmap, setBit } from './bitmap.ts';
import { type Batch, type Codes, type Column, type ColumnData, isNull, nullColumn } from './column.ts';
import { plainColumn, toBigInts, toDoubles } from './plain.ts';
import type { ColumnType, Schema } from './types.ts';

/** The rows of columns of one type, one after another. A dictionary they share stays; others are dissolved. */
export function concatColumns(type: ColumnType, columns: readonly Column[]): Column {
  if (columns.length === 0) return nullColumn(type, 0);
  if (columns.length === 1) return columns[0];
  const length = columns.reduce((sum, column) => sum + column.length, 0);
  if (type.kind === 'null') return nullColumn(type, length);
  return { type, length, validity: concatValidity(columns, length), data: concatData(columns, length) };
}

/** The rows of batches whose columns are of the schema's types, one after another; `conformBatch` makes them so. */
export function concatBatches(schema: Schema, batches: readonly Batch[]): Batch {
  if (batches.length === 1) return { ...batches[0], schema };
  const length = batches.reduce((sum, batch) => sum + batch.length, 0);
  const columns = schema.map((field, i) =>
    concatColumns(
      field.type,
      batches.map((batch) => batch.columns[i]),
    ),
  );
  return { schema, length, columns };
}

function concatValidity(columns: readonly Column[], length: number): Bitmap | null {
  if (columns.every((column) => column.validity === null)) return null;
  const out = newBitmap(length, false);
  let start = 0;
  for (const column of columns) {
    for (let row = 0; row < column.length; row++) if (!isNull(column, row)) setBit(out, start + row);
    start += column.length;
  }
  return out;
}

function concatData(columns: readonly Column[], length: number): ColumnData {
  const first = columns[0].data;
  if (first.layout === 'dictionary') {
    const { dictionary } = first;
    const shared = columns.every(({ data }) => data.layout === 'dictionary' && data.dictionary === dictionary);
    if (shared) return { layout: 'dictionary', codes: concatCodes(columns, length), dictionary };
  }
  const plain = columns.map(plainColumn);
  const { layout } = plain[0].data;
  switch (layout) {
    case 'bits':
      return concatBits(plain, length);
    case 'fixed':
      return concatFixed(plain, length);
    case 'int128':
      return concatInt128(plain, length);
    case 'varlen':
      return concatVarlen(plain, length);
    default:
      throw new Error(`assertion failed: a column of ${layout} cannot be joined to another`);
  }
}

/** In the narrowest array among the parts that holds them all. */
function concatCodes(columns: readonly Column[], length: number): Codes {
  const parts = columns.map(({ data }) => {
    assert(data.layout === 'dictionary', 'columns that share a dictionary have codes');
    return data.codes;
  });
  const out = parts.every((part) => part instanceof Uint8Array)
    ? new Uint8Array(length)
    : parts.some((part) => part instanceof Int32Array)
      ? new Int32Array(length)
      : new Uint16Array(length);
  let start = 0;
  for (const part of parts) {
    out.set(part, start);
    start += part.length;
  }
  return out;
}

function concatBits(columns: readonly Column[], length: number): ColumnData {
  const values = newBitmap(length, false);
  let start = 0;
  for (const { data, length: rows } of columns) {
    assert(data.layout === 'bits', 'columns of one type have one layout');
    for (let row = 0; row < rows; row++) if ((data.values[row >> 3] >> (row & 7)) & 1) setBit(values, start + row);
    start += rows;
  }
  return { layout: 'bits', values };
}

/** In the narrowest array that holds them all exactly. */
function concatFixed(columns: readonly Column[], length: number): ColumnData {
  const parts = columns.map(({ data }) => {
    assert(data.layout === 'fixed', 'columns of one type have one layout');
    return data.values;
  });
  let start = 0;
  if (parts.some((part) => part instanceof BigInt64Array)) {
    const values = new BigInt64Array(length);
    for (const part of parts) {
      values.set(toBigInts(part), start);
      start += part.length;
    }
    return { layout: 'fixed', values };
  }
  const values = parts.every((part) => part instanceof Int32Array) ? new Int32Array(length) : new Float64Array(length);
  for (const part of parts) {
    values.set(part instanceof Int32Array ? part : toDoubles(part), start);
    start += part.length;
  }
  return { layout: 'fixed', values };
}

function concatInt128(columns: readonly Column[], length: number): ColumnData {
  const values = new BigInt64Array(2 * length);
  let start = 0;
  for (const { data } of columns) {
    assert(data.layout === 'int128', 'columns of one type have one layout');
    values.set(data.values, start);
    start += data.values.length;
  }
  return { layout: 'int128', values };
}

function concatVarlen(columns: readonly Column[], length: number): ColumnData {
  let size = 0;
  for (const { data, length: rows } of columns) {
    assert(data.layout === 'varlen', 'columns of one type have one layout');
    size += data.offsets[rows] - data.offsets[0];
  }
  const offsets = new Int32Array(length + 1);
  const bytes = new Uint8Array(size);
  let row = 0;
  let offset = 0;
  for (const { data, length: rows } of columns) {
    assert(data.layout === 'varlen', 'columns of one type have one layout');
    const shift = offset - data.offsets[0];
    bytes.set(data.bytes.subarray(data.offsets[0], data.offsets[rows]), offset);
    for (let i = 1; i <= rows; i++) offsets[row + i] = data.offsets[i] + shift;
    row += rows;
    offset += data.offsets[rows] - data.offsets[0];
  }
  return { layout: 'varlen', offsets, bytes };
}
