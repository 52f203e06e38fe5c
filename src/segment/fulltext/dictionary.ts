import { ByteWriter } from '../../core/byte-writer.ts';
import { grownBytes } from '../../core/grow.ts';
import { compareKeys } from '../btree-keys.ts';
import { ByteCursor, corruptFile } from '../byte-codec.ts';
import { BLOCK_DOCUMENTS } from './postings.ts';

/** A term of the dictionary: what it costs, and where its lists are, is known from here. */
export interface TermEntry {
  readonly term: Uint8Array;
  readonly documents: number;
  /** Places in the file's body. */
  readonly postingsOffset: number;
  readonly postingsBytes: number;
  readonly skipBytes: number;
  readonly positionsOffset: number;
  readonly positionsBytes: number;
}

/**
 * Terms in byte order, in blocks of one length (all but the last are filled up with zeros), front-coded:
 *
 * ```
 * bytes shared with the term before (0 for the first) · length of the rest · the rest
 * · documents · bytes of postings · bytes of skips, where there is more than one block of postings · bytes of positions
 * ```
 * Lists lie in the order of the terms, so an offset is the sum of what comes before it.
 */
export class DictionaryWriter {
  readonly #blockBytes: number;
  readonly #out = new ByteWriter(1 << 16);
  readonly #directory = new ByteWriter(1 << 12);
  readonly #lastTerm = new ByteWriter(256);
  readonly #lastFirst = new ByteWriter(256);
  #blockStart = 0;
  #blockTerms = 0;
  #blocks = 0;
  terms = 0;
  postingsBytes = 0;
  positionsBytes = 0;
  #blockPostings = 0;
  #blockPositions = 0;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  add(term: Uint8Array, documents: number, postingsBytes: number, skipBytes: number, positionsBytes: number): void {
    const size = this.#out.length - this.#blockStart;
    if (this.#blockTerms > 0 && size + term.length + 40 > this.#blockBytes) {
      this.#out.reserve(this.#blockBytes - size);
      this.#out.bytes.fill(0, this.#out.length, this.#blockStart + this.#blockBytes);
      this.#out.length = this.#blockStart + this.#blockBytes;
      this.#endBlock();
    }
    if (this.#blockTerms === 0) {
      this.#lastTerm.clear();
      const shared = sharedLength(this.#lastFirst.view(), term);
      this.#directory.varint(shared);
      this.#directory.varint(term.length - shared);
      this.#directory.append(term, shared);
      this.#lastFirst.clear();
      this.#lastFirst.append(term);
    }
    const out = this.#out;
    const shared = sharedLength(this.#lastTerm.view(), term);
    out.varint(shared);
    out.varint(term.length - shared);
    out.append(term, shared);
    out.varint(documents);
    out.varint(postingsBytes);
    if (documents > BLOCK_DOCUMENTS) out.varint(skipBytes);
    out.varint(positionsBytes);
    this.#lastTerm.clear();
    this.#lastTerm.append(term);
    this.#blockTerms++;
    this.terms++;
    this.postingsBytes += postingsBytes;
    this.positionsBytes += positionsBytes;
  }

  #endBlock(): void {
    this.#directory.varint(this.#out.length - this.#blockStart);
    this.#directory.varint(this.#blockTerms);
    this.#directory.varint(this.postingsBytes - this.#blockPostings);
    this.#directory.varint(this.positionsBytes - this.#blockPositions);
    this.#blockPostings = this.postingsBytes;
    this.#blockPositions = this.positionsBytes;
    this.#blockStart = this.#out.length;
    this.#blockTerms = 0;
    this.#blocks++;
  }

  /** All blocks, end to end, and what the file's directory says of them. */
  end(): { readonly dictionary: Uint8Array; readonly directory: Uint8Array } {
    if (this.#blockTerms > 0) this.#endBlock();
    const directory = new ByteWriter(this.#directory.length + 8);
    directory.varint(this.#blocks);
    directory.append(this.#directory.view());
    return { dictionary: this.#out.view(), directory: directory.view() };
  }
}

function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  let i = 0;
  while (i < length && a[i] === b[i]) i++;
  return i;
}

export interface DictionaryBlock {
  readonly offset: number;
  readonly length: number;
  readonly terms: number;
  readonly first: Uint8Array;
  readonly postingsOffset: number;
  readonly positionsOffset: number;
  readonly postingsBytes: number;
  readonly positionsBytes: number;
}

/** The blocks of a dictionary by the file's directory; `at` are the places where the three regions begin. */
export function readDictionaryBlocks(
  cursor: ByteCursor,
  at: { readonly dictionary: number; readonly postings: number; readonly positions: number },
): DictionaryBlock[] {
  const blocks: DictionaryBlock[] = [];
  const first = new ByteWriter(256);
  let offset = at.dictionary;
  let postingsOffset = at.postings;
  let positionsOffset = at.positions;
  for (let left = cursor.count(6); left > 0; left--) {
    const shared = cursor.varint();
    if (shared > first.length) throw corruptFile('a dictionary block shares more than the one before has');
    first.length = shared;
    first.append(cursor.take(cursor.count()));
    const length = cursor.varint();
    const terms = cursor.varint();
    if (terms * 5 > length) throw corruptFile('a dictionary block of more terms than bytes');
    const postingsBytes = cursor.varint();
    const positionsBytes = cursor.varint();
    blocks.push({
      offset,
      length,
      terms,
      first: first.copy(),
      postingsOffset,
      positionsOffset,
      postingsBytes,
      positionsBytes,
    });
    offset += length;
    postingsOffset += postingsBytes;
    positionsOffset += positionsBytes;
  }
  return blocks;
}

/** Steps through the terms of a block without making objects of those nobody wants. */
export class DictionaryCursor {
  readonly #block: DictionaryBlock;
  readonly #cursor: ByteCursor;
  #left: number;
  /** The term stood on is `bytes[0 .. length)`. */
  bytes = new Uint8Array(256);
  length = 0;
  documents = 0;
  postingsOffset: number;
  postingsBytes = 0;
  skipBytes = 0;
  positionsOffset: number;
  positionsBytes = 0;

  constructor(block: DictionaryBlock, bytes: Uint8Array) {
    this.#block = block;
    this.#cursor = new ByteCursor(bytes);
    this.#left = block.terms;
    this.postingsOffset = block.postingsOffset;
    this.positionsOffset = block.positionsOffset;
  }

  /** To the next term; false at the end. */
  next(): boolean {
    if (this.#left-- === 0) return this.#end();
    const cursor = this.#cursor;
    this.postingsOffset += this.postingsBytes;
    this.positionsOffset += this.positionsBytes;
    const shared = cursor.varint();
    const rest = cursor.count();
    if (shared > this.length) throw corruptFile('a dictionary term shares more than the one before has');
    this.length = shared + rest;
    if (this.length > this.bytes.length) {
      this.bytes = grownBytes(this.bytes, this.length * 2);
    }
    const from = cursor.skip(rest);
    for (let i = 0; i < rest; i++) this.bytes[shared + i] = cursor.bytes[from + i];
    this.documents = cursor.varint();
    this.postingsBytes = cursor.varint();
    this.skipBytes = this.documents > BLOCK_DOCUMENTS ? cursor.varint() : 0;
    this.positionsBytes = cursor.varint();
    if (
      this.documents === 0 ||
      this.documents + this.skipBytes > this.postingsBytes ||
      this.positionsBytes < this.documents
    ) {
      throw corruptFile('a dictionary term whose lists are too short');
    }
    return true;
  }

  /** The term stood on, with memory of its own. */
  entry(): TermEntry {
    const { documents, postingsOffset, postingsBytes, skipBytes, positionsOffset, positionsBytes } = this;
    const term = this.bytes.slice(0, this.length);
    return { term, documents, postingsOffset, postingsBytes, skipBytes, positionsOffset, positionsBytes };
  }

  #end(): false {
    const { postingsOffset, postingsBytes, positionsOffset, positionsBytes } = this.#block;
    const agrees =
      this.postingsOffset + this.postingsBytes === postingsOffset + postingsBytes &&
      this.positionsOffset + this.positionsBytes === positionsOffset + positionsBytes;
    if (!agrees) throw corruptFile('the lists of a dictionary block do not add up');
    this.#left = 0;
    return false;
  }
}

/** The block that would hold a term, or -1 where all terms are greater. */
export function blockOf(blocks: readonly DictionaryBlock[], term: Uint8Array): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys(blocks[middle].first, term) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
