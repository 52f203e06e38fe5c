import { type Bitmap, getBit, newBitmap, sliceBitmap } from '../columns/bitmap.ts';
import type { Column, FixedValues } from '../columns/column.ts';
import { assert } from '../core/errors.ts';
import { setBits } from './hybrid.ts';

/** Rows `start` to `end` of a column: what a row group is put together from. */
export interface Piece {
  readonly column: Column;
  readonly start: number;
  readonly end: number;
}

/** The validity of all pieces' rows, one after the other; null where none is null. */
export function gatherValidity(pieces: readonly Piece[], rows: number): Bitmap | null {
  if (pieces.every(({ column }) => column.validity === null && column.data.layout !== 'none')) return null;
  const bits = newBitmap(rows, false);
  let at = 0;
  let nulls = false;
  for (const { column, start, end } of pieces) {
    const count = end - start;
    if (column.data.layout === 'none') nulls = true;
    else if (column.validity === null) setBits(bits, at, count);
    else if ((at & 7) === 0) {
      const slice = sliceBitmap(column.validity, start, end);
      bits.set(slice, at >> 3);
      nulls = true;
    } else {
      for (let i = start; i < end; i++) if (getBit(column.validity, i)) setBits(bits, at + i - start, 1);
      nulls = true;
    }
    at += count;
  }
  return nulls ? bits : null;
}

/**
 * The functions below put the values that are present, of all pieces, close together: as pages store them.
 * `present` is how many there are. A dictionary is looked up.
 */

export function denseBooleans(pieces: readonly Piece[], present: number): Uint8Array {
  const out = new Uint8Array(present);
  let to = 0;
  for (const { column, start, end } of pieces) {
    const { data, validity } = column;
    if (data.layout === 'none') continue;
    assert(data.layout === 'bits', 'a bool column holds bits');
    for (let i = start; i < end; i++) {
      if (validity === null || getBit(validity, i)) out[to++] = (data.values[i >> 3] >> (i & 7)) & 1;
    }
  }
  return out;
}

export function denseInt32(pieces: readonly Piece[], present: number): Int32Array {
  return denseNumbers(pieces, new Int32Array(present));
}

export function denseDoubles(pieces: readonly Piece[], present: number): Float64Array {
  return denseNumbers(pieces, new Float64Array(present));
}

function denseNumbers<T extends Int32Array | Float64Array>(pieces: readonly Piece[], out: T): T {
  let to = 0;
  for (const piece of pieces) {
    const { data } = piece.column;
    if (data.layout === 'none') continue;
    if (data.layout === 'dictionary') {
      const entries = fixedOf(data.dictionary);
      to = eachPresent(piece, to, (row, at) => {
        out[at] = Number(entries[data.codes[row]]);
      });
      continue;
    }
    const values = fixedOf(piece.column);
    if (piece.column.validity === null && !(values instanceof BigInt64Array)) {
      out.set(values.subarray(piece.start, piece.end), to);
      to += piece.end - piece.start;
    } else {
      to = eachPresent(piece, to, (row, at) => {
        out[at] = Number(values[row]);
      });
    }
  }
  return out;
}

/** 64-bit integers as word pairs, low first, in a buffer aligned for BigInt64Array. */
export function denseWords(pieces: readonly Piece[], present: number): Int32Array {
  const out = new Int32Array(2 * present);
  let to = 0;
  for (const piece of pieces) {
    const { data, validity } = piece.column;
    if (data.layout === 'none') continue;
    if (data.layout === 'dictionary') {
      const entries = wordsOf(fixedOf(data.dictionary), 0, data.dictionary.length);
      const { codes } = data;
      for (let i = piece.start; i < piece.end; i++) {
        if (validity !== null && !getBit(validity, i)) continue;
        const code = codes[i];
        out[to] = entries[2 * code];
        out[to + 1] = entries[2 * code + 1];
        to += 2;
      }
      continue;
    }
    const words = wordsOf(fixedOf(piece.column), piece.start, piece.end);
    if (validity === null) {
      out.set(words, to);
      to += words.length;
      continue;
    }
    for (let i = piece.start, p = 0; i < piece.end; i++, p += 2) {
      if (!getBit(validity, i)) continue;
      out[to] = words[p];
      out[to + 1] = words[p + 1];
      to += 2;
    }
  }
  return out;
}

/** The numbers of a column that is no dictionary. */
export function fixedOf(column: Column): FixedValues {
  assert(column.data.layout === 'fixed', 'a column of numbers holds them at a fixed width');
  return column.data.values;
}

/** Values `start` to `end` as word pairs, low first. */
export function wordsOf(values: FixedValues, start: number, end: number): Int32Array {
  if (values instanceof BigInt64Array) {
    return new Int32Array(values.buffer as ArrayBuffer, values.byteOffset + 8 * start, 2 * (end - start));
  }
  const words = new Int32Array(2 * (end - start));
  if (values instanceof Int32Array) int32Words(values, start, end, words);
  else doubleWords(values, start, end, words);
  return words;
}

function int32Words(values: Int32Array, start: number, end: number, words: Int32Array): void {
  for (let i = start, p = 0; i < end; i++, p += 2) {
    words[p] = values[i];
    words[p + 1] = values[i] >> 31;
  }
}

function doubleWords(values: Float64Array, start: number, end: number, words: Int32Array): void {
  for (let i = start, p = 0; i < end; i++, p += 2) {
    const high = Math.floor(values[i] / 4_294_967_296);
    words[p] = values[i] - high * 4_294_967_296;
    words[p + 1] = high;
  }
}

/** 128-bit integers as little-endian pairs. */
export function denseInt128(pieces: readonly Piece[], present: number): BigInt64Array {
  const out = new BigInt64Array(2 * present);
  let to = 0;
  for (const piece of pieces) {
    const { data } = piece.column;
    if (data.layout === 'none') continue;
    assert(data.layout === 'int128', 'a wide decimal column holds 128-bit integers');
    to = eachPresent(piece, to, (row, at) => {
      out[2 * at] = data.values[2 * row];
      out[2 * at + 1] = data.values[2 * row + 1];
    });
  }
  return out;
}

export interface DenseSlices {
  /** Value `i` is `bytes[offsets[i] .. offsets[i + 1])`. */
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

export function denseSlices(pieces: readonly Piece[], present: number): DenseSlices {
  const offsets = new Int32Array(present + 1);
  let to = 0;
  let size = 0;
  for (const piece of pieces) {
    const { data } = piece.column;
    if (data.layout === 'none') continue;
    const codes = data.layout === 'dictionary' ? data.codes : undefined;
    const source = slicesOf(piece.column).offsets;
    to = eachPresent(piece, to, (row, at) => {
      const i = codes === undefined ? row : codes[row];
      size += source[i + 1] - source[i];
      offsets[at + 1] = size;
    });
  }
  const bytes = new Uint8Array(size);
  to = 0;
  for (const piece of pieces) {
    const { data, validity } = piece.column;
    if (data.layout === 'none') continue;
    const codes = data.layout === 'dictionary' ? data.codes : undefined;
    const source = slicesOf(piece.column);
    if (codes === undefined && validity === null) {
      bytes.set(source.bytes.subarray(source.offsets[piece.start], source.offsets[piece.end]), offsets[to]);
      to += piece.end - piece.start;
      continue;
    }
    to = eachPresent(piece, to, (row, at) => {
      const i = codes === undefined ? row : codes[row];
      bytes.set(source.bytes.subarray(source.offsets[i], source.offsets[i + 1]), offsets[at]);
    });
  }
  return { offsets, bytes };
}

/** The slices of a column or, for codes, of its dictionary. */
export function slicesOf(column: Column): DenseSlices {
  const data = column.data.layout === 'dictionary' ? column.data.dictionary.data : column.data;
  assert(data.layout === 'varlen', 'a column of text or bytes holds slices');
  return data;
}

/** Calls with each present row of the piece and its place among present values, from `to` on; gives the next place. */
function eachPresent({ column, start, end }: Piece, to: number, take: (row: number, at: number) => void): number {
  const { validity } = column;
  let at = to;
  for (let i = start; i < end; i++) if (validity === null || getBit(validity, i)) take(i, at++);
  return at;
}
