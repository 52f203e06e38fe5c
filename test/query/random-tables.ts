import type { Scalar } from '../../src/columns/column.ts';
import { BOOL, type ColumnType, DATE, DOUBLE, decimal, INT64, STRING, TIMESTAMP } from '../../src/columns/types.ts';
import type { Random } from '../../src/core/random.ts';
import type { TestTable } from './conformance/tables.ts';
import { pick } from './samples.ts';

const COLUMNS: readonly { readonly name: string; readonly type: ColumnType }[] = [
  { name: 'k', type: INT64 },
  { name: 'n', type: INT64 },
  { name: 'big', type: INT64 },
  { name: 'd', type: DOUBLE },
  { name: 'm', type: decimal(12, 2) },
  { name: 's', type: STRING },
  { name: 't', type: STRING },
  { name: 'b', type: BOOL },
  { name: 'day', type: DATE },
  { name: 'ts', type: TIMESTAMP },
  { name: 'body', type: STRING },
];

const WORDS = ['', 'a', 'b', 'ab', 'abc', 'Anna', 'anna', 'bob', 'Zoë', 'émile', 'Ωmega', '😀', 'a b', '100%', "it's"];

const TEXT_WORDS = ['disk', 'Disk', 'disks', 'fan', 'FAN', 'réseau', 'reseau', 'red', 'error', 'émile', 'a', 'spare'];

/** Searches of a `body`: words that all have to be there, or the beginning of one. */
export const SEARCHES = ['disk', 'fan', 'reseau', 'emile', 'absent', 'red', 'disk fan', 'red a error', 'dis*', 'e*'];

/** Tables with few distinct values, so that keys meet and groups fill, and a null in every eighth place. */
export function randomTables(random: Random, rows: number): TestTable[] {
  return ['alpha', 'beta', 'gamma'].map((name, i) => {
    const columns = i === 0 ? COLUMNS : COLUMNS.filter((_, c) => c < 2 || random.next() < 0.7);
    const count = i === 0 ? rows : Math.floor(random.next() * rows) + 1;
    return {
      name,
      columns,
      rows: Array.from({ length: count }, () => columns.map(({ name, type }) => sampleOf(name, type, random))),
    };
  });
}

/** A value for the column of that name, in its type or one it may have had before it was widened. */
export function sampleOf(name: string, type: ColumnType, random: Random): Scalar {
  if (type.kind === 'null' || random.next() < 1 / 8) return null;
  const below = (limit: number) => Math.floor(random.next() * limit);
  switch (type.kind) {
    case 'int64':
      if (name === 'big') return 2n ** 53n + BigInt(below(7)) - 3n;
      return BigInt(below(name === 'k' ? 12 : 60) - 6);
    case 'double':
      return pick(random, [0, -0, 1.5, -2.25, 10.5, 1e10, below(1000) / 8, below(1000) / 8]);
    case 'decimal':
      return BigInt(below(40_000) - 10_000);
    case 'string':
      if (name !== 'body') return pick(random, WORDS);
      return Array.from({ length: below(8) }, () => pick(random, TEXT_WORDS)).join(pick(random, [' ', ', ', '-']));
    case 'bool':
      return random.next() < 0.5;
    case 'date':
      return 19_700 + below(200);
    default:
      return BigInt(19_700 + below(200)) * 86_400_000_000n + BigInt(below(24)) * 3_600_000_000n + BigInt(below(3));
  }
}
