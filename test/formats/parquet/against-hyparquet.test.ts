import { readFileSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type Compressors, parquetRead } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import { type Batch, type Scalar, scalarAt } from '../../../src/columns/column.ts';
import { decimalText } from '../../../src/columns/text.ts';
import type { ColumnType } from '../../../src/columns/types.ts';
import { memoryReader } from '../../../src/core/bytes.ts';
import { lz4Uncompress } from '../../../src/parquet/lz4.ts';
import { duckdb } from '../../segment/duckdb.ts';
import { corpus, decode, readAll } from './read.ts';

const compressors: Compressors = {
  GZIP: (input) => gunzipSync(input),
  ZSTD: (input) => zstdDecompressSync(input),
  BROTLI: (input) => brotliDecompressSync(input),
  LZ4_RAW: (input, length) => lz4Uncompress(input, length),
};

/** Rows as hyparquet reads them, instants as counts of nanoseconds and bytes as they are. */
async function hyparquetRows(bytes: Uint8Array, rowStart?: number, rowEnd?: number): Promise<unknown[][]> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  let rows: unknown[][] = [];
  await parquetRead({
    file,
    compressors,
    utf8: false,
    parsers: {
      timestampFromMilliseconds: (millis) => millis * 1_000_000n,
      timestampFromMicroseconds: (micros) => micros * 1000n,
      timestampFromNanoseconds: (nanos) => nanos,
      dateFromDays: (days) => days,
    },
    rowFormat: 'array',
    ...(rowStart === undefined ? {} : { rowStart }),
    ...(rowEnd === undefined ? {} : { rowEnd }),
    onComplete: (complete) => {
      rows = complete;
    },
  });
  return rows;
}

/** What both sides can be brought to: hyparquet has decimals as doubles and lists with undefined for null. */
function ours(value: Scalar, type: ColumnType): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'timestamp':
      return String(BigInt(value as bigint) * (type.unit === 'us' ? 1000n : 1n));
    case 'decimal':
      return String(Number(decimalText(BigInt(value as bigint), type.scale)));
    case 'json':
      return plainJson(JSON.parse(String(value)));
    case 'bytes':
      return Buffer.from(value as Uint8Array).toString('hex');
    default:
      return String(value);
  }
}

function theirs(value: unknown, type: ColumnType): string {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (type.kind === 'decimal') return String(Number(Number(value).toPrecision(15)));
  return typeof value === 'object' ? plainJson(value) : String(value);
}

function plainJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'bigint' ? Number(member) : (member ?? null),
  );
}

/** hyparquet takes the nanoseconds of an INT96 day for unsigned, DuckDB and we for signed; one row here is negative. */
const UNLIKE: Readonly<Record<string, readonly number[]>> = { 'int96_from_spark.parquet': [5] };

describe.each(corpus())('$name', ({ name, bytes }) => {
  test('has the values hyparquet reads', { timeout: 30_000 }, async () => {
    const { schema, rows } = await readAll(bytes());
    const expected = await hyparquetRows(bytes());
    expect(rows.length).toBe(expected.length);
    rows.forEach((row, i) => {
      if (UNLIKE[name]?.includes(i) === true) return;
      const actual = row.map((value, column) => ours(value, schema[column].type));
      expect(actual).toEqual(schema.map(({ type }, column) => theirs(expected[i][column], type)));
    });
  });
});

describe('flights-3m.parquet', () => {
  const path = 'node_modules/vega-datasets/data/flights-3m.parquet';
  const bytes = new Uint8Array(readFileSync(path));
  const GROUP_ROWS = 272_727;

  test('has the values DuckDB reads, each at its row', { timeout: 120_000 }, async () => {
    let row = 0;
    let sums = { date: 0n, delay: 0n, distance: 0n, origin: 0n, destination: 0n };
    for await (const { batch } of await decode(memoryReader(bytes))) {
      if (batch === null) continue;
      const weights = Int32Array.from({ length: batch.length }, (_, i) => ((row + i) % 1009) + 1);
      const next = { ...sums };
      batch.schema.forEach(({ name }, ordinal) => {
        const { data } = batch.columns[ordinal];
        expect(batch.columns[ordinal].validity).toBeNull();
        const entries = data.layout === 'dictionary' ? data.dictionary.data : data;
        let sum = 0;
        for (let i = 0; i < batch.length; i++) {
          const at = data.layout === 'dictionary' ? data.codes[i] : i;
          let value = 0;
          if (entries.layout === 'fixed') value = Number(entries.values[at]) % 1_000_003;
          else if (entries.layout === 'varlen')
            value =
              entries.bytes[entries.offsets[at]] * 65_536 +
              entries.bytes[entries.offsets[at] + 1] * 256 +
              entries.bytes[entries.offsets[at] + 2];
          sum += value * weights[i];
        }
        next[name as keyof typeof sums] += BigInt(sum);
      });
      sums = next;
      row += batch.length;
    }
    const connection = await duckdb();
    const letters = (column: string) =>
      [1, 2, 3].map((i) => `ascii(substr(${column}, ${i}, 1)) * ${256 ** (3 - i)}`).join(' + ');
    const result = await connection.runAndReadAll(`
      select count(*), sum((epoch_us(date) % 1000003) * w), sum(delay * w), sum(distance * w),
        sum((${letters('origin')}) * w), sum((${letters('destination')}) * w)
      from (select *, file_row_number % 1009 + 1 as w from read_parquet('${path}', file_row_number = true))`);
    const [count, ...rest] = (result.getRows()[0] as unknown[]).map((value) => BigInt(value as bigint));
    expect(count).toBe(BigInt(row));
    expect([sums.date, sums.delay, sums.distance, sums.origin, sums.destination]).toEqual(rest);
  });

  test('has the values hyparquet reads, wherever one looks', { timeout: 60_000 }, async () => {
    for (const rowStart of [0, 272_700, 1_500_000, 2_999_900]) {
      const expected = await hyparquetRows(bytes, rowStart, rowStart + 100);
      const group = Math.min(10, Math.floor(rowStart / GROUP_ROWS));
      const from = { offset: 0, rows: rowStart, state: { rowGroup: group, row: rowStart - group * GROUP_ROWS } };
      const decoder = await decode(memoryReader(bytes), { from, limits: { batchRows: 100 } });
      const { value } = await decoder[Symbol.asyncIterator]().next();
      const { schema, columns, length } = value.batch as Batch;
      expect(length).toBeGreaterThan(0);
      for (let i = 0; i < length; i++) {
        expect(schema.map(({ type }, column) => ours(scalarAt(columns[column], i), type))).toEqual(
          schema.map(({ type }, column) => theirs(expected[i][column], type)),
        );
      }
    }
  });
});
