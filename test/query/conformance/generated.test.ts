import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { seedCount, sized } from '../../scale.ts';
import { Oracle, ownWord } from '../duckdb.ts';
import { QueryGenerator } from '../generate.ts';
import { randomTables } from '../random-tables.ts';
import { SqlWorld } from '../sql.ts';
import { batchOf } from './tables.ts';

const QUERIES = 100;

async function lines(world: SqlWorld, sql: string): Promise<string[]> {
  const { schema, rows } = await world.run(sql);
  return rows.map((row) => row.map((value, i) => ownWord(value, schema[i].type)).join(' | '));
}

describe('statements at random', () => {
  for (let seed = 1; seed <= seedCount(2); seed++) {
    it(`answer as in DuckDB, by both executors (seed ${seed})`, { timeout: 120_000 }, async () => {
      const tables = randomTables(seededRandom(seed), sized(100));
      const [own, inFallback] = [new SqlWorld(), new SqlWorld()];
      inFallback.fallbackOnly = true;
      for (const table of tables) {
        // Two segments each, so that answers are put together of parts.
        const half = Math.ceil(table.rows.length / 2);
        const parts = [table.rows.slice(0, half), table.rows.slice(half)].map((rows) => batchOf({ ...table, rows }));
        for (const world of [own, inFallback])
          await world.add(
            table.name,
            parts.filter(({ length }) => length > 0),
          );
      }
      const oracle = await Oracle.open(tables);
      const generator = new QueryGenerator(seededRandom(1000 + seed), tables);
      let answered = 0;
      for (let i = 0; i < QUERIES; i++) {
        const sql = generator.next();
        const theirs = (await oracle.query(sql)).rows.map((row) => row.join(' | '));
        expect(await lines(own, sql), sql).toEqual(theirs);
        expect(await lines(inFallback, sql), `in the fallback executor: ${sql}`).toEqual(theirs);
        if (theirs.length > 0) answered++;
      }
      // A generator whose conditions let nothing through would agree with anything.
      expect(answered).toBeGreaterThan(QUERIES / 2);
    });
  }
});
