import type { DecodedArray } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { type Batch, type Column, scalarAt, sliceBatch } from '../columns/column.ts';
import { type Schema, sameType } from '../columns/types.ts';
import type { ByteSink } from '../core/bytes.ts';
import { assert } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { toKeyValues, toParquetSchema } from './parquet-schema.ts';
import {
  type Bounds,
  type ColumnStatistics,
  columnBounds,
  mergeBounds,
  NO_BOUNDS,
  toStatistics,
} from './statistics.ts';

export interface SegmentOptions {
  /** Rows of a row group; `LIMITS.rowGroupRows` unless said. */
  readonly rowGroupRows?: number;
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
  /** Takes rows whose schema has the writer's columns, in order and of the same types. Their memory is free afterwards. */
  write(batch: Batch): Promise<void>;
  /** Writes what is left and the footer. The sink is then complete. */
  finish(): Promise<SegmentSummary>;
}

export function createSegmentWriter(sink: ByteSink, schema: Schema, options: SegmentOptions = {}): SegmentWriter {
  const rowGroupRows = options.rowGroupRows ?? LIMITS.rowGroupRows;
  const out = new ByteWriter();
  const parquet = new ParquetWriter({
    writer: out,
    schema: toParquetSchema(schema),
    codec: 'SNAPPY',
    kvMetadata: toKeyValues(schema),
    createdBy: 'orasi-edge',
  });
  const bounds: Bounds[] = schema.map(() => NO_BOUNDS);
  let pending: Batch[] = [];
  let pendingRows = 0;
  let rows = 0;

  async function drain(): Promise<void> {
    const bytes = out.getBytes().slice();
    out.index = 0;
    await sink.write(bytes);
  }

  async function flushRowGroup(): Promise<void> {
    const columnData = schema.map((field, ordinal) => {
      const data = pending.flatMap((batch) => toValues(batch.columns[ordinal]));
      return {
        name: field.name,
        data: data as DecodedArray,
        columnIndex: false,
      };
    });
    await parquet.write({ columnData, rowGroupSize: rowGroupRows });
    pending = [];
    pendingRows = 0;
    await drain();
  }

  return {
    get rows() {
      return rows;
    },
    async write(batch) {
      assert(batch.schema.length === schema.length, 'a batch has the columns of its segment');
      for (let i = 0; i < schema.length; i++) {
        const { name, type } = batch.schema[i];
        assert(name === schema[i].name && sameType(type, schema[i].type), `column ${name} is the segment's`);
        bounds[i] = mergeBounds(bounds[i], columnBounds(batch.columns[i]));
      }
      for (let start = 0; start < batch.length; ) {
        const end = Math.min(batch.length, start + rowGroupRows - pendingRows);
        pending.push(sliceBatch(batch, start, end));
        pendingRows += end - start;
        rows += end - start;
        start = end;
        if (pendingRows === rowGroupRows) await flushRowGroup();
      }
    },
    async finish() {
      if (pendingRows > 0) await flushRowGroup();
      const dataEnd = out.offset;
      await parquet.finish();
      await drain();
      const statistics = Object.fromEntries(
        schema.map((field, i) => [field.name, toStatistics(bounds[i], field.type)]),
      );
      return {
        rows,
        sizeBytes: out.offset,
        footerBytes: out.offset - dataEnd,
        schema,
        statistics,
      };
    },
  };
}

function toValues(column: Column): unknown[] {
  return Array.from({ length: column.length }, (_, row) => scalarAt(column, row) ?? undefined);
}
