import { getBit } from '../columns/bitmap.ts';
import { compareBytes } from '../columns/compare.ts';
import type { ColumnType } from '../columns/types.ts';
import { assert } from '../core/errors.ts';
import {
  type Bounds,
  boundsOfBooleans,
  boundsOfDoubles,
  boundsOfInt32,
  boundsOfInt128,
  boundsOfSlices,
  boundsOfWords,
  lessWords,
  NO_BOUNDS,
  sliceAt,
  wordsAt,
  zeroBounds,
} from './bounds.ts';
import { ByteBuffer } from './byte-buffer.ts';
import { encodeDelta32, encodeDelta64 } from './delta-encode.ts';
import {
  type DenseSlices,
  denseBooleans,
  denseDoubles,
  denseInt32,
  denseInt128,
  denseSlices,
  denseWords,
  type Piece,
  slicesOf,
} from './dense.ts';
import { SliceDictionary, WordDictionary } from './dictionary.ts';
import { bitWidth } from './hybrid.ts';
import { encodeHybrid } from './hybrid-encode.ts';
import type { Encoding } from './metadata.ts';
import { packBits } from './to-column.ts';

/** The present values of a column chunk in the encoding chosen for them. Positions count present values. */
export interface ChunkValues {
  readonly encoding: Encoding;
  /** The dictionary's values in PLAIN encoding, where `encoding` is RLE_DICTIONARY. */
  readonly dictionary: { readonly bytes: Uint8Array; readonly length: number } | undefined;
  /** Whether general compression may still make the pages smaller. */
  readonly compressible: boolean;
  /** A guess at the bytes of a page of so many values. */
  pageBytes(count: number): number;
  encode(start: number, end: number, out: ByteBuffer): void;
  bounds(start: number, end: number): Bounds;
}

/**
 * A dictionary is read whole for any row of its row group, so it stays small: a lookup of one row should
 * not cost more than the pages it is in.
 */
const MOST_DICTIONARY_BYTES = 96 * 1024;
const MOST_DICTIONARY_NUMBERS = 8192;
/** After so many values a column in which most were new is taken to have no dictionary worth making. */
const TRIAL_VALUES = 1024;

/** Deltas are kept where they take less than this share of the plain values, since plain ones are read faster. */
const DELTA_SHARE = 0.75;
const SAMPLE_VALUES = 4096;

/** Chooses an encoding by type and by the values themselves; `present` counts those that are not null. */
export function chooseEncoding(pieces: readonly Piece[], type: ColumnType, present: number): ChunkValues {
  switch (type.kind) {
    case 'null':
      return new PlainFixed(new Uint8Array(0), 4, () => NO_BOUNDS);
    case 'bool':
      return new Booleans(denseBooleans(pieces, present));
    case 'int64':
    case 'timestamp':
      return chooseForWords(denseWords(pieces, present));
    case 'decimal': {
      if (type.precision <= 18) return chooseForWords(denseWords(pieces, present));
      const pairs = denseInt128(pieces, present);
      return new PlainFixed(bigEndian(pairs), 16, (start, end) => boundsOfInt128(pairs, start, end));
    }
    case 'double':
      return chooseForDoubles(denseDoubles(pieces, present));
    case 'date':
      return chooseForInt32(denseInt32(pieces, present));
    case 'string':
    case 'bytes':
      return codesOfSlices(pieces, present, true) ?? new Lengths(denseSlices(pieces, present), true);
    case 'json':
      // Nobody compares nested values, or prunes by them.
      return codesOfSlices(pieces, present, false) ?? new Lengths(denseSlices(pieces, present), false);
  }
}

function chooseForWords(words: Int32Array): ChunkValues {
  const coded = codesOfWords(words);
  if (coded !== undefined) return new Codes(coded.codes, wordEntries(coded.entries), true);
  if (deltasPay(words)) return new DeltaWords(words);
  return new PlainFixed(asBytes(words), 8, (start, end) => boundsOfWords(words, start, end));
}

function chooseForDoubles(values: Float64Array): ChunkValues {
  // As bit patterns, so that both zeros keep their sign.
  const coded = codesOfWords(new Int32Array(values.buffer));
  if (coded !== undefined) return new Codes(coded.codes, doubleEntries(new Float64Array(coded.entries.buffer)), true);
  return new PlainFixed(asBytes(values), 8, (start, end) => boundsOfDoubles(values, start, end));
}

function chooseForInt32(values: Int32Array): ChunkValues {
  const words = new Int32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) words[2 * i] = values[i];
  const coded = codesOfWords(words);
  if (coded === undefined) return new DeltaInt32(values);
  const entries = coded.entries.filter((_, i) => (i & 1) === 0);
  return new Codes(coded.codes, int32Entries(entries), true);
}

/** Whether deltas make these integers smaller by enough: judged by pages' worth of values from the middle. */
function deltasPay(words: Int32Array): boolean {
  const count = words.length / 2;
  const sample = Math.min(count, SAMPLE_VALUES);
  const start = (count - sample) >> 1;
  const out = new ByteBuffer(8 * sample + 256);
  encodeDelta64(words, start, start + sample, out);
  return out.length < DELTA_SHARE * 8 * sample;
}

function asBytes(values: Int32Array | Float64Array | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

const wordDictionary = new WordDictionary();

/** Codes of 64-bit values and what they stand for, or undefined where a dictionary does not pay. */
function codesOfWords(words: Int32Array): { codes: Int32Array; entries: Int32Array } | undefined {
  const count = words.length / 2;
  const most = Math.min(MOST_DICTIONARY_NUMBERS, Math.max(2, count >> 2));
  const codes = new Int32Array(count);
  wordDictionary.clear();
  for (let i = 0; i < count; i++) {
    const code = wordDictionary.code(words[2 * i], words[2 * i + 1], most);
    if (code < 0) return undefined;
    codes[i] = code;
    if (i === TRIAL_VALUES && wordDictionary.length > (3 * TRIAL_VALUES) / 4) return undefined;
  }
  return { codes, entries: wordDictionary.words.slice(0, 2 * wordDictionary.length) };
}

const sliceDictionary = new SliceDictionary();

function codesOfSlices(pieces: readonly Piece[], present: number, bounded: boolean): Codes | undefined {
  const most = Math.max(2, present >> 1);
  const codes = new Int32Array(present);
  sliceDictionary.clear();
  let to = 0;
  for (const piece of pieces) {
    to = addSlices(piece, codes, to, most);
    if (to < 0) return undefined;
  }
  const offsets = sliceDictionary.ends.slice(0, sliceDictionary.length + 1);
  return new Codes(codes, sliceEntries(sliceDictionary.arena.view().slice(), offsets), bounded);
}

/** Adds a piece's values to the dictionary and their codes to `codes` from `to` on; gives where they end, or -1 to give up. */
function addSlices({ column, start, end }: Piece, codes: Int32Array, to: number, most: number): number {
  const { data, validity } = column;
  if (data.layout === 'none') return to;
  const { offsets, bytes } = slicesOf(column);
  // Codes of the piece's own dictionary are looked up once each.
  const known = data.layout === 'dictionary' ? new Int32Array(data.dictionary.length).fill(-1) : undefined;
  const source = data.layout === 'dictionary' ? data.codes : undefined;
  let at = to;
  for (let i = start; i < end; i++) {
    if (validity !== null && !getBit(validity, i)) continue;
    const value = source === undefined ? i : source[i];
    let code = known === undefined ? -1 : known[value];
    if (code < 0) {
      code = sliceDictionary.code(bytes, offsets[value], offsets[value + 1], most, MOST_DICTIONARY_BYTES);
      if (code < 0) return -1;
      if (known !== undefined) known[value] = code;
    }
    codes[at++] = code;
    if (at === TRIAL_VALUES && sliceDictionary.length > (3 * TRIAL_VALUES) / 4) return -1;
  }
  return at;
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
interface Entries {
  readonly length: number;
  /** The values in PLAIN encoding. */
  readonly bytes: Uint8Array;
  less(a: number, b: number): boolean;
  isNan(code: number): boolean;
  /** The bounds that these entries make. */
  bounds(min: number, max: number, hasNan: boolean): Bounds;
}

function wordEntries(words: Int32Array): Entries {
  return {
    length: words.length / 2,
    bytes: asBytes(words),
    less: (a, b) => lessWords(words, a, b),
    isNan: () => false,
    bounds: (min, max) => ({ min: wordsAt(words, min), max: wordsAt(words, max), hasNan: false }),
  };
}

function doubleEntries(values: Float64Array): Entries {
  return {
    length: values.length,
    bytes: asBytes(values),
    less: (a, b) => values[a] < values[b],
    isNan: (code) => Number.isNaN(values[code]),
    bounds: (min, max, hasNan) => zeroBounds({ min: values[min], max: values[max], hasNan }),
  };
}

function int32Entries(values: Int32Array): Entries {
  return {
    length: values.length,
    bytes: asBytes(values),
    less: (a, b) => values[a] < values[b],
    isNan: () => false,
    bounds: (min, max) => ({ min: values[min], max: values[max], hasNan: false }),
  };
}

function sliceEntries(bytes: Uint8Array, offsets: Int32Array): Entries {
  return {
    length: offsets.length - 1,
    bytes: plainSlices({ offsets, bytes }),
    less: (a, b) => compareBytes(bytes, offsets[a], offsets[a + 1], bytes, offsets[b], offsets[b + 1]) < 0,
    isNan: () => false,
    bounds: (min, max) => ({ min: sliceAt(bytes, offsets, min), max: sliceAt(bytes, offsets, max), hasNan: false }),
  };
}

/** RLE_DICTIONARY. */
class Codes implements ChunkValues {
  readonly encoding = 'RLE_DICTIONARY';
  readonly dictionary: { readonly bytes: Uint8Array; readonly length: number };
  readonly compressible = false;
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
    this.dictionary = { bytes: entries.bytes, length: entries.length };
    assert(this.#width <= 24, 'a dictionary stays below 2^24 entries');
  }

  pageBytes(count: number): number {
    return 64 + ((count * this.#width) >> 3);
  }

  encode(start: number, end: number, out: ByteBuffer): void {
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
class Lengths implements ChunkValues {
  readonly encoding = 'DELTA_LENGTH_BYTE_ARRAY';
  readonly dictionary = undefined;
  readonly compressible = true;
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

  encode(start: number, end: number, out: ByteBuffer): void {
    const { offsets, bytes } = this.#slices;
    const lengths = new Int32Array(end - start);
    for (let i = start; i < end; i++) lengths[i - start] = offsets[i + 1] - offsets[i];
    encodeDelta32(lengths, 0, lengths.length, out);
    out.push(bytes.subarray(offsets[start], offsets[end]));
  }

  bounds(start: number, end: number): Bounds {
    return this.#bounded ? boundsOfSlices(this.#slices.bytes, this.#slices.offsets, start, end) : NO_BOUNDS;
  }
}

class DeltaWords implements ChunkValues {
  readonly encoding = 'DELTA_BINARY_PACKED';
  readonly dictionary = undefined;
  readonly compressible = false;
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  pageBytes(count: number): number {
    return 256 + 4 * count;
  }

  encode(start: number, end: number, out: ByteBuffer): void {
    encodeDelta64(this.#words, start, end, out);
  }

  bounds(start: number, end: number): Bounds {
    return boundsOfWords(this.#words, start, end);
  }
}

/** INT32 values, whose differences wrap where they must. */
class DeltaInt32 implements ChunkValues {
  readonly encoding = 'DELTA_BINARY_PACKED';
  readonly dictionary = undefined;
  readonly compressible = false;
  readonly #values: Int32Array;

  constructor(values: Int32Array) {
    this.#values = values;
  }

  pageBytes(count: number): number {
    return 256 + 3 * count;
  }

  encode(start: number, end: number, out: ByteBuffer): void {
    encodeDelta32(this.#values, start, end, out);
  }

  bounds(start: number, end: number): Bounds {
    return boundsOfInt32(this.#values, start, end);
  }
}

/** PLAIN values of a fixed width. */
class PlainFixed implements ChunkValues {
  readonly encoding = 'PLAIN';
  readonly dictionary = undefined;
  readonly compressible = true;
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

  encode(start: number, end: number, out: ByteBuffer): void {
    out.push(this.#bytes.subarray(this.#width * start, this.#width * end));
  }
}

/** PLAIN booleans: a bit each. */
class Booleans implements ChunkValues {
  readonly encoding = 'PLAIN';
  readonly dictionary = undefined;
  readonly compressible = true;
  readonly #values: Uint8Array;

  constructor(values: Uint8Array) {
    this.#values = values;
  }

  pageBytes(count: number): number {
    return (count + 7) >> 3;
  }

  encode(start: number, end: number, out: ByteBuffer): void {
    out.push(packBits(this.#values.subarray(start, end)));
  }

  bounds(start: number, end: number): Bounds {
    return boundsOfBooleans(this.#values, start, end);
  }
}

/** Big-endian, as the format wants a decimal of fixed length. */
function bigEndian(pairs: BigInt64Array): Uint8Array {
  const bytes = new Uint8Array(8 * pairs.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < pairs.length; i += 2) {
    view.setBigInt64(8 * i, pairs[i + 1]);
    view.setBigInt64(8 * i + 8, pairs[i]);
  }
  return bytes;
}
