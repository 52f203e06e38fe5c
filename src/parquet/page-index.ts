import type { RawStatistics } from './metadata.ts';
import { malformed, type ThriftReader } from './thrift.ts';
import type { ThriftWriter } from './thrift-writer.ts';

/**
 * The page index: where the pages of a column chunk are, and bounds of each.
 * Source: https://github.com/apache/parquet-format/blob/master/PageIndex.md
 */
export interface PageLocation {
  readonly offset: number;
  /** Bytes of the page, its header included. */
  readonly length: number;
  /** Ordinal of its first row in the row group. */
  readonly firstRow: number;
}

/** Reads where a chunk's pages are; throws `malformed_input`. */
export function readOffsetIndex(r: ThriftReader): PageLocation[] {
  const pages: PageLocation[] = [];
  const outer = r.begin();
  while (r.next()) {
    if (r.field !== 1) {
      r.skip();
      continue;
    }
    const count = r.list('struct');
    for (let i = 0; i < count; i++) pages.push(readLocation(r));
  }
  r.end(outer);
  for (let i = 1; i < pages.length; i++) {
    if (pages[i].firstRow < pages[i - 1].firstRow) throw malformed('the pages of an offset index are out of order');
  }
  return pages;
}

function readLocation(r: ThriftReader): PageLocation {
  let [offset, length, firstRow] = [0, 0, 0];
  const outer = r.begin();
  while (r.next()) {
    if (r.field === 1) offset = r.size();
    else if (r.field === 2) length = r.size();
    else if (r.field === 3) firstRow = r.size();
    else r.skip();
  }
  r.end(outer);
  return { offset, length, firstRow };
}

/** Writes where a chunk's pages are. */
export function writeOffsetIndex(w: ThriftWriter, pages: readonly PageLocation[]): void {
  w.begin().list(1, 'struct', pages.length);
  for (const page of pages) {
    w.begin().i64(1, page.offset).i32(2, page.length).i64(3, page.firstRow).end();
  }
  w.end();
}

/** One entry a page, in the order of the pages; a page of nulls alone has no bounds. */
export function readColumnIndex(r: ThriftReader): RawStatistics[] {
  let nullPages: boolean[] = [];
  let mins: Uint8Array[] = [];
  let maxs: Uint8Array[] = [];
  let nullCounts: number[] = [];
  const outer = r.begin();
  while (r.next()) {
    switch (r.field) {
      case 1:
        nullPages = repeat(r.list('boolean'), () => r.elementBoolean());
        break;
      case 2:
        mins = repeat(r.list('binary'), () => r.elementBinary());
        break;
      case 3:
        maxs = repeat(r.list('binary'), () => r.elementBinary());
        break;
      case 5:
        nullCounts = repeat(r.list('i64'), () => r.elementInteger());
        break;
      default:
        r.skip();
    }
  }
  r.end(outer);
  if (mins.length !== nullPages.length || maxs.length !== nullPages.length) {
    throw malformed('the lists of a column index differ in length');
  }
  return nullPages.map((allNull, page) => ({
    min: allNull ? undefined : mins[page],
    max: allNull ? undefined : maxs[page],
    nullCount: nullCounts[page],
  }));
}

function repeat<T>(count: number, read: () => T): T[] {
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(read());
  return items;
}

/** Bounds of one page; both present unless the page holds nulls alone. */
export interface PageBounds {
  readonly min: Uint8Array | undefined;
  readonly max: Uint8Array | undefined;
  readonly nullCount: number;
}

/** Writes the bounds of a chunk's pages, and whether they are in order. */
export function writeColumnIndex(
  w: ThriftWriter,
  pages: readonly PageBounds[],
  order: 'none' | 'ascending' | 'descending',
): void {
  w.begin().list(1, 'boolean', pages.length);
  for (const page of pages) w.elementBoolean(page.min === undefined);
  w.list(2, 'binary', pages.length);
  for (const page of pages) w.elementBinary(page.min ?? NOTHING);
  w.list(3, 'binary', pages.length);
  for (const page of pages) w.elementBinary(page.max ?? NOTHING);
  w.i32(4, ['none', 'ascending', 'descending'].indexOf(order));
  w.list(5, 'i64', pages.length);
  for (const page of pages) w.zigzag(page.nullCount);
  w.end();
}

const NOTHING = new Uint8Array(0);
