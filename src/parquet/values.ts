import type { Bitmap } from '../columns/bitmap.ts';
import type { Codes } from '../columns/column.ts';
import { unpackBytes } from './bit-unpack.ts';
import { decodeDelta32, decodeDelta64, decodeDeltaLengths, decodeDeltaStrings, type Slices } from './delta.ts';
import { decodeBytes } from './hybrid.ts';
import type { Encoding, PhysicalType } from './metadata.ts';
import { spreadBytes, spreadDoubles, spreadEnds, spreadFixed, spreadInt32, spreadPairs } from './spread.ts';
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
const MOST_SLICE_BYTES = 512 * 1024 * 1024;

export function newTarget(type: PhysicalType, typeLength: number, length: number): ValueTarget {
  switch (type) {
    case 'BOOLEAN':
      return new BooleanTarget(length);
    case 'INT32':
      return new Int32Target(length);
    case 'INT64':
      return new Int64Target(length);
    case 'FLOAT':
      return new FloatTarget(length);
    case 'DOUBLE':
      return new DoubleTarget(length);
    case 'BYTE_ARRAY':
      return new SliceTarget(length);
    case 'INT96':
      return new FixedTarget(12, length);
    case 'FIXED_LEN_BYTE_ARRAY':
      return new FixedTarget(typeLength, length);
  }
}

/** The values of a dictionary page, all in the PLAIN encoding. */
export function decodeDictionary(
  type: PhysicalType,
  typeLength: number,
  page: Uint8Array,
  count: number,
): PhysicalValues {
  // Each value takes at least this many bytes, so that a false count cannot make us allocate.
  const least = {
    BOOLEAN: 0,
    INT32: 4,
    INT64: 8,
    INT96: 12,
    FLOAT: 4,
    DOUBLE: 8,
    BYTE_ARRAY: 4,
    FIXED_LEN_BYTE_ARRAY: typeLength,
  };
  if (least[type] * count > page.length) throw malformed('a dictionary is shorter than its header says');
  const target = newTarget(type, typeLength, count);
  target.decode('PLAIN', page, 0, 0, count, false);
  return target.finish();
}

function unsupported(encoding: Encoding, type: string): Error {
  return malformed(`the encoding ${encoding} does not fit the type ${type}`);
}

function requireBytes(page: Uint8Array, from: number, bytes: number): void {
  if (bytes > page.length - from) throw malformed('a page ends before its values');
}

/** Undoes BYTE_STREAM_SPLIT: byte `k` of every value stands in stream `k`. */
function joinStreams(
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

class BooleanTarget implements ValueTarget {
  readonly #values: Uint8Array;

  constructor(length: number) {
    this.#values = new Uint8Array(length);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    if (encoding === 'PLAIN') {
      requireBytes(page, from, (count + 7) >> 3);
      unpackBytes(page, from, 1, this.#values, at, count);
    } else if (encoding === 'RLE') {
      // The length of the runs stands before them.
      requireBytes(page, from, 4);
      decodeBytes(page, from + 4, page.length, 1, this.#values, at, count);
    } else throw unsupported(encoding, 'BOOLEAN');
  }

  gather(): void {
    throw malformed('a boolean column has a dictionary');
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadBytes(this.#values, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'boolean', values: this.#values };
  }
}

class Int32Target implements ValueTarget {
  readonly #values: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(length: number) {
    this.#values = new Int32Array(length);
    this.#bytes = new Uint8Array(this.#values.buffer);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    if (encoding === 'PLAIN') {
      requireBytes(page, from, 4 * count);
      this.#bytes.set(page.subarray(from, from + 4 * count), 4 * at);
    } else if (encoding === 'DELTA_BINARY_PACKED') decodeDelta32(page, from, page.length, this.#values, at, count);
    else if (encoding === 'BYTE_STREAM_SPLIT') joinStreams(page, from, 4, this.#bytes, 4 * at, count);
    else throw unsupported(encoding, 'INT32');
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'int32') throw malformed('a dictionary is of another type');
    const source = dictionary.values;
    for (let i = 0; i < count; i++) this.#values[at + i] = source[codes[i]];
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadInt32(this.#values, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'int32', values: this.#values };
  }
}

class Int64Target implements ValueTarget {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(length: number) {
    this.#words = new Int32Array(2 * length);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    if (encoding === 'PLAIN') {
      requireBytes(page, from, 8 * count);
      this.#bytes.set(page.subarray(from, from + 8 * count), 8 * at);
    } else if (encoding === 'DELTA_BINARY_PACKED') decodeDelta64(page, from, page.length, this.#words, at, count);
    else if (encoding === 'BYTE_STREAM_SPLIT') joinStreams(page, from, 8, this.#bytes, 8 * at, count);
    else throw unsupported(encoding, 'INT64');
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'int64') throw malformed('a dictionary is of another type');
    const source = dictionary.words;
    for (let i = 0; i < count; i++) {
      const code = codes[i];
      this.#words[2 * (at + i)] = source[2 * code];
      this.#words[2 * (at + i) + 1] = source[2 * code + 1];
    }
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadPairs(this.#words, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'int64', words: this.#words };
  }
}

class DoubleTarget implements ValueTarget {
  readonly #values: Float64Array;
  readonly #bytes: Uint8Array;

  constructor(length: number) {
    this.#values = new Float64Array(length);
    this.#bytes = new Uint8Array(this.#values.buffer);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    if (encoding === 'PLAIN') {
      requireBytes(page, from, 8 * count);
      this.#bytes.set(page.subarray(from, from + 8 * count), 8 * at);
    } else if (encoding === 'BYTE_STREAM_SPLIT') joinStreams(page, from, 8, this.#bytes, 8 * at, count);
    else throw unsupported(encoding, 'DOUBLE');
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'double') throw malformed('a dictionary is of another type');
    const source = dictionary.values;
    for (let i = 0; i < count; i++) this.#values[at + i] = source[codes[i]];
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadDoubles(this.#values, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'double', values: this.#values };
  }
}

class FloatTarget implements ValueTarget {
  readonly #values: Float64Array;

  constructor(length: number) {
    this.#values = new Float64Array(length);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    requireBytes(page, from, 4 * count);
    const narrow = new Float32Array(count);
    const bytes = new Uint8Array(narrow.buffer);
    if (encoding === 'PLAIN') bytes.set(page.subarray(from, from + 4 * count));
    else if (encoding === 'BYTE_STREAM_SPLIT') joinStreams(page, from, 4, bytes, 0, count);
    else throw unsupported(encoding, 'FLOAT');
    this.#values.set(narrow, at);
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'double') throw malformed('a dictionary is of another type');
    const source = dictionary.values;
    for (let i = 0; i < count; i++) this.#values[at + i] = source[codes[i]];
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadDoubles(this.#values, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'double', values: this.#values };
  }
}

class FixedTarget implements ValueTarget {
  readonly #width: number;
  readonly #bytes: Uint8Array;

  constructor(width: number, length: number) {
    if (width * length > MOST_SLICE_BYTES) throw malformed('a column has too many bytes to hold');
    this.#width = width;
    this.#bytes = new Uint8Array(width * length);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    const width = this.#width;
    if (encoding === 'PLAIN') {
      requireBytes(page, from, width * count);
      this.#bytes.set(page.subarray(from, from + width * count), width * at);
    } else if (encoding === 'BYTE_STREAM_SPLIT') joinStreams(page, from, width, this.#bytes, width * at, count);
    else if (encoding === 'DELTA_BYTE_ARRAY') {
      const slices = decodeDeltaStrings(page, from, page.length, count, width * count);
      for (let i = 0; i <= count; i++) {
        if (slices.offsets[i] !== i * width) throw malformed('a value of fixed length has another length');
      }
      this.#bytes.set(slices.bytes, width * at);
    } else throw unsupported(encoding, 'FIXED_LEN_BYTE_ARRAY');
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'fixed' || dictionary.width !== this.#width)
      throw malformed('a dictionary is of another type');
    const width = this.#width;
    for (let i = 0; i < count; i++) {
      let source = codes[i] * width;
      let to = (at + i) * width;
      for (let k = 0; k < width; k++) this.#bytes[to++] = dictionary.bytes[source++];
    }
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadFixed(this.#bytes, this.#width, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'fixed', width: this.#width, bytes: this.#bytes };
  }
}

/** Values below this many bytes are copied in a loop, which beats a call of `set`. */
const SHORT_BYTES = 32;

function copyShort(source: Uint8Array, from: number, target: Uint8Array, at: number, length: number): void {
  if (length < SHORT_BYTES) for (let i = 0; i < length; i++) target[at + i] = source[from + i];
  else target.set(source.subarray(from, from + length), at);
}

class SliceTarget implements ValueTarget {
  /** `#ends[i + 1]` is where value `i` ends in `#bytes`; value 0 begins at 0. Positions are filled front to back. */
  readonly #ends: Int32Array;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Whether `#bytes` is a view of a page, to be copied before it grows. */
  #borrowed = true;
  #used = 0;

  constructor(length: number) {
    this.#ends = new Int32Array(length + 1);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number, spent: boolean): void {
    if (encoding === 'PLAIN') this.#plain(page, from, at, count, spent);
    else if (encoding === 'DELTA_LENGTH_BYTE_ARRAY')
      this.#append(decodeDeltaLengths(page, from, page.length, count), at);
    else if (encoding === 'DELTA_BYTE_ARRAY') {
      this.#append(decodeDeltaStrings(page, from, page.length, count, MOST_SLICE_BYTES - this.#used), at);
    } else throw unsupported(encoding, 'BYTE_ARRAY');
  }

  #plain(page: Uint8Array, from: number, at: number, count: number, spent: boolean): void {
    requireBytes(page, from, 4 * count);
    // Values move up over the lengths between them, in the page itself where nobody needs it: large pages of
    // text are what takes most memory.
    if (spent && this.#used === 0) this.#bytes = page;
    else this.#reserve(page.length - from - 4 * count);
    const bytes = this.#bytes;
    const end = page.length;
    let p = from;
    let used = this.#used;
    for (let i = 1; i <= count; i++) {
      if (p + 4 > end) throw malformed('a page ends before its values');
      const length = page[p] | (page[p + 1] << 8) | (page[p + 2] << 16) | (page[p + 3] << 24);
      p += 4;
      if (length < 0 || length > end - p) throw malformed('a value is longer than its page');
      copyShort(page, p, bytes, used, length);
      p += length;
      used += length;
      this.#ends[at + i] = used;
    }
    this.#used = used;
  }

  #append(slices: Slices, at: number): void {
    const count = slices.offsets.length - 1;
    const length = slices.offsets[count];
    if (this.#used === 0 && this.#borrowed) {
      this.#bytes = slices.bytes;
    } else {
      this.#reserve(length);
      this.#bytes.set(slices.bytes, this.#used);
    }
    for (let i = 1; i <= count; i++) this.#ends[at + i] = this.#used + slices.offsets[i];
    this.#used += length;
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'slices') throw malformed('a dictionary is of another type');
    const { offsets, bytes } = dictionary;
    let total = 0;
    for (let i = 0; i < count; i++) total += offsets[codes[i] + 1] - offsets[codes[i]];
    this.#reserve(total);
    let used = this.#used;
    for (let i = 0; i < count; i++) {
      const start = offsets[codes[i]];
      const length = offsets[codes[i] + 1] - start;
      copyShort(bytes, start, this.#bytes, used, length);
      used += length;
      this.#ends[at + i + 1] = used;
    }
    this.#used = used;
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadEnds(this.#ends, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'slices', offsets: this.#ends, bytes: this.#bytes.subarray(0, this.#used) };
  }

  #reserve(more: number): void {
    const needed = this.#used + more;
    if (needed > MOST_SLICE_BYTES) throw malformed('a column has too many bytes to hold');
    if (!this.#borrowed && needed <= this.#bytes.length) return;
    const grown = new Uint8Array(this.#used === 0 ? needed : Math.max(needed, Math.min(2 * needed, MOST_SLICE_BYTES)));
    grown.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = grown;
    this.#borrowed = false;
  }
}
