import { describe, expect, test } from 'vitest';
import { type Batch, type Scalar, scalarAt } from '../../src/columns/column.ts';
import { memoryReader, memorySink } from '../../src/core/bytes.ts';
import { seededRandom } from '../../src/core/random.ts';
import { openSegment } from '../../src/segment/read.ts';
import { createSegmentWriter } from '../../src/segment/write.ts';
import { duckdbRows } from './duckdb.ts';
import { EVERY_TYPE, randomBatch } from './sample-batches.ts';

function rowsOf(batch: Batch): Scalar[][] {
  return Array.from({ length: batch.length }, (_, row) => batch.columns.map((column) => scalarAt(column, row)));
}

async function written(batches: readonly Batch[], rowGroupRows: number) {
  const sink = memorySink();
  const writer = createSegmentWriter(sink, EVERY_TYPE, { rowGroupRows });
  for (const batch of batches) await writer.write(batch);
  const summary = await writer.finish();
  return { summary, bytes: sink.bytes() };
}

describe('a segment', () => {
  const random = seededRandom(7);
  const batches = [
    randomBatch(EVERY_TYPE, 300, random),
    randomBatch(EVERY_TYPE, 1, random),
    randomBatch(EVERY_TYPE, 450, random),
  ];
  const rows = batches.flatMap(rowsOf);

  test('gives back every value it was given, of every type', async () => {
    const { summary, bytes } = await written(batches, 200);
    expect(summary.rows).toBe(751);
    expect(summary.sizeBytes).toBe(bytes.length);
    const segment = await openSegment(memoryReader(bytes), {
      footerBytes: summary.footerBytes,
    });
    expect(segment.schema).toEqual(EVERY_TYPE);
    expect(segment.rowGroups.map((group) => group.rows)).toEqual([200, 200, 200, 151]);
    const read: Scalar[][] = [];
    for (let group = 0; group < segment.rowGroups.length; group++) {
      read.push(
        ...rowsOf(
          await segment.readColumns(
            group,
            EVERY_TYPE.map((field) => field.name),
          ),
        ),
      );
    }
    expect(read).toEqual(rows);
  });

  test('gives the rows of ranges, by their ordinal in the segment', async () => {
    const { bytes } = await written(batches, 200);
    const segment = await openSegment(memoryReader(bytes));
    const batch = await segment.readColumns(
      1,
      ['city', 'required'],
      [
        [0, 3],
        [210, 212],
        [399, 500],
      ],
    );
    const city = EVERY_TYPE.findIndex((field) => field.name === 'city');
    const required = EVERY_TYPE.findIndex((field) => field.name === 'required');
    expect(rowsOf(batch)).toEqual([210, 211, 399].map((row) => [rows[row][city], rows[row][required]]));
  });

  test('opens from a cached footer without a read', async () => {
    const { summary, bytes } = await written(batches, 200);
    let reads = 0;
    const reader = {
      sizeBytes: bytes.length,
      read: (offset: number, length: number) => {
        reads++;
        return memoryReader(bytes).read(offset, length);
      },
    };
    const segment = await openSegment(reader, {
      footerBytes: summary.footerBytes,
    });
    expect(reads).toBe(1);
    const again = await openSegment(reader, { footer: segment.footer });
    expect(reads).toBe(1);
    expect(again.rows).toBe(751);
  });

  test('is read by DuckDB with the same values', async () => {
    const { bytes } = await written(batches, 200);
    const [[count, sum, cities, nulls]] = await duckdbRows(
      bytes,
      `select count(*), sum(required)::bigint, string_agg(city, '|' order by rowid), count(*) - count(huge)
       from (select *, row_number() over () as rowid from read_parquet($file))`,
    );
    const at = (name: string) => EVERY_TYPE.findIndex((field) => field.name === name);
    expect(count).toBe(751n);
    expect(sum).toBe(rows.reduce((total, row) => total + BigInt(row[at('required')] as bigint), 0n));
    expect(cities).toBe(
      rows
        .map((row) => row[at('city')])
        .filter((city) => city !== null)
        .join('|'),
    );
    expect(nulls).toBe(BigInt(rows.filter((row) => row[at('huge')] === null).length));
  });

  test('knows exact bounds of each column', async () => {
    const { summary } = await written(batches, 200);
    const values = rows.map((row) => row[4] as bigint);
    expect(summary.statistics.required).toEqual({
      min: values.reduce((a, b) => (b < a ? b : a)),
      max: values.reduce((a, b) => (b > a ? b : a)),
      nullCount: 0,
    });
    expect(summary.statistics.nothing).toEqual({ nullCount: 751 });
  });
});
