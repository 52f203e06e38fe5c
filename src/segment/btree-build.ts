import type { Batch } from '../columns/column.ts';
import { nullCount } from '../columns/column.ts';
import type { IndexDefinition, IndexSummary } from '../columns/index-definition.ts';
import { type ColumnType, NULL_TYPE, typeName } from '../columns/types.ts';
import { ByteWriter } from '../core/byte-writer.ts';
import type { ByteSink } from '../core/bytes.ts';
import { assert } from '../core/errors.ts';
import { keyWords } from './btree-keys.ts';
import { type EntrySorter, entrySorter, type SortedEntries } from './btree-sort.ts';
import { PAGE_BYTES, PagedFileWriter } from './paged-file.ts';

/**
 * A btree file is two levels: leaf blocks, each within one page unless a single value is longer, and the
 * directory above them. A block:
 *
 * ```
 * flags u8 (1: each key has one row) · keys (varint) · rows (varint) · bytes of the key section (varint)
 * keys       front-coded: bytes shared with the key before (varint), [length of the rest (varint) unless the
 *            type's keys have one length], the rest
 * counts     rows of each key (varint), absent with flag 1
 * rows       row ordinals in key order, each the zigzag difference from the one before, from 0 (varint)
 * ```
 *
 * The directory:
 *
 * ```
 * type (text) · rows of the segment · rows indexed · distinct keys · bytes of a fixed key, 0 for text (varints)
 * · blocks (varint), each: offset · bytes · keys · rows (varints) · continues u8 · bound (front-coded)
 * · has a greatest key u8 · greatest key (length, bytes)
 * ```
 * `bound` is at most the block's first key and above the last key of the block before, in as few bytes as
 * tell them apart; where a key's rows run over from the block before, `continues` is 1 and `bound` is that key.
 */
export const BTREE_SINGLE = 1;

/** A greatest key longer than this is left out: it only saves a read for values above all others. */
const MAX_KEY_BYTES = 1024;
/** A block fills a page but for the file's header, which the first page has too. */
const BLOCK_BYTES = PAGE_BYTES - 8;
/** What a block's header takes at most. */
const HEADER_BYTES = 32;

/** Builds the index of a definition's first column into `sink`. Throws `unprocessable` where it has no order. */
export async function buildBtree(
  batches: AsyncIterable<Batch>,
  definition: IndexDefinition,
  sink: ByteSink,
): Promise<IndexSummary> {
  const [field] = definition.fields;
  let type: ColumnType | undefined;
  let sorter: EntrySorter | undefined;
  let rows = 0;
  let nulls = 0;
  for await (const batch of batches) {
    const ordinal = batch.schema.findIndex(({ name }) => name === field);
    if (ordinal >= 0) {
      const column = batch.columns[ordinal];
      type ??= column.type;
      assert(typeName(column.type) === typeName(type), `every batch of ${field} has one type`);
      sorter ??= entrySorter(type);
      sorter.add(column, rows);
      nulls += nullCount(column);
    } else {
      nulls += batch.length;
    }
    rows += batch.length;
  }
  type ??= NULL_TYPE;
  const entries = (sorter ?? entrySorter(type)).sort();
  assert(entries.length === rows - nulls, 'every row is indexed or null');
  const blocks = new BlockWriter(new PagedFileWriter(sink, 'btree'), (keyWords(type) ?? 0) * 4);
  await blocks.writeAll(entries);
  const { sizeBytes, directory } = await blocks.finish(type, rows);
  return {
    rows,
    sizeBytes,
    meta: { directory, type: typeName(type), nulls, distinct: blocks.distinct },
  };
}

class BlockWriter {
  readonly #file: PagedFileWriter;
  readonly #keyBytes: number;
  readonly #keys = new ByteWriter(PAGE_BYTES * 2);
  readonly #counts = new ByteWriter(PAGE_BYTES);
  readonly #ordinals = new ByteWriter(PAGE_BYTES * 2);
  readonly #directory = new ByteWriter(PAGE_BYTES);
  #blocks = 0;
  #indexed = 0;
  distinct = 0;

  // The block under construction.
  #blockKeys = 0;
  #blockRows = 0;
  #keyRows = 0;
  #single = true;
  #continues = false;
  #lastRow = 0;
  readonly #bound = new ByteWriter(256);
  /** The key last written, and the bound of the block before, for front coding. */
  readonly #lastKey = new ByteWriter(256);
  readonly #lastBound = new ByteWriter(256);

  constructor(file: PagedFileWriter, keyBytes: number) {
    this.#file = file;
    this.#keyBytes = keyBytes;
  }

  async writeAll(entries: SortedEntries): Promise<void> {
    const { length } = entries;
    for (let entry = 0; entry < length; entry++) {
      if (entries.startsKey(entry)) {
        const key = entries.key(entry);
        this.distinct++;
        if (this.#blockRows > 0 && !this.#hasRoom(key.length + 16)) await this.#flush();
        if (this.#blockRows === 0) this.#startBlock(key, false);
        this.#startKey(key);
      } else if (!this.#hasRoom(16)) {
        await this.#flush();
        const key = this.#lastKey.copy();
        this.#startBlock(key, true);
        this.#startKey(key);
      }
      this.#addRow(entries.row(entry));
    }
    if (this.#blockRows > 0) await this.#flush();
  }

  async finish(
    type: ColumnType,
    rows: number,
  ): Promise<{ sizeBytes: number; directory: { offset: number; length: number } }> {
    const out = new ByteWriter(this.#directory.length + 256);
    out.text(typeName(type));
    out.varint(rows);
    out.varint(this.#indexed);
    out.varint(this.distinct);
    out.varint(this.#keyBytes);
    out.varint(this.#blocks);
    out.append(this.#directory.view());
    const keepsLast = this.#blocks > 0 && this.#lastKey.length <= MAX_KEY_BYTES;
    out.u8(keepsLast ? 1 : 0);
    if (keepsLast) {
      out.varint(this.#lastKey.length);
      out.append(this.#lastKey.view());
    }
    return await this.#file.finish(out.view());
  }

  #hasRoom(extra: number): boolean {
    const counts = this.#single && this.#keyRows <= 1 ? 0 : this.#counts.length + 5;
    return HEADER_BYTES + this.#keys.length + counts + this.#ordinals.length + extra <= BLOCK_BYTES;
  }

  #startBlock(key: Uint8Array, continues: boolean): void {
    this.#continues = continues;
    this.#bound.clear();
    let length = key.length;
    if (!continues) {
      length = this.#blocks === 0 ? Math.min(length, MAX_KEY_BYTES) : sharedLength(this.#lastKey.view(), key) + 1;
    }
    this.#bound.append(key, 0, length);
  }

  #startKey(key: Uint8Array): void {
    this.#endKey();
    const shared = this.#blockKeys === 0 ? 0 : sharedLength(this.#lastKey.view(), key);
    this.#keys.varint(shared);
    if (this.#keyBytes === 0) this.#keys.varint(key.length - shared);
    this.#keys.append(key, shared);
    this.#blockKeys++;
    this.#lastKey.clear();
    this.#lastKey.append(key);
  }

  #endKey(): void {
    if (this.#keyRows === 0) return;
    // Counts are kept until the block ends: whether they are needed is known only then.
    this.#counts.varint(this.#keyRows);
    if (this.#keyRows > 1) this.#single = false;
    this.#keyRows = 0;
  }

  #addRow(row: number): void {
    const difference = row - this.#lastRow;
    this.#ordinals.varint(difference < 0 ? -2 * difference - 1 : 2 * difference);
    this.#lastRow = row;
    this.#keyRows++;
    this.#blockRows++;
  }

  async #flush(): Promise<void> {
    this.#endKey();
    const block = new ByteWriter(HEADER_BYTES + this.#keys.length + this.#counts.length + this.#ordinals.length);
    block.u8(this.#single ? BTREE_SINGLE : 0);
    block.varint(this.#blockKeys);
    block.varint(this.#blockRows);
    block.varint(this.#keys.length);
    block.append(this.#keys.view());
    if (!this.#single) block.append(this.#counts.view());
    block.append(this.#ordinals.view());
    // A block that fits a page lies in one, so that reading it is one page.
    if (block.length > this.#file.pageLeft) await this.#file.alignToPage();

    const entry = this.#directory;
    entry.varint(this.#file.offset);
    entry.varint(block.length);
    entry.varint(this.#blockKeys);
    entry.varint(this.#blockRows);
    entry.u8(this.#continues ? 1 : 0);
    const bound = this.#bound.view();
    const shared = sharedLength(this.#lastBound.view(), bound);
    entry.varint(shared);
    entry.varint(bound.length - shared);
    entry.append(bound, shared);
    this.#lastBound.clear();
    this.#lastBound.append(bound);

    await this.#file.write(block.view());
    this.#blocks++;
    this.#indexed += this.#blockRows;
    this.#keys.clear();
    this.#counts.clear();
    this.#ordinals.clear();
    this.#blockKeys = 0;
    this.#blockRows = 0;
    this.#single = true;
    this.#lastRow = 0;
  }
}

function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  let i = 0;
  while (i < length && a[i] === b[i]) i++;
  return i;
}
