import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, describe, expect, test } from 'vitest';
import { type Scalar, scalarAt } from '../../../src/columns/column.ts';
import type { Schema } from '../../../src/columns/types.ts';
import { memoryReader } from '../../../src/core/bytes.ts';
import type { Checkpoint } from '../../../src/formats/format.ts';
import { sized } from '../../scale.ts';
import { duckdb } from '../../segment/duckdb.ts';
import { expectSameRows, oracleRows } from './oracle.ts';
import { decode, readAll } from './read.ts';

const folder = mkdtempSync(join(tmpdir(), 'orasi-parquet-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Every type DuckDB writes, with nulls among them. */
const EVERY_TYPE = `
  select
    i as id,
    case when i % 7 = 0 then null else i % 2 = 0 end as flag,
    (i % 256 - 128)::tinyint as i8, (i * 37 % 65536 - 32768)::smallint as i16, (i * 400003 - 5)::integer as i32,
    case when i % 5 = 0 then null else i * 1234567890123 - 77 end as i64,
    (i % 256)::utinyint as u8, (i * 41 % 65536)::usmallint as u16, (i * 1000003 % 4294967296)::uinteger as u32,
    (case when i % 3 = 0 then 18446744073709551615 - i else i end)::ubigint as u64,
    (i / 7.0)::float as f32, case when i % 11 = 0 then null else i / 3.0 end as f64,
    (i % 3000 / 4.0)::decimal(4, 1) as d4, (i * 1.25)::decimal(9, 2) as d9, (i * 12345.678)::decimal(18, 3) as d18,
    case when i % 13 = 0 then null else (i * 98765432109876.54321)::decimal(38, 5) end as d38,
    case when i % 4 = 0 then null else 'text ' || (i % 50) || ' é東🦊' end as few,
    'row ' || i || repeat('x', (i % 40)::integer) as many,
    case when i % 6 = 0 then null else ('bytes ' || i)::blob end as raw,
    date '1970-01-01' + (i * 13 - 5000)::integer as day,
    time '00:00:00' + to_microseconds(i * 86399999 % 86400000000) as clock,
    timestamp '2024-01-01 00:00:00' + to_microseconds(i * 1234567) as at_us,
    (timestamp '2024-01-01 00:00:00' + to_milliseconds(i * 1234))::timestamp_ms as at_ms,
    (timestamp '2024-01-01 00:00:00' + to_seconds(i))::timestamp_s as at_s,
    make_timestamp_ns(1700000000000000000 + i * 1000000007) as at_ns,
    timestamptz '2024-01-01 00:00:00+00' + to_microseconds(i * 7654321) as at_tz,
    case when i % 9 = 0 then null else md5(i::varchar)::uuid end as uid,
    case when i % 10 = 0 then null else to_months((i % 30)::integer) + to_days((i % 9)::integer) + to_milliseconds(i * 17) end as span,
    case i % 3 when 0 then 'red' when 1 then 'green' else 'blue' end::enum('red', 'green', 'blue') as colour,
    case when i % 8 = 0 then null else json_object('n', i, 'deep', json_array(i, null, 'x"y')) end as doc,
    case when i % 6 = 0 then null else list_transform(range(i % 4), x -> case when x = 1 then null else x * i end) end as numbers,
    case when i % 5 = 0 then null else {'a': i, 'b': case when i % 2 = 0 then null else {'c': 'é' || i, 'd': [i, null]} end} end as record,
    case when i % 4 = 0 then null else list_transform(range(i % 3), x -> {'k': x, 'v': case when x = 0 then null else ['p', null, 'q'] end}) end as records,
    case when i % 3 = 0 then null else map_from_entries(list_transform(range(i % 4), x -> ('k' || x, case when x = 2 then null else x * 1.5 end))) end as mapped,
    map_from_entries(list_transform(range(i % 3), x -> (x::integer, [x, i]))) as by_number,
    [[i, null], null, []]::bigint[][] as matrix,
    {'at': timestamp '2024-02-29 12:00:00', 'day': date '2024-02-29', 'amount': 12.50::decimal(6, 2)} as mixed
  from range(ROWS) t(i)`;

async function write(name: string, sql: string, options: string): Promise<{ path: string; bytes: Uint8Array }> {
  const path = join(folder, `${name}.parquet`);
  await (await duckdb()).run(`copy (${sql}) to '${path}' (format parquet, ${options})`);
  return { path, bytes: new Uint8Array(readFileSync(path)) };
}

/** Text of values that neither side has a JSON or SQL form for in common. */
const SPELT_OTHERWISE = ['span', 'mixed'];

describe.each(['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4_raw'])(
  'a file DuckDB wrote with %s',
  (codec) => {
    test.each(['v1', 'v2'])('has the same values in pages of %s', { timeout: 60_000 }, async (version) => {
      // Two row groups, in the full run of every codec.
      const rows = codec === 'snappy' ? 3_000 : sized(300);
      const sql = EVERY_TYPE.replace('ROWS', String(rows));
      const options = `compression ${codec}, parquet_version ${version}, row_group_size 2048`;
      const { path, bytes } = await write(
        `${codec}-${version}`,
        `select * exclude (${SPELT_OTHERWISE}) from (${sql})`,
        options,
      );
      const read = await readAll(bytes);
      expect(read.bad).toEqual([]);
      expectSameRows(read.schema, read.rows, await oracleRows(path));
    });
  },
);

test('intervals, and dates, instants and decimals within structs are text of their own', async () => {
  const sql = `select ${SPELT_OTHERWISE} from (${EVERY_TYPE.replace('ROWS', '20')})`;
  const { bytes } = await write('spelling', sql, 'compression snappy');
  const { rows } = await readAll(bytes);
  expect(rows[19]).toEqual([
    '1 year 7 months 1 day 00:00:00.323',
    '{"at":"2024-02-29T12:00:00.000Z","day":"2024-02-29","amount":12.50}',
  ]);
});

test('unsigned 64-bit integers are int64 while they fit, else decimal', async () => {
  const small = await write('u64-small', 'select i::ubigint as n from range(10) t(i)', 'compression snappy');
  expect((await readAll(small.bytes)).schema[0].type).toEqual({ kind: 'int64' });
  const large = await write('u64-large', 'select 18446744073709551615::ubigint as n', 'compression snappy');
  expect((await readAll(large.bytes)).rows).toEqual([[18446744073709551615n]]);
});

test('a decode goes on from any checkpoint with nothing lost or repeated', { timeout: 60_000 }, async () => {
  const sql = EVERY_TYPE.replace('ROWS', '5000');
  const { bytes } = await write('resumed', sql, 'compression zstd, row_group_size 2048');
  const limits = { batchRows: 300 };
  const whole = await readAll(bytes, { limits });
  const rows = [];
  let from: Checkpoint | undefined;
  let offset = -1;
  for (;;) {
    // A decoder anew for each batch, from what the last one left as JSON.
    const decoder = await decode(memoryReader(bytes), { limits, ...(from === undefined ? {} : { from }) });
    const next = await decoder[Symbol.asyncIterator]().next();
    if (next.done === true) break;
    rows.push(next.value.batch?.length ?? 0);
    from = JSON.parse(JSON.stringify(decoder.checkpoint())) as Checkpoint;
    expect(from.offset).toBeGreaterThan(offset);
    offset = from.offset;
  }
  expect(from?.rows).toBe(5000);
  expect(rows.reduce((sum, count) => sum + count, 0)).toBe(5000);
  const middle = { offset: 0, rows: 2500, state: { rowGroup: 1, row: 452 } };
  const rest = await readAll(bytes, { limits, from: middle });
  expect(rest.rows).toEqual(whole.rows.slice(2500));
});

test('encodings only hyparquet writes here have the same values', async () => {
  const count = 2000;
  const numbers = Array.from({ length: count }, (_, i) => Math.sin(i) * 1000);
  const texts = Array.from({ length: count }, (_, i) => `prefix/${Math.floor(i / 10)}/${i}`);
  const integers = Array.from({ length: count }, (_, i) => BigInt(i) * 1_000_003n - (i % 5 === 0 ? 2n ** 62n : 0n));
  const halves = Array.from({ length: count }, (_, i) => (i % 3 === 0 ? undefined : (i - 1000) / 8));
  const column = (name: string, data: unknown[], type: string, encoding?: string) => ({
    name,
    data,
    type,
    ...(encoding ? { encoding } : {}),
  });
  const buffer = parquetWriteBuffer({
    columnData: [
      column('split', numbers, 'DOUBLE', 'BYTE_STREAM_SPLIT'),
      column('prefixes', texts, 'STRING', 'DELTA_BYTE_ARRAY'),
      column('lengths', texts, 'STRING', 'DELTA_LENGTH_BYTE_ARRAY'),
      column('deltas', integers, 'INT64', 'DELTA_BINARY_PACKED'),
      column('half', halves, 'FLOAT16'),
    ] as never,
    pageSize: 1024,
  });
  const { rows } = await readAll(new Uint8Array(buffer));
  expect(rows).toEqual(numbers.map((number, i) => [number, texts[i], texts[i], integers[i], halves[i] ?? null]));
});

test('text that is no UTF-8 or no JSON makes its row bad, and only its row', async () => {
  const wrong = new Uint8Array([0x66, 0xff, 0x6f]);
  const bytes = (text: string) => new TextEncoder().encode(text);
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'n', data: [1, 2, 3, 4] },
      { name: 'text', data: [bytes('a'), wrong, bytes('c'), bytes('d')] },
      { name: 'doc', data: [bytes('{"a":1}'), bytes('[]'), bytes('{broken'), bytes('null')] },
    ] as never,
    schema: [
      { name: 'root', num_children: 3 },
      { name: 'n', type: 'INT32', repetition_type: 'REQUIRED' },
      { name: 'text', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED', logical_type: { type: 'STRING' } },
      { name: 'doc', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED', logical_type: { type: 'JSON' } },
    ],
  });
  const { rows, bad } = await readAll(new Uint8Array(buffer));
  expect(rows).toEqual([
    [1n, 'a', '{"a":1}'],
    [4n, 'd', 'null'],
  ]);
  expect(bad).toEqual([
    {
      row: 1,
      reasons: [{ path: 'text', code: 'malformed_input', message: 'the text is not valid UTF-8' }],
      raw: 'f\ufffdo',
    },
    {
      row: 2,
      reasons: [{ path: 'doc', code: 'malformed_input', message: 'the text is not valid JSON' }],
      raw: '{broken',
    },
  ]);
});

test('binary columns without an annotation are text where the option says so', async () => {
  const buffer = parquetWriteBuffer({
    columnData: [{ name: 'word', data: ['a', 'é'].map((text) => new TextEncoder().encode(text)), type: 'BYTE_ARRAY' }],
  });
  const bytes = new Uint8Array(buffer);
  expect((await readAll(bytes)).schema[0].type).toEqual({ kind: 'bytes' });
  expect((await readAll(bytes, { options: { binaryAsString: true } })).rows).toEqual([['a'], ['é']]);
});

test('a row group larger than the memory for it has the same rows', { timeout: 60_000 }, async () => {
  // 60 columns of 90,000 rows in one row group, a page each: decoded, more than all pages together may hold.
  const columns = Array.from({ length: 60 }, (_, c) =>
    c % 3 === 0
      ? `(hash(i, ${c}) >> 1)::bigint as c${c}`
      : c % 3 === 1
        ? `case when i % 7 = ${c % 7} then null else 'value ' || (hash(i, ${c}) % 40000) end as c${c}`
        : `i / ${c + 1}.0 as c${c}`,
  );
  const { path, bytes } = await write(
    'large',
    `select ${columns.join(', ')} from range(90000) t(i)`,
    'compression snappy, row_group_size 90000',
  );
  const sampled: Scalar[][] = [];
  let schema: Schema = [];
  let row = 0;
  for await (const { batch } of await decode(memoryReader(bytes))) {
    if (batch === null) continue;
    schema = batch.schema;
    for (let i = 0; i < batch.length; i++) {
      if ((row + i) % 101 === 0) sampled.push(batch.columns.map((column) => scalarAt(column, i)));
    }
    row += batch.length;
  }
  expect(row).toBe(90_000);
  expectSameRows(schema, sampled, await oracleRows(path, 'file_row_number % 101 = 0'));
});
