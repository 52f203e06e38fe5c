import { type Bitmap, getBit, newBitmap, setBit } from '../../columns/bitmap.ts';
import { type Batch, type Column, type ColumnData, nullColumn } from '../../columns/column.ts';
import type { ColumnType, Schema } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import { plainColumn, toBigInts, toDoubles } from './plain.ts';

/** The rows of columns of one type, one after the other. A dictionary they share stays; others are dissolved. */
export function concatColumns(type: ColumnType, columns: readonly Column[]): Column {
  if (columns.length === 0) return nullColumn(type, 0);
  if (columns.length === 1) return columns[0];
  const length = columns.reduce((sum, column) => sum + column.length, 0);
  if (type.kind === 'null') return nullColumn(type, length);
  return { type, length, validity: concatValidity(columns, length), data: concatData(columns, length) };
}

export function concatBatches(schema: Schema, batches: readonly Batch[]): Batch {
  if (batches.length === 1) return { ...batches[0], schema };
  const length = batches.reduce((sum, batch) => sum + batch.length, 0);
  const columns = schema.map((field, i) =>
    batches.length === 0
      ? nullColumn(field.type, 0)
      : concatColumns(
          field.type,
          batches.map((batch) => batch.columns[i]),
        ),
  );
  return { schema, length, columns };
}

function concatValidity(columns: readonly Column[], length: number): Bitmap | null {
  if (columns.every((column) => column.validity === null && column.data.layout !== 'none')) return null;
  const out = newBitmap(length, false);
  let start = 0;
  for (const column of columns) {
    const { validity } = column;
    if (validity !== null) {
      for (let i = 0; i < column.length; i++) if (getBit(validity, i)) setBit(out, start + i);
    } else if (column.data.layout !== 'none') {
      for (let i = start; i < start + column.length; i++) setBit(out, i);
    }
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

function concatCodes(columns: readonly Column[], length: number): Int32Array | Uint16Array | Uint8Array {
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
    for (let i = 0; i < rows; i++) if (getBit(data.values, i)) setBit(values, start + i);
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
