import { NO_MORE, type PostingsBlocks } from './postings.ts';

/**
 * A list of documents, ascending, with how often (or how much) something is in each, walked once.
 * `document` is the one stood on, `NO_MORE` at the end; a new cursor stands on its first.
 */
export interface DocumentCursor {
  document: number;
  /** How often, in the document stood on. */
  times(): number;
  next(): void;
  /** To the first document not below `target`, which is not below the one stood on. */
  seek(target: number): void;
  /** Documents in the list, or an upper bound of them. */
  readonly size: number;
  /** What any document of the list scores at most in `saturation`, given the norm of each length. */
  bound(saturate: Saturate): number;
  /**
   * The same for the stretch that holds `target`, which is not below the document stood on nor the target
   * before; sets `stretchEnd` to the stretch's last document.
   */
  boundAt(target: number, saturate: Saturate): number;
  stretchEnd: number;
}

/** The saturation of a count in a document of a length; grows with the count, falls with the length. */
export type Saturate = (times: number, length: number) => number;

/** Walks postings, decoding only the blocks it stops in. */
export class PostingsCursor implements DocumentCursor {
  readonly #blocks: PostingsBlocks;
  #block = 0;
  #at = 0;
  #boundBlock = 0;
  document = 0;
  stretchEnd = 0;
  readonly size: number;

  constructor(blocks: PostingsBlocks, size: number) {
    this.#blocks = blocks;
    this.size = size;
    this.#enter(0);
  }

  times(): number {
    return this.#blocks.times[this.#at];
  }

  /** Which posting is stood on: its block, and its place within. */
  get block(): number {
    return this.#block;
  }

  get place(): number {
    return this.#at;
  }

  next(): void {
    this.#at++;
    if (this.#at < this.#blocks.size) this.document = this.#blocks.documents[this.#at];
    else this.#enter(this.#block + 1);
  }

  seek(target: number): void {
    if (target <= this.document) return;
    const { lasts, count } = this.#blocks;
    if (lasts[this.#block] < target) {
      let block = this.#block + 1;
      while (block < count && lasts[block] < target) block++;
      this.#enter(block);
      if (this.document >= target) return;
    }
    const { documents, size } = this.#blocks;
    let at = this.#at + 1;
    while (at < size && documents[at] < target) at++;
    this.#at = at;
    if (at < size) this.document = documents[at];
    else this.#enter(this.#block + 1);
  }

  bound(saturate: Saturate): number {
    const { mostTimes, shortest, count } = this.#blocks;
    let most = 0;
    for (let block = 0; block < count; block++) most = Math.max(most, saturate(mostTimes[block], shortest[block]));
    return most;
  }

  boundAt(target: number, saturate: Saturate): number {
    const { lasts, mostTimes, shortest, count } = this.#blocks;
    let block = Math.max(this.#boundBlock, this.#block);
    while (block < count && lasts[block] < target) block++;
    this.#boundBlock = block;
    if (block >= count) {
      this.stretchEnd = NO_MORE;
      return 0;
    }
    this.stretchEnd = lasts[block];
    return saturate(mostTimes[block], shortest[block]);
  }

  #enter(block: number): void {
    this.#block = block;
    this.#at = 0;
    if (block >= this.#blocks.count) {
      this.document = NO_MORE;
      return;
    }
    this.#blocks.decode(block);
    this.document = this.#blocks.documents[0];
  }
}

/** Walks a list in memory: what a phrase, a prefix or a spelling came to. */
export class ListCursor implements DocumentCursor {
  readonly #documents: Int32Array;
  readonly #times: Float64Array;
  #at = 0;
  document: number;
  stretchEnd = NO_MORE;
  #mostTimes = -1;

  constructor(documents: Int32Array, times: Float64Array) {
    this.#documents = documents;
    this.#times = times;
    this.document = documents.length === 0 ? NO_MORE : documents[0];
  }

  get size(): number {
    return this.#documents.length;
  }

  times(): number {
    return this.#times[this.#at];
  }

  next(): void {
    this.#at++;
    this.document = this.#at < this.#documents.length ? this.#documents[this.#at] : NO_MORE;
  }

  seek(target: number): void {
    const documents = this.#documents;
    // Steps that double, then a binary search between the last two.
    let step = 1;
    let low = this.#at;
    while (low + step < documents.length && documents[low + step] < target) {
      low += step;
      step *= 2;
    }
    let high = Math.min(documents.length, low + step + 1);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (documents[middle] < target) low = middle + 1;
      else high = middle;
    }
    this.#at = low;
    this.document = low < documents.length ? documents[low] : NO_MORE;
  }

  bound(saturate: Saturate): number {
    if (this.#mostTimes < 0) {
      this.#mostTimes = 0;
      for (const times of this.#times) if (times > this.#mostTimes) this.#mostTimes = times;
    }
    return saturate(this.#mostTimes, 1);
  }

  boundAt(_target: number, saturate: Saturate): number {
    return this.bound(saturate);
  }
}

/** An empty list. */
export function emptyCursor(): DocumentCursor {
  return new ListCursor(new Int32Array(0), new Float64Array(0));
}
