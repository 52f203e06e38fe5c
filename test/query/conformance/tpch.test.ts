import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { sized } from '../../scale.ts';
import { Oracle, ownWord } from '../duckdb.ts';
import { SqlWorld } from '../sql.ts';
import { batchOf } from './tables.ts';
import { TPCH, tpchTables } from './tpch.ts';

const own = new SqlWorld();
const inFallback = new SqlWorld();
inFallback.fallbackOnly = true;
let oracle: Oracle;

beforeAll(async () => {
  const tables = tpchTables(seededRandom(42), sized(2));
  oracle = await Oracle.open(tables);
  for (const table of tables) {
    await own.add(table.name, [batchOf(table)]);
    await inFallback.add(table.name, [batchOf(table)]);
  }
}, 60_000);

async function lines(world: SqlWorld, sql: string): Promise<string[]> {
  const { schema, rows } = await world.run(sql);
  return rows.map((row) => row.map((value, i) => ownWord(value, schema[i].type)).join(' | '));
}

describe('TPC-H', () => {
  TPCH.forEach((sql, i) => {
    it(`query ${i + 1} answers as in DuckDB, by both executors`, { timeout: 60_000 }, async () => {
      const theirs = (await oracle.query(sql)).rows.map((row) => row.join(' | '));
      expect(theirs.length).toBeGreaterThan(0);
      expect(theirs[0]).not.toBe('NULL');
      expect(await lines(own, sql)).toEqual(theirs);
      expect(await lines(inFallback, sql)).toEqual(theirs);
    });
  });

  it('needs the fallback executor for none of its queries', () => {
    for (const sql of TPCH) expect(JSON.stringify(own.plan(sql), replacer), sql).not.toContain('"fallback"');
  });
});

function replacer(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
