import type { Batch, Scalar } from '../../../src/columns/column.ts';
import { columnOf } from '../../../src/columns/from-scalars.ts';
import { parseDate } from '../../../src/columns/text.ts';
import {
  BOOL,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  STRING,
  TIMESTAMP,
} from '../../../src/columns/types.ts';
import { instantOfText } from '../../../src/query/functions/cast.ts';

/** A table both engines have: ours as batches, DuckDB's by SQL. */
export interface TestTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[];
  readonly rows: readonly (readonly Scalar[])[];
}

const ts = (text: string): bigint => {
  const instant = instantOfText(text, 'us');
  if (instant === undefined) throw new Error(text);
  return instant;
};
const day = (text: string): number => parseDate(text)!;

/** Small tables with what goes wrong: nulls, repeats, empty texts, other scripts, integers beyond 2^53. */
export const TABLES: readonly TestTable[] = [
  {
    name: 'items',
    columns: [
      { name: 'id', type: INT64 },
      { name: 'cat', type: STRING },
      { name: 'name', type: STRING },
      { name: 'qty', type: INT64 },
      { name: 'price', type: DOUBLE },
      { name: 'amount', type: decimal(12, 2) },
      { name: 'ok', type: BOOL },
      { name: 'day', type: DATE },
      { name: 'ts', type: TIMESTAMP },
      { name: 'big', type: INT64 },
      { name: 'doc', type: JSON_TYPE },
    ],
    rows: [
      [
        1n,
        'a',
        'Anna',
        5n,
        10.5,
        1050n,
        true,
        day('2024-01-01'),
        ts('2024-01-01 10:00:00'),
        9007199254740993n,
        '{"a":1,"b":{"c":[1,2,3]}}',
      ],
      [
        2n,
        'b',
        'bob',
        3n,
        2.25,
        225n,
        false,
        day('2024-01-15'),
        ts('2024-01-15 12:30:45.5'),
        9007199254740992n,
        '{"a":"x"}',
      ],
      [
        3n,
        'a',
        'Ågot',
        null,
        0,
        0n,
        null,
        day('2024-02-29'),
        ts('2024-02-29 23:59:59.999999'),
        -9007199254740993n,
        '[1,2]',
      ],
      [4n, null, 'dora', 7n, -1.5, -150n, true, null, null, 1n, null],
      [
        5n,
        'c',
        '',
        2n,
        null,
        null,
        false,
        day('2023-12-31'),
        ts('2023-12-31 00:00:00'),
        9223372036854775807n,
        '{"a":null,"tags":["x","y"]}',
      ],
      [6n, 'b', null, 3n, 100, 10000n, true, day('2024-03-10'), ts('2024-03-10 08:00:00'), null, '{"a":2.5}'],
      [7n, 'a', 'émile', 0n, 3.333, 333n, false, day('2024-01-31'), ts('2024-01-31 18:15:00'), 0n, '"text"'],
      [8n, 'c', 'Zoë 100%', 5n, 10.5, 1051n, true, day('1969-07-20'), ts('1969-07-20 20:17:40'), -1n, 'true'],
      [9n, 'd', 'a_b', 4n, 1e300, 99999n, null, day('2024-12-25'), ts('2024-12-25 06:30:00'), 42n, '{"a":[{"b":7}]}'],
      [10n, 'a', 'anna', 3n, 0.1, 10n, false, day('2024-01-01'), ts('2024-01-01 10:00:01'), 43n, '{}'],
    ],
  },
  {
    name: 'cats',
    columns: [
      { name: 'cat', type: STRING },
      { name: 'label', type: STRING },
      { name: 'weight', type: DOUBLE },
      { name: 'parent', type: STRING },
    ],
    rows: [
      ['a', 'Alpha', 1, null],
      ['b', 'Beta', 2, 'a'],
      ['b', 'Beta two', 2.5, 'a'],
      ['e', 'Epsilon', 5, 'b'],
      [null, 'Nothing', null, null],
    ],
  },
  {
    name: 'nums',
    columns: [{ name: 'n', type: INT64 }],
    rows: Array.from({ length: 20 }, (_, i) => [BigInt(i)]),
  },
  {
    name: 'nothing',
    columns: [
      { name: 'id', type: INT64 },
      { name: 'cat', type: STRING },
    ],
    rows: [],
  },
];

export function batchOf(table: TestTable): Batch {
  return {
    schema: table.columns.map((column) => ({ ...column, nullable: true })),
    length: table.rows.length,
    columns: table.columns.map(({ type }, i) =>
      columnOf(
        type,
        table.rows.map((row) => row[i]),
      ),
    ),
  };
}
