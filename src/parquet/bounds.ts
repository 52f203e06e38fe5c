import { compareBytes } from '../columns/compare.ts';
import { readInt128 } from '../columns/int128.ts';

type Bound = boolean | number | bigint | Uint8Array;

/**
 * Bounds of a column's values while they are gathered over pages, row groups and the file: boolean, number
 * (INT32, DOUBLE), bigint (INT64, decimals) or bytes (BYTE_ARRAY, compared as bytes, which for UTF-8 is the
 * order of code points). Invariant: with neither side there was no value, or NaN and nothing else.
 */
export interface Bounds {
  readonly min: Bound | undefined;
  readonly max: Bound | undefined;
  readonly hasNan: boolean;
}

/** The bounds of no value. */
export const NO_BOUNDS: Bounds = { min: undefined, max: undefined, hasNan: false };

function less(a: Bound, b: Bound): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, 0, a.length, b, 0, b.length) < 0;
  return a < b;
}

/** The bounds of the values of both. */
export function mergeBounds(a: Bounds, b: Bounds): Bounds {
  const min = a.min === undefined || (b.min !== undefined && less(b.min, a.min)) ? b.min : a.min;
  const max = a.max === undefined || (b.max !== undefined && less(a.max, b.max)) ? b.max : a.max;
  return { min, max, hasNan: a.hasNan || b.hasNan };
}

/** How both sides of one page's bounds compare to the next page's; undefined where they do not order the pages. */
export function orderOf(pages: readonly Bounds[]): 'none' | 'ascending' | 'descending' {
  let ascending = true;
  let descending = true;
  let last: Bounds | undefined;
  for (const page of pages) {
    if (page.min === undefined || page.max === undefined) continue;
    if (last?.min !== undefined && last.max !== undefined) {
      if (less(page.min, last.min) || less(page.max, last.max)) ascending = false;
      if (less(last.min, page.min) || less(last.max, page.max)) descending = false;
    }
    last = page;
  }
  return ascending ? 'ascending' : descending ? 'descending' : 'none';
}

/** The bounds of the bools `start` to `end`, a byte each. */
export function boundsOfBooleans(values: Uint8Array, start: number, end: number): Bounds {
  if (start === end) return NO_BOUNDS;
  let any = 0;
  let all = 1;
  for (let i = start; i < end; i++) {
    any |= values[i];
    all &= values[i];
  }
  return { min: all === 1, max: any === 1, hasNan: false };
}

/** The bounds of the integers `start` to `end`. */
export function boundsOfInt32(values: Int32Array, start: number, end: number): Bounds {
  if (start === end) return NO_BOUNDS;
  let min = values[start];
  let max = min;
  for (let i = start + 1; i < end; i++) {
    const value = values[i];
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return { min, max, hasNan: false };
}

/** 64-bit integers as word pairs, low first. */
export function boundsOfWords(words: Int32Array, start: number, end: number): Bounds {
  if (start === end) return NO_BOUNDS;
  let min = start;
  let max = start;
  for (let i = start + 1; i < end; i++) {
    if (lessWords(words, i, min)) min = i;
    else if (lessWords(words, max, i)) max = i;
  }
  return { min: wordsAt(words, min), max: wordsAt(words, max), hasNan: false };
}

/** Whether one 64-bit integer is below another; both are places among word pairs, low word first. */
export function lessWords(words: Int32Array, a: number, b: number): boolean {
  const high = words[2 * a + 1];
  const otherHigh = words[2 * b + 1];
  return high === otherHigh ? words[2 * a] >>> 0 < words[2 * b] >>> 0 : high < otherHigh;
}

/** The 64-bit integer at a place among word pairs. */
export function wordsAt(words: Int32Array, i: number): bigint {
  return (BigInt(words[2 * i + 1]) << 32n) | BigInt(words[2 * i] >>> 0);
}

/** The bounds of the doubles `start` to `end`, NaN left out but noted. */
export function boundsOfDoubles(values: Float64Array, start: number, end: number): Bounds {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let hasNan = false;
  let seen = false;
  for (let i = start; i < end; i++) {
    const value = values[i];
    if (Number.isNaN(value)) {
      hasNan = true;
      continue;
    }
    seen = true;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (!seen) return { ...NO_BOUNDS, hasNan };
  return zeroBounds({ min, max, hasNan });
}

/** Bounds of doubles hold both zeros, as the format wants: a minimum of -0 and a maximum of +0. */
export function zeroBounds(bounds: Bounds): Bounds {
  return { min: bounds.min === 0 ? -0 : bounds.min, max: bounds.max === 0 ? 0 : bounds.max, hasNan: bounds.hasNan };
}

/** The bounds of the byte strings `start` to `end`, as unsigned bytes; cut as `sliceAt` cuts. */
export function boundsOfSlices(bytes: Uint8Array, offsets: Int32Array, start: number, end: number): Bounds {
  if (start === end) return NO_BOUNDS;
  let min = start;
  let max = start;
  for (let i = start + 1; i < end; i++) {
    if (compareBytes(bytes, offsets[i], offsets[i + 1], bytes, offsets[min], offsets[min + 1]) < 0) min = i;
    else if (compareBytes(bytes, offsets[i], offsets[i + 1], bytes, offsets[max], offsets[max + 1]) > 0) max = i;
  }
  // Copies, so that a bound does not keep a row group alive.
  return { min: sliceAt(bytes, offsets, min), max: sliceAt(bytes, offsets, max), hasNan: false };
}

/** A value, or its first 256 bytes: far more than a bound that is written keeps, so that its cut comes out the same. */
export function sliceAt(bytes: Uint8Array, offsets: Int32Array, i: number): Uint8Array {
  return bytes.slice(offsets[i], Math.min(offsets[i + 1], offsets[i] + 256));
}

/** 128-bit integers as little-endian pairs. */
export function boundsOfInt128(pairs: BigInt64Array, start: number, end: number): Bounds {
  if (start === end) return NO_BOUNDS;
  let min = readInt128(pairs, start);
  let max = min;
  for (let i = start + 1; i < end; i++) {
    const value = readInt128(pairs, i);
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return { min, max, hasNan: false };
}
