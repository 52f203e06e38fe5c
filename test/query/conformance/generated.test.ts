import { describe, expect, it } from 'vitest';
import type { IndexDefinition } from '../../../src/columns/index-definition.ts';
import { type Random, seededRandom } from '../../../src/core/random.ts';
import { seedCount, sized } from '../../scale.ts';
import { Oracle, ownWord } from '../duckdb.ts';
import { QueryGenerator } from '../generate.ts';
import { type GrownTable, grownTable } from '../grown-tables.ts';
import { randomTables, SEARCHES } from '../random-tables.ts';
import { below } from '../samples.ts';
import { SqlWorld } from '../sql.ts';
import { newContext } from '../world.ts';

/** Of one seed; the usual five seeds make five hundred. */
const QUERIES = 100;
const SEGMENTS = 3;

const INDEXED = ['k', 'n', 'big', 'd', 'm', 's', 't', 'day', 'ts'];

interface Asked {
  readonly lines: readonly string[];
  /** Kinds of the indexes used. */
  readonly used: ReadonlySet<string>;
}

async function ask(world: SqlWorld, sql: string): Promise<Asked> {
  const context = newContext();
  const { schema, rows } = await world.run(sql, [], context);
  return {
    lines: rows.map((row) => row.map((value, i) => ownWord(value, schema[i].type)).join(' | ')),
    used: new Set(context.stats.indexesUsed.map(({ kind }) => kind)),
  };
}

async function worldOf(tables: readonly GrownTable[]): Promise<SqlWorld> {
  const own = new SqlWorld();
  // Indexes are asked wherever they can answer, even where scanning so little would be cheaper.
  own.world.indexCostFactor = 0;
  for (const { table, segments } of tables) {
    for (const { batch, masked } of segments) await own.world.add(table.name, [batch], { rowGroupRows: 20, masked });
  }
  return own;
}

/** Builds indexes over every column that can have one, of the segments that `segmentsOf` says. */
async function build(
  { world }: SqlWorld,
  tables: readonly GrownTable[],
  segmentsOf: () => readonly number[],
): Promise<void> {
  for (const { table } of tables) {
    for (const { name } of table.columns) {
      const kind = name === 'body' ? 'fulltext' : 'btree';
      if (kind === 'btree' && !INDEXED.includes(name)) continue;
      const definition: IndexDefinition = { name: `by_${name}`, kind, fields: [name], options: {} };
      await world.build(table.name, definition, segmentsOf());
    }
  }
}

function someSegments(random: Random): readonly number[] {
  return [below(random, SEGMENTS), below(random, SEGMENTS)];
}

/** How many statements asked an index, over all seeds. */
const used = { statements: 0, none: 0, some: 0, all: 0, btree: 0, fulltext: 0 };

describe('statements at random', () => {
  for (let seed = 1; seed <= seedCount(5); seed++) {
    const rule = 'answer as in DuckDB with no, some and all indexes built, and by the fallback executor';
    it(`${rule} (seed ${seed})`, { timeout: 300_000 }, async () => {
      const random = seededRandom(seed);
      const grown = randomTables(random, sized(100)).map((table) => grownTable(table, SEGMENTS, random));
      const tables = grown.map(({ table }) => table);
      const [none, some, all] = [await worldOf(grown), await worldOf(grown), await worldOf(grown)];
      await build(some, grown, () => someSegments(random));
      await build(all, grown, () => [0, 1, 2]);
      const oracle = await Oracle.open(tables);
      const generator = new QueryGenerator(seededRandom(1000 + seed), tables, SEARCHES);
      let answered = 0;
      for (let i = 0; i < QUERIES; i++) {
        const sql = generator.next();
        used.statements++;
        const expected = (await oracle.query(sql)).rows.map((row) => row.join(' | '));
        if (expected.length > 0) answered++;
        const asked = { none: await ask(none, sql), some: await ask(some, sql), all: await ask(all, sql) };
        for (const built of ['none', 'some', 'all'] as const) {
          expect(asked[built].lines, `with ${built} of the indexes: ${sql}`).toEqual(expected);
          if (asked[built].used.size > 0) used[built]++;
        }
        for (const kind of ['btree', 'fulltext'] as const) if (asked.all.used.has(kind)) used[kind]++;
        if (i % 2 > 0) continue;
        some.fallbackOnly = true;
        expect((await ask(some, sql)).lines, `in the fallback executor: ${sql}`).toEqual(expected);
        some.fallbackOnly = false;
      }
      // A generator whose conditions let nothing through would agree with anything.
      expect(answered).toBeGreaterThan(QUERIES / 2);
      for (const { world } of [none, some, all]) expect(world.warnings).toEqual([]);
    });
  }

  it('asked indexes of both kinds, wherever some were built: those never asked are always right', () => {
    expect(used.none).toBe(0);
    expect(used.some / used.statements).toBeGreaterThan(1 / 4);
    expect(used.all / used.statements).toBeGreaterThan(1 / 3);
    expect(Math.min(used.btree, used.fulltext) / used.statements).toBeGreaterThan(1 / 10);
  });
});
