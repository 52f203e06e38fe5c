import { type Bitmap, newBitmap } from './bitmap.ts';
import type { Codes, ColumnData, FixedValues } from './column.ts';

/**
 * Values at given rows, a loop an array type: a loop that has seen two kinds of arrays runs at half the
 * speed, and every operator that drops or reorders rows comes through here.
 *
 * `anyNegative` says whether some row is below 0 and has no value; its slot holds whatever is cheapest.
 */
export function gatherData(data: ColumnData, rows: Int32Array, anyNegative: boolean): ColumnData {
  switch (data.layout) {
    case 'none':
      return data;
    case 'bits':
      return { layout: 'bits', values: gatherBits(data.values, rows, anyNegative) };
    case 'fixed':
      return { layout: 'fixed', values: gatherFixed(data.values, clampRows(rows, anyNegative)) };
    case 'int128':
      return { layout: 'int128', values: gatherWords(data.values, 4, rows, anyNegative) };
    case 'varlen':
      return gatherTexts(data.offsets, data.bytes, rows);
    case 'dictionary':
      return {
        layout: 'dictionary',
        codes: gatherCodes(data.codes, clampRows(rows, anyNegative)),
        dictionary: data.dictionary,
      };
  }
}

/** Whether some row is below 0. */
export function hasNegative(rows: Int32Array): boolean {
  let all = 0;
  for (let i = 0; i < rows.length; i++) all |= rows[i];
  return all < 0;
}

/** The bits at given rows; a negative row's is clear. */
export function gatherBits(bits: Bitmap, rows: Int32Array, anyNegative: boolean): Bitmap {
  const length = rows.length;
  const out = newBitmap(length, false);
  if (anyNegative) {
    for (let i = 0; i < length; i++) {
      const row = rows[i];
      if (row >= 0) out[i >> 3] |= ((bits[row >> 3] >> (row & 7)) & 1) << (i & 7);
    }
    return out;
  }
  for (let i = 0; i < length; i++) {
    const row = rows[i];
    out[i >> 3] |= ((bits[row >> 3] >> (row & 7)) & 1) << (i & 7);
  }
  return out;
}

/** Rows that can all be read: a negative one reads row 0, whose value then stands in a null's slot. */
function clampRows(rows: Int32Array, anyNegative: boolean): Int32Array {
  if (!anyNegative) return rows;
  const out = new Int32Array(rows.length);
  for (let i = 0; i < rows.length; i++) out[i] = rows[i] < 0 ? 0 : rows[i];
  return out;
}

function gatherFixed(values: FixedValues, rows: Int32Array): FixedValues {
  if (values instanceof Int32Array) return gatherInt32(values, rows);
  if (values instanceof Float64Array) return gatherDoubles(values, rows);
  return gatherWords(values, 2, rows, false);
}

function gatherInt32(values: Int32Array, rows: Int32Array): Int32Array {
  const out = new Int32Array(rows.length);
  // Of no values there are only nulls; their slots are 0.
  if (values.length > 0) for (let i = 0; i < out.length; i++) out[i] = values[rows[i]];
  return out;
}

function gatherDoubles(values: Float64Array, rows: Int32Array): Float64Array {
  const out = new Float64Array(rows.length);
  if (values.length > 0) for (let i = 0; i < out.length; i++) out[i] = values[rows[i]];
  return out;
}

/** Values of `count` 32-bit words each, moved as words: a bigint would be an object a row. */
function gatherWords(values: BigInt64Array, count: 2 | 4, rows: Int32Array, anyNegative: boolean): BigInt64Array {
  const from = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  const out = new BigInt64Array((rows.length * count) / 2);
  const to = new Int32Array(out.buffer);
  if (from.length === 0) return out;
  for (let i = 0; i < rows.length; i++) {
    if (anyNegative && rows[i] < 0) continue;
    const source = rows[i] * count;
    const target = i * count;
    to[target] = from[source];
    to[target + 1] = from[source + 1];
    if (count === 2) continue;
    to[target + 2] = from[source + 2];
    to[target + 3] = from[source + 3];
  }
  return out;
}

function gatherCodes(codes: Codes, rows: Int32Array): Codes {
  if (codes instanceof Uint8Array) return gatherCodes8(codes, rows);
  if (codes instanceof Uint16Array) return gatherCodes16(codes, rows);
  return gatherInt32(codes, rows);
}

function gatherCodes8(codes: Uint8Array, rows: Int32Array): Uint8Array {
  const out = new Uint8Array(rows.length);
  if (codes.length > 0) for (let i = 0; i < out.length; i++) out[i] = codes[rows[i]];
  return out;
}

function gatherCodes16(codes: Uint16Array, rows: Int32Array): Uint16Array {
  const out = new Uint16Array(rows.length);
  if (codes.length > 0) for (let i = 0; i < out.length; i++) out[i] = codes[rows[i]];
  return out;
}

/** Below this many bytes, copying them one by one beats a call. */
const SHORT_BYTES = 32;

function gatherTexts(offsets: Int32Array, bytes: Uint8Array, rows: Int32Array): ColumnData {
  const length = rows.length;
  const ends = new Int32Array(length + 1);
  let size = 0;
  for (let i = 0; i < length; i++) {
    const row = rows[i];
    if (row >= 0) size += offsets[row + 1] - offsets[row];
    ends[i + 1] = size;
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < length; i++) {
    const row = rows[i];
    if (row < 0) continue;
    const start = offsets[row];
    const end = offsets[row + 1];
    if (end - start > SHORT_BYTES) {
      out.set(bytes.subarray(start, end), at);
      at += end - start;
    } else for (let j = start; j < end; j++) out[at++] = bytes[j];
  }
  return { layout: 'varlen', offsets: ends, bytes: out };
}
