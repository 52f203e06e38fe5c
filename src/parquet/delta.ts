import { unpackWords } from './bit-unpack.ts';
import { malformed } from './thrift.ts';

/**
 * DELTA_BINARY_PACKED and the two byte-array encodings made of it.
 * Source: https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC
 *
 * 64-bit arithmetic is done on pairs of 32-bit words, which wrap as the format wants and make no BigInt.
 */

/** A block larger than this is not a page of ours or of any writer known; it would be scratch memory. */
const MOST_BLOCK_VALUES = 1 << 16;

/** Reads the header and the blocks' heads; the loops that take the values differ. */
class DeltaBlocks {
  readonly source: Uint8Array;
  at: number;
  readonly end: number;
  readonly count: number;
  /** Values of a miniblock. */
  readonly miniblock: number;
  readonly #widths: Uint8Array;
  #next: number;
  /** Low and high word of the varint read last, zigzag undone. */
  low = 0;
  high = 0;
  /** Of the present block. */
  minLow = 0;
  minHigh = 0;

  constructor(source: Uint8Array, from: number, end: number, count: number) {
    this.source = source;
    this.at = from;
    this.end = end;
    const block = this.#varint();
    const miniblocks = this.#varint();
    this.count = this.#varint();
    if (miniblocks === 0 || block % miniblocks !== 0 || (block / miniblocks) % 8 !== 0 || block > MOST_BLOCK_VALUES) {
      throw malformed('a delta page has an impossible block size');
    }
    if (this.count !== count) throw malformed(`a delta page has ${this.count} values where ${count} are expected`);
    this.miniblock = block / miniblocks;
    this.#widths = new Uint8Array(miniblocks);
    this.#next = miniblocks;
    this.#zigzag();
  }

  /** Enters the next miniblock and, where one ends, block; gives its bit width. `at` is then where its bits begin. */
  next(): number {
    if (this.#next === this.#widths.length) {
      this.#zigzag();
      this.minLow = this.low;
      this.minHigh = this.high;
      if (this.#widths.length > this.end - this.at) throw malformed('a delta page ends too early');
      this.#widths.set(this.source.subarray(this.at, this.at + this.#widths.length));
      this.at += this.#widths.length;
      this.#next = 0;
    }
    const width = this.#widths[this.#next++];
    if (width > 64) throw malformed('a delta page has an impossible bit width');
    return width;
  }

  /** Passes over the bits of a miniblock of which `taken` values were used. */
  pass(width: number, taken: number): void {
    if (Math.ceil((taken * width) / 8) > this.end - this.at) throw malformed('a delta page ends too early');
    this.at = Math.min(this.end, this.at + (this.miniblock * width) / 8);
  }

  #byte(): number {
    if (this.at >= this.end) throw malformed('a delta page ends too early');
    return this.source[this.at++];
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 35; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw malformed('a delta page has an impossible count');
  }

  #zigzag(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 63) throw malformed('a delta page has an impossible integer');
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high |= bits >> 4;
      else if (shift > 28) high |= bits << (shift - 32);
      if (byte < 0x80) break;
    }
    const sign = -(low & 1);
    this.low = ((low >>> 1) | (high << 31)) ^ sign;
    this.high = (high >>> 1) ^ sign;
  }
}

/** Decodes INT32 values, which wrap at 32 bits. Gives where they end. */
export function decodeDelta32(
  source: Uint8Array,
  from: number,
  end: number,
  target: Int32Array,
  at: number,
  count: number,
): number {
  const blocks = new DeltaBlocks(source, from, end, count);
  if (count === 0) return blocks.at;
  const residuals = new Int32Array(blocks.miniblock);
  let value = blocks.low;
  target[at] = value;
  for (let done = 1; done < count; ) {
    const width = blocks.next();
    const take = Math.min(blocks.miniblock, count - done);
    const min = blocks.minLow;
    const body = blocks.at;
    blocks.pass(width, take);
    if (width === 0) {
      for (let i = 0; i < take; i++) {
        value = (value + min) | 0;
        target[at + done + i] = value;
      }
    } else {
      // Bits above 32 vanish when the sum wraps.
      if (width <= 32) unpackWords(source, body, width, residuals, 0, take);
      else for (let i = 0; i < take; i++) residuals[i] = bitsAt(source, body, i * width, 32);
      for (let i = 0; i < take; i++) {
        value = (value + min + residuals[i]) | 0;
        target[at + done + i] = value;
      }
    }
    done += take;
  }
  return blocks.at;
}

/** Decodes INT64 values into pairs of words, low first: value `i` at `2 * (at + i)`. Gives where they end. */
export function decodeDelta64(
  source: Uint8Array,
  from: number,
  end: number,
  target: Int32Array,
  at: number,
  count: number,
): number {
  const blocks = new DeltaBlocks(source, from, end, count);
  if (count === 0) return blocks.at;
  const lows = new Int32Array(blocks.miniblock);
  const highs = new Int32Array(blocks.miniblock);
  let low = blocks.low;
  let high = blocks.high;
  let to = 2 * at;
  target[to] = low;
  target[to + 1] = high;
  to += 2;
  for (let done = 1; done < count; ) {
    const width = blocks.next();
    const take = Math.min(blocks.miniblock, count - done);
    const { minLow, minHigh, at: body } = blocks;
    blocks.pass(width, take);
    if (width === 0) lows.fill(0);
    else if (width <= 32) unpackWords(source, body, width, lows, 0, take);
    else for (let i = 0; i < take; i++) lows[i] = bitsAt(source, body, i * width, 32);
    if (width > 32) for (let i = 0; i < take; i++) highs[i] = bitsAt(source, body, i * width + 32, width - 32);
    else highs.fill(0);
    for (let i = 0; i < take; i++) {
      // Two 64-bit additions; a sum of low words below one of its parts has carried.
      const first = (low + minLow) | 0;
      high = (high + minHigh + (first >>> 0 < minLow >>> 0 ? 1 : 0)) | 0;
      low = (first + lows[i]) | 0;
      high = (high + highs[i] + (low >>> 0 < first >>> 0 ? 1 : 0)) | 0;
      target[to] = low;
      target[to + 1] = high;
      to += 2;
    }
    done += take;
  }
  return blocks.at;
}

/** `width` bits (at most 32) from bit `bit` on; zero bits past the end. */
function bitsAt(source: Uint8Array, from: number, bit: number, width: number): number {
  const p = from + Math.floor(bit / 8);
  const shift = bit & 7;
  const low =
    (source[p] ?? 0) | ((source[p + 1] ?? 0) << 8) | ((source[p + 2] ?? 0) << 16) | ((source[p + 3] ?? 0) << 24);
  const word = shift === 0 ? low : (low >>> shift) | ((source[p + 4] ?? 0) << (32 - shift));
  return width === 32 ? word : word & ((1 << width) - 1);
}

/** Values of variable length: value `i` is `bytes[offsets[i] .. offsets[i + 1])`. */
export interface Slices {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** DELTA_LENGTH_BYTE_ARRAY: the lengths, then all bytes together. The bytes are a view of the page. */
export function decodeDeltaLengths(source: Uint8Array, from: number, end: number, count: number): Slices {
  const offsets = new Int32Array(count + 1);
  const start = decodeDelta32(source, from, end, offsets, 1, count);
  sumLengths(offsets, end - start);
  return { offsets, bytes: source.subarray(start, start + offsets[count]) };
}

/** Turns lengths into offsets, in place. */
function sumLengths(offsets: Int32Array, mostBytes: number): void {
  let total = 0;
  for (let i = 1; i < offsets.length; i++) {
    const length = offsets[i];
    if (length < 0 || length > mostBytes - total) throw malformed('a delta page has values longer than itself');
    total += length;
    offsets[i] = total;
  }
}

/**
 * DELTA_BYTE_ARRAY: each value is a prefix of the one before it and a suffix of its own.
 * `mostBytes` bounds the result, which may be far larger than the page.
 */
export function decodeDeltaStrings(
  source: Uint8Array,
  from: number,
  end: number,
  count: number,
  mostBytes: number,
): Slices {
  const prefixes = new Int32Array(count);
  const suffixesAt = decodeDelta32(source, from, end, prefixes, 0, count);
  const suffixes = decodeDeltaLengths(source, suffixesAt, end, count);
  const offsets = new Int32Array(count + 1);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const length = prefixes[i] + suffixes.offsets[i + 1] - suffixes.offsets[i];
    const before = i === 0 ? 0 : offsets[i] - offsets[i - 1];
    if (prefixes[i] < 0 || prefixes[i] > before) throw malformed('a delta page has a prefix longer than its value');
    total += length;
    if (total > mostBytes) throw malformed(`a delta page grows beyond ${mostBytes} bytes`);
    offsets[i + 1] = total;
  }
  const bytes = new Uint8Array(total);
  for (let i = 0; i < count; i++) {
    if (prefixes[i] > 0) bytes.copyWithin(offsets[i], offsets[i - 1], offsets[i - 1] + prefixes[i]);
    bytes.set(suffixes.bytes.subarray(suffixes.offsets[i], suffixes.offsets[i + 1]), offsets[i] + prefixes[i]);
  }
  return { offsets, bytes };
}
