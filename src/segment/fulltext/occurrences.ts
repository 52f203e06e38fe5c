import { grownBytes } from '../../core/grow.ts';
import { sortStrings } from '../sort-strings.ts';

/**
 * Sizes of the slices a term's occurrences are chained in, growing with the term: a rare term wastes little,
 * a common one is in few pieces. The last four bytes of a full slice are the offset of the next one.
 * Source: the in-memory index of Lucene (ByteSlicePool).
 */
const SLICE_BYTES = [12, 20, 36, 68, 132, 260, 516, 1028, 2052, 4100];
const LAST_LEVEL = SLICE_BYTES.length - 1;
const LINK_BYTES = 4;

/**
 * What an occurrence touches of its term, side by side: with one array a field, looking a term up and adding to
 * it would miss the cache ten times. The places of the fields within a record:
 */
const RECORD = 8;
const HASH = 0;
const TEXT = 1;
const TEXT_LENGTH = 2;
const CURSOR = 3;
const LIMIT = 4;
const LAST_DOCUMENT = 5;
const LAST_POSITION = 6;
const DOCUMENTS = 7;

/**
 * Where each term occurs, gathered in flat memory: no object for a term, a document or an occurrence.
 *
 * A term's occurrences are a stream of varints: for the first one in a document `(document delta << 1) | 1`
 * and the position, for a further one `position delta << 1`. Documents arrive in ascending order, positions
 * within a document too.
 */
export class Occurrences {
  /** Open addressing by hash; a slot is a term or -1. */
  #slots = new Int32Array(1 << 14).fill(-1);
  #records = new Int32Array(RECORD << 12);
  #terms = 0;
  #text = new Uint8Array(1 << 17);
  #textEnd = 0;
  #arena = new Uint8Array(1 << 20);
  #arenaEnd = 0;
  // By term, touched seldom: the first slice, and how many slices there are, up to the last level.
  #heads = new Int32Array(1 << 12);
  #levels = new Uint8Array(1 << 12);
  #stream = new Uint8Array(1 << 16);

  /** Distinct terms. */
  get size(): number {
    return this.#terms;
  }

  /** Bytes of memory in use. */
  get usedBytes(): number {
    return this.#arenaEnd + this.#textEnd + this.#terms * (RECORD * 4 + 5 + 8);
  }

  /** One occurrence; the term is given by its bytes and their FNV-1a hash. */
  add(bytes: Uint8Array, start: number, end: number, hash: number, document: number, position: number): void {
    const at = this.#find(bytes, start, end, hash);
    const records = this.#records;
    if (records[at + LAST_DOCUMENT] === document && records[at + DOCUMENTS] > 0) {
      this.#varint(at, (position - records[at + LAST_POSITION]) * 2);
    } else {
      this.#varint(at, (document - records[at + LAST_DOCUMENT]) * 2 + 1);
      this.#varint(at, position);
      records[at + LAST_DOCUMENT] = document;
      records[at + DOCUMENTS]++;
    }
    records[at + LAST_POSITION] = position;
  }

  /** In how many documents a term occurs. */
  documentFrequency(term: number): number {
    return this.#records[term * RECORD + DOCUMENTS];
  }

  /** A view of a term's bytes, good until the next occurrence is added. */
  textOf(term: number): Uint8Array {
    const start = this.#records[term * RECORD + TEXT];
    return this.#text.subarray(start, start + this.#records[term * RECORD + TEXT_LENGTH]);
  }

  /** All terms in byte order. */
  sorted(): Int32Array {
    return sortStrings({
      size: this.#terms,
      bytesOf: () => this.#text,
      startOf: (term) => this.#records[term * RECORD + TEXT],
      lengthOf: (term) => this.#records[term * RECORD + TEXT_LENGTH],
    });
  }

  /** The varints of a term, copied together; good until the next call. */
  streamOf(term: number): { readonly bytes: Uint8Array; readonly length: number } {
    const arena = this.#arena;
    const stop = this.#records[term * RECORD + CURSOR];
    let from = this.#heads[term];
    let level = 0;
    let length = 0;
    for (;;) {
      const end = from + SLICE_BYTES[level] - LINK_BYTES;
      const last = stop >= from && stop <= end;
      const part = (last ? stop : end) - from;
      if (length + part > this.#stream.length) {
        this.#stream = grownBytes(this.#stream, (length + part) * 2);
      }
      this.#stream.set(arena.subarray(from, from + part), length);
      length += part;
      if (last) return { bytes: this.#stream, length };
      from = arena[end] | (arena[end + 1] << 8) | (arena[end + 2] << 16) | (arena[end + 3] << 24);
      level = Math.min(LAST_LEVEL, level + 1);
    }
  }

  /** Forgets everything and keeps the memory. */
  clear(): void {
    this.#slots.fill(-1);
    this.#terms = 0;
    this.#textEnd = 0;
    this.#arenaEnd = 0;
  }

  /** The record of a term, made where there is none. */
  #find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const slots = this.#slots;
    const records = this.#records;
    const text = this.#text;
    const mask = slots.length - 1;
    const length = end - start;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (let term = slots[slot]; term >= 0; slot = (slot + 1) & mask, term = slots[slot]) {
      const at = term * RECORD;
      if (records[at + HASH] !== hash || records[at + TEXT_LENGTH] !== length) continue;
      const from = records[at + TEXT];
      let i = 0;
      while (i < length && text[from + i] === bytes[start + i]) i++;
      if (i === length) return at;
    }
    return this.#make(bytes, start, end, hash, slot);
  }

  #make(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const term = this.#terms++;
    if (term === this.#heads.length) this.#growTerms();
    if (this.#textEnd + end - start > this.#text.length) {
      this.#text = grownBytes(this.#text, this.#text.length * 2);
    }
    for (let i = start; i < end; i++) this.#text[this.#textEnd + i - start] = bytes[i];
    const slice = this.#newSlice(0);
    const at = term * RECORD;
    const records = this.#records;
    records[at + HASH] = hash;
    records[at + TEXT] = this.#textEnd;
    records[at + TEXT_LENGTH] = end - start;
    records[at + CURSOR] = slice;
    records[at + LIMIT] = slice + SLICE_BYTES[0] - LINK_BYTES;
    records[at + LAST_DOCUMENT] = 0;
    records[at + LAST_POSITION] = 0;
    records[at + DOCUMENTS] = 0;
    this.#heads[term] = slice;
    this.#levels[term] = 0;
    this.#textEnd += end - start;
    this.#slots[slot] = term;
    if (this.#terms * 2 > this.#slots.length) this.#growSlots();
    return at;
  }

  #varint(at: number, value: number): void {
    const records = this.#records;
    let cursor = records[at + CURSOR];
    let rest = value;
    while (rest > 127) {
      if (cursor === records[at + LIMIT]) cursor = this.#chainSlice(at, cursor);
      this.#arena[cursor++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    if (cursor === records[at + LIMIT]) cursor = this.#chainSlice(at, cursor);
    this.#arena[cursor++] = rest;
    records[at + CURSOR] = cursor;
  }

  #chainSlice(at: number, cursor: number): number {
    const term = at / RECORD;
    const level = Math.min(LAST_LEVEL, this.#levels[term] + 1);
    const slice = this.#newSlice(level);
    this.#levels[term] = level;
    this.#arena[cursor] = slice;
    this.#arena[cursor + 1] = slice >>> 8;
    this.#arena[cursor + 2] = slice >>> 16;
    this.#arena[cursor + 3] = slice >>> 24;
    this.#records[at + LIMIT] = slice + SLICE_BYTES[level] - LINK_BYTES;
    return slice;
  }

  #newSlice(level: number): number {
    const slice = this.#arenaEnd;
    this.#arenaEnd += SLICE_BYTES[level];
    if (this.#arenaEnd > this.#arena.length) {
      this.#arena = grownBytes(this.#arena, this.#arena.length + Math.max(1 << 20, this.#arena.length >> 1));
    }
    return slice;
  }

  #growSlots(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    for (let term = 0; term < this.#terms; term++) {
      const hash = this.#records[term * RECORD + HASH];
      let slot = (hash ^ (hash >>> 15)) & mask;
      while (slots[slot] >= 0) slot = (slot + 1) & mask;
      slots[slot] = term;
    }
    this.#slots = slots;
  }

  #growTerms(): void {
    const records = new Int32Array(this.#records.length * 2);
    records.set(this.#records);
    this.#records = records;
    const heads = new Int32Array(this.#heads.length * 2);
    heads.set(this.#heads);
    this.#heads = heads;
    const levels = new Uint8Array(this.#levels.length * 2);
    levels.set(this.#levels);
    this.#levels = levels;
  }
}
