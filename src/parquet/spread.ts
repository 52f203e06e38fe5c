import type { Bitmap } from '../columns/bitmap.ts';
import type { Codes } from '../columns/column.ts';

/**
 * Pages store only values that are present. Spreading moves the `present` values that stand from `at` on to
 * the rows of `at .. at + count` whose validity bit is set, in place and from the back. What is left in the
 * slots of nulls is arbitrary but was a value of the page, so codes stay within their dictionary.
 *
 * One function per array, so that each loop sees one type.
 */
export function spreadInt32(values: Int32Array, validity: Bitmap, at: number, count: number, present: number): void {
  let from = at + present - 1;
  for (let i = at + count - 1; i > from; i--) {
    if (((validity[i >> 3] >> (i & 7)) & 1) === 1) values[i] = values[from--];
  }
}

export function spreadDoubles(
  values: Float64Array,
  validity: Bitmap,
  at: number,
  count: number,
  present: number,
): void {
  let from = at + present - 1;
  for (let i = at + count - 1; i > from; i--) {
    if (((validity[i >> 3] >> (i & 7)) & 1) === 1) values[i] = values[from--];
  }
}

export function spreadBytes(values: Uint8Array, validity: Bitmap, at: number, count: number, present: number): void {
  let from = at + present - 1;
  for (let i = at + count - 1; i > from; i--) {
    if (((validity[i >> 3] >> (i & 7)) & 1) === 1) values[i] = values[from--];
  }
}

function spreadShorts(values: Uint16Array, validity: Bitmap, at: number, count: number, present: number): void {
  let from = at + present - 1;
  for (let i = at + count - 1; i > from; i--) {
    if (((validity[i >> 3] >> (i & 7)) & 1) === 1) values[i] = values[from--];
  }
}

/** Value `i` is the words `2i` and `2i + 1`. */
export function spreadPairs(words: Int32Array, validity: Bitmap, at: number, count: number, present: number): void {
  let from = at + present - 1;
  for (let i = at + count - 1; i > from; i--) {
    if (((validity[i >> 3] >> (i & 7)) & 1) === 0) continue;
    words[2 * i] = words[2 * from];
    words[2 * i + 1] = words[2 * from + 1];
    from--;
  }
}

/** Value `i` is `width` bytes. */
export function spreadFixed(
  bytes: Uint8Array,
  width: number,
  validity: Bitmap,
  at: number,
  count: number,
  present: number,
): void {
  let from = at + present - 1;
  for (let i = at + count - 1; i > from; i--) {
    if (((validity[i >> 3] >> (i & 7)) & 1) === 0) continue;
    bytes.copyWithin(i * width, from * width, (from + 1) * width);
    from--;
  }
}

/** `ends[i + 1]` is where value `i` ends; a null is empty. */
export function spreadEnds(ends: Int32Array, validity: Bitmap, at: number, count: number, present: number): void {
  let from = at + present;
  for (let i = at + count; i > from; i--) {
    ends[i] = ends[from];
    const row = i - 1;
    if (((validity[row >> 3] >> (row & 7)) & 1) === 1) from--;
  }
}

export function spreadCodes(codes: Codes, validity: Bitmap, at: number, count: number, present: number): void {
  if (codes instanceof Uint8Array) spreadBytes(codes, validity, at, count, present);
  else if (codes instanceof Uint16Array) spreadShorts(codes, validity, at, count, present);
  else spreadInt32(codes, validity, at, count, present);
}
