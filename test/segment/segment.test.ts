import { describe, expect, test } from 'vitest';
import { type Batch, type Scalar, scalarAt } from '../../src/columns/column.ts';
import { DOUBLE, INT64, type Schema, STRING } from '../../src/columns/types.ts';
import { memoryReader, memorySink } from '../../src/core/bytes.ts';
import { seededRandom } from '../../src/core/random.ts';
import { openSegment, type SegmentFile } from '../../src/segment/read.ts';
import { createSegmentWriter, type SegmentOptions } from '../../src/segment/write.ts';
import { seedCount, sized } from '../scale.ts';
import { duckdbRows, toScalar } from './duckdb.ts';
import { columnOf, EVERY_TYPE, randomBatch, randomStyle } from './sample-batches.ts';

function rowsOf(batch: Batch): Scalar[][] {
  return Array.from({ length: batch.length }, (_, row) => batch.columns.map((column) => scalarAt(column, row)));
}

function written(batches: readonly Batch[], rowGroupRows: number) {
  return writtenWith(batches, { rowGroupRows });
}

async function writtenWith(batches: readonly Batch[], options: SegmentOptions) {
  const sink = memorySink();
  const writer = createSegmentWriter(sink, EVERY_TYPE, options);
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

async function readAll(segment: SegmentFile): Promise<Scalar[][]> {
  const rows: Scalar[][] = [];
  const names = segment.schema.map((field) => field.name);
  for (let group = 0; group < segment.rowGroups.length; group++) {
    rows.push(...rowsOf(await segment.readColumns(group, names)));
  }
  return rows;
}

describe('reads', () => {
  const ROWS = 150_000;
  const schema: Schema = [
    { name: 'id', type: INT64, nullable: false },
    { name: 'name', type: STRING, nullable: true },
    { name: 'kind', type: STRING, nullable: false },
    { name: 'ratio', type: DOUBLE, nullable: false },
  ];
  const made = (async () => {
    const sink = memorySink();
    const writer = createSegmentWriter(sink, schema);
    for (let start = 0; start < ROWS; start += 10_000) {
      const rows = Array.from({ length: 10_000 }, (_, i) => start + i);
      await writer.write({
        schema,
        length: rows.length,
        columns: [
          columnOf(
            INT64,
            rows.map((row) => BigInt(row * 3)),
          ),
          columnOf(
            STRING,
            rows.map((row) => (row % 9 === 0 ? null : `name ${(row * 7919) % 100_003}`)),
          ),
          columnOf(
            STRING,
            rows.map((row) => ['red', 'green', 'blue'][row % 3]),
          ),
          columnOf(
            DOUBLE,
            rows.map((row) => Math.sqrt(row)),
          ),
        ],
      });
    }
    const summary = await writer.finish();
    const bytes = sink.bytes();
    const log: number[] = [];
    const reader = {
      sizeBytes: bytes.length,
      async read(offset: number, length: number) {
        log.push(length);
        return bytes.subarray(offset, offset + length);
      },
    };
    return { summary, reader, log };
  })();

  test('opening takes one, of the footer alone', async () => {
    const { summary, reader, log } = await made;
    log.length = 0;
    const segment = await openSegment(reader, { footerBytes: summary.footerBytes });
    expect(log).toEqual([summary.footerBytes]);
    expect(summary.footerBytes).toBeLessThan(8000);
    expect(segment.rows).toBe(ROWS);
  });

  test('a lookup of one row in two columns takes at most two, of 256 KB together', async () => {
    const { summary, reader, log } = await made;
    const segment = await openSegment(reader, { footerBytes: summary.footerBytes });
    for (const columns of [
      ['id', 'name'],
      ['kind', 'ratio'],
      ['name', 'ratio'],
      ['id', 'kind'],
    ]) {
      log.length = 0;
      const row = 70_123;
      const batch = await segment.readColumns(1, columns, Int32Array.of(row));
      expect(batch.length).toBe(1);
      expect(log.length).toBeLessThanOrEqual(2);
      expect(log.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(256 * 1024);
    }
  });

  test('are the ones that were planned', async () => {
    const { summary, reader, log } = await made;
    const segment = await openSegment(reader, { footerBytes: summary.footerBytes });
    for (const rows of [
      undefined,
      Int32Array.of(65_600, 100_000, 130_000),
      [
        [70_000, 70_010],
        [90_000, 125_000],
      ] as const,
    ]) {
      const plan = segment.planRead(1, ['id', 'ratio', 'kind'], rows);
      log.length = 0;
      await segment.readColumns(1, ['id', 'ratio', 'kind'], rows);
      expect(log).toEqual(plan.ranges.map((range) => range.length));
      expect(log.reduce((sum, length) => sum + length, 0)).toBe(plan.bytes);
    }
  });

  test('of a row of long text are small too', async () => {
    const sink = memorySink();
    const long: Schema = [{ name: 'text', type: STRING, nullable: false }];
    const writer = createSegmentWriter(sink, long, { compression: 'none' });
    const texts = Array.from({ length: 8192 }, (_, row) => `${row} ${String(row * 7919).repeat(200)}`);
    await writer.write({ schema: long, length: texts.length, columns: [columnOf(STRING, texts)] });
    await writer.finish();
    const segment = await openSegment(memoryReader(sink.bytes()));
    expect(segment.planRead(0, ['text'], Int32Array.of(5000)).bytes).toBeLessThan(128 * 1024);
    expect(rowsOf(await segment.readColumns(0, ['text'], Int32Array.of(5000)))).toEqual([[texts[5000]]]);
    const [bound] = segment.pages(0, 'text').map((page) => page.statistics?.max);
    expect(String(bound).length).toBeLessThanOrEqual(64);
  });

  test('of rows in no page are none', async () => {
    const { summary, reader, log } = await made;
    const segment = await openSegment(reader, { footerBytes: summary.footerBytes });
    log.length = 0;
    const batch = await segment.readColumns(0, ['id', 'name'], [[140_000, 140_001]]);
    expect([batch.length, log.length]).toEqual([0, 0]);
  });
});

/** Says which row and column differ first, rather than printing both tables. */
function expectRows(actual: readonly Scalar[][], expected: readonly Scalar[][]): void {
  expect(actual.length).toBe(expected.length);
  for (let row = 0; row < expected.length; row++) {
    for (let column = 0; column < EVERY_TYPE.length; column++) {
      // A cheap test first: an assertion a value would take most of the run.
      if (Object.is(actual[row][column], expected[row][column])) continue;
      const at = { row, column: EVERY_TYPE[column].name };
      expect({ ...at, value: actual[row][column] }).toEqual({ ...at, value: expected[row][column] });
    }
  }
}

/** `a` is not above `b` in the engine's order. */
function ordered(a: Scalar, b: Scalar): boolean {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) <= 0;
  return Number.isNaN(b) || (a as number) <= (b as number);
}

describe.each(Array.from({ length: seedCount(2) }, (_, seed) => seed))('whatever the values, with seed %i', (seed) => {
  const random = seededRandom(seed);
  const rowGroupRows = [64, 1000, 5000][seed % 3];
  const styles = EVERY_TYPE.map(() => randomStyle(random));
  const batches: Batch[] = [];
  let count = 0;
  for (let i = 0; i < sized(6); i++) {
    const length = Math.floor(random.next() * 900);
    batches.push(randomBatch(EVERY_TYPE, length, random, (column) => styles[column], count));
    count += length;
  }
  const rows = batches.flatMap(rowsOf);
  const made = writtenWith(batches, {
    rowGroupRows,
    pageRows: [8, 64, 1024][seed % 3],
    compression: seed % 2 ? 'none' : 'snappy',
  });

  test('what is read is what was written, in our reader and in DuckDB', { timeout: 60_000 }, async () => {
    const { bytes, summary } = await made;
    expect(summary.rows).toBe(rows.length);
    expectRows(await readAll(await openSegment(memoryReader(bytes))), rows);
    const read = await duckdbRows(bytes, 'select * from read_parquet($file)');
    expectRows(
      read.map((row) => row.map(toScalar)),
      rows,
    );
  });

  test('any selection of rows gives those rows, by ranges and by ordinals', { timeout: 60_000 }, async () => {
    const { bytes } = await made;
    const segment = await openSegment(memoryReader(bytes));
    const names = EVERY_TYPE.map((field) => field.name);
    for (let round = 0; round < 5; round++) {
      const chosen = rows.map((_, row) => row).filter(() => random.next() < [0.001, 0.01, 0.5, 1][round % 4]);
      const ranges = chosen.map((row) => [row, row + 1] as const);
      for (let group = 0; group < segment.rowGroups.length; group++) {
        const { firstRow, rows: groupRows } = segment.rowGroups[group];
        const expected = chosen.filter((row) => row >= firstRow && row < firstRow + groupRows).map((row) => rows[row]);
        expect(rowsOf(await segment.readColumns(group, names, ranges))).toEqual(expected);
        expect(rowsOf(await segment.readColumns(group, names, Int32Array.from(chosen)))).toEqual(expected);
      }
    }
  });

  test('bounds of segment, row groups and pages hold every value', { timeout: 60_000 }, async () => {
    const { bytes, summary } = await made;
    const segment = await openSegment(memoryReader(bytes));
    EVERY_TYPE.forEach((field, column) => {
      const parts = [{ firstRow: 0, rows: segment.rows, statistics: summary.statistics[field.name] }];
      segment.rowGroups.forEach((group, ordinal) => {
        parts.push({ ...group, firstRow: group.firstRow, rows: group.rows, statistics: group.statistics[field.name] });
        for (const page of segment.pages(ordinal, field.name)) {
          if (page.statistics !== undefined) parts.push({ ...page, statistics: page.statistics });
        }
      });
      for (const part of parts) {
        const values = rows.slice(part.firstRow, part.firstRow + part.rows).map((row) => row[column]);
        expect(part.statistics.nullCount).toBe(values.filter((value) => value === null).length);
        const { min, max } = part.statistics;
        for (const value of values) {
          if (value === null) continue;
          const held = (min === undefined || ordered(min, value)) && (max === undefined || ordered(value, max));
          if (!held)
            expect.unreachable(`${String(value)} of ${field.name} is not within ${String(min)} and ${String(max)}`);
        }
      }
    });
  });
});
