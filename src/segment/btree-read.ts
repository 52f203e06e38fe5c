import { grownBytes } from '../core/grow.ts';
import { type KeyInterval, keyIntervals } from './btree-bounds.ts';
import { BTREE_SINGLE } from './btree-build.ts';
import { type BtreeBlock, type BtreeDirectory, blocksOf, liesWithin } from './btree-directory.ts';
import { compareKeys } from './btree-keys.ts';
import { ByteCursor, corruptFile } from './byte-codec.ts';
import { planCost, planReads, runReads } from './extents.ts';
import type { IndexReader } from './index-file.ts';
import type { PagedFile } from './paged-file.ts';
import { RowSet } from './row-set.ts';

/** A block to read, and the intervals its keys are to be held against; all its rows where there are none. */
interface Candidate {
  readonly offset: number;
  readonly length: number;
  readonly block: BtreeBlock;
  readonly intervals: KeyInterval[];
  whole: boolean;
}

export function btreeReader(file: PagedFile, directory: BtreeDirectory): IndexReader {
  function candidates(intervals: readonly KeyInterval[]): Candidate[] {
    const found = new Map<number, Candidate>();
    for (const interval of intervals) {
      const span = blocksOf(directory, interval);
      if (span === undefined) continue;
      for (let i = span.from; i <= span.to; i++) {
        const block = directory.blocks[i];
        const candidate = found.get(i) ?? {
          offset: block.offset,
          length: block.length,
          block,
          intervals: [],
          whole: false,
        };
        candidate.intervals.push(interval);
        candidate.whole ||= liesWithin(directory, i, interval);
        found.set(i, candidate);
      }
    }
    return [...found].sort(([a], [b]) => a - b).map(([, candidate]) => candidate);
  }

  return {
    async estimate(predicate) {
      const intervals = keyIntervals(directory.type, predicate);
      if (intervals === undefined) return undefined;
      const blocks = candidates(intervals);
      return {
        rows: blocks.reduce((rows, { block }) => rows + block.rows, 0),
        exact: blocks.every(({ whole }) => whole),
        ...planCost(file, planReads(blocks)),
      };
    },
    async lookup(predicate) {
      const intervals = keyIntervals(directory.type, predicate);
      if (intervals === undefined) throw new Error('assertion failed: the index was asked what it can not answer');
      const rows = new RowSet(directory.rows);
      await runReads(file, planReads(candidates(intervals)), (candidate, bytes) => {
        readBlock(bytes, candidate, directory, rows);
      });
      return { rows: rows.ascending() };
    },
  };
}

function readBlock(bytes: Uint8Array, candidate: Candidate, directory: BtreeDirectory, into: RowSet): void {
  const cursor = new ByteCursor(bytes);
  const single = (cursor.u8() & BTREE_SINGLE) !== 0;
  const keys = cursor.count();
  const rows = cursor.count();
  if (keys !== candidate.block.keys || rows !== candidate.block.rows || (single && keys !== rows)) {
    throw corruptFile('a btree block and its directory differ');
  }
  const keySection = cursor.take(cursor.count());
  // Which keys' rows are wanted; undefined for all.
  const wanted = candidate.whole ? undefined : wantedKeys(keySection, keys, directory.keyBytes, candidate.intervals);
  const counts = single ? undefined : readCounts(cursor, keys, rows);
  let row = 0;
  for (let key = 0; key < keys; key++) {
    const want = wanted === undefined || wanted[key] === 1;
    for (let left = counts === undefined ? 1 : counts[key]; left > 0; left--) {
      const zigzag = cursor.varint();
      row += zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      if (row < 0 || row >= directory.rows) throw corruptFile('a btree block names a row outside its segment');
      if (want) into.add(row);
    }
  }
}

function readCounts(cursor: ByteCursor, keys: number, rows: number): Int32Array {
  const counts = new Int32Array(keys);
  let total = 0;
  for (let key = 0; key < keys; key++) {
    const count = cursor.varint();
    total += count;
    if (total > rows) throw corruptFile('the counts of a btree block exceed its rows');
    counts[key] = count;
  }
  if (total !== rows) throw corruptFile('the counts of a btree block do not add up');
  return counts;
}

/** Marks the keys that lie in one of the intervals, which are ascending and disjoint as the keys are. */
function wantedKeys(
  section: Uint8Array,
  keys: number,
  keyBytes: number,
  intervals: readonly KeyInterval[],
): Uint8Array {
  const wanted = new Uint8Array(keys);
  const cursor = new ByteCursor(section);
  let key = new Uint8Array(Math.max(64, keyBytes));
  let length = 0;
  let at = 0;
  for (let i = 0; i < keys && at < intervals.length; i++) {
    const shared = cursor.varint();
    const rest = keyBytes === 0 ? cursor.count() : keyBytes - shared;
    if (shared > length || rest < 0) throw corruptFile('a btree key shares more than the one before has');
    length = shared + rest;
    if (length > key.length) {
      key = grownBytes(key, length * 2);
    }
    key.set(cursor.take(rest), shared);
    const view = key.subarray(0, length);
    while (at < intervals.length && isAbove(view, intervals[at])) at++;
    if (at < intervals.length && !isBelow(view, intervals[at])) wanted[i] = 1;
  }
  return wanted;
}

function isAbove(key: Uint8Array, { high, highInclusive }: KeyInterval): boolean {
  if (high === undefined) return false;
  const order = compareKeys(key, high);
  return order > 0 || (order === 0 && !highInclusive);
}

function isBelow(key: Uint8Array, { low, lowInclusive }: KeyInterval): boolean {
  if (low === undefined) return false;
  const order = compareKeys(key, low);
  return order < 0 || (order === 0 && !lowInclusive);
}
