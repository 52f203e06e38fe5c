import { type ColumnType, parseTypeName } from '../columns/types.ts';
import { ByteWriter } from '../core/byte-writer.ts';
import type { KeyInterval } from './btree-bounds.ts';
import { compareKeys } from './btree-keys.ts';
import { ByteCursor, corruptFile } from './byte-codec.ts';

/** The upper level of a btree file in memory; `buildBtree` says its bytes. */
export interface BtreeDirectory {
  readonly type: ColumnType;
  /** Rows of the segment. */
  readonly rows: number;
  readonly indexedRows: number;
  readonly distinct: number;
  /** Length of every key, or 0 where keys differ in length. */
  readonly keyBytes: number;
  readonly blocks: readonly BtreeBlock[];
  readonly greatest: Uint8Array | undefined;
}

export interface BtreeBlock {
  readonly offset: number;
  readonly length: number;
  readonly keys: number;
  readonly rows: number;
  /** The block's first key is the last key of the block before. */
  readonly continues: boolean;
  /** At most the first key, above all keys of the block before unless it `continues`. */
  readonly bound: Uint8Array;
}

/** Throws `corrupt_file` where the bytes contradict themselves. */
export function readBtreeDirectory(bytes: Uint8Array): BtreeDirectory {
  const cursor = new ByteCursor(bytes);
  const name = cursor.text();
  const type = parseTypeName(name);
  if (type === undefined) throw corruptFile(`a btree index over an unknown type ${name}`);
  const rows = cursor.varint();
  const indexedRows = cursor.varint();
  const distinct = cursor.varint();
  const keyBytes = cursor.varint();
  const blocks: BtreeBlock[] = [];
  let total = 0;
  const bound = new ByteWriter(256);
  for (let left = cursor.count(7); left > 0; left--) {
    const block = {
      offset: cursor.varint(),
      length: cursor.varint(),
      keys: cursor.varint(),
      rows: cursor.varint(),
      continues: cursor.u8() === 1,
    };
    const shared = cursor.varint();
    if (shared > bound.length) throw corruptFile('a btree bound shares more than the one before has');
    bound.length = shared;
    bound.append(cursor.take(cursor.count()));
    if (block.keys > block.rows || block.rows > block.length)
      throw corruptFile('a btree block of more rows than bytes');
    total += block.rows;
    blocks.push({ ...block, bound: bound.copy() });
  }
  if (total !== indexedRows || indexedRows > rows || rows >= 2 ** 31) {
    throw corruptFile('a btree directory whose rows do not add up');
  }
  const greatest = cursor.u8() === 1 ? cursor.take(cursor.count()) : undefined;
  return { type, rows, indexedRows, distinct, keyBytes, blocks, greatest };
}

/** Blocks `from` to `to` (inclusive) that may hold keys of the interval; undefined where none can. */
export function blocksOf(
  directory: BtreeDirectory,
  interval: KeyInterval,
): { readonly from: number; readonly to: number } | undefined {
  const { blocks, greatest } = directory;
  if (blocks.length === 0) return undefined;
  const { low, high } = interval;
  if (low !== undefined && greatest !== undefined && compareKeys(low, greatest) > 0) return undefined;
  let from = low === undefined ? 0 : Math.max(0, lastAtMost(blocks, low));
  // The key's rows may begin in the blocks before.
  while (from > 0 && low !== undefined && blocks[from].continues && compareKeys(blocks[from].bound, low) === 0) from--;
  let to = high === undefined ? blocks.length - 1 : lastAtMost(blocks, high);
  if (high !== undefined && !interval.highInclusive) {
    while (to >= 0 && compareKeys(blocks[to].bound, high) === 0) to--;
  }
  return to < from ? undefined : { from, to };
}

/** The last block whose bound is at most the key, or -1. */
function lastAtMost(blocks: readonly BtreeBlock[], key: Uint8Array): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys(blocks[middle].bound, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether the directory alone shows that every key of the block lies in the interval. */
export function liesWithin(directory: BtreeDirectory, block: number, interval: KeyInterval): boolean {
  const { blocks, greatest } = directory;
  if (interval.low !== undefined) {
    const order = compareKeys(blocks[block].bound, interval.low);
    if (order < 0 || (order === 0 && !interval.lowInclusive)) return false;
  }
  if (interval.high === undefined) return true;
  const next = blocks[block + 1];
  const above = next === undefined ? greatest : next.bound;
  if (above === undefined) return false;
  const order = compareKeys(above, interval.high);
  // All keys are below the next block's bound, except that a key which runs on is equal to it.
  const reached = next === undefined || next.continues;
  return order < 0 || (order === 0 && (!reached || interval.highInclusive));
}
