import { expect, test } from 'vitest';
import { type Column, columnBytes, gatherColumn, type Scalar, scalarAt } from '../../src/columns/column.ts';
import { withOwnEntries } from '../../src/columns/dictionary.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
import {
  BOOL,
  BYTES,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  NULL_TYPE,
  STRING,
  TIMESTAMP,
} from '../../src/columns/types.ts';
import { seededRandom } from '../../src/core/random.ts';
import { below, layOut, pick, sampleScalar, sampleWide } from '../query/samples.ts';
import { seedCount } from '../scale.ts';

const TYPES = [
  NULL_TYPE,
  BOOL,
  INT64,
  DOUBLE,
  decimal(10, 2),
  decimal(30, 2),
  STRING,
  JSON_TYPE,
  BYTES,
  DATE,
  TIMESTAMP,
];

test('gathering gives the values of the rows named, and null for a negative row', () => {
  for (let seed = 0; seed < seedCount(300); seed++) {
    const random = seededRandom(seed);
    const type = pick(random, TYPES);
    const wide = type.kind === 'int64' && random.next() < 0.5;
    const values = Array.from({ length: below(random, 70) }, () =>
      wide ? sampleWide(random) : sampleScalar(type, random),
    );
    const column = layOut(type, values, random);
    const least = values.length === 0 || random.next() < 0.5 ? -1 : 0;
    const rows = Int32Array.from({ length: values.length === 0 ? below(random, 3) : below(random, 100) }, () =>
      values.length === 0 ? -1 : Math.max(least, below(random, values.length + 1) - 1),
    );
    const gathered = gatherColumn(column, rows);
    const expected = Array.from(rows, (row): Scalar => (row < 0 ? null : values[row]));
    expect(gathered.length).toBe(rows.length);
    expect(
      expected.map((_, i) => scalarAt(gathered, i)),
      `seed ${seed} ${type.kind}`,
    ).toEqual(expected);
  }
});

test('few rows of a large dictionary keep their own entries alone', () => {
  const dictionary = columnOf(
    STRING,
    Array.from({ length: 1000 }, (_, i) => `entry ${i} `.repeat(20)),
  );
  const codes = Int32Array.from({ length: 5000 }, (_, row) => (row * 7) % 1000);
  const column: Column = {
    type: STRING,
    length: 5000,
    validity: null,
    data: { layout: 'dictionary', codes, dictionary },
  };
  expect(withOwnEntries(column)).toBe(column);
  const few = gatherColumn(column, Int32Array.of(4, 1004, -1, 9));
  const slim = withOwnEntries(few);
  const values = (of: Column) => Array.from({ length: of.length }, (_, row) => scalarAt(of, row));
  expect(values(slim)).toEqual(values(few));
  expect(values(slim)[2]).toBeNull();
  expect(columnBytes(slim)).toBeLessThan(columnBytes(few) / 100);
});
