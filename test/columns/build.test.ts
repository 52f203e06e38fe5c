import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { BatchBuilder, ColumnBuilder, type TextReading } from '../../src/columns/build.ts';
import { type Column, nullCount, type Scalar, scalarAt } from '../../src/columns/column.ts';
import { concatBatches, concatColumns } from '../../src/columns/concat.ts';
import { conformBatch } from '../../src/columns/conform.ts';
import { dictionaryEncode } from '../../src/columns/dictionary.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
import { narrowInt64 } from '../../src/columns/int64.ts';
import { plainColumn } from '../../src/columns/plain.ts';
import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  mergeSchemas,
  type Schema,
  STRING,
  TIMESTAMP,
  typeName,
} from '../../src/columns/types.ts';
import { validUtf8 } from '../../src/columns/utf8.ts';
import { codePoint } from '../code-point.ts';
import { sized } from '../scale.ts';

// Laws are tried as often as SIZE says, on machines that do other things too.
vi.setConfig({ testTimeout: 900_000 });

const values = ({ length }: Column, column: Column): Scalar[] =>
  Array.from({ length }, (_, row) => scalarAt(column, row));
const all = (column: Column) => values(column, column);

const view = (text: string) => {
  const bytes = new TextEncoder().encode(text);
  return [new DataView(bytes.buffer), bytes.length] as const;
};

describe('a column builder', () => {
  test('finds the narrowest array that is exact for integers', () => {
    const of = (...numbers: (number | bigint)[]) => {
      const builder = new ColumnBuilder('n');
      numbers.forEach((value, row) => {
        if (typeof value === 'bigint') builder.setInteger(row, value);
        else builder.setInt(row, value);
      });
      const { column, wide } = builder.finish(numbers.length);
      return [column.data.layout === 'fixed' ? column.data.values.constructor.name : column.data.layout, wide];
    };
    expect(of(1, -5, 2 ** 31 - 1)).toEqual(['Int32Array', false]);
    expect(of(1, 2 ** 31)).toEqual(['Float64Array', false]);
    expect(of(1, 2n ** 53n)).toEqual(['Float64Array', false]);
    expect(of(1, 2n ** 53n + 1n)).toEqual(['BigInt64Array', true]);
    expect(of(1, -(2n ** 63n))).toEqual(['BigInt64Array', true]);
  });

  test('overwrites a row that is given again and forgets one that is taken back', () => {
    const builder = new ColumnBuilder('x');
    builder.setText(0, 'first');
    builder.setText(0, 'second');
    builder.setText(1, 'gone');
    builder.clear(1);
    builder.setText(3, 'last');
    const { column } = builder.finish(5);
    expect(all(column)).toEqual(['second', null, null, 'last', null]);
    builder.setInt(2, 7);
    expect(all(builder.finish(3).column)).toEqual([null, null, 7n]);
  });

  test('holds any number of rows, given in any gaps', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.string({ unit: codePoint, maxLength: 100 }))), (texts) => {
        const builder = new ColumnBuilder('x', 'strings');
        texts.forEach((text, row) => {
          if (text !== null) {
            const [source, size] = view(text);
            builder.setUtf8(row, source, 0, size);
          }
        });
        const { column } = builder.finish(texts.length);
        expect(all(column)).toEqual(texts);
        expect(nullCount(column)).toBe(texts.filter((text) => text === null).length);
      }),
      { numRuns: sized(300) },
    );
  });

  test('drops columns that only a row taken back had, and keeps those that were fixed', () => {
    const batch = new BatchBuilder();
    batch.column('a').setInt(batch.row, 1);
    batch.commitRow();
    batch.column('b').setInt(batch.row, 2);
    batch.rollbackRow();
    batch.column('c').setNull(batch.row);
    batch.commitRow();
    const { schema, length } = batch.finish();
    expect(schema.map(({ name, type }) => `${name} ${typeName(type)}`)).toEqual(['a int64', 'c null']);
    expect(length).toBe(2);
    const fixed = new BatchBuilder();
    fixed.column('a');
    fixed.fixColumns();
    fixed.rollbackRow();
    expect(fixed.columns).toHaveLength(1);
  });
});

describe('what texts are taken for', () => {
  const read = (reading: TextReading, ...texts: string[]) => {
    const builder = new ColumnBuilder('x', reading);
    texts.forEach((text, row) => {
      builder.setText(row, text);
    });
    const { column, text, wide } = builder.finish(texts.length);
    return { type: typeName(column.type), text, wide };
  };

  test('depends on what the format knows of its values', () => {
    expect(read('strings', '2024-01-05').type).toBe('string');
    expect(read('instants', '2024-01-05').type).toBe('date');
    expect(read('instants', '5').type).toBe('string');
    expect(read('values', '5').type).toBe('int64');
  });

  test('remembers how it was written', () => {
    expect(read('instants', '2024-01-05T10:00:00Z', '2024-01-05T10:00:00.5Z').text).toEqual(['TtZ']);
    expect(read('instants', '2024-01-05T10:00:00.120Z').text).toEqual(['TgZ', 'T3Z']);
    expect(read('instants', '2024-01-05 10:00:00+01:00').text).toEqual([
      ' t+01:00',
      ' g+01:00',
      ' m+01:00',
      ' 0+01:00',
    ]);
    expect(read('instants', '2024-01-05T10:00:00Z', '2024-01-05T10:00:00+01:00').text).toEqual([]);
    expect(read('values', '1.50', '-0.05', '2.00', '0.00').text).toEqual(['f2']);
    expect(read('values', '1.50', '3').text).toEqual(['b2']);
    expect(read('values', '1.5', '3', '0.25').text).toEqual(['s']);
    expect(read('values', '1.0', '2.5', '1e-05').text).toEqual(['r']);
    expect(read('values', '1.50', '1.5').text).toEqual([]);
  });

  test('says where a type cannot widen further', () => {
    expect(read('instants', '9999-12-31').wide).toBe(true);
    expect(read('instants', '9999-12-31T00:00:00Z')).toMatchObject({ type: 'timestamp', wide: true });
    expect(read('instants', '9999-12-31T00:00:00.000000001Z').type).toBe('string');
    expect(read('values', '9007199254740993')).toMatchObject({ type: 'int64', wide: true });
    expect(read('values', '9007199254740992')).toMatchObject({ type: 'int64', wide: false });
  });
});

test('a dictionary is used where values repeat, and gives the same values', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(40)), { minLength: 1, maxLength: 2000 }), (numbers) => {
      const texts = numbers.map((n) => (n === null ? null : `value ${n} ${'x'.repeat(n % 9)}`));
      const plain = columnOf(STRING, texts);
      if (plain.data.layout !== 'varlen') throw new Error('strings are varlen');
      const { offsets, bytes } = plain.data;
      const data = dictionaryEncode(STRING, offsets, bytes, plain.length, plain.validity);
      const distinct = new Set(texts.filter((text) => text !== null)).size;
      expect(data !== null).toBe(distinct <= Math.floor(texts.length / 4) && texts.length >= 4);
      if (data === null) return;
      const column: Column = { ...plain, data };
      expect(data.dictionary.length).toBe(distinct);
      expect(all(column)).toEqual(texts);
      expect(all(plainColumn(column))).toEqual(texts);
    }),
    { numRuns: sized(100) },
  );
});

test('a dictionary of many entries grows its table, and gives up where values hardly repeat', () => {
  const texts = Array.from({ length: 16_384 }, (_, i) => `entry ${(i * 7919) % 4001}`);
  const column = columnOf(STRING, texts);
  if (column.data.layout !== 'varlen') throw new Error('strings are varlen');
  const { offsets, bytes } = column.data;
  // The first rows are all distinct, which is what the sample sees.
  expect(dictionaryEncode(STRING, offsets, bytes, texts.length, null)).toBeNull();
  const clustered = columnOf(
    STRING,
    Array.from({ length: 16_384 }, (_, i) => `entry ${i >> 2}`),
  );
  if (clustered.data.layout !== 'varlen') throw new Error('strings are varlen');
  const data = dictionaryEncode(STRING, clustered.data.offsets, clustered.data.bytes, clustered.length, null);
  expect(data?.dictionary.length).toBe(4096);
  expect(data === null ? [] : all({ ...clustered, data })).toEqual(all(clustered));
});

test('64-bit integers are narrowed exactly', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
          fc.integer().map(BigInt),
        ),
      ),
      (numbers) => {
        const { values: narrowed, wide } = narrowInt64(BigInt64Array.from(numbers), () => true);
        expect(Array.from(narrowed, BigInt)).toEqual(numbers);
        expect(wide).toBe(numbers.some((n) => n > 2n ** 53n || n < -(2n ** 53n)));
      },
    ),
    { numRuns: sized(500) },
  );
  for (const edge of [2n ** 53n, -(2n ** 53n), 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 31n, -(2n ** 31n)]) {
    expect(BigInt(narrowInt64(BigInt64Array.of(edge), () => true).values[0])).toBe(edge);
  }
});

const typed = fc.constantFrom<[ColumnType, Scalar[]]>(
  [BOOL, [true, null, false]],
  [INT64, [1n, null, 2n ** 60n]],
  [DOUBLE, [0.5, null, -0]],
  [decimal(10, 2), [1n, null, -1n]],
  [decimal(38, 2), [10n ** 30n, null, -1n]],
  [STRING, ['a', null, 'é']],
  [BYTES, [Uint8Array.of(1), null, Uint8Array.of()]],
  [DATE, [1, null, -1]],
  [TIMESTAMP, [1n, null, -1n]],
  [JSON_TYPE, ['{}', null, '[1]']],
);

test('columns one after another have the rows of all', () => {
  fc.assert(
    fc.property(
      typed,
      fc.array(fc.array(fc.nat(2), { maxLength: 20 }), { minLength: 1, maxLength: 5 }),
      ([type, pool], picks) => {
        const parts = picks.map((pick) =>
          columnOf(
            type,
            pick.map((i) => pool[i]),
          ),
        );
        expect(all(concatColumns(type, parts))).toEqual(picks.flat().map((i) => pool[i]));
      },
    ),
    { numRuns: sized(300) },
  );
});

test('batches one after another have the columns of all, in the types that hold them', () => {
  const batchOf = (name: string, type: ColumnType, scalars: Scalar[]) => ({
    schema: [{ name, type, nullable: false }],
    length: scalars.length,
    columns: [columnOf(type, scalars)],
  });
  const parts = [batchOf('a', INT64, [1n]), batchOf('b', STRING, ['x']), batchOf('a', DOUBLE, [0.5])];
  const schema = parts.map((part): Schema => part.schema).reduce(mergeSchemas);
  const whole = concatBatches(
    schema,
    parts.map((part) => conformBatch(part, schema)),
  );
  expect(whole.schema.map(({ name, type }) => `${name} ${typeName(type)}`)).toEqual(['a double', 'b string']);
  expect(whole.columns.map(all)).toEqual([
    [1, null, 0.5],
    [null, 'x', null],
  ]);
});

test('UTF-8 is told from what is not, as the platform tells it', () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  const platform = (bytes: Uint8Array) => {
    try {
      decoder.decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  const byte = fc.constantFrom(
    0x00,
    0x41,
    0x7f,
    0x80,
    0x8f,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xc0,
    0xc2,
    0xdf,
    0xe0,
    0xe1,
    0xed,
    0xef,
    0xf0,
    0xf4,
    0xf5,
    0xff,
  );
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 6 }), fc.array(byte, { maxLength: 6 })), (list) => {
      const bytes = Uint8Array.from(list);
      expect(validUtf8(bytes, 0, bytes.length)).toBe(platform(bytes));
    }),
    { numRuns: sized(1500) },
  );
});
