import { StringTable } from '../string-table.ts';

/**
 * Sizes of the slices a term's occurrences are chained in, growing with the term: a rare term wastes little,
 * a common one is in few pieces. The last four bytes of a full slice are the offset of the next one.
 * Source: the in-memory index of Lucene (ByteSlicePool).
 */
const SLICE_BYTES = [12, 20, 36, 68, 132, 260, 516, 1028, 2052, 4100];
const LAST_LEVEL = SLICE_BYTES.length - 1;
const LINK_BYTES = 4;

/**
 * Where each term occurs, gathered in flat memory: no object for a term, a document or an occurrence.
 *
 * A term's occurrences are a stream of varints: for the first one in a document `(document delta << 1) | 1`
 * and the position, for a further one `position delta << 1`. Documents arrive in ascending order, positions
 * within a document too.
 */
export class Occurrences {
  readonly terms = new StringTable();
  #arena = new Uint8Array(1 << 20);
  #arenaEnd = 0;
  // By term.
  #heads = new Int32Array(1024);
  #cursors = new Int32Array(1024);
  #limits = new Int32Array(1024);
  #levels = new Uint8Array(1024);
  #lastDocuments = new Int32Array(1024);
  #lastPositions = new Int32Array(1024);
  #frequencies = new Int32Array(1024);
  #known = 0;

  /** Bytes of memory in use. */
  get usedBytes(): number {
    return this.#arenaEnd + this.terms.usedBytes + this.#known * 25;
  }

  /** One occurrence; the term is given by its bytes and their FNV-1a hash. */
  add(bytes: Uint8Array, start: number, end: number, hash: number, document: number, position: number): void {
    const term = this.terms.internHashed(bytes, start, end, hash);
    if (term === this.#known) this.#newTerm();
    if (this.#lastDocuments[term] === document && this.#frequencies[term] > 0) {
      this.#varint(term, (position - this.#lastPositions[term]) * 2);
    } else {
      this.#varint(term, (document - this.#lastDocuments[term]) * 2 + 1);
      this.#varint(term, position);
      this.#lastDocuments[term] = document;
      this.#frequencies[term]++;
    }
    this.#lastPositions[term] = position;
  }

  /** In how many documents a term occurs. */
  documentFrequency(term: number): number {
    return this.#frequencies[term];
  }

  /** The varints of a term, copied together; good until the next call. */
  streamOf(term: number): { readonly bytes: Uint8Array; readonly length: number } {
    let from = this.#heads[term];
    const stop = this.#cursors[term];
    let level = 0;
    let length = 0;
    for (;;) {
      const end = from + SLICE_BYTES[level] - LINK_BYTES;
      const last = stop >= from && stop <= end;
      const part = (last ? stop : end) - from;
      if (length + part > this.#stream.length) {
        const grown = new Uint8Array((length + part) * 2);
        grown.set(this.#stream.subarray(0, length));
        this.#stream = grown;
      }
      this.#stream.set(this.#arena.subarray(from, from + part), length);
      length += part;
      if (last) return { bytes: this.#stream, length };
      from =
        this.#arena[end] | (this.#arena[end + 1] << 8) | (this.#arena[end + 2] << 16) | (this.#arena[end + 3] << 24);
      level = Math.min(LAST_LEVEL, level + 1);
    }
  }

  #stream = new Uint8Array(1 << 16);

  /** Forgets everything and keeps the memory. */
  clear(): void {
    this.terms.clear();
    this.#arenaEnd = 0;
    this.#known = 0;
  }

  #newTerm(): void {
    const term = this.#known++;
    if (term === this.#heads.length) this.#growTerms();
    const slice = this.#newSlice(0);
    this.#heads[term] = slice;
    this.#cursors[term] = slice;
    this.#limits[term] = slice + SLICE_BYTES[0] - LINK_BYTES;
    this.#levels[term] = 0;
    this.#lastDocuments[term] = 0;
    this.#frequencies[term] = 0;
  }

  #varint(term: number, value: number): void {
    let rest = value;
    while (rest > 127) {
      this.#put(term, (rest & 127) | 128);
      rest >>>= 7;
    }
    this.#put(term, rest);
  }

  #put(term: number, byte: number): void {
    let at = this.#cursors[term];
    if (at === this.#limits[term]) at = this.#chainSlice(term, at);
    this.#arena[at] = byte;
    this.#cursors[term] = at + 1;
  }

  #chainSlice(term: number, at: number): number {
    const level = Math.min(LAST_LEVEL, this.#levels[term] + 1);
    const slice = this.#newSlice(level);
    this.#levels[term] = level;
    this.#arena[at] = slice;
    this.#arena[at + 1] = slice >>> 8;
    this.#arena[at + 2] = slice >>> 16;
    this.#arena[at + 3] = slice >>> 24;
    this.#limits[term] = slice + SLICE_BYTES[level] - LINK_BYTES;
    return slice;
  }

  #newSlice(level: number): number {
    const slice = this.#arenaEnd;
    this.#arenaEnd += SLICE_BYTES[level];
    if (this.#arenaEnd > this.#arena.length) {
      const grown = new Uint8Array(this.#arena.length + Math.max(1 << 20, this.#arena.length >> 1));
      grown.set(this.#arena);
      this.#arena = grown;
    }
    return slice;
  }

  #growTerms(): void {
    const grow = (array: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(array.length * 2);
      grown.set(array);
      return grown;
    };
    this.#heads = grow(this.#heads);
    this.#cursors = grow(this.#cursors);
    this.#limits = grow(this.#limits);
    this.#lastDocuments = grow(this.#lastDocuments);
    this.#lastPositions = grow(this.#lastPositions);
    this.#frequencies = grow(this.#frequencies);
    const levels = new Uint8Array(this.#levels.length * 2);
    levels.set(this.#levels);
    this.#levels = levels;
  }
}
