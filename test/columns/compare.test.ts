import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { type Column, type Scalar, scalarAt } from '../../src/columns/column.ts';
import {
  columnComparator,
  compareScalars,
  compareStrings,
  rowComparator,
  sameScalar,
} from '../../src/columns/compare.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
import { BOOL, type ColumnType, DOUBLE, decimal, INT64, STRING } from '../../src/columns/types.ts';
import { sized } from '../scale.ts';

// Laws are tried as often as SIZE says, on machines that do other things too.
vi.setConfig({ testTimeout: 900_000 });

const runs = { numRuns: sized(1000) };

test('strings are in the order of their UTF-8 bytes', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'z', 'é', '\uffff', '\ue000', '😀', '\ud7ff', '𐀀', '') });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareStrings(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    runs,
  );
});

test('NaN is above everything and equals itself, and the zeros are one', () => {
  const sorted = [Number.NaN, -0, Infinity, 0, -1, Number.NaN, -Infinity].sort(compareScalars);
  expect(sorted.map(String)).toEqual(['-Infinity', '-1', '0', '0', 'Infinity', 'NaN', 'NaN']);
  expect(sameScalar(Number.NaN, Number.NaN)).toBe(true);
  expect(sameScalar(0, -0)).toBe(true);
  expect(sameScalar(null, null)).toBe(true);
  expect(sameScalar(null, 0)).toBe(false);
});

const pools: [ColumnType, Scalar[]][] = [
  [BOOL, [true, false, null]],
  [INT64, [1n, -1n, 2n ** 60n, null]],
  [DOUBLE, [0.5, Number.NaN, -1, null]],
  [decimal(38, 2), [10n ** 30n, -(10n ** 30n), 1n, -1n, null]],
  [STRING, ['a', 'b', 'é', '', null]],
];

/** The same values as codes into a dictionary. */
function encoded(column: Column): Column {
  const scalars = Array.from({ length: column.length }, (_, row) => scalarAt(column, row));
  const entries = [...new Set(scalars.filter((value) => value !== null))];
  const codes = Uint8Array.from(scalars, (value) => (value === null ? 0 : entries.indexOf(value)));
  return { ...column, data: { layout: 'dictionary', codes, dictionary: columnOf(column.type, entries) } };
}

test('rows of columns compare as their values do, nulls last or first, in every layout', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...pools),
      fc.array(fc.nat(4), { minLength: 2, maxLength: 12 }),
      fc.boolean(),
      fc.boolean(),
      ([type, pool], picks, descending, nullsFirst) => {
        const scalars = picks.map((i) => pool[i % pool.length]);
        const column = columnOf(type, scalars);
        const wanted = (a: Scalar, b: Scalar) => {
          if (a === null || b === null) return a === b ? 0 : (a === null) === nullsFirst ? -1 : 1;
          return Math.sign(compareScalars(a, b)) * (descending ? -1 : 1);
        };
        const other = type.kind === 'string' ? encoded(column) : column;
        for (const [left, right] of [
          [column, column],
          [column, other],
          [other, column],
          [other, other],
        ]) {
          const compare = columnComparator(left, right, { descending, nullsFirst });
          for (let i = 0; i < scalars.length; i++) {
            for (let j = 0; j < scalars.length; j++) {
              expect(Math.sign(compare(i, j)) + 0).toBe(wanted(scalars[i], scalars[j]) + 0);
            }
          }
        }
      },
    ),
    { numRuns: sized(200) },
  );
});

test('the first key decides first', () => {
  const keys = [
    { column: columnOf(INT64, [1n, 1n, 0n, null]) },
    { column: columnOf(STRING, ['b', 'a', 'z', 'q']), order: { descending: true, nullsFirst: false } },
  ];
  expect([0, 1, 2, 3].sort(rowComparator(keys))).toEqual([2, 0, 1, 3]);
});
