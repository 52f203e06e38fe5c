import { type Bitmap, newBitmap, setBit } from './bitmap.ts';
import { castColumn } from './cast.ts';
import { type Batch, type Column, type FixedValues, gatherColumn, isNull, nullColumn } from './column.ts';
import { columnOf } from './from-scalars.ts';
import { mergeSchemas, type Schema } from './types.ts';

/** A column without the dictionary layout. */
export function plainColumn(column: Column): Column {
  if (column.data.layout !== 'dictionary') return column;
  const { codes, dictionary } = column.data;
  const rows = new Int32Array(column.length);
  for (let row = 0; row < column.length; row++) rows[row] = isNull(column, row) ? -1 : codes[row];
  return plainColumn(gatherColumn(dictionary, rows));
}

/** The rows of columns of one type, one after another. Dictionaries survive where all columns share one. */
export function concatColumns(columns: readonly Column[]): Column {
  const [first] = columns;
  if (columns.length === 1) return first;
  const length = columns.reduce((sum, column) => sum + column.length, 0);
  const validity = concatValidity(columns, length);
  if (first.data.layout === 'none') return nullColumn(first.type, length);
  if (first.data.layout === 'dictionary') {
    const { dictionary } = first.data;
    const codes = concatCodes(columns, dictionary, length);
    if (codes !== null)
      return { type: first.type, length, validity, data: { layout: 'dictionary', codes, dictionary } };
  }
  return { type: first.type, length, validity, data: concatData(columns.map(plainColumn), length) };
}

/** The rows of batches in the schema that holds them all, or in the one given, which must hold them. */
export function concatBatches(batches: readonly Batch[], schema?: Schema): Batch {
  const target = schema ?? batches.map((batch) => batch.schema).reduce(mergeSchemas);
  const parts = batches.map((batch) => conformBatch(batch, target));
  return {
    schema: target,
    length: batches.reduce((sum, batch) => sum + batch.length, 0),
    columns: target.map((field, i) =>
      parts.length === 0 ? columnOf(field.type, []) : concatColumns(parts.map((part) => part.columns[i])),
    ),
  };
}

/** A batch in a schema that is the same or wider: columns cast, those it lacks null, others dropped. */
export function conformBatch(batch: Batch, schema: Schema): Batch {
  const places = new Map(batch.schema.map((field, i) => [field.name, i]));
  const columns = schema.map((field) => {
    const place = places.get(field.name);
    return place === undefined
      ? nullColumn(field.type, batch.length)
      : castColumn(batch.columns[place], field.type, 'widen', batch.schema[place].text);
  });
  return { schema, length: batch.length, columns };
}

function concatValidity(columns: readonly Column[], length: number): Bitmap | null {
  if (columns.every((column) => column.validity === null)) return null;
  const bits = newBitmap(length, false);
  let base = 0;
  for (const column of columns) {
    for (let row = 0; row < column.length; row++) if (!isNull(column, row)) setBit(bits, base + row);
    base += column.length;
  }
  return bits;
}

function concatCodes(columns: readonly Column[], dictionary: Column, length: number): Int32Array | null {
  const codes = new Int32Array(length);
  let base = 0;
  for (const { data, length: rows } of columns) {
    if (data.layout !== 'dictionary' || data.dictionary !== dictionary) return null;
    codes.set(data.codes, base);
    base += rows;
  }
  return codes;
}

function concatData(columns: readonly Column[], length: number): Column['data'] {
  const [first] = columns;
  switch (first.data.layout) {
    case 'bits': {
      const values = newBitmap(length, false);
      let base = 0;
      for (const { data, length: rows } of columns) {
        if (data.layout !== 'bits') continue;
        for (let row = 0; row < rows; row++) if ((data.values[row >> 3] >> (row & 7)) & 1) setBit(values, base + row);
        base += rows;
      }
      return { layout: 'bits', values };
    }
    case 'int128': {
      const values = new BigInt64Array(2 * length);
      let base = 0;
      for (const { data, length: rows } of columns) {
        if (data.layout !== 'int128') continue;
        values.set(data.values.subarray(0, 2 * rows), 2 * base);
        base += rows;
      }
      return { layout: 'int128', values };
    }
    case 'varlen':
      return concatVarlen(columns, length);
    default:
      return { layout: 'fixed', values: concatFixed(columns, length) };
  }
}

function concatFixed(columns: readonly Column[], length: number): FixedValues {
  const parts = columns.flatMap(({ data, length: rows }) =>
    data.layout === 'fixed' ? [data.values.subarray(0, rows)] : [],
  );
  // The array that is exact for all parts: 64-bit integers hold what both others hold of an integer column.
  if (parts.some((values) => values instanceof BigInt64Array)) {
    const out = new BigInt64Array(length);
    let base = 0;
    for (const values of parts) {
      if (values instanceof BigInt64Array) out.set(values, base);
      else for (let i = 0; i < values.length; i++) out[base + i] = BigInt(Math.trunc(values[i]) || 0);
      base += values.length;
    }
    return out;
  }
  const out = parts.every((values) => values instanceof Int32Array) ? new Int32Array(length) : new Float64Array(length);
  let base = 0;
  for (const values of parts) {
    if (!(values instanceof BigInt64Array)) out.set(values, base);
    base += values.length;
  }
  return out;
}

function concatVarlen(columns: readonly Column[], length: number): Column['data'] {
  const offsets = new Int32Array(length + 1);
  let size = 0;
  let base = 0;
  for (const { data, length: rows } of columns) {
    if (data.layout !== 'varlen') continue;
    const shift = size - data.offsets[0];
    for (let row = 1; row <= rows; row++) offsets[base + row] = data.offsets[row] + shift;
    size += data.offsets[rows] - data.offsets[0];
    base += rows;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const { data, length: rows } of columns) {
    if (data.layout !== 'varlen') continue;
    bytes.set(data.bytes.subarray(data.offsets[0], data.offsets[rows]), at);
    at += data.offsets[rows] - data.offsets[0];
  }
  return { layout: 'varlen', offsets, bytes };
}
