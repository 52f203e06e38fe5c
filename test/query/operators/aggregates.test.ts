import { describe, expect, test } from 'vitest';
import { type Column, type ColumnData, type Scalar, scalarAt } from '../../../src/columns/column.ts';
import { columnOf } from '../../../src/columns/from-scalars.ts';
import { DOUBLE, decimal, INT64, STRING } from '../../../src/columns/types.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { RowCounts } from '../../../src/query/operators/aggregates/count.ts';
import { createAccumulator } from '../../../src/query/operators/aggregates/create.ts';
import { QuantileAccumulator } from '../../../src/query/operators/aggregates/quantile.ts';
import { StringAggAccumulator } from '../../../src/query/operators/aggregates/string-agg.ts';
import { ExactSumAccumulator } from '../../../src/query/operators/aggregates/sum.ts';

const all = (length: number) => ({ groups: new Int32Array(length), leftOut: null, single: true });

describe('approx_quantile', () => {
  test('is off by less than one per cent of the rows, at the ends and in the middle', () => {
    const random = seededRandom(3);
    const values = Array.from({ length: 60_000 }, () => random.next() ** 8 * 1e6);
    const sorted = Float64Array.from(values).sort();
    for (const quantile of [0.01, 0.1, 0.5, 0.9, 0.99]) {
      const accumulator = new QuantileAccumulator(DOUBLE, quantile);
      accumulator.grow(1);
      for (let start = 0; start < values.length; start += 7000) {
        const part = values.slice(start, start + 7000);
        accumulator.add(all(part.length), columnOf(DOUBLE, part));
      }
      const estimate = Number(scalarAt(accumulator.finish(1), 0));
      const rank = sorted.findIndex((value) => value >= estimate) / sorted.length;
      expect(Math.abs(rank - quantile)).toBeLessThan(0.01);
    }
  });

  test('is as close where rows have codes of few values, in each group, without the rows left out', () => {
    const random = seededRandom(5);
    const accumulator = new QuantileAccumulator(DOUBLE, 0.9);
    accumulator.grow(3);
    const shown: number[][] = [[], [], []];
    for (let batch = 0; batch < 12; batch++) {
      const entries = Array.from({ length: 400 }, (_, i) =>
        i === 7 ? Number.NaN : Math.round(random.next() ** 4 * 1e4),
      );
      const codes = Uint16Array.from({ length: 5000 }, () => Math.floor(random.next() * entries.length));
      // Group 2 stays small, so that some of its batches find room and some do not.
      const groups = Int32Array.from(codes, () => (random.next() < 0.02 ? 2 : Math.floor(random.next() * 3) - 1));
      for (const [row, group] of groups.entries()) {
        const value = entries[codes[row]];
        if (group >= 0 && !Number.isNaN(value)) shown[group].push(value);
      }
      const dictionary = columnOf(DOUBLE, entries);
      const column: Column = {
        type: DOUBLE,
        length: codes.length,
        validity: null,
        data: { layout: 'dictionary', codes, dictionary },
      };
      accumulator.add({ groups, leftOut: groups.filter((group) => group < 0), single: false }, column);
    }
    const answer = accumulator.finish(3);
    for (const [group, values] of shown.entries()) {
      const sorted = Float64Array.from(values).sort();
      const estimate = Number(scalarAt(answer, group));
      const [from, to] = [0.89, 0.91].map((share) => sorted[Math.floor(share * sorted.length)]);
      expect(estimate).toBeGreaterThanOrEqual(from);
      expect(estimate).toBeLessThanOrEqual(to);
    }
  });

  test('of few values lies between the values around it', () => {
    const accumulator = new QuantileAccumulator(INT64, 0.5);
    accumulator.grow(1);
    accumulator.add(all(3), columnOf(INT64, [30n, 10n, 20n]));
    expect(scalarAt(accumulator.finish(1), 0)).toBe(20n);
  });
});

test('sums of the largest integers stay exact over many batches', () => {
  const rows = new RowCounts();
  rows.grow(1);
  const accumulator = new ExactSumAccumulator(INT64, decimal(38, 0), false, rows);
  accumulator.grow(1);
  let expected = 0n;
  for (let batch = 0; batch < 40; batch++) {
    const values: Scalar[] = Array.from({ length: 1000 }, (_, i) =>
      (i + batch) % 3 === 0 ? -(2n ** 63n) : 2n ** 63n - BigInt(1 + i),
    );
    for (const value of values) expected += value as bigint;
    rows.addTo(0, values.length);
    accumulator.add(all(values.length), columnOf(INT64, values));
  }
  expect(scalarAt(accumulator.finish(1), 0)).toBe(expected);
});

test('string_agg puts the separator between the texts of a group, in the order they came', () => {
  const accumulator = new StringAggAccumulator(STRING, ', ');
  accumulator.grow();
  accumulator.add(
    { groups: Int32Array.of(0, 2, 0, -1), leftOut: Int32Array.of(1), single: false },
    columnOf(STRING, ['a', 'ü', '', 'x']),
  );
  accumulator.add({ groups: Int32Array.of(0), leftOut: null, single: false }, columnOf(STRING, ['c']));
  const column = accumulator.finish(3);
  expect([0, 1, 2].map((group) => scalarAt(column, group))).toEqual(['a, , c', null, 'ü']);
});

/** `count(DISTINCT n)` or `sum(DISTINCT n)` of all rows. */
function distinctOf(name: 'count' | 'sum') {
  const arg = { node: 'column', index: 0, type: INT64, at: 0 } as const;
  const type = name === 'count' ? INT64 : decimal(38, 0);
  const call = { function: name, arg, distinct: true, filter: null, parameters: [], type, at: 0 };
  const accumulator = createAccumulator(call, new RowCounts(), true);
  accumulator.grow(1);
  return accumulator;
}

describe('an aggregate of distinct values of all rows', () => {
  test('takes a value once, also where only some batches have nulls', () => {
    const [count, sum] = [distinctOf('count'), distinctOf('sum')];
    const shown = new Set<number>();
    for (const [batch, nulls] of [false, true, false, true].entries()) {
      const values = Array.from({ length: 300 }, (_, i) => (i * (batch + 1)) % 500);
      const groups = Int32Array.from(values, (value) => (nulls && value % 3 === 0 ? -1 : 0));
      for (const [i, value] of values.entries()) if (groups[i] === 0) shown.add(value);
      const leftOut = nulls ? groups.filter((group) => group < 0).fill(0) : null;
      for (const accumulator of [count, sum]) {
        accumulator.add({ groups, leftOut, single: !nulls }, columnOf(INT64, values.map(BigInt)));
      }
    }
    expect(scalarAt(count.finish(1), 0)).toBe(BigInt(shown.size));
    expect(scalarAt(sum.finish(1), 0)).toBe(BigInt([...shown].reduce((a, b) => a + b, 0)));
  });

  test('counts a value once whatever its layout, small, large or negative', () => {
    const count = distinctOf('count');
    const values = [0, 7, -7, 2 ** 23 - 1, 2 ** 23, 2 ** 40, 2 ** 31 - 1, 7, 0, 100_000];
    const small = values.filter((value) => Math.abs(value) < 2 ** 31);
    const codes = Uint8Array.from(small, (_, i) => i);
    const layouts: ColumnData[] = [
      { layout: 'fixed', values: BigInt64Array.from(values, BigInt) },
      { layout: 'fixed', values: Float64Array.from(values) },
      { layout: 'fixed', values: Int32Array.from(small) },
      { layout: 'dictionary', codes, dictionary: columnOf(INT64, small.map(BigInt)) },
    ];
    for (const data of layouts) {
      const length = data.layout === 'fixed' ? data.values.length : codes.length;
      count.add(all(length), { type: INT64, length, validity: null, data });
    }
    expect(scalarAt(count.finish(1), 0)).toBe(BigInt(new Set(values).size));
  });
});
