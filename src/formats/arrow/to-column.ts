import { type Bitmap, sliceBitmap } from '../../columns/bitmap.ts';
import type { BuiltColumn } from '../../columns/build.ts';
import { type Column, type FixedValues, gatherColumn } from '../../columns/column.ts';
import { columnOf } from '../../columns/from-scalars.ts';
import { dayFitsNanos } from '../../columns/instant.ts';
import { narrowInt64 } from '../../columns/int64.ts';
import { writeInt128 } from '../../columns/int128.ts';
import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  NULL_TYPE,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
} from '../../columns/types.ts';
import { validUtf8, writeText } from '../../columns/utf8.ts';
import { grownBytes } from '../../core/grow.ts';
import { MAX_BODY_BYTES } from './body.ts';
import { malformed } from './flatbuffer.ts';
import { type ArrowArray, integerAt, isPresent, keyAt } from './load.ts';
import {
  bytesAt,
  halfFloat,
  intervalText,
  runOf,
  scaledText,
  TooLarge,
  timeText,
  viewOf,
  wideInteger,
} from './scalars.ts';

import { daysOfMs, JsonWriter } from './to-json.ts';

/** The most digits a decimal keeps. */
const DECIMAL_DIGITS = 38;
/** Microseconds within which every nanosecond count fits 64 bits. */
const NANOS_MICROS = 9_223_372_036_854_775n;

/**
 * Rows `start` to `end` of a field as a column; nothing of the record batch's memory is kept. Throws
 * `TooLarge` where its text or bytes come to more than `limit`: views, dictionaries and runs may repeat a
 * large value in each row.
 */
export function toColumn(array: ArrowArray, start: number, end: number, limit: number): BuiltColumn {
  const { type } = array;
  if (array.dictionary !== null) return dictionaryColumn(array, array.dictionary, start, end, limit);
  const rows: Rows = { array, start, length: end - start, validity: validityOf(array, start, end), limit };
  switch (type.kind) {
    case 'null':
      return narrow({ type: NULL_TYPE, length: rows.length, validity: null, data: { layout: 'none' } });
    case 'bool':
      return column(rows, BOOL, { layout: 'bits', values: sliceBitmap(array.data, start, end) });
    case 'int':
      return integers(rows, type.bits, type.signed);
    case 'float':
      return column(rows, DOUBLE, { layout: 'fixed', values: floats(rows, type.bits) });
    case 'decimal':
      return decimals(rows, type.bits, type.precision, type.scale);
    case 'date':
      return dates(rows, type.bits);
    case 'timestamp':
      return timestamps(rows, type.unit);
    case 'duration': {
      const { values, wide } = narrowInt64(int64s(rows), (row) => present(rows, row));
      return column(rows, INT64, { layout: 'fixed', values }, wide);
    }
    case 'time': {
      const view = viewOf(array.data);
      return texts(rows, (row) => timeText(wideInteger(view, row, type.bits), type.unit));
    }
    case 'interval':
      return texts(rows, (row) => intervalText(array, row));
    case 'text':
      return column(rows, STRING, utf8(rows));
    case 'binary':
    case 'fixedBinary':
      return column(rows, BYTES, varlen(rows));
    case 'runs':
      return runs(rows);
    default:
      return nested(rows);
  }
}

interface Rows {
  readonly array: ArrowArray;
  readonly start: number;
  readonly length: number;
  readonly validity: Bitmap | null;
  readonly limit: number;
}

function narrow(built: Column): BuiltColumn {
  return { column: built, wide: false };
}

function column(rows: Rows, type: ColumnType, data: Column['data'], wide = false): BuiltColumn {
  return { column: { type, length: rows.length, validity: rows.validity, data }, wide };
}

function validityOf(array: ArrowArray, start: number, end: number): Bitmap | null {
  return array.validity === null ? null : sliceBitmap(array.validity, start, end);
}

/** Whether a row of the slice is present; `row` counts from the slice's start. */
function present(rows: Rows, row: number): boolean {
  return isPresent(rows.array, rows.start + row);
}

function int64s(rows: Rows): BigInt64Array {
  const { data } = rows.array;
  return new BigInt64Array(data.buffer, data.byteOffset + 8 * rows.start, rows.length);
}

function integers(rows: Rows, bits: number, signed: boolean): BuiltColumn {
  if (bits === 64) {
    const values = int64s(rows);
    if (!signed) {
      for (let row = 0; row < rows.length; row++) {
        if (values[row] < 0n && present(rows, row)) return unsigned(rows, values);
      }
    }
    const narrowed = narrowInt64(values, (row) => present(rows, row));
    return column(rows, INT64, { layout: 'fixed', values: narrowed.values }, narrowed.wide);
  }
  // Unsigned 32-bit integers need more than an Int32Array holds.
  const values: FixedValues = bits === 32 && !signed ? new Float64Array(rows.length) : new Int32Array(rows.length);
  for (let row = 0; row < rows.length; row++) {
    if (present(rows, row)) values[row] = integerAt(rows.array, rows.start + row);
  }
  return column(rows, INT64, { layout: 'fixed', values });
}

/** Unsigned 64-bit integers, some of them beyond int64. */
function unsigned(rows: Rows, values: BigInt64Array): BuiltColumn {
  const words = new BigInt64Array(2 * rows.length);
  for (let row = 0; row < rows.length; row++) {
    if (present(rows, row)) writeInt128(words, row, BigInt.asUintN(64, values[row]));
  }
  return column(rows, decimal(DECIMAL_DIGITS, 0), { layout: 'int128', values: words });
}

function floats(rows: Rows, bits: number): Float64Array {
  const view = viewOf(rows.array.data);
  const { start, length } = rows;
  const out = new Float64Array(length);
  if (bits === 64) {
    const { data } = rows.array;
    out.set(new Float64Array(data.buffer, data.byteOffset + 8 * start, length));
  } else if (bits === 32) {
    for (let row = 0; row < length; row++) out[row] = view.getFloat32(4 * (start + row), true);
  } else {
    for (let row = 0; row < length; row++) out[row] = halfFloat(view, start + row);
  }
  return out;
}

function decimals(rows: Rows, bits: number, precision: number, scale: number): BuiltColumn {
  const view = viewOf(rows.array.data);
  const unscaled = (row: number) => wideInteger(view, row, bits);
  // A negative scale stands for zeros before the point, which are digits here.
  const digits = scale < 0 ? precision - scale : Math.max(precision, scale);
  if (digits > DECIMAL_DIGITS) return texts(rows, (row) => scaledText(unscaled(row), scale));
  const factor = scale < 0 ? 10n ** BigInt(-scale) : 1n;
  const bound = 10n ** BigInt(digits);
  const narrowLayout = digits <= 18;
  const values = new BigInt64Array(narrowLayout ? rows.length : 2 * rows.length);
  for (let row = 0; row < rows.length; row++) {
    if (!present(rows, row)) continue;
    const value = unscaled(rows.start + row) * factor;
    if (value >= bound || value <= -bound) throw malformed('a decimal of more digits than its type has');
    if (narrowLayout) values[row] = value;
    else writeInt128(values, row, value);
  }
  const type = decimal(digits, Math.max(scale, 0));
  return column(rows, type, narrowLayout ? { layout: 'fixed', values } : { layout: 'int128', values });
}

function dates(rows: Rows, bits: number): BuiltColumn {
  const view = viewOf(rows.array.data);
  const values = new Int32Array(rows.length);
  let wide = false;
  for (let row = 0; row < rows.length; row++) {
    if (!present(rows, row)) continue;
    const at = rows.start + row;
    const days = bits === 32 ? view.getInt32(4 * at, true) : daysOfMs(view.getBigInt64(8 * at, true));
    values[row] = days;
    if (values[row] !== days) throw malformed('a date out of range');
    wide ||= !dayFitsNanos(days);
  }
  return column(rows, DATE, { layout: 'fixed', values }, wide);
}

function timestamps(rows: Rows, unit: 's' | 'ms' | 'us' | 'ns'): BuiltColumn {
  const source = int64s(rows);
  if (unit === 'ns') {
    return column(rows, TIMESTAMP_NS, { layout: 'fixed', values: source.slice() });
  }
  const factor = unit === 's' ? 1_000_000n : unit === 'ms' ? 1000n : 1n;
  const values = new BigInt64Array(rows.length);
  let wide = false;
  for (let row = 0; row < rows.length; row++) {
    if (!present(rows, row)) continue;
    const micros = source[row] * factor;
    if (BigInt.asIntN(64, micros) !== micros) throw malformed('an instant out of range');
    values[row] = micros;
    wide ||= micros >= NANOS_MICROS || micros <= -NANOS_MICROS;
  }
  const narrowed = narrowInt64(values, () => true).values;
  // A timestamp's narrow layout is doubles; 32 bits would hold an hour.
  const doubles = narrowed instanceof Int32Array ? Float64Array.from(narrowed) : narrowed;
  return column(rows, TIMESTAMP, { layout: 'fixed', values: doubles }, wide);
}

/** Bytes of all present rows one after another. */
function varlen(rows: Rows): Column['data'] & { layout: 'varlen' } {
  const { array, start, length } = rows;
  const offsets = new Int32Array(length + 1);
  const plain = array.type.kind !== 'fixedBinary' && !('layout' in array.type && array.type.layout === 'view');
  if (plain) {
    const base = array.offsets[start];
    if (array.offsets[start + length] - base > rows.limit) throw new TooLarge();
    for (let row = 0; row <= length; row++) offsets[row] = array.offsets[start + row] - base;
    return { layout: 'varlen', offsets, bytes: array.data.slice(base, array.offsets[start + length]) };
  }
  let size = 0;
  for (let row = 0; row < length; row++) {
    if (present(rows, row)) {
      const value = bytesAt(array, start + row);
      size += value.end - value.start;
    }
    if (size > rows.limit) throw new TooLarge();
    offsets[row + 1] = size;
  }
  const bytes = new Uint8Array(size);
  for (let row = 0; row < length; row++) {
    if (!present(rows, row)) continue;
    const value = bytesAt(array, start + row);
    bytes.set(value.data.subarray(value.start, value.end), offsets[row]);
  }
  return { layout: 'varlen', offsets, bytes };
}

function utf8(rows: Rows): Column['data'] {
  const data = varlen(rows);
  for (let row = 0; row < rows.length; row++) {
    const [start, end] = [data.offsets[row], data.offsets[row + 1]];
    if (end > start && present(rows, row) && !validUtf8(data.bytes, start, end)) {
      throw malformed(`a text of column ${rows.array.name} that is not valid UTF-8`);
    }
  }
  return data;
}

/** A string column of texts made one by one; `textAt` takes the row in the array. */
function texts(rows: Rows, textAt: (row: number) => string, type: ColumnType = STRING): BuiltColumn {
  const offsets = new Int32Array(rows.length + 1);
  let bytes = new Uint8Array(32 * rows.length + 64);
  let size = 0;
  for (let row = 0; row < rows.length; row++) {
    if (present(rows, row)) {
      const text = textAt(rows.start + row);
      if (size + 3 * text.length > bytes.length) {
        bytes = grownBytes(bytes, 2 * bytes.length + 3 * text.length);
      }
      size = writeText(text, bytes, size);
    }
    offsets[row + 1] = size;
  }
  return column(rows, type, { layout: 'varlen', offsets, bytes: bytes.slice(0, size) });
}

function nested(rows: Rows): BuiltColumn {
  const writer = new JsonWriter(rows.limit);
  const { array, start, length } = rows;
  if (array.type.kind !== 'union') return texts(rows, (row) => writer.write(array, row), JSON_TYPE);
  // A union's values are null where its children are.
  const values = Array.from({ length }, (_, row) => writer.write(array, start + row));
  return narrow(
    columnOf(
      JSON_TYPE,
      values.map((text) => (text === 'null' ? null : text)),
    ),
  );
}

function runs(rows: Rows): BuiltColumn {
  const [ends, values] = rows.array.children;
  const endAt = (run: number) => integerAt(ends, run);
  const first = runOf(endAt, ends.length, rows.start);
  const places = new Int32Array(rows.length);
  let run = first;
  for (let row = 0; row < rows.length; row++) {
    while (endAt(run) <= rows.start + row) run++;
    places[row] = run - first;
  }
  const built = toColumn(values, first, rows.length === 0 ? first : run + 1, rows.limit);
  return { ...built, column: gatherWithin(built.column, places, rows.limit) };
}

/** `gatherColumn`, or `TooLarge` where what it gathers comes to more than `limit` bytes. */
function gatherWithin(source: Column, places: Int32Array, limit: number): Column {
  const { data } = source;
  if (data.layout === 'varlen') {
    let size = 0;
    for (const place of places) {
      if (place >= 0) size += data.offsets[place + 1] - data.offsets[place];
      if (size > limit) throw new TooLarge();
    }
  }
  return gatherColumn(source, places);
}

/** Dictionaries as columns, made once and kept as long as the dictionary is. */
const columns = new WeakMap<ArrowArray, BuiltColumn>();

function dictionaryColumn(
  array: ArrowArray,
  dictionary: ArrowArray,
  start: number,
  end: number,
  limit: number,
): BuiltColumn {
  let entries = columns.get(dictionary);
  if (entries === undefined) {
    entries = toColumn(dictionary, 0, dictionary.length, MAX_BODY_BYTES);
    columns.set(dictionary, entries);
  }
  const length = end - start;
  const keys = new Int32Array(length);
  for (let row = 0; row < length; row++) keys[row] = isPresent(array, start + row) ? keyAt(array, start + row) : -1;
  const { type, validity } = entries.column;
  // A dictionary larger than the slice would be carried along for nothing.
  if (type.kind !== 'string' || validity !== null || dictionary.length > Math.max(length, 256)) {
    return { ...entries, column: gatherWithin(entries.column, keys, limit) };
  }
  for (let row = 0; row < length; row++) if (keys[row] < 0) keys[row] = 0;
  const data = { layout: 'dictionary' as const, codes: keys, dictionary: entries.column };
  return { ...entries, column: { type, length, validity: validityOf(array, start, end), data } };
}
