import { newBitmap, setBit } from '../../src/columns/bitmap.ts';
import type { Batch, Codes, Column, FixedValues, Scalar } from '../../src/columns/column.ts';
import { sliceColumn } from '../../src/columns/column.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
import type { ColumnType, Schema } from '../../src/columns/types.ts';
import type { Random } from '../../src/core/random.ts';

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[Math.floor(random.next() * choices.length)];
}

export function below(random: Random, limit: number): number {
  return Math.floor(random.next() * limit);
}

/** Values of a type with the awkward ones among them; about one in six is null. Few are distinct, so that keys meet. */
export function sampleScalar(type: ColumnType, random: Random): Scalar {
  if (random.next() < 1 / 6) return null;
  switch (type.kind) {
    case 'null':
      return null;
    case 'bool':
      return random.next() < 0.5;
    case 'int64':
      return pick<bigint>(random, [
        0n,
        1n,
        -1n,
        2n,
        3n,
        7n,
        -8n,
        100n,
        2n ** 31n,
        -(2n ** 31n) - 1n,
        BigInt(below(random, 20)),
      ]);
    case 'double':
      return pick(random, [0, -0, 1.5, -2.25, Number.NaN, Infinity, -Infinity, 1e300, 0.1, below(random, 10)]);
    case 'decimal':
      return BigInt(below(random, 2000) - 1000) * (type.precision > 18 ? 10n ** 15n : 1n);
    case 'string':
      return pick(random, [
        '',
        'a',
        'ab',
        'abc',
        'Å',
        'ä',
        '東京',
        '🦊',
        '\uffff',
        'a%b',
        '9',
        '10',
        '-3',
        `x${below(random, 5)}`,
      ]);
    case 'json':
      return pick(random, ['{}', '[1,2]', '"x"', '{"a":1}']);
    case 'bytes':
      return random.bytes(below(random, 3));
    case 'date':
      return below(random, 400) - 200;
    case 'timestamp':
      return BigInt(below(random, 1000) - 500) * (type.unit === 'us' ? 1_000_000n : 1_000_000_007n);
  }
}

/** Integers beyond ±2^53 beside small ones. */
export function sampleWide(random: Random): Scalar {
  if (random.next() < 1 / 6) return null;
  return pick<bigint>(random, [
    9007199254740992n,
    -9007199254740992n,
    9007199254740993n,
    -9007199254740993n,
    2n ** 62n,
    -(2n ** 63n),
    2n ** 63n - 1n,
    5n,
  ]);
}

/** The same values in one of the layouts their type allows, the slots of nulls holding rubbish. */
export function layOut(type: ColumnType, values: readonly Scalar[], random: Random): Column {
  const plain = rubbishNulls(columnOf(type, values), random);
  switch (pick(random, ['plain', 'narrow', 'dictionary', 'slice'])) {
    case 'narrow':
      return narrowed(plain);
    case 'dictionary':
      return toDictionary(type, values, random) ?? plain;
    case 'slice': {
      const padded = [...values.slice(0, 3), ...values, ...values.slice(0, 2)];
      const start = Math.min(3, values.length);
      return sliceColumn(columnOf(type, padded), start, start + values.length);
    }
    default:
      return plain;
  }
}

/** Integers in the narrowest array that holds them. */
export function narrowed(column: Column): Column {
  const { type, data } = column;
  if ((type.kind !== 'int64' && type.kind !== 'timestamp') || data.layout !== 'fixed') return column;
  const values = Array.from(data.values, Number);
  let narrow: FixedValues = data.values;
  if (type.kind === 'int64' && values.every((value) => Math.abs(value) < 2 ** 31)) narrow = Int32Array.from(values);
  else if (Array.from(data.values, BigInt).every((value) => value <= 2n ** 53n && value >= -(2n ** 53n)))
    narrow = Float64Array.from(values);
  return { ...column, data: { layout: 'fixed', values: narrow } };
}

function rubbishNulls(column: Column, random: Random): Column {
  const { data, validity } = column;
  if (validity === null || data.layout !== 'fixed') return column;
  const values = data.values.slice();
  for (let i = 0; i < column.length; i++) {
    if (((validity[i >> 3] >> (i & 7)) & 1) === 1) continue;
    if (values instanceof BigInt64Array) values[i] = BigInt(below(random, 9));
    else values[i] = below(random, 9);
  }
  return { ...column, data: { layout: 'fixed', values } };
}

/** Entries no row has are among the dictionary's, as they are after a filter. */
function toDictionary(type: ColumnType, values: readonly Scalar[], random: Random): Column | undefined {
  if (!['string', 'int64', 'double', 'date', 'timestamp'].includes(type.kind)) return undefined;
  const unused = Array.from({ length: 2 }, () => sampleScalar(type, random)).filter((value) => value !== null);
  // Not a Set, which would make 0 of -0.
  const entries: Scalar[] = [...unused];
  for (const value of values) {
    if (value !== null && !entries.some((entry) => Object.is(entry, value))) entries.push(value);
  }
  const places = values.map((value) => (value === null ? 0 : entries.findIndex((entry) => Object.is(entry, value))));
  const codes: Codes = pick(random, [Uint8Array, Uint16Array, Int32Array]).from(places);
  const validity = values.includes(null) ? newBitmap(values.length, false) : null;
  if (validity !== null) {
    values.forEach((value, i) => {
      if (value !== null) setBit(validity, i);
    });
  }
  const dictionary = narrowed(columnOf(type, entries));
  return { type, length: values.length, validity, data: { layout: 'dictionary', codes, dictionary } };
}

export function sampleBatch(schema: Schema, length: number, random: Random): { batch: Batch; rows: Scalar[][] } {
  const values = schema.map((field) =>
    Array.from({ length }, () => (field.wide ? sampleWide(random) : sampleScalar(field.type, random))),
  );
  const columns = schema.map((field, i) => layOut(field.type, values[i], random));
  const rows = Array.from({ length }, (_, row) => values.map((column) => column[row]));
  return { batch: { schema, length, columns }, rows };
}
