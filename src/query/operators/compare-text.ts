import { type Bitmap, bitmapBytes, newBitmap, setBit } from '../../columns/bitmap.ts';
import type { Column } from '../../columns/column.ts';
import { plainColumn } from '../../columns/plain.ts';
import { assert } from '../../core/errors.ts';
import type { Test } from './compare.ts';
import { constantOf } from './constant.ts';

/** Where the bytes of each value lie. */
export interface Texts {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** The bytes behind a string, json or bytes column without a dictionary. */
export function textsOf(column: Column): Texts {
  assert(column.data.layout === 'varlen', `${column.type.kind} is laid out as bytes, not ${column.data.layout}`);
  return column.data;
}

/** Orders two values by their unsigned bytes; for UTF-8 that is the order of code points. */
export function compareTexts(a: Texts, i: number, b: Texts, j: number): number {
  const aStart = a.offsets[i];
  const bStart = b.offsets[j];
  const aLength = a.offsets[i + 1] - aStart;
  const bLength = b.offsets[j + 1] - bStart;
  const length = aLength < bLength ? aLength : bLength;
  const aBytes = a.bytes;
  const bBytes = b.bytes;
  for (let k = 0; k < length; k++) {
    const difference = aBytes[aStart + k] - bBytes[bStart + k];
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** The rows where `test` holds of left and right; what it says of null rows means nothing. */
export function compareText(test: Test, left: Column, right: Column): Bitmap {
  const constant = constantOf(right);
  if (constant !== undefined && left.data.layout === 'dictionary') {
    // Once an entry instead of once a row.
    const { codes, dictionary } = left.data;
    const entries = testTexts(test, textsOf(dictionary), dictionary.length, textsOf(constant), true);
    return expandBits(entries, codes, left.length);
  }
  if (constant !== undefined) return testTexts(test, textsOf(left), left.length, textsOf(constant), true);
  return testTexts(test, textsOf(plainColumn(left)), left.length, textsOf(plainColumn(right)), false);
}

function testTexts(test: Test, a: Texts, length: number, b: Texts, constant: boolean): Bitmap {
  const out = newBitmap(length, false);
  if (test === 'equal') {
    for (let i = 0; i < length; i++) {
      const j = constant ? 0 : i;
      if (a.offsets[i + 1] - a.offsets[i] !== b.offsets[j + 1] - b.offsets[j]) continue;
      if (compareTexts(a, i, b, j) === 0) setBit(out, i);
    }
    return out;
  }
  const limit = test === 'less' ? 0 : 1;
  for (let i = 0; i < length; i++) if (compareTexts(a, i, b, constant ? 0 : i) < limit) setBit(out, i);
  return out;
}

/** For each row the bit of its code. */
export function expandBits(entries: Bitmap, codes: Uint8Array | Uint16Array | Int32Array, length: number): Bitmap {
  const table = new Uint8Array(entries.length << 3);
  for (let i = 0; i < table.length; i++) table[i] = (entries[i >> 3] >> (i & 7)) & 1;
  // One function a width of code, for the same reason as in compare.ts.
  if (codes instanceof Uint8Array) return expandCodes8(table, codes, length);
  return codes instanceof Uint16Array ? expandCodes16(table, codes, length) : expandCodes32(table, codes, length);
}

// One function a width of code: a loop that has seen two kinds of array runs at half the speed.
function expandCodes8(table: Uint8Array, codes: Uint8Array, length: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(length));
  const whole = length & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i >> 3] =
      table[codes[i]] |
      (table[codes[i + 1]] << 1) |
      (table[codes[i + 2]] << 2) |
      (table[codes[i + 3]] << 3) |
      (table[codes[i + 4]] << 4) |
      (table[codes[i + 5]] << 5) |
      (table[codes[i + 6]] << 6) |
      (table[codes[i + 7]] << 7);
  }
  for (let i = whole; i < length; i++) out[i >> 3] |= table[codes[i]] << (i & 7);
  return out;
}

function expandCodes16(table: Uint8Array, codes: Uint16Array, length: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(length));
  const whole = length & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i >> 3] =
      table[codes[i]] |
      (table[codes[i + 1]] << 1) |
      (table[codes[i + 2]] << 2) |
      (table[codes[i + 3]] << 3) |
      (table[codes[i + 4]] << 4) |
      (table[codes[i + 5]] << 5) |
      (table[codes[i + 6]] << 6) |
      (table[codes[i + 7]] << 7);
  }
  for (let i = whole; i < length; i++) out[i >> 3] |= table[codes[i]] << (i & 7);
  return out;
}

function expandCodes32(table: Uint8Array, codes: Int32Array, length: number): Bitmap {
  const out = new Uint8Array(bitmapBytes(length));
  const whole = length & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i >> 3] =
      table[codes[i]] |
      (table[codes[i + 1]] << 1) |
      (table[codes[i + 2]] << 2) |
      (table[codes[i + 3]] << 3) |
      (table[codes[i + 4]] << 4) |
      (table[codes[i + 5]] << 5) |
      (table[codes[i + 6]] << 6) |
      (table[codes[i + 7]] << 7);
  }
  for (let i = whole; i < length; i++) out[i >> 3] |= table[codes[i]] << (i & 7);
  return out;
}
