import { expect, test } from 'vitest';
import type { Column, FixedValues } from '../../../src/columns/column.ts';
import { INT64 } from '../../../src/columns/types.ts';
import { KeyColumn } from '../../../src/query/operators/key-column.ts';

const column = (values: FixedValues): Column => ({
  type: INT64,
  length: values.length,
  validity: null,
  data: { layout: 'fixed', values },
});

test('an integer has one id in every layout, met before or after the array of small integers reaches it', () => {
  const keys = new KeyColumn(INT64);
  const expected = new Map<number, number>();
  const check = (values: readonly number[], layout: (values: readonly number[]) => FixedValues) => {
    const ids = new Int32Array(values.length);
    keys.assign(column(layout(values)), ids);
    for (const [i, value] of values.entries()) {
      if (!expected.has(value)) expected.set(value, expected.size + 1);
      expect(ids[i]).toBe(expected.get(value));
    }
    const found = new Int32Array(values.length);
    keys.find(column(layout([...values].reverse())), found);
    expect([...found]).toEqual([...ids].reverse());
  };
  const few = [5, -1, 70_000, 3, 5, 2 ** 40, 900];
  const many = Array.from({ length: 1000 }, (_, i) => (i * 37) % 1500);
  const layouts = [
    (values: readonly number[]) => BigInt64Array.from(values, BigInt),
    (values: readonly number[]) => Float64Array.from(values),
  ];
  check(few, layouts[0]);
  check(many, (values) => Int32Array.from(values));
  for (const layout of layouts) for (const values of [few, many, [70_000, 69_999, 2 ** 40 + 1]]) check(values, layout);
  check([...many, 70_000, 140_000], (values) => Int32Array.from(values));
  for (const layout of layouts) for (const values of [few, many]) check(values, layout);
  const unknown = new Int32Array(2);
  keys.find(column(Int32Array.of(139_999, -7)), unknown);
  expect([...unknown]).toEqual([-1, -1]);
});
