import { DuckDBTypeId } from '@duckdb/node-api';
import { expect } from 'vitest';
import type { Scalar } from '../../../src/columns/column.ts';
import { decimalText } from '../../../src/columns/text.ts';
import type { ColumnType, Schema } from '../../../src/columns/types.ts';
import { duckdb, toScalar } from '../../segment/duckdb.ts';

const NESTED = new Set([
  DuckDBTypeId.LIST,
  DuckDBTypeId.STRUCT,
  DuckDBTypeId.MAP,
  DuckDBTypeId.ARRAY,
  DuckDBTypeId.UNION,
]);
const AS_TEXT = new Set([
  DuckDBTypeId.TIME,
  DuckDBTypeId.TIME_NS,
  DuckDBTypeId.TIME_TZ,
  DuckDBTypeId.UUID,
  DuckDBTypeId.INTERVAL,
  DuckDBTypeId.ENUM,
]);

/** Rows of a Parquet file as DuckDB reads them: nested values as JSON, times, UUIDs and intervals as text. */
export async function oracleRows(path: string, where = 'true'): Promise<unknown[][]> {
  const connection = await duckdb();
  const described = await connection.runAndReadAll(`select * from read_parquet('${path}') limit 0`);
  const columns = described.columnNames().map((name, i) => {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const { typeId } = described.columnType(i);
    if (NESTED.has(typeId)) return `to_json(${quoted})::varchar`;
    return AS_TEXT.has(typeId) ? `${quoted}::varchar` : quoted;
  });
  const rows = `read_parquet('${path}', file_row_number = true) where ${where} order by file_row_number`;
  const result = await connection.runAndReadAll(`select ${columns.join(', ')} from ${rows}`);
  return result.getRows() as unknown[][];
}

/** Both sides' rows are the same, value for value. */
export function expectSameRows(schema: Schema, rows: readonly Scalar[][], expected: readonly unknown[][]): void {
  expect(rows.length).toBe(expected.length);
  if (expected.length > 0) expect(schema.length).toBe(expected[0].length);
  for (let row = 0; row < expected.length; row++) {
    for (let column = 0; column < schema.length; column++) {
      const { name, type } = schema[column];
      const actual = comparable(rows[row][column], type);
      const wanted = comparable(oracleValue(expected[row][column], type), type);
      if (!Object.is(actual, wanted)) expect({ row, name, value: actual }).toEqual({ row, name, value: wanted });
    }
  }
}

function oracleValue(value: unknown, type: ColumnType): Scalar {
  const scalar = toScalar(value);
  if (type.kind === 'int64' && typeof scalar === 'number') return BigInt(scalar);
  return scalar;
}

/** JSON compares by what it says; decimals of other scale than DuckDB's by their text. */
function comparable(value: Scalar, type: ColumnType): unknown {
  if (value === null) return null;
  if (type.kind === 'json') return JSON.stringify(numbersAlike(JSON.parse(String(value))));
  if (type.kind === 'decimal') return decimalText(BigInt(value as bigint), type.scale);
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

/** Where one side writes what JSON has no number for as text, and the other as a number of another spelling. */
function numbersAlike(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(numbersAlike);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, numbersAlike(member)]));
}
