import { tableFromIPC } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import type { Batch, Scalar } from '../../../src/columns/column.ts';
import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  NULL_TYPE,
  type Schema,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
} from '../../../src/columns/types.ts';
import { concatBytes } from '../../../src/core/bytes.ts';
import { seededRandom } from '../../../src/core/random.ts';
import type { Answer, AnswerStats } from '../../../src/query/results/answer.ts';
import { encodeArrow } from '../../../src/query/results/encode-arrow.ts';
import { encodeCsv } from '../../../src/query/results/encode-csv.ts';
import { encodeJson, encodeNdjson } from '../../../src/query/results/encode-json.ts';
import { layOut } from '../samples.ts';

const STATS: AnswerStats = {
  elapsedMs: 5,
  rowsScanned: 9,
  rowsReturned: 2,
  truncated: false,
  segmentsTotal: 1,
  segmentsPruned: 0,
  segmentsScanned: 1,
  indexesUsed: [],
  reads: 2,
  bytesRead: 100,
};

/** Each column with values that text formats get wrong. */
const COLUMNS: readonly (readonly [string, ColumnType, readonly Scalar[]])[] = [
  ['nothing', NULL_TYPE, [null, null, null]],
  ['flag', BOOL, [true, false, null]],
  ['n', INT64, [9007199254740992n, 9007199254740993n, null]],
  ['d', DOUBLE, [Number.NaN, Number.NEGATIVE_INFINITY, -0.5]],
  ['price', decimal(10, 2), [150n, -5n, null]],
  ['huge', decimal(38, 3), [10n ** 37n, -1n, null]],
  ['text, "quoted"', STRING, ['a,b\r\n"c"', '', null]],
  ['raw', BYTES, [Uint8Array.of(0, 255, 16), Uint8Array.of(), null]],
  ['nested', JSON_TYPE, ['{"a":[1,2]}', '[]', null]],
  ['day', DATE, [19_000, -1, null]],
  ['at', TIMESTAMP, [1_700_000_000_123_456n, 0n, null]],
  ['ns', TIMESTAMP_NS, [1_700_000_000_123_456_789n, -1n, null]],
];

const SCHEMA: Schema = COLUMNS.map(([name, type]) => ({ name, type, nullable: true }));

function answerOf(batches: readonly Batch[], schema = SCHEMA): Answer {
  async function* drawn() {
    yield* batches;
  }
  return { schema, batches: drawn(), stats: () => STATS };
}

const random = seededRandom(8);
const BATCH: Batch = {
  schema: SCHEMA,
  length: 3,
  columns: COLUMNS.map(([, type, values]) => layOut(type, values, random)),
};

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return concatBytes(parts);
}

const textOf = async (chunks: AsyncIterable<Uint8Array>) => new TextDecoder().decode(await bytesOf(chunks));

describe('JSON', () => {
  test('brings every value across, as a string what a number would not', async () => {
    const answer = JSON.parse(await textOf(encodeJson(answerOf([BATCH]))));
    expect(answer.columns[2]).toEqual({ name: 'n', type: 'int64' });
    expect(answer.rows).toEqual([
      [
        null,
        true,
        9007199254740992,
        'NaN',
        '1.50',
        '10000000000000000000000000000000000.000',
        'a,b\r\n"c"',
        'AP8Q',
        { a: [1, 2] },
        '2022-01-08',
        '2023-11-14T22:13:20.123456Z',
        '2023-11-14T22:13:20.123456789Z',
      ],
      [
        null,
        false,
        '9007199254740993',
        '-Infinity',
        '-0.05',
        '-0.001',
        '',
        '',
        [],
        '1969-12-31',
        '1970-01-01T00:00:00.000Z',
        '1969-12-31T23:59:59.999999999Z',
      ],
      [null, null, null, -0.5, null, null, null, null, null, null, null, null],
    ]);
    expect(answer.stats).toEqual(STATS);
  });

  test('of no rows is a document all the same', async () => {
    expect(JSON.parse(await textOf(encodeJson(answerOf([])))).rows).toEqual([]);
  });

  test('of lines has an object a row', async () => {
    const lines = (await textOf(encodeNdjson(answerOf([BATCH, BATCH])))).trimEnd().split('\n');
    expect(lines).toHaveLength(6);
    expect(JSON.parse(lines[1])).toMatchObject({ n: '9007199254740993', 'text, "quoted"': '', nested: [] });
  });
});

test('CSV quotes what RFC 4180 says, and tells an empty text from a null', async () => {
  const text = await textOf(encodeCsv(answerOf([BATCH])));
  expect(text).toBe(
    [
      'nothing,flag,n,d,price,huge,"text, ""quoted""",raw,nested,day,at,ns',
      ',true,9007199254740992,NaN,1.50,10000000000000000000000000000000000.000,"a,b\r\n""c""",AP8Q,"{""a"":[1,2]}",2022-01-08,2023-11-14T22:13:20.123456Z,2023-11-14T22:13:20.123456789Z',
      ',false,9007199254740993,-Infinity,-0.05,-0.001,"","",[],1969-12-31,1970-01-01T00:00:00.000Z,1969-12-31T23:59:59.999999999Z',
      ',,,-0.5,,,,,,,,',
      '',
    ].join('\r\n'),
  );
});

describe('an Arrow stream', () => {
  test('is read by a stock reader, value for value', async () => {
    const table = tableFromIPC(await bytesOf(encodeArrow(answerOf([BATCH, BATCH]))));
    expect(table.numRows).toBe(6);
    expect(table.schema.fields.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'nothing Null',
      'flag Bool',
      'n Int64',
      'd Float64',
      'price Decimal[10e+2]',
      'huge Decimal[38e+3]',
      'text, "quoted" Utf8',
      'raw Binary',
      'nested Utf8',
      'day Date32<DAY>',
      'at Timestamp<MICROSECOND, UTC>',
      'ns Timestamp<NANOSECOND, UTC>',
    ]);
    for (const row of [1, 4]) {
      const value = (name: string) => table.getChild(name)?.get(row);
      expect(value('nothing')).toBeNull();
      expect(value('flag')).toBe(false);
      expect(value('n')).toBe(9007199254740993n);
      expect(value('d')).toBe(Number.NEGATIVE_INFINITY);
      expect(Array.from(value('price'))).toEqual([0xfffffffb, 0xffffffff, 0xffffffff, 0xffffffff]);
      expect(Array.from(value('huge'))).toEqual([0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]);
      expect(value('text, "quoted"')).toBe('');
      expect(value('raw')).toEqual(Uint8Array.of());
      expect(value('nested')).toBe('[]');
      expect(table.getChild('at')?.data[row > 2 ? 1 : 0].values[1]).toBe(0n);
      expect(table.getChild('ns')?.data[row > 2 ? 1 : 0].values[1]).toBe(-1n);
    }
    for (const { name } of SCHEMA) if (name !== 'd') expect(table.getChild(name)?.get(5)).toBeNull();
  });

  test('of no rows has the schema', async () => {
    const table = tableFromIPC(await bytesOf(encodeArrow(answerOf([]))));
    expect(table.numRows).toBe(0);
    expect(table.schema.fields).toHaveLength(SCHEMA.length);
  });

  test('comes in pieces, one batch after the other', async () => {
    let drawn = 0;
    async function* counted() {
      for (let i = 0; i < 5; i++) {
        drawn++;
        yield BATCH;
      }
    }
    const seen: number[] = [];
    for await (const _ of encodeArrow({ schema: SCHEMA, batches: counted(), stats: () => STATS })) seen.push(drawn);
    expect(new Set(seen)).toEqual(new Set([1, 2, 3, 4, 5]));
  });
});
