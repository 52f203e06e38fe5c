import { type Batch, columnBytes } from '../columns/column.ts';
import { type Schema, sameType } from '../columns/types.ts';
import { type ByteSink, concatBytes } from '../core/bytes.ts';
import { assert } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { type Bounds, mergeBounds, NO_BOUNDS, orderOf } from '../parquet/bounds.ts';
import { type EncodedChunk, encodeChunk } from '../parquet/encode-chunk.ts';
import type { FileRange } from '../parquet/metadata.ts';
import { writeColumnIndex, writeOffsetIndex } from '../parquet/page-index.ts';
import { ThriftWriter } from '../parquet/thrift-writer.ts';
import { MAGIC_BYTES, type NewColumnChunk, type NewRowGroup, writeFooter } from '../parquet/write-footer.ts';
import { physicalOf, toKeyValues, toParquetSchema } from './parquet-schema.ts';
import { type ColumnStatistics, toPlain, toStatistics } from './statistics.ts';

export interface SegmentOptions {
  /** Rows of a row group; `LIMITS.rowGroupRows` unless said. A group may end sooner where its rows are wide. */
  readonly rowGroupRows?: number;
  /** Rows of a page, a multiple of eight; pages are what single rows are read by. */
  readonly pageRows?: number;
  readonly compression?: 'snappy' | 'none';
}

/** What the catalogue keeps of a segment. */
export interface SegmentSummary {
  readonly rows: number;
  readonly sizeBytes: number;
  /** Bytes at the file's end that hold all but the data: `openSegment` needs them and reads them in one go. */
  readonly footerBytes: number;
  readonly schema: Schema;
  readonly statistics: Readonly<Record<string, ColumnStatistics>>;
}

/** Writes one Parquet file front to back, holding one row group in memory. */
export interface SegmentWriter {
  /** Rows taken so far. */
  readonly rows: number;
  /**
   * Takes rows whose schema has the writer's columns, in order and of the same types. The batch is kept
   * until its row group is written, so it must not be changed.
   */
  write(batch: Batch): Promise<void>;
  /** Writes what is left and the footer. The sink is then complete. */
  finish(): Promise<SegmentSummary>;
}

/** Small enough that a lookup of a row reads little, large enough that headers and bounds stay below a percent. */
const PAGE_ROWS = 8192;

/** Begins a segment of a schema in `sink`. */
export function createSegmentWriter(sink: ByteSink, schema: Schema, options: SegmentOptions = {}): SegmentWriter {
  return new Writer(sink, schema, options);
}

/** A chunk that is written, and what its page index will say. */
interface WrittenChunk {
  readonly encoded: Omit<EncodedChunk, 'bytes'>;
  readonly range: FileRange;
  readonly bounds: Bounds;
  readonly nullCount: number;
}

interface WrittenGroup {
  readonly rows: number;
  readonly chunks: readonly WrittenChunk[];
}

class Writer implements SegmentWriter {
  readonly #sink: ByteSink;
  readonly #schema: Schema;
  readonly #rowGroupRows: number;
  readonly #pageRows: number;
  readonly #compression: 'snappy' | 'none';
  readonly #groups: WrittenGroup[] = [];
  #pending: { batch: Batch; start: number; end: number }[] = [];
  #pendingRows = 0;
  #pendingBytes = 0;
  #offset = 0;
  rows = 0;

  constructor(sink: ByteSink, schema: Schema, options: SegmentOptions) {
    this.#sink = sink;
    this.#schema = schema;
    this.#rowGroupRows = options.rowGroupRows ?? LIMITS.rowGroupRows;
    this.#pageRows = options.pageRows ?? PAGE_ROWS;
    this.#compression = options.compression ?? 'snappy';
    assert(
      this.#rowGroupRows > 0 && this.#pageRows > 0 && this.#pageRows % 8 === 0,
      'pages end at whole bytes of bits',
    );
  }

  async write(batch: Batch): Promise<void> {
    assert(batch.schema.length === this.#schema.length, 'a batch has the columns of its segment');
    for (let i = 0; i < this.#schema.length; i++) {
      const { name, type } = batch.schema[i];
      assert(name === this.#schema[i].name && sameType(type, this.#schema[i].type), `column ${name} is the segment's`);
    }
    const rowBytes = rowBytesOf(batch);
    for (let start = 0; start < batch.length; ) {
      const end = Math.min(batch.length, start + this.#rowGroupRows - this.#pendingRows);
      this.#pending.push({ batch, start, end });
      this.#pendingRows += end - start;
      this.#pendingBytes += rowBytes * (end - start);
      this.rows += end - start;
      start = end;
      if (this.#pendingRows === this.#rowGroupRows || this.#pendingBytes >= LIMITS.segmentBufferBytes)
        await this.#writeGroup();
    }
  }

  async finish(): Promise<SegmentSummary> {
    if (this.#pendingRows > 0) await this.#writeGroup();
    if (this.#offset === 0) await this.#put(MAGIC_BYTES);
    const dataEnd = this.#offset;
    const rowGroups: NewRowGroup[] = [];
    const tail = new Tail(dataEnd);
    for (const group of this.#groups) {
      const columns: NewColumnChunk[] = [];
      for (let i = 0; i < group.chunks.length; i++) columns.push(this.#describe(group.chunks[i], i, group.rows, tail));
      rowGroups.push({ rows: group.rows, columns });
    }
    tail.push(
      writeFooter({
        schema: toParquetSchema(this.#schema),
        rows: this.rows,
        rowGroups,
        keyValues: toKeyValues(this.#schema),
        createdBy: 'orasi-edge',
      }),
    );
    await this.#put(tail.bytes());
    const statistics = Object.fromEntries(this.#schema.map((field, i) => [field.name, this.#columnStatistics(i)]));
    const sizeBytes = this.#offset;
    return { rows: this.rows, sizeBytes, footerBytes: sizeBytes - dataEnd, schema: this.#schema, statistics };
  }

  async #put(bytes: Uint8Array): Promise<void> {
    this.#offset += bytes.length;
    await this.#sink.write(bytes);
  }

  async #writeGroup(): Promise<void> {
    if (this.#offset === 0) await this.#put(MAGIC_BYTES);
    const chunks: WrittenChunk[] = [];
    for (let i = 0; i < this.#schema.length; i++) {
      const { type, nullable } = this.#schema[i];
      const pieces = this.#pending.map(({ batch, start, end }) => ({ column: batch.columns[i], start, end }));
      const { bytes, ...encoded } = encodeChunk(pieces, type, {
        nullable,
        pageRows: this.#pageRows,
        compression: this.#compression,
      });
      chunks.push({
        encoded,
        range: { offset: this.#offset, length: bytes.length },
        bounds: encoded.pages.reduce((bounds, page) => mergeBounds(bounds, page.bounds), NO_BOUNDS),
        nullCount: encoded.pages.reduce((count, page) => count + page.nullCount, 0),
      });
      await this.#put(bytes);
    }
    this.#groups.push({ rows: this.#pendingRows, chunks });
    this.#pending = [];
    this.#pendingRows = 0;
    this.#pendingBytes = 0;
  }

  /** Writes a chunk's page index, where it has more than one page, and says where all of it is. */
  #describe(
    { encoded, range, bounds, nullCount }: WrittenChunk,
    ordinal: number,
    rows: number,
    tail: Tail,
  ): NewColumnChunk {
    const { name, type } = this.#schema[ordinal];
    let columnIndex: FileRange | undefined;
    let offsetIndex: FileRange | undefined;
    if (encoded.pages.length > 1) {
      const pages = encoded.pages.map((page) => ({ ...page, plain: toPlain(page.bounds, type) }));
      // The format has no way to say that one page's bounds are unknown.
      if (pages.every((page) => page.plain !== undefined || page.nullCount === page.rows)) {
        columnIndex = tail.pushThrift((w) =>
          writeColumnIndex(
            w,
            pages.map(({ plain, nullCount }) => ({ min: plain?.min, max: plain?.max, nullCount })),
            orderOf(pages.map((page) => page.bounds)),
          ),
        );
      }
      offsetIndex = tail.pushThrift((w) =>
        writeOffsetIndex(
          w,
          pages.map(({ offset, length, firstRow }) => ({ offset: range.offset + offset, length, firstRow })),
        ),
      );
    }
    return {
      name,
      type: physicalOf(type).type,
      codec: encoded.codec,
      encodings: encoded.encodings,
      values: rows,
      uncompressedBytes: encoded.uncompressedBytes,
      range,
      dictionaryBytes: encoded.dictionaryBytes,
      nullCount,
      bounds: toPlain(bounds, type),
      offsetIndex,
      columnIndex,
    };
  }

  #columnStatistics(ordinal: number): ColumnStatistics {
    let bounds = NO_BOUNDS;
    let nullCount = 0;
    for (const { chunks } of this.#groups) {
      bounds = mergeBounds(bounds, chunks[ordinal].bounds);
      nullCount += chunks[ordinal].nullCount;
    }
    return toStatistics(bounds, nullCount, this.#schema[ordinal].type);
  }
}

/** The end of the file under construction: page indexes and the footer, written in one go. */
class Tail {
  #offset: number;
  readonly #parts: Uint8Array[] = [];

  constructor(offset: number) {
    this.#offset = offset;
  }

  push(part: Uint8Array): FileRange {
    const range = { offset: this.#offset, length: part.length };
    this.#parts.push(part);
    this.#offset += part.length;
    return range;
  }

  pushThrift(write: (w: ThriftWriter) => void): FileRange {
    const w = new ThriftWriter();
    write(w);
    return this.push(w.finish());
  }

  bytes(): Uint8Array {
    return concatBytes(this.#parts);
  }
}

/**
 * Bytes a row of the batch keeps alive until it is written, but for dictionaries: batches of one source
 * share them, so that counting them again and again would end row groups early.
 */
function rowBytesOf(batch: Batch): number {
  if (batch.length === 0) return 0;
  const bytes = batch.columns.reduce((sum, column) => {
    const { data } = column;
    return sum + (data.layout === 'dictionary' ? data.codes.byteLength : columnBytes(column));
  }, 0);
  return bytes / batch.length;
}
