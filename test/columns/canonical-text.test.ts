import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import type { Scalar } from '../../src/columns/column.ts';
import { civilFromDays, daysFromCivil } from '../../src/columns/instant.ts';
import { numeral, readNumber } from '../../src/columns/number.ts';
import {
  canonicalText,
  dateText,
  decimalText,
  parseDecimal,
  parseScalar,
  timestampText,
} from '../../src/columns/text.ts';
import { instantText, numberForms, numberText } from '../../src/columns/text-forms.ts';
import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
} from '../../src/columns/types.ts';
import { codePoint } from '../code-point.ts';
import { sized } from '../scale.ts';

// Laws are tried as often as SIZE says, on machines that do other things too.
vi.setConfig({ testTimeout: 900_000 });

const runs = { numRuns: sized(1000) };
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

test('the text of every value reads back as the value', () => {
  const any: fc.Arbitrary<[ColumnType, Exclude<Scalar, null>]> = fc.oneof(
    fc.boolean().map((value): [ColumnType, boolean] => [BOOL, value]),
    int64.map((value): [ColumnType, bigint] => [INT64, value]),
    int64.map((value): [ColumnType, bigint] => [TIMESTAMP, value]),
    int64.map((value): [ColumnType, bigint] => [TIMESTAMP_NS, value]),
    fc.double().map((value): [ColumnType, number] => [DOUBLE, value]),
    fc.integer().map((value): [ColumnType, number] => [DATE, value]),
    fc.string({ unit: codePoint }).map((value): [ColumnType, string] => [STRING, value]),
    fc.json().map((value): [ColumnType, string] => [JSON_TYPE, value]),
    fc.uint8Array().map((value): [ColumnType, Uint8Array] => [BYTES, value]),
    fc
      .tuple(fc.integer({ min: 1, max: 38 }), fc.nat(38), fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }))
      .map(([precision, scale, value]): [ColumnType, bigint] => [
        decimal(precision, Math.min(precision, scale)),
        value % 10n ** BigInt(precision),
      ]),
  );
  fc.assert(
    fc.property(any, ([type, value]) => {
      expect(parseScalar(canonicalText(value, type), type)).toEqual(value);
    }),
    runs,
  );
});

test.each<[ColumnType, Exclude<Scalar, null>, string]>([
  [DOUBLE, 1, '1'],
  [DOUBLE, -0, '-0'],
  [DOUBLE, 0.1, '0.1'],
  [DOUBLE, 1e21, '1e+21'],
  [DOUBLE, Number.NaN, 'NaN'],
  [DOUBLE, -Infinity, '-Infinity'],
  [decimal(5, 2), 150n, '1.5'],
  [decimal(5, 2), -5n, '-0.05'],
  [decimal(5, 2), 100n, '1'],
  [DATE, 19727, '2024-01-05'],
  [DATE, -719163, '+000000-12-31'],
  [DATE, 2932897, '+010000-01-01'],
  [TIMESTAMP, 1704448800000000n, '2024-01-05T10:00:00.000Z'],
  [TIMESTAMP, 1704448800000001n, '2024-01-05T10:00:00.000001Z'],
  [TIMESTAMP, -1n, '1969-12-31T23:59:59.999999Z'],
  [TIMESTAMP_NS, 1704448800123000000n, '2024-01-05T10:00:00.123Z'],
  [TIMESTAMP_NS, -1n, '1969-12-31T23:59:59.999999999Z'],
  [BYTES, Uint8Array.of(97, 92, 0, 255, 34), 'a\\x5C\\x00\\xFF\\x22'],
])('%j %s is written %s', (type, value, text) => {
  expect(canonicalText(value, type)).toBe(text);
});

test('a decimal keeps the digits of its scale where it is asked to', () => {
  expect([decimalText(150n, 2), decimalText(-5n, 2), decimalText(0n, 3)]).toEqual(['1.50', '-0.05', '0.000']);
});

describe('reading is strict', () => {
  test.each<[ColumnType, string[]]>([
    [BOOL, ['True', 't', '1', '']],
    [INT64, ['1.0', '+1', ' 1', '9223372036854775808', '0x1', '']],
    [DOUBLE, ['1,5', '1.5.', 'abc', '', '0x1', '1e']],
    [decimal(5, 2), ['1.234', '1234.5', 'x', '.', '', '1e9']],
    [DATE, ['2024-1-5', '2024-02-30', '2023-02-29', '0000-01-01', '2024-01-05T00:00:00Z', '']],
    [
      TIMESTAMP,
      [
        '2024-01-05T24:00:00Z',
        '2024-01-05T10:60:00Z',
        '2024-01-05T10:00:60Z',
        '2024-01-05T10:00Z',
        '2024-01-05T10:00:00.Z',
      ],
    ],
    [
      TIMESTAMP,
      ['2024-01-05T10:00:00.1234567Z', '2024-01-05T10:00:00z', '2024-01-05T10:00:00+25:00', '2024-13-05T10:00:00Z'],
    ],
    [TIMESTAMP_NS, ['2024-01-05T10:00:00.1234567891Z', '1600-01-01T00:00:00Z', '2300-01-01T00:00:00Z']],
    [JSON_TYPE, ['{a:1}', '', "{'a':1}"]],
  ])('%j refuses %j', (type, texts) => {
    for (const text of texts) expect(parseScalar(text, type), text).toBeUndefined();
  });

  test.each<[string, bigint]>([
    ['2024-01-05T10:00:00Z', 1704448800000000n],
    ['2024-01-05 10:00:00', 1704448800000000n],
    ['2024-01-05T12:00:00+02:00', 1704448800000000n],
    ['2024-01-05T02:30:00-07:30', 1704448800000000n],
    ['2024-01-05T10:00:00.1230000Z', 1704448800123000n],
    ['2024-01-05', 1704412800000000n],
    ['0001-01-01T00:00:00Z', -62135596800000000n],
    ['9999-12-31T23:59:59.999999Z', 253402300799999999n],
  ])('%s is an instant', (text, micros) => {
    expect(parseScalar(text, TIMESTAMP)).toBe(micros);
  });

  test('a decimal text may have a sign, an exponent and zeros, as long as no digit is lost', () => {
    const texts = ['1.50', '+1.5', '15e-1', '.5', '1.', '0.015E2', '001.5000'];
    expect(texts.map((text) => parseDecimal(text, 5, 2))).toEqual([150n, 150n, 150n, 50n, 100n, 150n, 150n]);
  });
});

test('the calendar goes there and back, and counts as the platform does', () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (days) => {
      const { year, month, day } = civilFromDays(days);
      expect(daysFromCivil(year, month, day)).toBe(days);
      const date = new Date(days * 86_400_000);
      expect([year, month, day]).toEqual([date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]);
      if (year >= 1 && year <= 9999) expect(dateText(days)).toBe(date.toISOString().slice(0, 10));
    }),
    runs,
  );
});

test('an instant to the millisecond is written as the platform writes it', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
      expect(timestampText(BigInt(date.getTime()) * 1000n, 'us')).toBe(date.toISOString());
    }),
    runs,
  );
});

test('a number is written again in each of its forms', () => {
  const written = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc
      .tuple(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.nat(20))
      .map(([value, digits]) => value.toFixed(digits)),
    fc.integer().map(String),
  );
  fc.assert(
    fc.property(written, (text) => {
      const value = Number(text);
      for (const form of numberForms(text, value)) expect(numberText(value, form), form).toBe(text);
    }),
    runs,
  );
  expect(numberForms('1.50', 1.5)).toEqual(['f2', 'b2']);
  expect(numberForms('1.5', 1.5)).toEqual(['s', 'r', 'f1', 'b1']);
  expect(numberForms('2.0', 2)).toEqual(['r', 'f1']);
  expect(numberForms('1e-05', 1e-5)).toEqual(['r']);
  expect(numberForms('0.12345678901234567890', 0.12345678901234568)).toEqual([]);
});

test('an instant is written in a form of its own', () => {
  const at = 1704448800120000n;
  expect(instantText(at, 'us', 'T3Z')).toBe('2024-01-05T10:00:00.120Z');
  expect(instantText(at, 'us', ' t')).toBe('2024-01-05 10:00:00.12');
  expect(instantText(at, 'us', 'Tg+02:00')).toBe('2024-01-05T12:00:00.120+02:00');
  expect(instantText(at, 'us', 'Tm-07:30')).toBe('2024-01-05T02:30:00.120000-07:30');
  expect(instantText(at, 'us', 'T0Z')).toBe('2024-01-05T10:00:00.12Z');
});

test('a number is read as the platform reads it, to the last bit', () => {
  const digits = (size: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: size });
  const written = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.double({ min: -1e6, max: 1e6, noNaN: true }).map(String),
    fc.tuple(fc.nat(999_999).map(String), digits(20)).map(([whole, rest]) => `${whole}.${rest}`),
    // Halfway between two doubles, and next to it, where one rounding too many shows.
    fc
      .tuple(fc.integer({ min: 2 ** 51, max: 2 ** 52 - 1 }), fc.constantFrom('25', '2500001', '2499999', '75', '125'))
      .map(([n, tail]) => `${(n / 1000).toFixed(3)}${tail}`),
  );
  fc.assert(
    fc.property(written, (text) => {
      const bytes = new TextEncoder().encode(text);
      if (!readNumber(bytes, 0, bytes.length)) {
        expect(/^-?0[0-9]|^-0$/.test(text)).toBe(true);
        return;
      }
      // Of a longer integer the text is taken.
      if (!numeral.integer || numeral.digits <= 15) expect(numeral.value).toBe(Number(text));
    }),
    { numRuns: sized(6000) },
  );
});
