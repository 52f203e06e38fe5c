import type { Bitmap } from '../columns/bitmap.ts';
import type { Codes } from '../columns/column.ts';
import type { Encoding } from './metadata.ts';
import { malformed } from './thrift.ts';

/** Decoded values of a physical type, in flat memory. */
export type PhysicalValues =
  /** BOOLEAN: 0 or 1 a byte. */
  | { readonly kind: 'boolean'; readonly values: Uint8Array }
  | { readonly kind: 'int32'; readonly values: Int32Array }
  /** INT64 as pairs of words, low first, over a buffer aligned for BigInt64Array. */
  | { readonly kind: 'int64'; readonly words: Int32Array }
  /** FLOAT and DOUBLE. */
  | { readonly kind: 'double'; readonly values: Float64Array }
  /** BYTE_ARRAY. */
  | { readonly kind: 'slices'; readonly offsets: Int32Array; readonly bytes: Uint8Array }
  /** FIXED_LEN_BYTE_ARRAY and INT96: value `i` is `bytes[i * width .. (i + 1) * width)`. */
  | { readonly kind: 'fixed'; readonly width: number; readonly bytes: Uint8Array };

/**
 * Where the values of a run of pages are put together. Positions count values; `end` is where a page's
 * bytes end. Every method checks that the page holds what it is asked for.
 */
export interface ValueTarget {
  /**
   * Decodes `count` values that stand in the page from `from` on, to position `at`. A `spent` page is needed by
   * nobody afterwards and may be overwritten.
   */
  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number, spent: boolean): void;
  /** Puts the dictionary's values of `count` codes at position `at`. */
  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void;
  /** Moves `present` values at `at` to the rows that are valid among `count`. */
  spread(validity: Bitmap, at: number, count: number, present: number): void;
  finish(): PhysicalValues;
}

/** Memory one run of pages may take for values of variable length; offsets must stay within 32 bits. */
export const MOST_SLICE_BYTES = 512 * 1024 * 1024;

/** The error for an encoding that no writer may use for the type. */
export function unsupported(encoding: Encoding, type: string): Error {
  return malformed(`the encoding ${encoding} does not fit the type ${type}`);
}

/** Throws `malformed_input` where fewer than `bytes` bytes of a page are left. */
export function requireBytes(page: Uint8Array, from: number, bytes: number): void {
  if (bytes > page.length - from) throw malformed('a page ends before its values');
}

/** Undoes BYTE_STREAM_SPLIT: byte `k` of every value stands in stream `k`. */
export function joinStreams(
  page: Uint8Array,
  from: number,
  width: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  requireBytes(page, from, width * count);
  for (let k = 0; k < width; k++) {
    let source = from + k * count;
    const end = source + count;
    for (let to = at + k; source < end; to += width) target[to] = page[source++];
  }
}
