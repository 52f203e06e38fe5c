import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBInstance,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
} from '@duckdb/node-api';
import type { Scalar } from '../../src/columns/column.ts';

let shared: Promise<DuckDBConnection> | undefined;

/** One connection, one thread, no extensions from the network. */
export function duckdb(): Promise<DuckDBConnection> {
  shared ??= DuckDBInstance.create(':memory:', {
    threads: '1',
    autoinstall_known_extensions: 'false',
  }).then((instance) => instance.connect());
  return shared;
}

/** Rows a statement answers; `$file` in it stands for a Parquet file of these bytes. */
export async function duckdbRows(bytes: Uint8Array, sql: string): Promise<unknown[][]> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-parquet-'));
  try {
    const path = join(folder, 'file.parquet');
    writeFileSync(path, bytes);
    const connection = await duckdb();
    const result = await connection.runAndReadAll(sql.replaceAll('$file', `'${path}'`));
    return result.getRows() as unknown[][];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A value of DuckDB as `scalarAt` gives it for the column type it is stored as. */
export function toScalar(value: unknown): Scalar {
  if (value instanceof DuckDBDecimalValue) return value.value;
  if (value instanceof DuckDBDateValue) return value.days;
  if (value instanceof DuckDBTimestampValue || value instanceof DuckDBTimestampTZValue) return value.micros;
  if (value instanceof DuckDBTimestampNanosecondsValue) return value.nanos;
  if (value instanceof DuckDBBlobValue) return Uint8Array.from(value.bytes);
  return value as Scalar;
}
