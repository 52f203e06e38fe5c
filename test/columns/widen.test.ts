import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type Column, type Scalar, scalarAt } from '../../src/columns/column.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
import {
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
  typeName,
} from '../../src/columns/types.ts';
import { widenColumn, widenScalar } from '../../src/columns/widen.ts';

// Laws are tried as often as SIZE says, on machines that do other things too.
vi.setConfig({ testTimeout: 900_000 });

/** Values that fit all of the wider types of their own, some of them only in the slow ways. */
const instants = fc.bigInt({ min: -(2n ** 62n) / 1000n, max: 2n ** 62n / 1000n });
const PAIRS: readonly [ColumnType, readonly ColumnType[], fc.Arbitrary<Exclude<Scalar, null>>][] = [
  [INT64, [DOUBLE, decimal(38, 2), decimal(19, 0), STRING], fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n })],
  [decimal(6, 2), [decimal(8, 2), decimal(9, 4), decimal(30, 5), STRING], fc.bigInt({ min: -999_999n, max: 999_999n })],
  [DATE, [TIMESTAMP, STRING], fc.integer({ min: -200_000, max: 200_000 })],
  [DATE, [TIMESTAMP_NS], fc.integer({ min: -80_000, max: 80_000 })],
  [TIMESTAMP, [TIMESTAMP_NS, STRING], instants],
  [TIMESTAMP_NS, [TIMESTAMP], instants],
  [DOUBLE, [STRING], fc.double({ noNaN: true })],
];

describe('a column is widened as its values are', () => {
  test.for(
    PAIRS.flatMap(([from, wider, value]) =>
      wider.map((to) => [`${typeName(from)} to ${typeName(to)}`, from, to, value] as const),
    ),
  )('%s, in every layout', ([, from, to, value]) => {
    fc.assert(
      fc.property(fc.array(fc.option(value), { maxLength: 20 }), (values) => {
        const plain = columnOf(from, values);
        const layouts: Column[] = [plain];
        const present = values.filter((value) => value !== null);
        if (from.kind === 'int64') {
          const doubles = Float64Array.from(values, (value) => Number(value ?? 7n));
          layouts.push({ ...plain, data: { layout: 'fixed', values: doubles } });
        }
        if (from.kind === 'int64' && present.every((value) => BigInt.asIntN(32, BigInt(value as bigint)) === value)) {
          const integers = Int32Array.from(values, (value) => Number(value ?? 7n));
          layouts.push({ ...plain, data: { layout: 'fixed', values: integers } });
        }
        if (from.kind !== 'decimal' && present.length > 0) {
          let entry = 0;
          const codes = Int32Array.from(values, (value) => (value === null ? 0 : entry++));
          layouts.push({ ...plain, data: { layout: 'dictionary', codes, dictionary: columnOf(from, present) } });
        }
        const wanted = values.map((value) => (value === null ? null : widenScalar(value, from, to)));
        for (const column of layouts) {
          const widened = widenColumn(column, to);
          expect(widened.type).toEqual(to);
          expect(values.map((_, row) => scalarAt(widened, row))).toEqual(wanted);
        }
      }),
    );
  });
});

test('values have their exact equivalents in a wider type', () => {
  expect(widenScalar(-5n, INT64, decimal(38, 2))).toBe(-500n);
  expect(widenScalar(-12n, decimal(6, 1), decimal(8, 3))).toBe(-1200n);
  expect(widenScalar(-1, DATE, TIMESTAMP)).toBe(-86_400_000_000n);
  expect(widenScalar(-1n, TIMESTAMP, TIMESTAMP_NS)).toBe(-1000n);
  // The one that loses digits rounds down.
  expect(widenScalar(-1n, TIMESTAMP_NS, TIMESTAMP)).toBe(-1n);
  expect(widenScalar(1999n, TIMESTAMP_NS, TIMESTAMP)).toBe(1n);
});

test('what has no place in the wider type is refused by name', () => {
  expect(() => widenScalar(2 ** 31 - 1, DATE, TIMESTAMP)).toThrow(/\(date\) does not widen to timestamp/);
  expect(() => widenColumn(columnOf(DATE, [null, 2 ** 31 - 1]), TIMESTAMP)).toThrow(/does not widen to timestamp/);
  expect(() => widenColumn(columnOf(STRING, ['1']), INT64)).toThrow("'1' (string) does not widen to int64");
});

test('text is as it was written, where the field remembers how', () => {
  const column = columnOf(TIMESTAMP, [1704448800000000n, null]);
  expect(scalarAt(widenColumn(column, STRING, ['T0Z']), 0)).toBe('2024-01-05T10:00:00Z');
  expect(scalarAt(widenColumn(column, STRING), 0)).toBe('2024-01-05T10:00:00.000Z');
  expect(scalarAt(widenColumn(columnOf(DOUBLE, [1.5]), STRING, ['f2']), 0)).toBe('1.50');
});
