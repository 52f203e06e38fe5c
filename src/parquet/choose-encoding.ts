import type { FixedValues } from '../columns/column.ts';
import type { ColumnType } from '../columns/types.ts';
import { ByteWriter } from '../core/byte-writer.ts';
import { boundsOfDoubles, boundsOfInt128, boundsOfWords, NO_BOUNDS } from './bounds.ts';
import {
  asBytes,
  Booleans,
  bigEndian,
  type ChunkValues,
  Codes,
  Deltas,
  doubleEntries,
  int32Entries,
  Lengths,
  PlainFixed,
  sliceEntries,
  wordEntries,
} from './chunk-values.ts';
import { type CodedNumbers, codesOfNumbers, codesOfSlices } from './coded-pieces.ts';
import { encodeDelta64 } from './delta-encode.ts';
import {
  denseBooleans,
  denseDoubles,
  denseInt32,
  denseInt128,
  denseSlices,
  denseWords,
  type Piece,
  wordsOf,
} from './dense.ts';
import { bitWidth } from './hybrid.ts';

/** Deltas are kept where they take less than this share of the plain values, since plain ones are read faster. */
const DELTA_SHARE = 0.75;
const SAMPLE_VALUES = 4096;
/** Up to here codes are a byte, and what operators do with them is worth more than their bits. */
const SMALL_DICTIONARY = 256;

/** Chooses an encoding by type and by the values themselves; `present` counts those that are not null. */
export function chooseEncoding(pieces: readonly Piece[], type: ColumnType, present: number): ChunkValues {
  switch (type.kind) {
    case 'null':
      return new PlainFixed(new Uint8Array(0), 4, () => NO_BOUNDS);
    case 'bool':
      return new Booleans(denseBooleans(pieces, present));
    case 'int64':
    case 'timestamp':
      return chooseForWords(pieces, present);
    case 'decimal': {
      if (type.precision <= 18) return chooseForWords(pieces, present);
      const pairs = denseInt128(pieces, present);
      return new PlainFixed(bigEndian(pairs), 16, (start, end) => boundsOfInt128(pairs, start, end));
    }
    case 'double':
      return chooseForDoubles(pieces, present);
    case 'date':
      return chooseForInt32(pieces, present);
    case 'string':
    case 'bytes':
      return chooseForSlices(pieces, present, true);
    case 'json':
      // Nobody compares nested values, or prunes by them.
      return chooseForSlices(pieces, present, false);
  }
}

function chooseForSlices(pieces: readonly Piece[], present: number, bounded: boolean): ChunkValues {
  const coded = codesOfSlices(pieces, present);
  if (coded === undefined) return new Lengths(denseSlices(pieces, present), bounded);
  return new Codes(coded.codes, sliceEntries(coded.bytes, coded.offsets), bounded);
}

function chooseForWords(pieces: readonly Piece[], present: number): ChunkValues {
  const coded = codesOfNumbers(pieces, present, wordsOf);
  if (coded !== undefined && !deltasAreSmaller(coded)) return new Codes(coded.codes, wordEntries(coded.entries), true);
  const words = denseWords(pieces, present);
  if (deltaBitsOf(middleOf(words)) < DELTA_SHARE * 64) return Deltas.ofWords(words);
  return new PlainFixed(asBytes(words), 8, (start, end) => boundsOfWords(words, start, end));
}

function chooseForDoubles(pieces: readonly Piece[], present: number): ChunkValues {
  // As bit patterns, so that both zeros keep their sign.
  const coded = codesOfNumbers(pieces, present, bitPatternsOf);
  if (coded !== undefined) return new Codes(coded.codes, doubleEntries(new Float64Array(coded.entries.buffer)), true);
  const values = denseDoubles(pieces, present);
  return new PlainFixed(asBytes(values), 8, (start, end) => boundsOfDoubles(values, start, end));
}

function bitPatternsOf(values: FixedValues, start: number, end: number): Int32Array {
  const doubles = values instanceof Float64Array ? values : Float64Array.from(values, Number);
  return new Int32Array(doubles.buffer as ArrayBuffer, doubles.byteOffset + 8 * start, 2 * (end - start));
}

function chooseForInt32(pieces: readonly Piece[], present: number): ChunkValues {
  const coded = codesOfNumbers(pieces, present, wordsOf);
  if (coded === undefined) return Deltas.ofInt32(denseInt32(pieces, present));
  const entries = coded.entries.filter((_, i) => (i & 1) === 0);
  return new Codes(coded.codes, int32Entries(entries), true);
}

/** A page's worth of words from the middle, by which the others are judged. */
function middleOf(words: Int32Array): Int32Array {
  const count = words.length / 2;
  const start = Math.max(0, count - SAMPLE_VALUES) >> 1;
  return words.subarray(2 * start, 2 * (start + Math.min(count, SAMPLE_VALUES)));
}

/** Bits a value takes as a delta. */
function deltaBitsOf(words: Int32Array): number {
  const count = words.length / 2;
  const out = new ByteWriter(8 * count + 256);
  encodeDelta64(words, 0, count, out);
  return (8 * out.length) / Math.max(1, count);
}

/** Whether values are so close to the ones before them that deltas take half of what a large dictionary would. */
function deltasAreSmaller({ codes, entries }: CodedNumbers): boolean {
  const length = entries.length / 2;
  if (length <= SMALL_DICTIONARY) return false;
  const start = Math.max(0, codes.length - SAMPLE_VALUES) >> 1;
  const sample = codes.subarray(start, start + SAMPLE_VALUES);
  const words = new Int32Array(2 * sample.length);
  for (let i = 0; i < sample.length; i++) {
    words[2 * i] = entries[2 * sample[i]];
    words[2 * i + 1] = entries[2 * sample[i] + 1];
  }
  return deltaBitsOf(words) * codes.length < 0.5 * (64 * length + bitWidth(length - 1) * codes.length);
}
