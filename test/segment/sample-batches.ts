import { newBitmap, setBit } from '../../src/columns/bitmap.ts';
import type { Batch, Column, Scalar } from '../../src/columns/column.ts';
import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  type Field,
  INT64,
  JSON_TYPE,
  NULL_TYPE,
  type Schema,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
} from '../../src/columns/types.ts';
import type { Random } from '../../src/core/random.ts';

/** One column of every type, with names that are a little awkward. */
export const EVERY_TYPE: Schema = [
  { name: 'nothing', type: NULL_TYPE, nullable: true },
  { name: 'flag', type: BOOL, nullable: true },
  { name: 'small', type: INT64, nullable: true },
  { name: 'wide', type: INT64, nullable: true, wide: true },
  { name: 'required', type: INT64, nullable: false },
  { name: 'ratio', type: DOUBLE, nullable: true },
  { name: 'price', type: decimal(12, 2), nullable: true },
  { name: 'huge', type: decimal(38, 5), nullable: true },
  { name: 'city', type: STRING, nullable: true },
  { name: 'text with "quotes"', type: STRING, nullable: true },
  { name: 'raw', type: BYTES, nullable: true },
  { name: 'nested', type: JSON_TYPE, nullable: true },
  { name: 'day', type: DATE, nullable: true },
  { name: 'at', type: TIMESTAMP, nullable: true },
  { name: 'at_ns', type: TIMESTAMP_NS, nullable: true },
];

/** How the values of one column are drawn; each drives the writer to another encoding. */
export interface Style {
  /** Share of nulls, where the field may have them. */
  readonly nulls: number;
  readonly values: 'any' | 'few' | 'constant' | 'rising';
}

export function randomStyle(random: Random): Style {
  return {
    nulls: [0, 0.01, 0.3, 1][Math.floor(random.next() * 4)],
    values: (['any', 'few', 'constant', 'rising'] as const)[Math.floor(random.next() * 4)],
  };
}

/** A batch of random values; `firstRow` is where rising values go on from. */
export function randomBatch(
  schema: Schema,
  length: number,
  random: Random,
  style: (column: number) => Style = () => ({ nulls: 0.2, values: 'any' }),
  firstRow = 0,
): Batch {
  const columns = schema.map((field, ordinal) => {
    const { nulls, values: how } = style(ordinal);
    const few = Array.from({ length: how === 'constant' ? 1 : 12 }, () => randomScalar(field, random));
    const values = Array.from({ length }, (_, row) => {
      if (field.nullable && random.next() < nulls) return null;
      if (how === 'any') return randomScalar(field, random);
      return (
        (how === 'rising' ? rising(field, firstRow + row) : undefined) ?? few[Math.floor(random.next() * few.length)]
      );
    });
    return columnOf(field.type, values, random.next() < 0.5);
  });
  return { schema, length, columns };
}

function rising({ type }: Field, row: number): Scalar | undefined {
  switch (type.kind) {
    case 'int64':
    case 'decimal':
      return BigInt(row) * 7n;
    case 'timestamp':
      return (type.unit === 'ns' ? 1_700_000_000_000_000_000n : 1_700_000_000_000_000n) + BigInt(row) * 1_234_567n;
    case 'double':
      return row / 3;
    case 'date':
      return row;
    case 'string':
      return `row ${String(row).padStart(9, '0')}`;
    default:
      return undefined;
  }
}

function randomScalar({ type, wide }: Field, random: Random): Scalar {
  const int = (limit: number) => Math.floor(random.next() * limit);
  switch (type.kind) {
    case 'null':
      return null;
    case 'bool':
      return random.next() < 0.5;
    case 'int64':
      return wide
        ? BigInt.asIntN(64, BigInt(int(2 ** 32)) * BigInt(int(2 ** 32)) * 3n)
        : BigInt([int(2000) - 1000, int(2 ** 31) - 2 ** 30, int(2 ** 40)][int(3)]);
    case 'double':
      return [0, -0, 1.5, -1e300, Number.POSITIVE_INFINITY, random.next(), random.next() * 1e6][int(7)];
    case 'decimal':
      return type.precision <= 18
        ? BigInt(int(10 ** 12) - 5 * 10 ** 11)
        : (BigInt(int(2 ** 50)) - 2n ** 49n) * 10n ** BigInt(int(22));
    case 'string':
      return random.next() < 0.7
        ? ['Oslo', 'Århus', '東京', '', 'São Paulo', '🦊'][int(6)]
        : `text ${int(1e6)} ${'long '.repeat(int(30))}`;
    case 'bytes':
      return random.bytes(int(20));
    case 'json':
      return `{"n":${int(100)},"big":12345678901234567890,"tags":["a","é"]}`;
    case 'date':
      return int(40_000) - 10_000;
    case 'timestamp':
      return type.unit === 'us' ? BigInt(int(2 ** 50)) - 2n ** 49n : BigInt(int(2 ** 50)) * 1700n + 7n;
  }
}

/** A column of scalars, in the plainest layout or, where the type may, as a dictionary. */
export function columnOf(type: ColumnType, values: readonly Scalar[], dictionary = false): Column {
  if (dictionary && ['string', 'int64', 'double', 'date', 'timestamp'].includes(type.kind)) {
    const distinct = [...new Set(values.filter((value) => value !== null))];
    const codes = Int32Array.from(values, (value) => (value === null ? 0 : distinct.indexOf(value)));
    const plain = columnOf(type, distinct);
    return {
      type,
      length: values.length,
      validity: validityOf(values),
      data: { layout: 'dictionary', codes, dictionary: plain },
    };
  }
  const length = values.length;
  const base = { type, length, validity: validityOf(values) };
  switch (type.kind) {
    case 'null':
      return { ...base, data: { layout: 'none' } };
    case 'bool': {
      const bits = newBitmap(length, false);
      values.forEach((value, i) => {
        if (value === true) setBit(bits, i);
      });
      return { ...base, data: { layout: 'bits', values: bits } };
    }
    case 'int64':
    case 'timestamp': {
      const numbers = values.map((value) => BigInt((value ?? 0n) as bigint));
      if (type.kind === 'int64' && numbers.every((n) => n === BigInt.asIntN(32, n))) {
        return {
          ...base,
          data: { layout: 'fixed', values: Int32Array.from(numbers, Number) },
        };
      }
      const exact = numbers.every((n) => n >= -(2n ** 53n) && n <= 2n ** 53n);
      return {
        ...base,
        data: {
          layout: 'fixed',
          values: exact ? Float64Array.from(numbers, Number) : BigInt64Array.from(numbers),
        },
      };
    }
    case 'double':
      return {
        ...base,
        data: {
          layout: 'fixed',
          values: Float64Array.from(values, (value) => Number(value ?? 0)),
        },
      };
    case 'date':
      return {
        ...base,
        data: {
          layout: 'fixed',
          values: Int32Array.from(values, (value) => Number(value ?? 0)),
        },
      };
    case 'decimal': {
      const numbers = values.map((value) => BigInt((value ?? 0n) as bigint));
      if (type.precision <= 18)
        return {
          ...base,
          data: { layout: 'fixed', values: BigInt64Array.from(numbers) },
        };
      const words = numbers.flatMap((n) => [BigInt.asIntN(64, n), n >> 64n]);
      return {
        ...base,
        data: { layout: 'int128', values: BigInt64Array.from(words) },
      };
    }
    case 'string':
    case 'json':
    case 'bytes': {
      const chunks = values.map((value) =>
        value instanceof Uint8Array ? value : new TextEncoder().encode(String(value ?? '')),
      );
      const offsets = new Int32Array(length + 1);
      chunks.forEach((chunk, i) => {
        offsets[i + 1] = offsets[i] + chunk.length;
      });
      const bytes = new Uint8Array(offsets[length]);
      chunks.forEach((chunk, i) => {
        bytes.set(chunk, offsets[i]);
      });
      return { ...base, data: { layout: 'varlen', offsets, bytes } };
    }
  }
}

function validityOf(values: readonly Scalar[]): Uint8Array | null {
  if (!values.includes(null)) return null;
  const bits = newBitmap(values.length, false);
  values.forEach((value, i) => {
    if (value !== null) setBit(bits, i);
  });
  return bits;
}
