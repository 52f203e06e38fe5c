import { type Batch, type Column, gatherColumn, nullColumn, sliceColumn } from '../columns/column.ts';
import type { ColumnType, Field, Schema } from '../columns/types.ts';
import type { RangeReader } from '../core/bytes.ts';
import { concatBytes } from '../core/bytes.ts';
import { assert, OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { ColumnChunkMetadata, FileMetadata } from '../parquet/metadata.ts';
import { type PageLocation, readColumnIndex, readOffsetIndex } from '../parquet/page-index.ts';
import { PageDecoder, type StoredPage, splitPages } from '../parquet/pages.ts';
import { footerLength, readFileMetadata, TRAILER_BYTES } from '../parquet/read-footer.ts';
import { malformed, ThriftReader } from '../parquet/thrift.ts';
import { keepsCodes, toColumn } from '../parquet/to-column.ts';
import { fromKeyValues, physicalOf } from './parquet-schema.ts';
import {
  type ByteRange,
  coalesce,
  countRows,
  type PageRun,
  positionsIn,
  type ReadPlan,
  type RowSelection,
  selectionWithin,
  selectPages,
  spanOf,
} from './read-plan.ts';
import { type ColumnStatistics, fromRaw } from './statistics.ts';

export interface RowGroup {
  /** Ordinal of its first row in the segment. */
  readonly firstRow: number;
  readonly rows: number;
  /** By column name. Read from the footer when first asked for. */
  readonly statistics: Readonly<Record<string, ColumnStatistics>>;
}

/** Rows of a column that are written, and so read and skipped, together. */
export interface PageSummary {
  /** Ordinal of its first row in the segment. */
  readonly firstRow: number;
  readonly rows: number;
  /** Absent where the page has none. */
  readonly statistics: ColumnStatistics | undefined;
}

/** A segment whose footer has been read: everything that follows can be planned before the next read. */
export interface SegmentFile {
  readonly rows: number;
  readonly schema: Schema;
  readonly rowGroups: readonly RowGroup[];
  /** The bytes at the file's end that `openSegment` takes in place of a read; small, and safe to cache by the file's etag. */
  readonly footer: Uint8Array;
  /** The pages of a column in a row group, in order. No read. */
  pages(rowGroup: number, column: string): readonly PageSummary[];
  /** What reading these columns and rows (all rows of the group unless said) will cost. No read. */
  planRead(rowGroup: number, columns: readonly string[], rows?: RowSelection): ReadPlan;
  /**
   * About what reading so many rows of these columns takes in memory: the stored bytes, and what they decode to. From
   * the footer alone.
   */
  bytesInMemory(rowGroup: number, columns: readonly string[], rows: number): number;
  /** The columns in the order asked for; the selected rows that lie in the group, ascending. */
  readColumns(rowGroup: number, columns: readonly string[], rows?: RowSelection): Promise<Batch>;
}

export interface OpenOptions {
  /** The file's last `SegmentSummary.footerBytes` bytes where they are at hand. */
  readonly footer?: Uint8Array;
  /** How many bytes at the file's end to read otherwise: `SegmentSummary.footerBytes` where it is known. */
  readonly footerBytes?: number;
}

/** Read from a file's end where nobody says how long its footer is. */
const GUESSED_FOOTER_BYTES = 64 * 1024;

/**
 * Opens a segment: no read where the footer is given, one where its length is, at most three otherwise.
 * It and the methods of what it gives throw `corrupt_file` where the bytes are not what was written.
 */
export async function openSegment(reader: RangeReader, options: OpenOptions = {}): Promise<SegmentFile> {
  try {
    return await open(reader, options);
  } catch (error) {
    throw asCorrupt(error);
  }
}

function checked<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw asCorrupt(error);
  }
}

/** What is wrong in a file of ours is our damage, not the caller's input. */
function asCorrupt(error: unknown): unknown {
  if (!(error instanceof OrasiError) || error.code !== 'malformed_input') return error;
  return new OrasiError('corrupt_file', `a segment is damaged: ${error.message}`, { cause: error });
}

async function open(reader: RangeReader, options: OpenOptions): Promise<SegmentFile> {
  const tail = options.footer ?? (await readTail(reader, options.footerBytes ?? GUESSED_FOOTER_BYTES));
  const { metadata, footer } = await wholeFooter(reader, tail);
  const schema = fromKeyValues(metadata.keyValues);
  checkSchema(metadata, schema, reader.sizeBytes - footer.length);
  return new Segment(reader, metadata, schema, footer);
}

async function readTail(reader: RangeReader, bytes: number): Promise<Uint8Array> {
  const length = Math.min(reader.sizeBytes, bytes);
  return await reader.read(reader.sizeBytes - length, length);
}

/** The tail from where the page indexes begin, reading what is missing of it. */
async function wholeFooter(
  reader: RangeReader,
  tail: Uint8Array,
): Promise<{ metadata: FileMetadata; footer: Uint8Array }> {
  const length = footerLength(tail, reader.sizeBytes);
  const bytes = length <= tail.length ? tail : await readTail(reader, length);
  const metadata = readFileMetadata(
    new ThriftReader(bytes.subarray(0, bytes.length - TRAILER_BYTES), bytes.length - length),
  );
  let start = reader.sizeBytes - length;
  for (const group of metadata.rowGroups) {
    for (const { offsetIndex, columnIndex } of group.columns) {
      if (offsetIndex !== undefined) start = Math.min(start, offsetIndex.offset);
      if (columnIndex !== undefined) start = Math.min(start, columnIndex.offset);
    }
  }
  const have = reader.sizeBytes - bytes.length;
  if (start >= have) return { metadata, footer: bytes.subarray(start - have) };
  if (have - start > LIMITS.parquetFooterBytes) throw malformed('the page indexes stand too far from the footer');
  return { metadata, footer: concatBytes([await reader.read(start, have - start), bytes]) };
}

function checkSchema(metadata: FileMetadata, schema: Schema, dataEnd: number): void {
  const leaves = metadata.schema.slice(1);
  if (leaves.length !== schema.length) throw malformed('the segment has other columns than its schema');
  for (let i = 0; i < leaves.length; i++) {
    const expected = physicalOf(schema[i].type);
    const { name, type, typeLength, repetition } = leaves[i];
    if (
      name !== schema[i].name ||
      type !== expected.type ||
      typeLength !== expected.typeLength ||
      repetition === 'repeated'
    ) {
      throw malformed(`the segment's column ${schema[i].name} is not what its schema says`);
    }
  }
  for (const group of metadata.rowGroups) {
    if (group.columns.length !== schema.length) throw malformed('a row group lacks columns');
    for (const { range, values, dataOffset } of group.columns) {
      const end = range.offset + range.length;
      if (values !== group.rows || range.length === 0 || end > dataEnd || dataOffset > end)
        throw malformed('a column chunk is not where it should be');
    }
  }
}

/** Pages are read whole: a few rows of many bring along about so many others for each. */
const SCATTERED = 8;

/** Bytes of a value in memory; undefined where values are of any length. */
function valueBytes(type: ColumnType): number | undefined {
  switch (type.kind) {
    case 'null':
      return 0;
    case 'bool':
      return 1 / 8;
    case 'date':
      return 4;
    case 'int64':
    case 'double':
    case 'timestamp':
      return 8;
    case 'decimal':
      return 16;
    case 'string':
    case 'bytes':
    case 'json':
      return undefined;
  }
}

class Segment implements SegmentFile {
  readonly rows: number;
  readonly schema: Schema;
  readonly rowGroups: readonly RowGroup[];
  readonly footer: Uint8Array;
  readonly #reader: RangeReader;
  readonly #metadata: FileMetadata;
  readonly #ordinals: ReadonlyMap<string, number>;

  constructor(reader: RangeReader, metadata: FileMetadata, schema: Schema, footer: Uint8Array) {
    this.#reader = reader;
    this.#metadata = metadata;
    this.schema = schema;
    this.footer = footer;
    this.#ordinals = new Map(schema.map((field, ordinal) => [field.name, ordinal]));
    let firstRow = 0;
    this.rowGroups = metadata.rowGroups.map((group) => {
      const described = new Group(firstRow, group.rows, schema, group.columns);
      firstRow += group.rows;
      return described;
    });
    this.rows = firstRow;
  }

  pages(rowGroup: number, column: string): readonly PageSummary[] {
    return checked(() => this.#pages(rowGroup, column));
  }

  #pages(rowGroup: number, column: string): readonly PageSummary[] {
    const { firstRow, rows, statistics } = this.#group(rowGroup);
    const ordinal = this.#ordinal(column);
    const chunk = this.#metadata.rowGroups[rowGroup].columns[ordinal];
    const locations = this.#locations(chunk);
    // A chunk of one page has no page index: the chunk's bounds are the page's.
    if (locations === undefined) return [{ firstRow, rows, statistics: statistics[column] }];
    const bounds = chunk.columnIndex === undefined ? undefined : readColumnIndex(this.#footerReader(chunk.columnIndex));
    return locations.map((page, i) => ({
      firstRow: firstRow + page.firstRow,
      rows: (i + 1 < locations.length ? locations[i + 1].firstRow : rows) - page.firstRow,
      statistics: bounds?.[i] === undefined ? undefined : fromRaw(bounds[i], this.schema[ordinal].type),
    }));
  }

  planRead(rowGroup: number, columns: readonly string[], rows?: RowSelection): ReadPlan {
    const reads = checked(() => columns.map((name) => this.#chunkReads(rowGroup, name, rows)));
    const ranges = coalesce(rangesOf(reads), rows === undefined);
    return { ranges, bytes: ranges.reduce((sum, range) => sum + range.length, 0) };
  }

  bytesInMemory(rowGroup: number, columns: readonly string[], rows: number): number {
    const chunks = this.#metadata.rowGroups[rowGroup].columns;
    const share = rows / Math.max(1, this.#group(rowGroup).rows);
    const whole = rows >= this.#group(rowGroup).rows;
    let bytes = whole ? this.planRead(rowGroup, columns).bytes : 0;
    for (const name of columns) {
      const ordinal = this.#ordinal(name);
      const { range, uncompressedBytes } = chunks[ordinal];
      if (!whole) bytes += Math.min(1, share * SCATTERED) * range.length;
      const width = valueBytes(this.schema[ordinal].type);
      bytes += width === undefined ? rows * Int32Array.BYTES_PER_ELEMENT + share * uncompressedBytes : rows * width;
    }
    return Math.ceil(bytes);
  }

  async readColumns(rowGroup: number, columns: readonly string[], rows?: RowSelection): Promise<Batch> {
    const group = this.#group(rowGroup);
    const reads = checked(() => columns.map((name) => this.#chunkReads(rowGroup, name, rows)));
    const fetched = await fetchAll(this.#reader, coalesce(rangesOf(reads), rows === undefined));
    const selection = rows === undefined ? undefined : selectionWithin(rows, group.firstRow, group.rows);
    const length = selection === undefined ? group.rows : countRows(selection);
    return {
      schema: reads.map((read) => read.field),
      length,
      columns: checked(() => reads.map((read) => decodeChunk(read, fetched, length, selection))),
    };
  }

  #group(rowGroup: number): RowGroup {
    assert(rowGroup >= 0 && rowGroup < this.rowGroups.length, `row group ${rowGroup} exists`);
    return this.rowGroups[rowGroup];
  }

  #ordinal(column: string): number {
    const ordinal = this.#ordinals.get(column);
    assert(ordinal !== undefined, `column ${column} is in the segment`);
    return ordinal;
  }

  #chunkReads(rowGroup: number, name: string, rows: RowSelection | undefined): ChunkReads {
    const group = this.#group(rowGroup);
    const field = this.schema[this.#ordinal(name)];
    const chunk = this.#metadata.rowGroups[rowGroup].columns[this.#ordinal(name)];
    const whole: PageRun = { ...chunk.range, firstRow: 0, rows: group.rows };
    if (rows === undefined) return { field, chunk, ranges: [chunk.range], runs: [whole] };
    const selection = selectionWithin(rows, group.firstRow, group.rows);
    if (selection.length === 0) return { field, chunk, ranges: [], runs: [] };
    const locations = this.#locations(chunk);
    if (locations === undefined) return { field, chunk, ranges: [chunk.range], runs: [whole] };
    const runs = selectPages(locations, group.rows, selection);
    const dictionary = { offset: chunk.range.offset, length: chunk.dataOffset - chunk.range.offset };
    return { field, chunk, ranges: dictionary.length > 0 ? [dictionary, ...runs] : runs, runs };
  }

  #locations(chunk: ColumnChunkMetadata): PageLocation[] | undefined {
    if (chunk.offsetIndex === undefined) return undefined;
    const pages = readOffsetIndex(this.#footerReader(chunk.offsetIndex));
    const end = chunk.range.offset + chunk.range.length;
    pages.forEach(({ offset, length, firstRow }, i) => {
      const follows = i === 0 ? firstRow === 0 : firstRow > pages[i - 1].firstRow;
      if (!follows || length === 0 || firstRow >= chunk.values || offset < chunk.dataOffset || offset + length > end) {
        throw malformed('an offset index does not fit its column chunk');
      }
    });
    return pages;
  }

  #footerReader({ offset, length }: ByteRange): ThriftReader {
    const start = offset - (this.#reader.sizeBytes - this.footer.length);
    if (start < 0 || start + length > this.footer.length) throw malformed('a page index is not in the footer');
    return new ThriftReader(this.footer.subarray(start, start + length));
  }
}

class Group implements RowGroup {
  readonly firstRow: number;
  readonly rows: number;
  readonly #schema: Schema;
  readonly #columns: readonly ColumnChunkMetadata[];
  #statistics: Record<string, ColumnStatistics> | undefined;

  constructor(firstRow: number, rows: number, schema: Schema, columns: readonly ColumnChunkMetadata[]) {
    this.firstRow = firstRow;
    this.rows = rows;
    this.#schema = schema;
    this.#columns = columns;
  }

  get statistics(): Readonly<Record<string, ColumnStatistics>> {
    if (this.#statistics === undefined) {
      const entries: [string, ColumnStatistics][] = [];
      this.#columns.forEach(({ statistics }, i) => {
        const { name, type } = this.#schema[i];
        if (statistics?.nullCount !== undefined) entries.push([name, fromRaw(statistics, type)]);
      });
      this.#statistics = Object.fromEntries(entries);
    }
    return this.#statistics;
  }
}

/** What reading one column of a row group takes. */
interface ChunkReads {
  readonly field: Field;
  readonly chunk: ColumnChunkMetadata;
  /** Byte ranges: the dictionary's, where it stands apart, then those of `runs`. */
  readonly ranges: readonly ByteRange[];
  readonly runs: readonly PageRun[];
}

function rangesOf(reads: readonly ChunkReads[]): ByteRange[] {
  return reads.flatMap((read) => spanOf(read.ranges));
}

interface Fetched extends ByteRange {
  readonly bytes: Uint8Array;
}

async function fetchAll(reader: RangeReader, ranges: readonly ByteRange[]): Promise<Fetched[]> {
  const fetched: Fetched[] = [];
  let next = 0;
  const worker = async () => {
    while (next < ranges.length) {
      const at = next++;
      const { offset, length } = ranges[at];
      fetched[at] = { offset, length, bytes: await reader.read(offset, length) };
    }
  };
  await Promise.all(Array.from({ length: Math.min(LIMITS.concurrentReads, ranges.length) }, worker));
  return fetched;
}

function bytesAt(fetched: readonly Fetched[], { offset, length }: ByteRange): Uint8Array {
  const holder = fetched.find((read) => offset >= read.offset && offset + length <= read.offset + read.length);
  assert(holder !== undefined, 'every range that is decoded was read');
  return holder.bytes.subarray(offset - holder.offset, offset - holder.offset + length);
}

function decodeChunk(
  { field, chunk, ranges, runs }: ChunkReads,
  fetched: readonly Fetched[],
  length: number,
  selection: RowSelection | undefined,
): Column {
  const { type } = field;
  if (runs.length === 0) return nullColumn(type, 0);
  const physical = physicalOf(type);
  const decoder = new PageDecoder(
    { ...physical, maxDefinition: field.nullable ? 1 : 0, maxRepetition: 0 },
    chunk.codec,
    { ours: true },
  );
  const pages: StoredPage[] = [];
  for (const range of ranges) {
    const split = splitPages(bytesAt(fetched, range));
    if (split.dictionary !== undefined) decoder.setDictionary(split.dictionary);
    pages.push(...split.data);
  }
  const rows = runs.reduce((sum, run) => sum + run.rows, 0);
  const data = decoder.decode(pages, keepsCodes(type));
  if (data.length !== rows)
    throw malformed(`column ${field.name} has ${data.length} values where ${rows} are expected`);
  const column = toColumn(data, type);
  if (selection === undefined || length === rows) return column;
  const positions = positionsIn(runs, selection);
  const first = positions[0];
  return positions[length - 1] - first === length - 1
    ? sliceColumn(column, first, first + length)
    : gatherColumn(column, positions);
}
