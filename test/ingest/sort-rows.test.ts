import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Batch, type Column, type Scalar, scalarAt } from '../../src/columns/column.ts';
import { compareScalars } from '../../src/columns/compare.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
import { BOOL, type ColumnType, DATE, DOUBLE, decimal, INT64, STRING } from '../../src/columns/types.ts';
import { sortedRows } from '../../src/ingest/sort-rows.ts';
import { codePoint } from '../code-point.ts';

const COLUMNS: readonly { type: ColumnType; values: fc.Arbitrary<Scalar> }[] = [
  { type: BOOL, values: fc.boolean() },
  { type: INT64, values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { type: INT64, values: fc.bigInt({ min: -5n, max: 5n }) },
  { type: DOUBLE, values: fc.oneof(fc.double(), fc.constantFrom(Number.NaN, -0, 0, Number.POSITIVE_INFINITY)) },
  { type: DATE, values: fc.integer({ min: -100, max: 100 }) },
  { type: decimal(10, 2), values: fc.bigInt({ min: -1000n, max: 1000n }) },
  { type: decimal(38, 0), values: fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }) },
  { type: STRING, values: fc.string({ unit: codePoint, maxLength: 4 }) },
];

/** Strings as codes into a dictionary, its entries out of order. */
function asDictionary(column: Column): Column {
  const values = Array.from({ length: column.length }, (_, row) => scalarAt(column, row));
  const entries = [...new Set(values.filter((value) => value !== null))].reverse();
  const codes = Int32Array.from(values, (value) => Math.max(0, entries.indexOf(value ?? '')));
  return { ...column, data: { layout: 'dictionary', codes, dictionary: columnOf(STRING, entries) } };
}

test('rows are in the order of their values, nulls last, equal rows as they came', () => {
  const rows = fc.array(fc.tuple(...COLUMNS.map(({ values }) => fc.option(values, { nil: null, freq: 5 }))), {
    maxLength: 30,
  });
  const key = fc.shuffledSubarray([...COLUMNS.keys()], { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(rows, key, fc.boolean(), (values, ordinals, dictionary) => {
      const columns = COLUMNS.map(({ type }, i) =>
        columnOf(
          type,
          values.map((row) => row[i]),
        ),
      );
      const batch: Batch = {
        schema: COLUMNS.map(({ type }, i) => ({ name: `c${i}`, type, nullable: true })),
        length: values.length,
        columns: dictionary ? columns.map((column, i) => (i === 7 ? asDictionary(column) : column)) : columns,
      };
      const expected = values
        .map((_, row) => row)
        .sort((a, b) => {
          for (const i of ordinals) {
            const [left, right] = [values[a][i], values[b][i]];
            const order =
              left === null || right === null
                ? Number(left === null) - Number(right === null)
                : compareScalars(left, right);
            if (order !== 0) return order;
          }
          return a - b;
        });
      expect([...sortedRows(batch, ['missing', ...ordinals.map((i) => `c${i}`)])]).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});
