import type { DuckDBConnection } from '@duckdb/node-api';
import { DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Scalar } from '../../../src/columns/column.ts';
import { canonicalText } from '../../../src/columns/text.ts';
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
} from '../../../src/columns/types.ts';
import { canCast, castScalar } from '../../../src/query/functions/cast.ts';
import { sqlText } from '../../../src/query/functions/value-text.ts';

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
        const cast = canCast(from, to) ? castScalar(value, from, to, true) : null;
        const got = cast === null ? null : sqlText(cast, to);
        compared++;
        if (got !== wanted)
          wrong.push(`${typeName(from)} '${sqlText(value, from)}' → ${typeName(to)}: ${got}, DuckDB ${wanted}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(400);
});

test('a value that does not convert is named with both types, and null where that is asked for', () => {
  expect(() => castScalar('x', STRING, INT64, false)).toThrow("'x' (string) cannot be cast to int64");
  expect(castScalar('x', STRING, INT64, true)).toBeNull();
});

describe('json is cast', () => {
  test('to as what it is', () => {
    expect(castScalar(5n, INT64, JSON_TYPE, false)).toBe('5');
    expect(castScalar('{"a": 1}', STRING, JSON_TYPE, false)).toBe('{"a": 1}');
    expect(castScalar('nonsense', STRING, JSON_TYPE, true)).toBeNull();
    expect(castScalar(19727, DATE, JSON_TYPE, false)).toBe('"2024-01-05"');
  });

  test('from by its content', () => {
    expect(castScalar('"5"', JSON_TYPE, INT64, false)).toBe(5n);
    expect(castScalar('[5]', JSON_TYPE, INT64, true)).toBeNull();
    expect(castScalar('null', JSON_TYPE, INT64, false)).toBeNull();
  });
});
