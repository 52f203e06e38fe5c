import { ByteWriter } from '../../core/byte-writer.ts';
import { ByteCursor, corruptFile } from '../byte-codec.ts';

/** Documents of a block: what is decoded, or skipped, at once. */
export const BLOCK_DOCUMENTS = 128;

/** The end of every list. */
export const NO_MORE = 0x7fffffff;

/**
 * Writes the postings of one term: documents ascending, with how often the term is in each.
 *
 * ```
 * skips, where there is more than one block: for each block
 *          last document, from the last of the block before (-1) · bytes · bytes of positions
 *          · most times in a document · length of the shortest document
 * blocks   for each document: (delta from the document before << 1) | (occurs once) · times, unless once;
 *          the first of a block counts from the last of the block before, the first of all from -1
 * ```
 * All numbers are varints. Times and lengths bound what a block can score under any statistics.
 */
export class PostingsWriter {
  readonly #blocks = new ByteWriter(1 << 16);
  readonly #skips = new ByteWriter(1 << 12);
  documents = 0;
  positionsBytes = 0;
  #last = -1;
  #blockLast = -1;
  #blockStart = 0;
  #blockPositions = 0;
  #blockDocuments = 0;
  #mostTimes = 0;
  #shortest = 0;

  begin(): void {
    this.#blocks.clear();
    this.#skips.clear();
    this.documents = 0;
    this.positionsBytes = 0;
    this.#last = -1;
    this.#blockLast = -1;
    this.#startBlock();
  }

  add(document: number, times: number, length: number, positionsBytes: number): void {
    if (this.#blockDocuments === BLOCK_DOCUMENTS) this.#endBlock();
    this.#blocks.varint((document - this.#last) * 2 + (times === 1 ? 1 : 0));
    if (times > 1) this.#blocks.varint(times);
    this.#last = document;
    this.#blockDocuments++;
    this.#blockPositions += positionsBytes;
    if (times > this.#mostTimes) this.#mostTimes = times;
    if (length < this.#shortest) this.#shortest = length;
    this.documents++;
    this.positionsBytes += positionsBytes;
  }

  /** The list's bytes, skips first, as views good until the next term. */
  end(): { readonly skips: Uint8Array; readonly blocks: Uint8Array } {
    if (this.documents > BLOCK_DOCUMENTS) this.#endBlock();
    return { skips: this.#skips.view(), blocks: this.#blocks.view() };
  }

  #startBlock(): void {
    this.#blockStart = this.#blocks.length;
    this.#blockPositions = 0;
    this.#blockDocuments = 0;
    this.#mostTimes = 0;
    this.#shortest = NO_MORE;
  }

  #endBlock(): void {
    this.#skips.varint(this.#last - this.#blockLast);
    this.#skips.varint(this.#blocks.length - this.#blockStart);
    this.#skips.varint(this.#blockPositions);
    this.#skips.varint(this.#mostTimes);
    this.#skips.varint(this.#shortest);
    this.#blockLast = this.#last;
    this.#startBlock();
  }
}

/** A term's postings as they lie in a file. */
export interface PostingsBytes {
  readonly bytes: Uint8Array;
  readonly documents: number;
  readonly skipBytes: number;
  readonly positionsBytes: number;
}

/**
 * A term's list of documents, block by block. Invariant: `block` is decoded iff `decoded === block`;
 * `documents` and `times` then hold its `size` entries.
 */
export class PostingsBlocks {
  readonly count: number;
  /** Last document of each block; `NO_MORE` where it is not known before decoding (a list of one block). */
  readonly lasts: Int32Array;
  readonly mostTimes: Int32Array;
  readonly shortest: Int32Array;
  /** Where each block's positions begin and, at `count`, end. */
  readonly positions: Float64Array;
  readonly documents = new Int32Array(BLOCK_DOCUMENTS);
  readonly times = new Int32Array(BLOCK_DOCUMENTS);
  size = 0;
  decoded = -1;

  readonly #bytes: Uint8Array;
  readonly #starts: Int32Array;
  readonly #total: number;
  readonly #rows: number;

  constructor(list: PostingsBytes, rows: number) {
    const count = Math.ceil(list.documents / BLOCK_DOCUMENTS);
    this.count = count;
    this.#bytes = list.bytes;
    this.#total = list.documents;
    this.#rows = rows;
    this.#starts = new Int32Array(count + 1);
    this.lasts = new Int32Array(count);
    this.mostTimes = new Int32Array(count).fill(NO_MORE);
    this.shortest = new Int32Array(count);
    this.positions = new Float64Array(count + 1);
    this.#starts[0] = list.skipBytes;
    this.#starts[count] = list.bytes.length;
    this.positions[count] = list.positionsBytes;
    if (count === 1) this.lasts[0] = NO_MORE;
    else this.#readSkips(list);
  }

  #readSkips(list: PostingsBytes): void {
    const cursor = new ByteCursor(list.bytes, 0, list.skipBytes);
    let last = -1;
    let start = list.skipBytes;
    let positions = 0;
    for (let block = 0; block < this.count; block++) {
      last += cursor.varint();
      this.lasts[block] = last;
      start += cursor.varint();
      this.#starts[block + 1] = start;
      positions += cursor.varint();
      this.positions[block + 1] = positions;
      this.mostTimes[block] = cursor.varint();
      this.shortest[block] = cursor.varint();
    }
    if (last >= this.#rows || start !== list.bytes.length || positions !== list.positionsBytes) {
      throw corruptFile('the skips of a posting list do not add up');
    }
  }

  decode(block: number): void {
    if (this.decoded === block) return;
    const { documents, times, lasts } = this;
    const bytes = this.#bytes;
    const end = this.#starts[block + 1];
    const size = Math.min(BLOCK_DOCUMENTS, this.#total - block * BLOCK_DOCUMENTS);
    let at = this.#starts[block];
    let document = block === 0 ? -1 : lasts[block - 1];
    for (let i = 0; i < size; i++) {
      let value = bytes[at++];
      if (value > 127) {
        let shift = 7;
        let byte: number;
        value &= 127;
        do {
          byte = bytes[at++];
          value |= (byte & 127) << shift;
          shift += 7;
        } while (byte > 127);
      }
      // A delta of 0 would stand still; documents ascend.
      if (value < 2) throw corruptFile('the documents of a posting list do not ascend');
      document += value >>> 1;
      documents[i] = document;
      if (value & 1) {
        times[i] = 1;
      } else {
        let many = bytes[at++];
        if (many > 127) {
          let shift = 7;
          let byte: number;
          many &= 127;
          do {
            byte = bytes[at++];
            many |= (byte & 127) << shift;
            shift += 7;
          } while (byte > 127);
        }
        times[i] = many;
      }
    }
    const agrees = at === end && document < this.#rows && (this.count === 1 || document === lasts[block]);
    if (!agrees) throw corruptFile('a block of a posting list does not end where it should');
    this.size = size;
    this.decoded = block;
  }
}
