import { type Bitmap, newBitmap } from '../columns/bitmap.ts';
import { allPresent, bitWidth, decodeBitPackedLevels, decodeBytes, decodeValidity, setBits } from './hybrid.ts';
import type { Encoding, PhysicalType } from './metadata.ts';
import { malformed } from './thrift.ts';

/** A leaf column of a Parquet schema, as far as its pages depend on it. */
export interface Leaf {
  readonly type: PhysicalType;
  /** Bytes of a value, where `type` is FIXED_LEN_BYTE_ARRAY. */
  readonly typeLength: number;
  /** Optional and repeated elements on the way from the root; a value is present at this level. */
  readonly maxDefinition: number;
  /** Repeated elements on the way from the root. */
  readonly maxRepetition: number;
}

export type Levels =
  /** A flat column: values stand at their rows. Null where all are present. */
  | { readonly kind: 'flat'; readonly validity: Bitmap | null }
  /** Entries of a nested column: values stand close together, one for each definition level that is the leaf's highest. */
  | { readonly kind: 'nested'; readonly definition: Uint8Array; readonly repetition: Uint8Array };

/** Where the levels of a version 1 page stand: after their length, or, in the oldest encoding, without one. */
export function levelsEnd(
  page: Uint8Array,
  from: number,
  encoding: Encoding,
  max: number,
  count: number,
): { from: number; to: number } {
  if (encoding === 'BIT_PACKED') {
    const bytes = Math.ceil((count * bitWidth(max)) / 8);
    if (bytes > page.length - from) throw malformed('the levels of a page are cut off');
    return { from, to: from + bytes };
  }
  if (from + 4 > page.length) throw malformed('the levels of a page are cut off');
  const length = page[from] | (page[from + 1] << 8) | (page[from + 2] << 16) | (page[from + 3] << 24);
  if (length < 0 || length > page.length - from - 4) throw malformed('the levels of a page are cut off');
  return { from: from + 4, to: from + 4 + length };
}

/** Validity of a flat column; the bitmap is made when the first null appears. */
export class FlatLevels {
  readonly kind = 'flat';
  readonly #length: number;
  bitmap: Bitmap | null = null;
  /** Values present in the page read last. */
  present = 0;

  constructor(length: number) {
    this.#length = length;
  }

  readRepetition(): void {}

  readDefinition(
    leaf: Leaf,
    page: Uint8Array,
    from: number,
    to: number,
    row: number,
    count: number,
    encoding: Encoding = 'RLE',
  ): void {
    this.present = count;
    if (leaf.maxDefinition === 0) return;
    if (encoding === 'BIT_PACKED') {
      const [levels] = decodeBitPackedLevels(page, from, 1, count);
      const bitmap = this.#start(row);
      this.present = 0;
      for (let i = 0; i < count; i++) {
        if (levels[i] === 0) continue;
        setBits(bitmap, row + i, 1);
        this.present++;
      }
      return;
    }
    if (allPresent(page, from, to, count)) {
      if (this.bitmap !== null) setBits(this.bitmap, row, count);
      return;
    }
    this.present = decodeValidity(page, from, to, this.#start(row), row, count);
  }

  #start(row: number): Bitmap {
    if (this.bitmap === null) {
      this.bitmap = newBitmap(this.#length, false);
      setBits(this.bitmap, 0, row);
    }
    return this.bitmap;
  }

  finish(): Levels {
    return { kind: 'flat', validity: this.bitmap };
  }
}

export class NestedLevels {
  readonly kind = 'nested';
  readonly #definition: Uint8Array;
  readonly #repetition: Uint8Array;
  present = 0;

  constructor(length: number) {
    this.#definition = new Uint8Array(length);
    this.#repetition = new Uint8Array(length);
  }

  readRepetition(
    leaf: Leaf,
    page: Uint8Array,
    from: number,
    to: number,
    at: number,
    count: number,
    encoding: Encoding = 'RLE',
  ): void {
    readLevels(page, from, to, leaf.maxRepetition, this.#repetition, at, count, encoding);
  }

  readDefinition(
    leaf: Leaf,
    page: Uint8Array,
    from: number,
    to: number,
    at: number,
    count: number,
    encoding: Encoding = 'RLE',
  ): void {
    readLevels(page, from, to, leaf.maxDefinition, this.#definition, at, count, encoding);
    let present = 0;
    for (let i = at; i < at + count; i++) if (this.#definition[i] === leaf.maxDefinition) present++;
    this.present = present;
  }

  finish(): Levels {
    return { kind: 'nested', definition: this.#definition, repetition: this.#repetition };
  }
}

function readLevels(
  page: Uint8Array,
  from: number,
  to: number,
  max: number,
  target: Uint8Array,
  at: number,
  count: number,
  encoding: Encoding,
): void {
  if (max === 0) return;
  const width = bitWidth(max);
  if (encoding === 'BIT_PACKED') target.set(decodeBitPackedLevels(page, from, width, count)[0], at);
  else decodeBytes(page, from, to, width, target, at, count);
  for (let i = at; i < at + count; i++) if (target[i] > max) throw malformed('a level is above its highest');
}
