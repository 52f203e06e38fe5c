import type { Batch, Scalar } from '../../src/columns/column.ts';
import { BOOL, type ColumnType, DATE, decimal, INT64, NULL_TYPE } from '../../src/columns/types.ts';
import { widenScalar } from '../../src/columns/widen.ts';
import type { Random } from '../../src/core/random.ts';
import type { RowRanges } from '../../src/storage/catalog-records.ts';
import { batchOf, type TestTable } from './conformance/tables.ts';
import { sampleOf } from './random-tables.ts';
import { below, pick } from './samples.ts';

/** Types a column of the random tables may have had before it was widened to what it is. */
const EARLIER: Readonly<Record<string, readonly ColumnType[]>> = {
  n: [NULL_TYPE],
  d: [INT64, NULL_TYPE],
  m: [decimal(6, 1), INT64],
  s: [INT64, BOOL, DATE],
  day: [NULL_TYPE],
  ts: [DATE],
};

export interface GrownSegment {
  readonly batch: Batch;
  /** Rows that were deleted. */
  readonly masked: RowRanges;
}

/** A dataset with a past, and the table that it amounts to now. */
export interface GrownTable {
  readonly table: TestTable;
  readonly segments: readonly GrownSegment[];
}

/**
 * The rows of a table in segments that were written one after the other, the first ones when some columns were narrower
 * or not there yet; of some segments a run of rows is masked.
 */
export function grownTable(full: TestTable, segments: number, random: Random): GrownTable {
  const size = Math.ceil(full.rows.length / segments);
  const rows: (readonly Scalar[])[] = [];
  const parts: GrownSegment[] = [];
  for (let start = 0; start < full.rows.length; start += size) {
    const now = { ...full, rows: full.rows.slice(start, start + size) };
    const { written, widened } = start + size < full.rows.length ? asEarlier(now, random) : asIs(now);
    const first = below(random, size);
    const masked: RowRanges =
      random.next() < 0.5 ? [[first, Math.min(now.rows.length, first + 1 + below(random, 5))]] : [];
    parts.push({ batch: batchOf(written), masked: masked.filter(([from, to]) => from < to) });
    rows.push(...widened.filter((_, row) => !masked.some(([from, to]) => row >= from && row < to)));
  }
  return { table: { ...full, rows }, segments: parts };
}

interface Aged {
  readonly written: TestTable;
  /** The same rows as the full table has them now. */
  readonly widened: TestTable['rows'];
}

function asIs(table: TestTable): Aged {
  return { written: table, widened: table.rows };
}

function asEarlier({ name, columns, rows }: TestTable, random: Random): Aged {
  const written: { name: string; type: ColumnType }[] = [];
  const values: Scalar[][] = [];
  const widened: Scalar[][] = [];
  for (const [i, column] of columns.entries()) {
    const types = EARLIER[column.name];
    const missing = i > 0 && random.next() < 0.15;
    const type = types !== undefined && random.next() < 0.5 ? pick(random, types) : column.type;
    const own = rows.map((row) => (type === column.type ? row[i] : sampleOf(column.name, type, random)));
    widened.push(own.map((value) => (missing ? null : widen(value, type, column.type))));
    if (missing) continue;
    written.push({ name: column.name, type });
    values.push(own);
  }
  return {
    written: { name, columns: written, rows: rows.map((_, row) => values.map((column) => column[row])) },
    widened: rows.map((_, row) => widened.map((column) => column[row])),
  };
}

function widen(value: Scalar, from: ColumnType, to: ColumnType): Scalar {
  return value === null || from === to ? value : widenScalar(value, from, to);
}
