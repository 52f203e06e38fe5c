import { DataType, RecordBatchStreamWriter, tableFromIPC } from 'apache-arrow';
import { expect, test } from 'vitest';
import { arrowSchema, toRecordBatch } from '../../src/columns/arrow.ts';
import { type Batch, type Column, type Scalar, sliceBatch } from '../../src/columns/column.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
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
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
} from '../../src/columns/types.ts';

const COLUMNS: [string, ColumnType, Scalar[]][] = [
  ['none', NULL_TYPE, [null, null, null, null]],
  ['flag', BOOL, [true, null, false, true]],
  ['count', INT64, [1n, -9223372036854775808n, null, 9007199254740993n]],
  ['ratio', DOUBLE, [0.5, Number.NaN, -0, null]],
  ['price', decimal(10, 2), [150n, null, -1n, 99999999n]],
  ['huge', decimal(38, 0), [10n ** 37n, -(10n ** 37n), null, -1n]],
  ['name', STRING, ['é', '', null, 'x']],
  ['tree', JSON_TYPE, ['{"a":1}', null, '[]', '{}']],
  ['raw', BYTES, [Uint8Array.of(1, 255), null, Uint8Array.of(), Uint8Array.of(0)]],
  ['day', DATE, [0, -1, 19727, null]],
  ['at', TIMESTAMP, [1704448800000001n, -1n, null, 0n]],
  ['precisely', TIMESTAMP_NS, [1704448800000000001n, -1n, null, 0n]],
];

function batchOf(columns: readonly [string, ColumnType, Column][]): Batch {
  return {
    schema: columns.map(([name, type]) => ({ name, type, nullable: true })),
    length: columns[0][2].length,
    columns: columns.map(([, , column]) => column),
  };
}

/** The library's values of a table, decimals as bigints. */
function read(bytes: Uint8Array): Record<string, unknown[]> {
  const table = tableFromIPC(bytes);
  return Object.fromEntries(
    table.schema.fields.map(({ name }) => {
      const vector = table.getChild(name);
      // The library shows instants in floating milliseconds; what is stored is what counts.
      const stored = DataType.isTimestamp(vector?.type) ? (vector?.data[0]?.values as BigInt64Array) : undefined;
      const value = (row: number) =>
        stored === undefined || vector?.get(row) === null ? vector?.get(row) : stored[row];
      return [name, Array.from({ length: table.numRows }, (_, row) => value(row))];
    }),
  );
}

function int128(words: unknown): unknown {
  if (!(words instanceof Uint32Array)) return words;
  return BigInt.asIntN(
    128,
    words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n),
  );
}

test('a stock Arrow reader reads every type as it is, whole and from the middle', () => {
  const batch = batchOf(COLUMNS.map(([name, type, values]) => [name, type, columnOf(type, values)]));
  for (const [start, end] of [
    [0, 4],
    [1, 3],
    [3, 4],
    [2, 2],
  ]) {
    const writer = new RecordBatchStreamWriter();
    writer.write(toRecordBatch(sliceBatch(batch, start, end), arrowSchema(batch.schema)));
    writer.finish();
    const table = read(writer.toUint8Array(true));
    for (const [name, type, values] of COLUMNS) {
      const got = table[name].map(int128);
      const want = values.slice(start, end);
      if (type.kind === 'date')
        expect(
          got.map((ms) => (ms === null ? null : Number(ms) / 86_400_000)),
          name,
        ).toEqual(want);
      else expect(got, name).toEqual(want);
    }
  }
});

test('every layout an integer column may have gives the same 64-bit values', () => {
  const values = [0, 1, -1, 2_147_483_647, -2_147_483_648, -5_000_000_000, 9_007_199_254_740_992];
  const layouts = [Float64Array.from(values), BigInt64Array.from(values, BigInt)];
  for (const array of layouts) {
    const column: Column = {
      type: INT64,
      length: array.length,
      validity: null,
      data: { layout: 'fixed', values: array },
    };
    const data = toRecordBatch(
      batchOf([['n', INT64, column]]),
      arrowSchema([{ name: 'n', type: INT64, nullable: false }]),
    );
    expect(Array.from(data.getChild('n')?.toArray() as BigInt64Array)).toEqual(values.map(BigInt));
  }
});

test('a dictionary column is written out', () => {
  const dictionary = columnOf(STRING, ['a', 'b']);
  const column: Column = {
    type: STRING,
    length: 3,
    validity: Uint8Array.of(0b101),
    data: { layout: 'dictionary', codes: Uint8Array.of(1, 0, 0), dictionary },
  };
  const batch = batchOf([['s', STRING, column]]);
  const writer = new RecordBatchStreamWriter();
  writer.write(toRecordBatch(batch, arrowSchema(batch.schema)));
  writer.finish();
  expect(read(writer.toUint8Array(true))).toEqual({ s: ['b', null, 'a'] });
});
