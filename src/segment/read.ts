import { type AsyncBuffer, type FileMetaData, parquetMetadata, parquetRead } from 'hyparquet';
import { type Bitmap, newBitmap, setBit } from '../columns/bitmap.ts';
import { type Batch, type Column, gatherBatch, nullColumn } from '../columns/column.ts';
import type { Field, Schema } from '../columns/types.ts';
import type { RangeReader } from '../core/bytes.ts';
import { assert, OrasiError } from '../core/errors.ts';
import { fromKeyValues } from './parquet-schema.ts';
import type { ColumnStatistics } from './statistics.ts';

/** Half-open ranges of row ordinals of the segment, ascending and disjoint. */
export type RowRanges = readonly (readonly [start: number, end: number])[];

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface RowGroup {
  /** Ordinal of its first row in the segment. */
  readonly firstRow: number;
  readonly rows: number;
  /** By column name; a column without an entry has no known bounds. */
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

export interface ReadPlan {
  /** What `readColumns` will ask of the reader, one read each, in order. */
  readonly ranges: readonly ByteRange[];
  readonly bytes: number;
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
  planRead(rowGroup: number, columns: readonly string[], rows?: RowRanges): ReadPlan;
  /** The columns in the order asked for; the rows of the ranges that lie in the group, ascending. */
  readColumns(rowGroup: number, columns: readonly string[], rows?: RowRanges): Promise<Batch>;
}

export interface OpenOptions {
  /** The file's last `SegmentSummary.footerBytes` bytes where they are at hand. */
  readonly footer?: Uint8Array;
  /** How many bytes at the file's end to read otherwise. */
  readonly footerBytes?: number;
}

/**
 * Opens a segment in one read (none where the footer is given; a second only where `footerBytes` was too small).
 * Throws `malformed_input` where the file is no segment.
 */
export async function openSegment(reader: RangeReader, options: OpenOptions = {}): Promise<SegmentFile> {
  const footer = options.footer ?? (await readFooter(reader, options.footerBytes ?? reader.sizeBytes));
  const metadata = parquetMetadata(footer);
  const schema = fromKeyValues(metadata.key_value_metadata ?? []);
  for (const element of metadata.schema) {
    delete element.converted_type;
    delete element.logical_type;
  }
  const file: AsyncBuffer = {
    byteLength: reader.sizeBytes,
    slice: async (start, end = reader.sizeBytes) =>
      (await reader.read(start, end - start)).slice().buffer as ArrayBuffer,
  };
  let firstRow = 0;
  const rowGroups = metadata.row_groups.map((group): RowGroup => {
    const rows = Number(group.num_rows);
    firstRow += rows;
    return { firstRow: firstRow - rows, rows, statistics: {} };
  });

  function groupAt(index: number): RowGroup {
    assert(index >= 0 && index < rowGroups.length, `row group ${index} exists`);
    return rowGroups[index];
  }

  return {
    rows: firstRow,
    schema,
    rowGroups,
    footer,
    pages: (rowGroup) => [{ ...groupAt(rowGroup), statistics: undefined }],
    planRead(rowGroup, columns) {
      const ranges = columns.map((name) => chunkRange(metadata, rowGroup, name));
      return {
        ranges,
        bytes: ranges.reduce((sum, range) => sum + range.length, 0),
      };
    },
    async readColumns(rowGroup, columns, rows) {
      const group = groupAt(rowGroup);
      const fields = columns.map((name) => fieldOf(schema, name));
      const values = new Map<string, unknown[]>();
      await parquetRead({
        file,
        metadata,
        columns: [...columns],
        rowStart: group.firstRow,
        rowEnd: group.firstRow + group.rows,
        utf8: false,
        onChunk: ({ columnName, columnData }) => {
          values.set(columnName, [...(values.get(columnName) ?? []), ...columnData]);
        },
      });
      const all: Batch = {
        schema: fields,
        length: group.rows,
        columns: fields.map((field) => toColumn(field, values.get(field.name) ?? [])),
      };
      return rows === undefined ? all : gatherBatch(all, rowsWithin(group, rows));
    },
  };
}

async function readFooter(reader: RangeReader, footerBytes: number): Promise<Uint8Array> {
  const length = Math.min(reader.sizeBytes, footerBytes);
  return await reader.read(reader.sizeBytes - length, length);
}

function fieldOf(schema: Schema, name: string): Field {
  const field = schema.find((candidate) => candidate.name === name);
  assert(field !== undefined, `column ${name} is in the segment`);
  return field;
}

function chunkRange(metadata: FileMetaData, rowGroup: number, name: string): ByteRange {
  const chunk = metadata.row_groups[rowGroup].columns.find((column) => column.meta_data?.path_in_schema[0] === name);
  if (chunk?.meta_data === undefined) throw new OrasiError('malformed_input', `column ${name} has no data`);
  const { dictionary_page_offset, data_page_offset, total_compressed_size } = chunk.meta_data;
  return {
    offset: Number(dictionary_page_offset ?? data_page_offset),
    length: Number(total_compressed_size),
  };
}

function rowsWithin(group: RowGroup, ranges: RowRanges): Int32Array {
  const rows: number[] = [];
  for (const [start, end] of ranges) {
    for (let row = Math.max(start, group.firstRow); row < Math.min(end, group.firstRow + group.rows); row++) {
      rows.push(row - group.firstRow);
    }
  }
  return Int32Array.from(rows);
}

function toColumn({ type }: Field, values: readonly unknown[]): Column {
  const length = values.length;
  const empty = nullColumn(type, length);
  const valid = newBitmap(length, false);
  let nulls = 0;
  for (let i = 0; i < length; i++) {
    if (values[i] === undefined || values[i] === null) nulls++;
    else setBit(valid, i);
  }
  const validity: Bitmap | null = nulls > 0 ? valid : null;
  switch (type.kind) {
    case 'null':
      return empty;
    case 'bool': {
      const bits = newBitmap(length, false);
      for (let i = 0; i < length; i++) if (values[i] === true) setBit(bits, i);
      return { type, length, validity, data: { layout: 'bits', values: bits } };
    }
    case 'string':
    case 'json':
    case 'bytes': {
      const chunks = values.map((value) => (value instanceof Uint8Array ? value : new Uint8Array(0)));
      const offsets = new Int32Array(length + 1);
      for (let i = 0; i < length; i++) offsets[i + 1] = offsets[i] + chunks[i].length;
      const bytes = new Uint8Array(offsets[length]);
      for (let i = 0; i < length; i++) bytes.set(chunks[i], offsets[i]);
      return {
        type,
        length,
        validity,
        data: { layout: 'varlen', offsets, bytes },
      };
    }
    case 'decimal':
      if (type.precision > 18) {
        const words = new BigInt64Array(2 * length);
        for (let i = 0; i < length; i++) {
          const value = values[i];
          if (!(value instanceof Uint8Array)) continue;
          const view = new DataView(value.buffer, value.byteOffset, 16);
          words[2 * i] = view.getBigInt64(8);
          words[2 * i + 1] = view.getBigInt64(0);
        }
        return {
          type,
          length,
          validity,
          data: { layout: 'int128', values: words },
        };
      }
      return {
        type,
        length,
        validity,
        data: { layout: 'fixed', values: bigints(values) },
      };
    case 'int64':
    case 'timestamp':
      return {
        type,
        length,
        validity,
        data: { layout: 'fixed', values: bigints(values) },
      };
    case 'double':
      return {
        type,
        length,
        validity,
        data: { layout: 'fixed', values: Float64Array.from(values, Number) },
      };
    case 'date':
      return {
        type,
        length,
        validity,
        data: { layout: 'fixed', values: Int32Array.from(values, Number) },
      };
  }
}

function bigints(values: readonly unknown[]): BigInt64Array {
  return BigInt64Array.from(values, (value) => (typeof value === 'bigint' ? value : 0n));
}
