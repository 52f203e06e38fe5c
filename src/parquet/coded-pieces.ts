import { type Bitmap, getBit } from '../columns/bitmap.ts';
import type { Codes, Column, FixedValues } from '../columns/column.ts';
import { type DenseSlices, fixedOf, type Piece, slicesOf } from './dense.ts';
import { SliceDictionary, WordDictionary } from './dictionary.ts';

/**
 * A dictionary is read whole for any row of its row group, so it stays small: a lookup of one row should
 * not cost more than the pages it is in.
 */
const MOST_DICTIONARY_BYTES = 96 * 1024;
const MOST_DICTIONARY_NUMBERS = 8192;
/** After so many values a column in which most were new is taken to have no dictionary worth making. */
const TRIAL_VALUES = 1024;
const MOST_TRIAL_ENTRIES = (3 * TRIAL_VALUES) / 4;

const wordDictionary = new WordDictionary();

/** Codes and the 64-bit values they stand for, as word pairs. */
export interface CodedNumbers {
  readonly codes: Int32Array;
  readonly entries: Int32Array;
}

/** Codes of numbers, which `toWords` gives as word pairs; undefined where a dictionary does not pay. */
export function codesOfNumbers(
  pieces: readonly Piece[],
  present: number,
  toWords: (values: FixedValues, start: number, end: number) => Int32Array,
): CodedNumbers | undefined {
  const most = Math.min(MOST_DICTIONARY_NUMBERS, Math.max(2, present >> 2));
  const codes = new Int32Array(present);
  const known = new KnownDictionaries();
  wordDictionary.clear();
  let to = 0;
  for (const { column, start, end } of pieces) {
    const { data, validity } = column;
    if (data.layout === 'none') continue;
    if (data.layout === 'dictionary') {
      const entries = known.of(data.dictionary);
      entries.words ??= toWords(fixedOf(data.dictionary), 0, data.dictionary.length);
      to = addKnownNumbers(data.codes, validity, start, end, entries.words, entries.codes, codes, to, most);
    } else {
      to = addNumbers(toWords(fixedOf(column), start, end), validity, start, end, codes, to, most);
    }
    if (to < 0) return undefined;
  }
  return { codes, entries: wordDictionary.words.slice(0, 2 * wordDictionary.length) };
}

/** Adds a piece's values, `words` from its first row on; gives where their codes end, or -1 to give up. */
function addNumbers(
  words: Int32Array,
  validity: Bitmap | null,
  start: number,
  end: number,
  codes: Int32Array,
  to: number,
  most: number,
): number {
  let at = to;
  for (let i = start, p = 0; i < end; i++, p += 2) {
    if (validity !== null && !getBit(validity, i)) continue;
    const code = wordDictionary.code(words[p], words[p + 1], most);
    if (code < 0) return -1;
    codes[at++] = code;
    if (at === TRIAL_VALUES && wordDictionary.length > MOST_TRIAL_ENTRIES) return -1;
  }
  return at;
}

/** The same for a piece that has a dictionary: each entry that is used is looked up once. */
function addKnownNumbers(
  source: Codes,
  validity: Bitmap | null,
  start: number,
  end: number,
  words: Int32Array,
  known: Int32Array,
  codes: Int32Array,
  to: number,
  most: number,
): number {
  let at = to;
  for (let i = start; i < end; i++) {
    if (validity !== null && !getBit(validity, i)) continue;
    const entry = source[i];
    let code = known[entry];
    if (code < 0) {
      code = wordDictionary.code(words[2 * entry], words[2 * entry + 1], most);
      if (code < 0) return -1;
      known[entry] = code;
    }
    codes[at++] = code;
    if (at === TRIAL_VALUES && wordDictionary.length > MOST_TRIAL_ENTRIES) return -1;
  }
  return at;
}

/** What is known of a dictionary that pieces come with. */
interface KnownEntries {
  /** Our code of each of its entries, or -1 while it has none. */
  readonly codes: Int32Array;
  /** Its numbers as word pairs. */
  words: Int32Array | undefined;
}

/** The dictionaries of the pieces; those cut from one batch share theirs. */
class KnownDictionaries {
  readonly #known = new Map<Column, KnownEntries>();

  of(dictionary: Column): KnownEntries {
    let entries = this.#known.get(dictionary);
    if (entries === undefined) {
      entries = { codes: new Int32Array(dictionary.length).fill(-1), words: undefined };
      this.#known.set(dictionary, entries);
    }
    return entries;
  }
}

const sliceDictionary = new SliceDictionary();

/** Codes and the slices they stand for. */
export interface CodedSlices extends DenseSlices {
  readonly codes: Int32Array;
}

/** Codes of text or bytes; undefined where a dictionary does not pay. */
export function codesOfSlices(pieces: readonly Piece[], present: number): CodedSlices | undefined {
  const most = Math.max(2, present >> 1);
  const codes = new Int32Array(present);
  const known = new KnownDictionaries();
  sliceDictionary.clear();
  let to = 0;
  for (const { column, start, end } of pieces) {
    const { data, validity } = column;
    if (data.layout === 'none') continue;
    const { offsets, bytes } = slicesOf(column);
    to =
      data.layout === 'dictionary'
        ? addKnownSlices(
            data.codes,
            validity,
            start,
            end,
            offsets,
            bytes,
            known.of(data.dictionary).codes,
            codes,
            to,
            most,
          )
        : addSlices(validity, start, end, offsets, bytes, codes, to, most);
    if (to < 0) return undefined;
  }
  const offsets = sliceDictionary.ends.slice(0, sliceDictionary.length + 1);
  return { codes, offsets, bytes: sliceDictionary.arena.view().slice() };
}

/** As `addNumbers`. */
function addSlices(
  validity: Bitmap | null,
  start: number,
  end: number,
  offsets: Int32Array,
  bytes: Uint8Array,
  codes: Int32Array,
  to: number,
  most: number,
): number {
  let at = to;
  for (let i = start; i < end; i++) {
    if (validity !== null && !getBit(validity, i)) continue;
    const code = sliceDictionary.code(bytes, offsets[i], offsets[i + 1], most, MOST_DICTIONARY_BYTES);
    if (code < 0) return -1;
    codes[at++] = code;
    if (at === TRIAL_VALUES && sliceDictionary.length > MOST_TRIAL_ENTRIES) return -1;
  }
  return at;
}

/** As `addKnownNumbers`. */
function addKnownSlices(
  source: Codes,
  validity: Bitmap | null,
  start: number,
  end: number,
  offsets: Int32Array,
  bytes: Uint8Array,
  known: Int32Array,
  codes: Int32Array,
  to: number,
  most: number,
): number {
  let at = to;
  for (let i = start; i < end; i++) {
    if (validity !== null && !getBit(validity, i)) continue;
    const entry = source[i];
    let code = known[entry];
    if (code < 0) {
      code = sliceDictionary.code(bytes, offsets[entry], offsets[entry + 1], most, MOST_DICTIONARY_BYTES);
      if (code < 0) return -1;
      known[entry] = code;
    }
    codes[at++] = code;
    if (at === TRIAL_VALUES && sliceDictionary.length > MOST_TRIAL_ENTRIES) return -1;
  }
  return at;
}
