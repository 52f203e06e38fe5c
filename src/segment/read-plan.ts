import type { FileRange } from '../parquet/metadata.ts';
import type { PageLocation } from '../parquet/page-index.ts';

/** Half-open ranges of row ordinals of the segment, ascending and disjoint. */
export type RowRanges = readonly (readonly [start: number, end: number])[];

/** Which rows of a segment to read: ranges, or single ordinals, ascending and each once. */
export type RowSelection = RowRanges | Int32Array;

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface ReadPlan {
  /** What `readColumns` asks of the reader, one read each. */
  readonly ranges: readonly ByteRange[];
  readonly bytes: number;
}

/**
 * Ranges this close are read as one: a read of the store costs a round trip and is billed alone, the bytes
 * between are free. The bound keeps what is read for nothing small beside what is asked for.
 */
const MOST_GAP_BYTES = 32 * 1024;
/**
 * Where whole chunks are wanted, wider gaps are read over too, as far as half of what is read was asked for: a
 * scan of two columns of five then takes a read a row group. A few rows do not: they shall stay a few kilobytes.
 */
const MOST_SCAN_GAP_BYTES = 256 * 1024;
/**
 * A column chunk's dictionary and the pages wanted of it are read as one up to here, so that a lookup of a row
 * takes one read a column; two columns then take at most 256 KB.
 */
const MOST_CHUNK_SPAN_BYTES = 128 * 1024;
/** A read made by joining others stays below this, so that what is in flight stays bounded. */
const MOST_JOINED_BYTES = 8 * 1024 * 1024;

/** What to read of one chunk for ranges in it: all of their span where that is small. */
export function spanOf(ranges: readonly ByteRange[]): readonly ByteRange[] {
  if (ranges.length < 2) return ranges;
  const offset = Math.min(...ranges.map((range) => range.offset));
  const length = Math.max(...ranges.map((range) => range.offset + range.length)) - offset;
  return length <= MOST_CHUNK_SPAN_BYTES ? [{ offset, length }] : ranges;
}

/** Joins ranges that overlap, touch or nearly touch, in order of their offsets; `whole` where they are whole chunks. */
export function coalesce(ranges: readonly ByteRange[], whole = false): ByteRange[] {
  const sorted = ranges.filter((range) => range.length > 0).sort((a, b) => a.offset - b.offset);
  const joined: ByteRange[] = [];
  // Of the last range joined, what was asked for.
  let wanted = 0;
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last !== undefined) {
      const lastEnd = last.offset + last.length;
      const end = Math.max(lastEnd, range.offset + range.length);
      const gap = range.offset - lastEnd;
      const length = end - last.offset;
      const worthwhile = whole && gap <= MOST_SCAN_GAP_BYTES && length <= 2 * (wanted + range.length);
      if (gap < 0 || (length <= MOST_JOINED_BYTES && (gap <= MOST_GAP_BYTES || worthwhile))) {
        joined[joined.length - 1] = { offset: last.offset, length };
        wanted += gap < 0 ? end - lastEnd : range.length;
        continue;
      }
    }
    joined.push(range);
    wanted = range.length;
  }
  return joined;
}

/** A run of pages of one column chunk that stand together in the file. */
export interface PageRun extends FileRange {
  /** Ordinal of its first row in the row group. */
  readonly firstRow: number;
  readonly rows: number;
}

/** The pages of a chunk that hold any of the rows; `rows` are ordinals of the row group. */
export function selectPages(pages: readonly PageLocation[], groupRows: number, rows: RowSelection): PageRun[] {
  const runs: PageRun[] = [];
  let next = 0;
  for (let i = 0; i < pages.length; i++) {
    const start = pages[i].firstRow;
    const end = i + 1 < pages.length ? pages[i + 1].firstRow : groupRows;
    while (next < rows.length && rowEnd(rows, next) <= start) next++;
    if (next === rows.length) break;
    if (rowStart(rows, next) >= end) continue;
    const { offset, length } = pages[i];
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.length === offset && last.firstRow + last.rows === start) {
      runs[runs.length - 1] = { ...last, length: last.length + length, rows: last.rows + end - start };
    } else {
      runs.push({ offset, length, firstRow: start, rows: end - start });
    }
  }
  return runs;
}

function rowStart(rows: RowSelection, i: number): number {
  const row = rows[i];
  return typeof row === 'number' ? row : row[0];
}

function rowEnd(rows: RowSelection, i: number): number {
  const row = rows[i];
  return typeof row === 'number' ? row + 1 : row[1];
}

/** The part of a selection that lies in a row group, as ordinals of the group. */
export function selectionWithin(rows: RowSelection, firstRow: number, groupRows: number): RowSelection {
  if (rows instanceof Int32Array) {
    const start = lowerBound(rows, firstRow);
    return rows.subarray(start, lowerBound(rows, firstRow + groupRows)).map((row) => row - firstRow);
  }
  const within: [number, number][] = [];
  for (const [start, end] of rows) {
    const from = Math.max(start - firstRow, 0);
    const to = Math.min(end - firstRow, groupRows);
    if (from < to) within.push([from, to]);
  }
  return within;
}

function lowerBound(rows: Int32Array, row: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle] < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many rows are selected. */
export function countRows(rows: RowSelection): number {
  return rows instanceof Int32Array ? rows.length : rows.reduce((sum, [start, end]) => sum + end - start, 0);
}

/** Where the selected rows stand among the rows of `runs` put one after the other. */
export function positionsIn(runs: readonly PageRun[], rows: RowSelection): Int32Array {
  const positions = new Int32Array(countRows(rows));
  let to = 0;
  let run = 0;
  let base = 0;
  const place = (row: number) => {
    while (row >= runs[run].firstRow + runs[run].rows) base += runs[run++].rows;
    positions[to++] = base + row - runs[run].firstRow;
  };
  if (rows instanceof Int32Array) for (const row of rows) place(row);
  else for (const [start, end] of rows) for (let row = start; row < end; row++) place(row);
  return positions;
}
