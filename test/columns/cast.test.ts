import type { DuckDBConnection } from '@duckdb/node-api';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { castColumn } from '../../src/columns/cast.ts';
import { castScalar } from '../../src/columns/cast-scalar.ts';
import { type Column, type Scalar, scalarAt } from '../../src/columns/column.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
import { sqlText } from '../../src/columns/sql-text.ts';
import { canonicalText } from '../../src/columns/text.ts';
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
  typeName,
} from '../../src/columns/types.ts';

// Laws are tried as often as SIZE says, on machines that do other things too.
vi.setConfig({ testTimeout: 900_000 });

/** What DuckDB calls a type. */
const SQL_NAMES: Record<string, string> = { int64: 'BIGINT', string: 'VARCHAR', bytes: 'BLOB', bool: 'BOOLEAN' };
const sqlName = (type: ColumnType) => SQL_NAMES[typeName(type)] ?? typeName(type).toUpperCase();

const FROM: [ColumnType, Exclude<Scalar, null>[]][] = [
  [BOOL, [true, false]],
  [INT64, [0n, 1n, -5n, 123456n, 2n ** 53n + 1n, -(2n ** 63n)]],
  [DOUBLE, [0, -0, 0.5, 1.5, 2.5, -2.5, 0.125, 1e15, 1e16, 1e-5, 1e21, 1.005, 123456.789, 1e300, Number.NaN, Infinity]],
  [decimal(5, 2), [150n, -125n, 99999n, 0n]],
  [decimal(38, 10), [10n ** 30n, -15_000_000_000n]],
  [STRING, ['1', ' 5 ', '5.5', '6.5', '-5.5', '1e3', '1.005', '', 'abc', 'true', 'T', 'no', 'inf', 'nan', '-0']],
  [STRING, ['2024-01-05', '2024-1-5', '2024-01-05 10:00', '2024-01-05T10:00:00.123456789Z', '2024-02-30']],
  [STRING, ['9223372036854775807', '9223372036854775808', '999.995', '12.345', '\\x41b', '{"a": 1}']],
  [DATE, [0, -1, 19727, -800000]],
  [TIMESTAMP, [0n, 1704448800500000n, -1n, 1704448800000000n]],
  [TIMESTAMP_NS, [0n, 1704448800123456789n, -1n]],
  [BYTES, [Uint8Array.of(97, 34, 255, 92)]],
];

const TO = [BOOL, INT64, DOUBLE, decimal(5, 2), decimal(38, 10), STRING, DATE, TIMESTAMP, TIMESTAMP_NS];

/** Casts DuckDB does not have, or answers otherwise on purpose. */
function skipped(from: ColumnType, to: ColumnType, value: Scalar): boolean {
  if (from.kind === 'bytes') return to.kind !== 'string';
  // There are no infinite dates here.
  if (value === 'inf') return to.kind === 'date' || to.kind === 'timestamp';
  // DuckDB cuts nanoseconds towards zero, so that an instant before 1970 moves to a later microsecond; here it is floored.
  return value === -1n && from.kind === 'timestamp' && from.unit === 'ns' && to.kind !== 'string';
}

let connection: DuckDBConnection;
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
});

function literal(value: Exclude<Scalar, null>, type: ColumnType): string {
  if (type.kind === 'bytes') return `'${canonicalText(value, type)}'::BLOB`;
  if (type.kind === 'timestamp' || type.kind === 'date') return `'${sqlText(value, type)}'::${sqlName(type)}`;
  return `'${sqlText(value, type)}'::${sqlName(type)}`;
}

test('CAST and TRY_CAST give what DuckDB gives', async () => {
  const wrong: string[] = [];
  let compared = 0;
  for (const [from, values] of FROM) {
    for (const to of TO) {
      for (const value of values) {
        if (skipped(from, to, value)) continue;
        let wanted: unknown;
        try {
          const source = `CAST(TRY_CAST(${literal(value, from)} AS ${sqlName(to)}) AS VARCHAR)`;
          wanted = (await connection.runAndReadAll(`SELECT ${source}`)).getRows()[0][0];
        } catch {
          wanted = null;
        }
        const cast = castScalar(value, from, to, 'lenient');
        const got = cast === undefined || cast === null ? null : sqlText(cast, to);
        compared++;
        if (got !== wanted)
          wrong.push(`${typeName(from)} '${sqlText(value, from)}' → ${typeName(to)}: ${got}, DuckDB ${wanted}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(400);
});

const cells = fc.array(fc.option(fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n })), { maxLength: 20 });

describe('a column is cast as its values are', () => {
  test('in every layout and mode', () => {
    fc.assert(
      fc.property(
        cells,
        fc.constantFrom(DOUBLE, decimal(38, 2), STRING),
        fc.constantFrom('widen' as const, 'lenient' as const),
        (values, to, mode) => {
          const plain = columnOf(INT64, values);
          const doubles: Column = {
            ...plain,
            data: { layout: 'fixed', values: Float64Array.from(values, (v) => Number(v ?? 7n)) },
          };
          const entries = [...new Set(values.filter((value) => value !== null))];
          const codes = Int32Array.from(values, (value) => (value === null ? 0 : entries.indexOf(value)));
          const dictionary: Column = {
            ...plain,
            data: { layout: 'dictionary', codes, dictionary: columnOf(INT64, entries) },
          };
          for (const column of entries.length > 0 ? [plain, doubles, dictionary] : [plain, doubles]) {
            const cast = castColumn(column, to, mode);
            const wanted = values.map((value) =>
              value === null ? null : (castScalar(value, INT64, to, mode) ?? null),
            );
            expect(values.map((_, row) => scalarAt(cast, row))).toEqual(wanted);
          }
        },
      ),
    );
  });

  test('strictly, which names the first value that has no equivalent', () => {
    const column = columnOf(STRING, ['1', null, 'x']);
    expect(() => castColumn(column, INT64, 'strict')).toThrow("cannot cast string 'x' to int64");
    expect([0, 1, 2].map((row) => scalarAt(castColumn(column, INT64, 'lenient'), row))).toEqual([1n, null, null]);
  });

  test('strictly even where a dictionary holds values that no row has', () => {
    const dictionary = columnOf(STRING, ['1', 'x']);
    const column: Column = {
      type: STRING,
      length: 2,
      validity: null,
      data: { layout: 'dictionary', codes: Uint8Array.of(0, 0), dictionary },
    };
    expect(scalarAt(castColumn(column, INT64, 'strict'), 1)).toBe(1n);
    const failing: Column = { ...column, data: { layout: 'dictionary', codes: Uint8Array.of(0, 1), dictionary } };
    expect(() => castColumn(failing, INT64, 'strict')).toThrow("'x'");
    expect(scalarAt(castColumn(failing, INT64, 'lenient'), 1)).toBeNull();
  });

  test('to json, as what it is there', () => {
    expect(castScalar(5n, INT64, JSON_TYPE, 'strict')).toBe('5');
    expect(castScalar('{"a": 1}', STRING, JSON_TYPE, 'strict')).toBe('{"a": 1}');
    expect(castScalar('nonsense', STRING, JSON_TYPE, 'strict')).toBeUndefined();
    expect(castScalar('"5"', JSON_TYPE, INT64, 'strict')).toBe(5n);
    expect(castScalar('[5]', JSON_TYPE, INT64, 'strict')).toBeUndefined();
    expect(castScalar(19727, DATE, JSON_TYPE, 'strict')).toBe('"2024-01-05"');
  });

  test('to text as it was written, where the field remembers how', () => {
    const instants = columnOf(TIMESTAMP, [1704448800000000n, null]);
    expect(scalarAt(castColumn(instants, STRING, 'widen', ['T0Z']), 0)).toBe('2024-01-05T10:00:00Z');
    expect(scalarAt(castColumn(instants, STRING, 'widen'), 0)).toBe('2024-01-05T10:00:00.000Z');
    expect(scalarAt(castColumn(columnOf(DOUBLE, [1.5]), STRING, 'widen', ['f2']), 0)).toBe('1.50');
  });
});
