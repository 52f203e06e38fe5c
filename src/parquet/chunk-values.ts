import { compareBytes } from '../columns/compare.ts';
import type { ByteWriter } from '../core/byte-writer.ts';
import { assert } from '../core/errors.ts';
import {
  type Bounds,
  boundsOfBooleans,
  boundsOfInt32,
  boundsOfSlices,
  boundsOfWords,
  lessWords,
  NO_BOUNDS,
  sliceAt,
  wordsAt,
  zeroBounds,
} from './bounds.ts';
import { encodeDelta32, encodeDelta64 } from './delta-encode.ts';
import type { DenseSlices } from './dense.ts';
import { bitWidth } from './hybrid.ts';
import { encodeHybrid } from './hybrid-encode.ts';
import type { Encoding } from './metadata.ts';
import { packBits } from './to-column.ts';

/** A page that compression leaves above this share of its size is stored as it is, and so read faster. */
const TEXT_WORTHWHILE = 0.85;
/**
 * The same of numbers at a fixed width, which compress to pieces of a few bytes. Undoing that takes a scan more time
 * than anything else does: 3 ns a byte, where reading one takes 10 ns at 100 MB/s. Saving less than a third is a loss.
 */
const NUMBERS_WORTHWHILE = 2 / 3;

export interface Dictionary {
  readonly bytes: Uint8Array;
  readonly length: number;
  /** As of `ChunkValues`. */
  readonly worthwhile: number;
}

/** The present values of a column chunk in the encoding chosen for them. Positions count present values. */
export interface ChunkValues {
  readonly encoding: Encoding;
  /** The dictionary's values in PLAIN encoding, where `encoding` is RLE_DICTIONARY. */
  readonly dictionary: Dictionary | undefined;
  /** A page is compressed where that leaves less than this share of it; 0 where it is not even tried. */
  readonly worthwhile: number;
  /** A guess at the bytes of a page of so many values. */
  pageBytes(count: number): number;
  encode(start: number, end: number, out: ByteWriter): void;
  bounds(start: number, end: number): Bounds;
}

/** The memory of an array as bytes, shared. */
export function asBytes(values: Int32Array | Float64Array | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** PLAIN: each value's length before it. */
function plainSlices({ offsets, bytes }: DenseSlices): Uint8Array {
  const count = offsets.length - 1;
  const out = new Uint8Array(4 * count + offsets[count] - offsets[0]);
  let to = 0;
  for (let i = 0; i < count; i++) {
    const length = offsets[i + 1] - offsets[i];
    out[to] = length & 0xff;
    out[to + 1] = (length >> 8) & 0xff;
    out[to + 2] = (length >> 16) & 0xff;
    out[to + 3] = length >>> 24;
    to += 4;
    for (let k = offsets[i]; k < offsets[i + 1]; k++) out[to++] = bytes[k];
  }
  return out;
}

/** The values of a dictionary, as far as bounds ask for them. */
export interface Entries {
  readonly length: number;
  readonly text: boolean;
  /** The values in PLAIN encoding. */
  readonly bytes: Uint8Array;
  less(a: number, b: number): boolean;
  isNan(code: number): boolean;
  /** The bounds that these entries make. */
  bounds(min: number, max: number, hasNan: boolean): Bounds;
}

/** A dictionary's entries that are 64-bit integers, as word pairs. */
export function wordEntries(words: Int32Array): Entries {
  return {
    length: words.length / 2,
    text: false,
    bytes: asBytes(words),
    less: (a, b) => lessWords(words, a, b),
    isNan: () => false,
    bounds: (min, max) => ({ min: wordsAt(words, min), max: wordsAt(words, max), hasNan: false }),
  };
}

/** A dictionary's entries that are doubles. */
export function doubleEntries(values: Float64Array): Entries {
  return {
    length: values.length,
    text: false,
    bytes: asBytes(values),
    less: (a, b) => values[a] < values[b],
    isNan: (code) => Number.isNaN(values[code]),
    bounds: (min, max, hasNan) => zeroBounds({ min: values[min], max: values[max], hasNan }),
  };
}

/** A dictionary's entries that are 32-bit integers. */
export function int32Entries(values: Int32Array): Entries {
  return {
    length: values.length,
    text: false,
    bytes: asBytes(values),
    less: (a, b) => values[a] < values[b],
    isNan: () => false,
    bounds: (min, max) => ({ min: values[min], max: values[max], hasNan: false }),
  };
}

/** A dictionary's entries that are byte strings. */
export function sliceEntries(bytes: Uint8Array, offsets: Int32Array): Entries {
  return {
    length: offsets.length - 1,
    text: true,
    bytes: plainSlices({ offsets, bytes }),
    less: (a, b) => compareBytes(bytes, offsets[a], offsets[a + 1], bytes, offsets[b], offsets[b + 1]) < 0,
    isNan: () => false,
    bounds: (min, max) => ({ min: sliceAt(bytes, offsets, min), max: sliceAt(bytes, offsets, max), hasNan: false }),
  };
}

/** RLE_DICTIONARY. */
export class Codes implements ChunkValues {
  readonly encoding = 'RLE_DICTIONARY';
  readonly dictionary: Dictionary;
  readonly worthwhile = 0;
  readonly #codes: Int32Array;
  readonly #width: number;
  readonly #entries: Entries;
  readonly #bounded: boolean;
  /** Which page saw a code last. */
  readonly #seen: Int32Array;
  #page = 0;

  constructor(codes: Int32Array, entries: Entries, bounded: boolean) {
    this.#codes = codes;
    this.#width = bitWidth(Math.max(0, entries.length - 1));
    this.#entries = entries;
    this.#bounded = bounded;
    this.#seen = new Int32Array(entries.length);
    this.dictionary = { bytes: entries.bytes, length: entries.length, worthwhile: entries.text ? TEXT_WORTHWHILE : 0 };
    assert(this.#width <= 24, 'a dictionary stays below 2^24 entries');
  }

  pageBytes(count: number): number {
    return 64 + ((count * this.#width) >> 3);
  }

  encode(start: number, end: number, out: ByteWriter): void {
    // The width stands even before no codes at all: DuckDB reads it from a page of nulls alone.
    out.reserve(1);
    out.bytes[out.length++] = this.#width;
    encodeHybrid(this.#codes, start, end, this.#width, out);
  }

  /** Bounds of the entries a page uses, each looked at once. */
  bounds(start: number, end: number): Bounds {
    if (!this.#bounded) return NO_BOUNDS;
    const entries = this.#entries;
    const page = ++this.#page;
    let min = -1;
    let max = -1;
    let hasNan = false;
    for (let i = start; i < end; i++) {
      const code = this.#codes[i];
      if (this.#seen[code] === page) continue;
      this.#seen[code] = page;
      if (entries.isNan(code)) hasNan = true;
      else if (min < 0) {
        min = code;
        max = code;
      } else if (entries.less(code, min)) min = code;
      else if (entries.less(max, code)) max = code;
    }
    return min < 0 ? { ...NO_BOUNDS, hasNan } : entries.bounds(min, max, hasNan);
  }
}

/** DELTA_LENGTH_BYTE_ARRAY: a reader takes the bytes of a page in one copy. */
export class Lengths implements ChunkValues {
  readonly encoding = 'DELTA_LENGTH_BYTE_ARRAY';
  readonly dictionary = undefined;
  readonly worthwhile = TEXT_WORTHWHILE;
  readonly #slices: DenseSlices;
  readonly #bounded: boolean;

  constructor(slices: DenseSlices, bounded: boolean) {
    this.#slices = slices;
    this.#bounded = bounded;
  }

  pageBytes(count: number): number {
    const { offsets } = this.#slices;
    return 64 + 2 * count + Math.ceil((offsets[offsets.length - 1] * count) / Math.max(1, offsets.length - 1));
  }

  encode(start: number, end: number, out: ByteWriter): void {
    const { offsets, bytes } = this.#slices;
    const lengths = new Int32Array(end - start);
    for (let i = start; i < end; i++) lengths[i - start] = offsets[i + 1] - offsets[i];
    encodeDelta32(lengths, 0, lengths.length, out);
    out.append(bytes.subarray(offsets[start], offsets[end]));
  }

  bounds(start: number, end: number): Bounds {
    return this.#bounded ? boundsOfSlices(this.#slices.bytes, this.#slices.offsets, start, end) : NO_BOUNDS;
  }
}

/** DELTA_BINARY_PACKED. */
export class Deltas implements ChunkValues {
  readonly encoding = 'DELTA_BINARY_PACKED';
  readonly dictionary = undefined;
  readonly worthwhile = 0;
  readonly encode: (start: number, end: number, out: ByteWriter) => void;
  readonly bounds: (start: number, end: number) => Bounds;

  private constructor(encode: Deltas['encode'], bounds: Deltas['bounds']) {
    this.encode = encode;
    this.bounds = bounds;
  }

  static ofWords(words: Int32Array): Deltas {
    return new Deltas(
      (start, end, out) => encodeDelta64(words, start, end, out),
      (start, end) => boundsOfWords(words, start, end),
    );
  }

  static ofInt32(values: Int32Array): Deltas {
    return new Deltas(
      (start, end, out) => encodeDelta32(values, start, end, out),
      (start, end) => boundsOfInt32(values, start, end),
    );
  }

  pageBytes(count: number): number {
    return 256 + 4 * count;
  }
}

/** PLAIN values of a fixed width. */
export class PlainFixed implements ChunkValues {
  readonly encoding = 'PLAIN';
  readonly dictionary = undefined;
  readonly worthwhile = NUMBERS_WORTHWHILE;
  readonly #bytes: Uint8Array;
  readonly #width: number;
  readonly bounds: (start: number, end: number) => Bounds;

  constructor(bytes: Uint8Array, width: number, bounds: (start: number, end: number) => Bounds) {
    this.#bytes = bytes;
    this.#width = width;
    this.bounds = bounds;
  }

  pageBytes(count: number): number {
    return this.#width * count;
  }

  encode(start: number, end: number, out: ByteWriter): void {
    out.append(this.#bytes.subarray(this.#width * start, this.#width * end));
  }
}

/** PLAIN booleans: a bit each. */
export class Booleans implements ChunkValues {
  readonly encoding = 'PLAIN';
  readonly dictionary = undefined;
  readonly worthwhile = TEXT_WORTHWHILE;
  readonly #values: Uint8Array;

  constructor(values: Uint8Array) {
    this.#values = values;
  }

  pageBytes(count: number): number {
    return (count + 7) >> 3;
  }

  encode(start: number, end: number, out: ByteWriter): void {
    out.append(packBits(this.#values.subarray(start, end)));
  }

  bounds(start: number, end: number): Bounds {
    return boundsOfBooleans(this.#values, start, end);
  }
}

/** Big-endian, as the format wants a decimal of fixed length. */
export function bigEndian(pairs: BigInt64Array): Uint8Array {
  const bytes = new Uint8Array(8 * pairs.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < pairs.length; i += 2) {
    view.setBigInt64(8 * i, pairs[i + 1]);
    view.setBigInt64(8 * i + 8, pairs[i]);
  }
  return bytes;
}
