import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Scalar, scalarAt } from '../../src/columns/column.ts';
import { memoryReader, memorySink } from '../../src/core/bytes.ts';
import { openSegment } from '../../src/segment/read.ts';
import { createSegmentWriter } from '../../src/segment/write.ts';
import { duckdbRows, toScalar } from './duckdb.ts';
import { columnOf, EVERY_TYPE } from './sample-batches.ts';

/**
 * A specimen of every version of the segment format is kept and read for ever. Its rows are this formula's.
 * `UPDATE_GOLDEN=1` writes the present version's anew, which is right only while no segment of it is in use.
 */
const SPECIMENS = [1];
const ROWS = 3000;

function specimen(version: number): string {
  return join(import.meta.dirname, '..', 'golden', `segment.v${version}.parquet`);
}

function value(name: string, i: number): Scalar {
  if (name !== 'required' && i % 11 === 3) return null;
  switch (name) {
    case 'flag':
      return i % 3 === 0;
    case 'small':
      return BigInt(i % 17) - 8n;
    case 'wide':
      return i % 2 === 0 ? 9_007_199_254_740_993n + BigInt(i) : -(2n ** 62n) - BigInt(i * i);
    case 'required':
      return BigInt(i) * 3n;
    case 'ratio':
      return [0.5, -0, Number.NaN, Number.POSITIVE_INFINITY, i / 7][i % 5];
    case 'price':
      return BigInt(i * 101 - 5000);
    case 'huge':
      return 123_456_789_012_345_678_901_234_567n * BigInt(i - 1500);
    case 'city':
      return ['Oslo', 'Århus', '東京', '', '🦊'][i % 5];
    case 'text with "quotes"':
      return `line ${i} ${'abc '.repeat(i % 13)}`;
    case 'raw':
      return Uint8Array.of(i & 0xff, i >> 8, 0, 255);
    case 'nested':
      return `{"i":${i},"list":[1,null,"x"]}`;
    case 'day':
      return i * 5 - 4000;
    case 'at':
      return 1_700_000_000_000_000n + BigInt(i) * 1_000_003n;
    case 'at_ns':
      return 1_700_000_000_000_000_000n + BigInt(i) * 17n;
    default:
      return null;
  }
}

const ALL_ROWS = Array.from({ length: ROWS }, (_, i) => EVERY_TYPE.map(({ name }) => value(name, i)));

async function written(): Promise<Uint8Array> {
  const sink = memorySink();
  const writer = createSegmentWriter(sink, EVERY_TYPE, { rowGroupRows: 2000, pageRows: 512 });
  const columns = EVERY_TYPE.map(({ type }, column) =>
    columnOf(
      type,
      ALL_ROWS.map((row) => row[column]),
    ),
  );
  await writer.write({ schema: EVERY_TYPE, length: ROWS, columns });
  await writer.finish();
  return sink.bytes();
}

test.each(SPECIMENS)('a segment of version %i is read with the values it was written with', async (version) => {
  if (process.env.UPDATE_GOLDEN === '1' && version === SPECIMENS.at(-1))
    writeFileSync(specimen(version), await written());
  const bytes = new Uint8Array(readFileSync(specimen(version)));
  const segment = await openSegment(memoryReader(bytes));
  expect(segment.schema).toEqual(EVERY_TYPE);
  const rows: Scalar[][] = [];
  for (let group = 0; group < segment.rowGroups.length; group++) {
    const batch = await segment.readColumns(
      group,
      EVERY_TYPE.map(({ name }) => name),
    );
    for (let row = 0; row < batch.length; row++) rows.push(batch.columns.map((column) => scalarAt(column, row)));
  }
  expect(rows).toEqual(ALL_ROWS);
  const others = await duckdbRows(bytes, 'select * from read_parquet($file)');
  expect(others.map((row) => row.map(toScalar))).toEqual(ALL_ROWS);
});

test('the present version is written byte for byte as its specimen', async () => {
  expect(Buffer.compare(await written(), readFileSync(specimen(SPECIMENS.length)))).toBe(0);
});

test('other readers are told what each column means', async () => {
  const rows = await duckdbRows(
    new Uint8Array(readFileSync(specimen(1))),
    `select column_name, column_type from (describe select * from read_parquet($file))`,
  );
  expect(Object.fromEntries(rows as [string, string][])).toEqual({
    nothing: 'INTEGER',
    flag: 'BOOLEAN',
    small: 'BIGINT',
    wide: 'BIGINT',
    required: 'BIGINT',
    ratio: 'DOUBLE',
    price: 'DECIMAL(12,2)',
    huge: 'DECIMAL(38,5)',
    city: 'VARCHAR',
    'text with "quotes"': 'VARCHAR',
    raw: 'BLOB',
    nested: 'JSON',
    day: 'DATE',
    at: 'TIMESTAMP',
    at_ns: 'TIMESTAMP_NS',
  });
});
