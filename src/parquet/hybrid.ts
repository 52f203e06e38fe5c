import { type Bitmap, setBit } from '../columns/bitmap.ts';
import type { Codes } from '../columns/column.ts';
import { unpackBytes, unpackShorts, unpackWords } from './bit-unpack.ts';
import { malformed } from './thrift.ts';

/**
 * Parquet's hybrid of run lengths and bit-packed groups, in which levels, booleans and dictionary codes stand.
 * Source: https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
 */

/** The bits a level from 0 to `max`, or a code, needs. */
export function bitWidth(max: number): number {
  return 32 - Math.clz32(max);
}

/** Walks the runs of `count` values. Each run is either one value repeated or packed bits of at least `run` values. */
class Runs {
  readonly source: Uint8Array;
  readonly width: number;
  /** Where the packed bits of the present run begin. */
  packedAt = 0;
  /** The value of the present run, where it is not packed. */
  value = 0;
  packed = false;
  #at: number;
  readonly #end: number;

  constructor(source: Uint8Array, from: number, end: number, width: number) {
    this.source = source;
    this.#at = from;
    this.#end = end;
    this.width = width;
  }

  /** Enters the next run; gives how many of at most `most` values it holds. */
  next(most: number): number {
    const head = this.#varint();
    if ((head & 1) === 1) {
      const groups = head >>> 1;
      if (groups === 0) throw malformed('a packed run is empty');
      const count = Math.min(groups * 8, most);
      // Some writers cut the last group where the values end.
      const bytes = Math.min(groups * this.width, this.#end - this.#at);
      if (bytes * 8 < count * this.width) throw malformed('a packed run ends too early');
      this.packed = true;
      this.packedAt = this.#at;
      this.#at += bytes;
      return count;
    }
    const count = head >>> 1;
    if (count === 0) throw malformed('a run is empty');
    const bytes = (this.width + 7) >> 3;
    if (bytes > this.#end - this.#at) throw malformed('a run ends too early');
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= this.source[this.#at++] << (8 * i);
    this.value = this.width === 32 ? value : value & ((1 << this.width) - 1);
    this.packed = false;
    return Math.min(count, most);
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#at >= this.#end) throw malformed('the runs of a page end too early');
      const byte = this.source[this.#at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed('a run has an impossible length');
  }
}

/** Decodes `count` values of at most 8 bits. As its siblings below, for one kind of array, which keeps its loops fast. */
export function decodeBytes(
  source: Uint8Array,
  from: number,
  end: number,
  width: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  if (width === 0) {
    target.fill(0, at, at + count);
    return;
  }
  const runs = new Runs(source, from, end, width);
  for (let done = 0; done < count; ) {
    const run = runs.next(count - done);
    if (runs.packed) unpackBytes(source, runs.packedAt, width, target, at + done, run);
    else target.fill(runs.value, at + done, at + done + run);
    done += run;
  }
}

let scratchBytes = new Uint8Array(0);
let scratchShorts = new Uint16Array(0);

/**
 * Decodes `count` dictionary codes, whatever their width. Codes that do not fit the target's elements are
 * refused; whether all are within the dictionary is for `checkCodes` to say.
 */
export function decodeCodes(
  source: Uint8Array,
  from: number,
  end: number,
  width: number,
  target: Codes,
  at: number,
  count: number,
): void {
  if (width > 32) throw malformed(`codes of ${width} bits`);
  if (width <= 8) {
    if (target instanceof Uint8Array) decodeBytes(source, from, end, width, target, at, count);
    else {
      if (scratchBytes.length < count) scratchBytes = new Uint8Array(count);
      decodeBytes(source, from, end, width, scratchBytes, 0, count);
      target.set(scratchBytes.subarray(0, count), at);
    }
  } else if (width <= 16) {
    if (target instanceof Uint16Array) decodeShorts(source, from, end, width, target, at, count);
    else {
      if (scratchShorts.length < count) scratchShorts = new Uint16Array(count);
      decodeShorts(source, from, end, width, scratchShorts, 0, count);
      if (target instanceof Uint8Array) checkCodes(scratchShorts, 0, count, 256);
      target.set(scratchShorts.subarray(0, count), at);
    }
  } else if (target instanceof Int32Array) decodeWords(source, from, end, width, target, at, count);
  else {
    const words = new Int32Array(count);
    decodeWords(source, from, end, width, words, 0, count);
    checkCodes(words, 0, count, target instanceof Uint8Array ? 256 : 65_536);
    target.set(words, at);
  }
}

function decodeShorts(
  source: Uint8Array,
  from: number,
  end: number,
  width: number,
  target: Uint16Array,
  at: number,
  count: number,
): void {
  const runs = new Runs(source, from, end, width);
  for (let done = 0; done < count; ) {
    const run = runs.next(count - done);
    if (runs.packed) unpackShorts(source, runs.packedAt, width, target, at + done, run);
    else target.fill(runs.value, at + done, at + done + run);
    done += run;
  }
}

function decodeWords(
  source: Uint8Array,
  from: number,
  end: number,
  width: number,
  target: Int32Array,
  at: number,
  count: number,
): void {
  const runs = new Runs(source, from, end, width);
  for (let done = 0; done < count; ) {
    const run = runs.next(count - done);
    if (runs.packed) unpackWords(source, runs.packedAt, width, target, at + done, run);
    else target.fill(runs.value, at + done, at + done + run);
    done += run;
  }
}

/** Throws `malformed_input` for a code that no entry of the dictionary has. */
export function checkCodes(codes: Codes, at: number, count: number, dictionaryLength: number): void {
  if (count === 0) return;
  const highest =
    codes instanceof Uint8Array
      ? highestByte(codes, at, count)
      : codes instanceof Uint16Array
        ? highestShort(codes, at, count)
        : highestWord(codes, at, count);
  if (highest >= dictionaryLength) throw malformed('a code is outside its dictionary');
}

function highestByte(codes: Uint8Array, at: number, count: number): number {
  let highest = 0;
  for (let i = at; i < at + count; i++) if (codes[i] > highest) highest = codes[i];
  return highest;
}

function highestShort(codes: Uint16Array, at: number, count: number): number {
  let highest = 0;
  for (let i = at; i < at + count; i++) if (codes[i] > highest) highest = codes[i];
  return highest;
}

function highestWord(codes: Int32Array, at: number, count: number): number {
  let highest = 0;
  for (let i = at; i < at + count; i++) {
    // A code of 32 bits may look negative; it is then out of any dictionary.
    if (codes[i] < 0) return Number.POSITIVE_INFINITY;
    if (codes[i] > highest) highest = codes[i];
  }
  return highest;
}

/**
 * Reads the definition levels of a column whose only null is its own (level 1 is present, 0 is null) as
 * validity bits from bit `at` of the bitmap on, whose bits are clear there. Gives how many are set.
 *
 * Packed levels of one bit stand in the order of a validity bitmap, so whole bytes are copied.
 */
export function decodeValidity(
  source: Uint8Array,
  from: number,
  end: number,
  target: Bitmap,
  at: number,
  count: number,
): number {
  const runs = new Runs(source, from, end, 1);
  let present = 0;
  for (let done = 0; done < count; ) {
    const run = runs.next(count - done);
    if (runs.packed) present += copyBits(source, runs.packedAt, target, at + done, run);
    else if (runs.value === 1) {
      setBits(target, at + done, run);
      present += run;
    }
    done += run;
  }
  return present;
}

/** True where the levels are one run that says every value is present, which then need no bitmap. */
export function allPresent(source: Uint8Array, from: number, end: number, count: number): boolean {
  if (count === 0) return true;
  const runs = new Runs(source, from, end, 1);
  return runs.next(count) === count && !runs.packed && runs.value === 1;
}

/** Sets `count` bits from bit `at` on. */
export function setBits(bits: Bitmap, at: number, count: number): void {
  let i = at;
  const end = at + count;
  while (i < end && (i & 7) !== 0) setBit(bits, i++);
  const bytes = (end - i) >> 3;
  bits.fill(0xff, i >> 3, (i >> 3) + bytes);
  for (i += bytes * 8; i < end; i++) setBit(bits, i);
}

const ONES = new Uint8Array(256);
for (let i = 1; i < 256; i++) ONES[i] = ONES[i >> 1] + (i & 1);

/** Copies `count` bits from byte `from` of the source to bit `at` of the target, where bits are clear; counts the set ones. */
function copyBits(source: Uint8Array, from: number, target: Bitmap, at: number, count: number): number {
  const bytes = count >> 3;
  const shift = at & 7;
  let to = at >> 3;
  let ones = 0;
  for (let i = 0; i < bytes; i++) {
    const byte = source[from + i];
    ones += ONES[byte];
    target[to] |= (byte << shift) & 0xff;
    to++;
    if (shift !== 0) target[to] |= byte >> (8 - shift);
  }
  for (let i = bytes << 3; i < count; i++) {
    if (((source[from + (i >> 3)] >> (i & 7)) & 1) === 0) continue;
    setBit(target, at + i);
    ones++;
  }
  return ones;
}

/** Levels in the old BIT_PACKED encoding, most significant bit first. Gives where they end. */
export function decodeBitPackedLevels(
  source: Uint8Array,
  from: number,
  width: number,
  count: number,
): [Uint8Array, number] {
  const bytes = Math.ceil((count * width) / 8);
  if (bytes > source.length - from) throw malformed('the levels of a page end too early');
  const levels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    let level = 0;
    for (let bit = i * width; bit < (i + 1) * width; bit++) {
      level = (level << 1) | ((source[from + (bit >> 3)] >> (7 - (bit & 7))) & 1);
    }
    levels[i] = level;
  }
  return [levels, from + bytes];
}
