import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type Scalar, scalarAt } from '../../src/columns/column.ts';
import { conformBatch } from '../../src/columns/conform.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
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
  mergeFields,
  mergeSchemas,
  NULL_TYPE,
  parseTypeName,
  type Schema,
  STRING,
  sameType,
  TIMESTAMP,
  TIMESTAMP_NS,
  typeName,
  widen,
} from '../../src/columns/types.ts';
import { sized } from '../scale.ts';

// Laws are tried as often as SIZE says, on machines that do other things too.
vi.setConfig({ testTimeout: 900_000 });

const type = fc.oneof(
  fc.constantFrom(NULL_TYPE, BOOL, INT64, DOUBLE, STRING, BYTES, JSON_TYPE, DATE, TIMESTAMP, TIMESTAMP_NS),
  fc.integer({ min: 1, max: 38 }).chain((precision) => fc.nat(precision).map((scale) => decimal(precision, scale))),
);

const field = fc.record({ type, nullable: fc.boolean(), wide: fc.boolean() }).map(({ type, nullable, wide }): Field => {
  const may = type.kind === 'int64' || type.kind === 'date' || (type.kind === 'timestamp' && type.unit === 'us');
  return { name: 'x', type, nullable, ...(wide && may ? { wide } : {}) };
});

const runs = { numRuns: sized(1500) };

describe('the join of types', () => {
  test('does not depend on which side comes first', () => {
    fc.assert(
      fc.property(field, field, (a, b) => {
        expect(mergeFields(a, b)).toEqual(mergeFields(b, a));
      }),
      runs,
    );
  });

  test('does not depend on the order in which three meet', () => {
    fc.assert(
      fc.property(field, field, field, (a, b, c) => {
        expect(mergeFields(mergeFields(a, b), c)).toEqual(mergeFields(a, mergeFields(b, c)));
      }),
      runs,
    );
  });

  test('of a type with itself, or with what it contains already, changes nothing', () => {
    fc.assert(
      fc.property(field, field, (a, b) => {
        expect(mergeFields(a, a)).toEqual(a);
        const joined = mergeFields(a, b);
        expect(mergeFields(joined, a)).toEqual(joined);
      }),
      runs,
    );
  });

  test('has string at the top and null at the bottom', () => {
    fc.assert(
      fc.property(field, (a) => {
        expect(widen(a, { type: STRING })).toEqual(STRING);
        expect(widen(a, { type: NULL_TYPE })).toEqual(a.type);
      }),
    );
  });

  test.each<[ColumnType, ColumnType, ColumnType]>([
    [INT64, DOUBLE, DOUBLE],
    [BOOL, INT64, STRING],
    [INT64, decimal(38, 0), decimal(38, 0)],
    [INT64, decimal(10, 2), decimal(21, 2)],
    [decimal(10, 2), decimal(5, 4), decimal(12, 4)],
    [decimal(38, 0), decimal(38, 38), STRING],
    [decimal(10, 2), DOUBLE, STRING],
    [DATE, TIMESTAMP, TIMESTAMP],
    [TIMESTAMP, TIMESTAMP_NS, TIMESTAMP_NS],
    [JSON_TYPE, INT64, STRING],
    [BYTES, JSON_TYPE, STRING],
  ])('of %j and %j is %j', (a, b, joined) => {
    expect(widen({ type: a }, { type: b })).toEqual(joined);
  });

  test('keeps values that the next type would lose out of it', () => {
    expect(widen({ type: INT64, wide: true }, { type: DOUBLE })).toEqual(STRING);
    expect(widen({ type: TIMESTAMP, wide: true }, { type: TIMESTAMP_NS })).toEqual(STRING);
    expect(widen({ type: DATE, wide: true }, { type: TIMESTAMP_NS })).toEqual(STRING);
    expect(widen({ type: DATE, wide: true }, { type: TIMESTAMP })).toEqual(TIMESTAMP);
  });
});

const NANOS_DAYS = 106_750;

/** Values a field of the join's may hold, as its `wide` allows. */
function valuesOf({ type, wide }: Field): fc.Arbitrary<Scalar> {
  switch (type.kind) {
    case 'null':
      return fc.constant(null);
    case 'bool':
      return fc.boolean();
    case 'int64':
      return wide
        ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
        : fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n });
    case 'double':
      return fc.double();
    case 'decimal': {
      const bound = 10n ** BigInt(type.precision) - 1n;
      return fc.bigInt({ min: -bound, max: bound });
    }
    case 'date':
      return wide
        ? fc.integer({ min: -100_000_000, max: 100_000_000 })
        : fc.integer({ min: -NANOS_DAYS, max: NANOS_DAYS });
    case 'timestamp': {
      const bound = type.unit === 'ns' || wide ? 2n ** 63n - 1n : 9_223_372_036_000_000n;
      return fc.bigInt({ min: -bound, max: bound });
    }
    case 'json':
      return fc.json();
    case 'bytes':
      return fc.uint8Array({ maxLength: 5 });
    case 'string':
      return fc.string({ unit: 'grapheme' });
  }
}

test('a value is the same whichever types it passes through on its way to the widest', () => {
  const withValue = field.chain((a) => fc.tuple(fc.constant(a), valuesOf(a)));
  fc.assert(
    fc.property(withValue, field, field, ([a, value], b, c) => {
      const cast = (from: Field, to: Field, scalar: Scalar): Scalar => {
        const batch = { schema: [from], length: 1, columns: [columnOf(from.type, [scalar])] };
        return scalarAt(conformBatch(batch, [to]).columns[0], 0);
      };
      const first = mergeFields(a, b);
      const last = mergeFields(first, c);
      const stepped = cast(first, last, cast(a, first, value));
      const direct = cast(a, last, value);
      // Midnight is added to a date that was a timestamp in between; the instant is the same.
      fc.pre(!(a.type.kind === 'date' && first.type.kind === 'timestamp' && last.type.kind === 'string'));
      expect(stepped).toEqual(direct);
    }),
    runs,
  );
});

test('a schema holds the rows of both, its columns in the order they came', () => {
  const int = (name: string, nullable = false): Field => ({ name, type: INT64, nullable });
  const merged = mergeSchemas([int('a'), int('b')], [{ name: 'b', type: DOUBLE, nullable: false }, int('c')]);
  expect(merged).toEqual<Schema>([int('a', true), { name: 'b', type: DOUBLE, nullable: false }, int('c', true)]);
});

test('the text of a type reads back, and other texts are no types', () => {
  fc.assert(
    fc.property(type, (a) => {
      expect(sameType(parseTypeName(typeName(a)) ?? NULL_TYPE, a)).toBe(true);
    }),
  );
  for (const text of ['', 'int', 'decimal', 'decimal(39,0)', 'decimal(5,6)', 'decimal(0,0)', 'toString']) {
    expect(parseTypeName(text), text).toBeUndefined();
  }
});
