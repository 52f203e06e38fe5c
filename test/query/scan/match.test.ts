import { describe, expect, test } from 'vitest';
import type { Scalar } from '../../../src/columns/column.ts';
import { columnOf } from '../../../src/columns/from-scalars.ts';
import type { IndexDefinition } from '../../../src/columns/index-definition.ts';
import { DEFAULT_ANALYZER } from '../../../src/columns/text/analyzer.ts';
import { parseTextQuery } from '../../../src/columns/text/parse-query.ts';
import { DOUBLE, INT64, type Schema, STRING } from '../../../src/columns/types.ts';
import { type Random, seededRandom } from '../../../src/core/random.ts';
import type { Expression } from '../../../src/query/expression.ts';
import type { Plan, ScanPlan } from '../../../src/query/plan.ts';
import { TextScan } from '../../../src/segment/fulltext/scan.ts';
import { seedCount } from '../../scale.ts';
import { below, pick } from '../samples.ts';
import { newContext, World } from '../world.ts';

const SCHEMA: Schema = [
  { name: 'id', type: INT64, nullable: false },
  { name: 'body', type: STRING, nullable: true },
];
const FULLTEXT: IndexDefinition = { name: 'words', kind: 'fulltext', fields: ['body'], options: {} };
const WORDS = ['disk', 'failure', 'spare', 'fan', 'Fans', 'error', 'réseau', 'reseau', 'red', 'fox', 'a', 'the'];
const QUERIES = ['disk', 'disk failure', 'disk OR fan', '"red fox"', 'disk -spare', 'fa*', 'falure~', 'reseau'];

function text(random: Random): Scalar {
  if (random.next() < 0.1) return null;
  return Array.from({ length: below(random, 12) }, () => pick(random, WORDS)).join(' ');
}

function scan(query: string, filter: Expression | null, columns: readonly number[] = [0, 1]): ScanPlan {
  const schema = [...columns.map((ordinal) => SCHEMA[ordinal]), { name: '$score', type: DOUBLE, nullable: false }];
  return { op: 'scan', dataset: 't', columns, filter, matches: [{ column: 1, query, at: 7 }], score: 0, schema };
}

/** Rows that match and their scores, by one search over all texts as if they lay in one place. */
async function reference(texts: readonly Scalar[], query: string): Promise<Map<number, number>> {
  const search = new TextScan(parseTextQuery(query, DEFAULT_ANALYZER));
  search.add(columnOf(STRING, texts), 0);
  const { rows, scores } = await search.score(await search.statistics());
  return new Map(Array.from(rows, (row, i) => [row, scores[i]]));
}

interface Collection {
  readonly worlds: readonly World[];
  /** By id; masked rows are null. */
  readonly texts: readonly Scalar[];
}

/** The same rows in three segments: without an index, with one in two segments, with one in all. */
async function collection(random: Random): Promise<Collection> {
  const worlds = [new World(), new World(), new World()];
  const texts: Scalar[] = [];
  for (let segment = 0; segment < 3; segment++) {
    const length = 20 + below(random, 60);
    const ids = Array.from({ length }, (_, row) => BigInt(texts.length + row));
    const bodies = ids.map(() => text(random));
    const batch = { schema: SCHEMA, length, columns: [columnOf(INT64, ids), columnOf(STRING, bodies)] };
    const masked = segment === 1 ? [[3, 9] as const] : [];
    for (const world of worlds) await world.add('t', [batch], { rowGroupRows: 25, masked });
    texts.push(...bodies.map((body, row) => (segment === 1 && row >= 3 && row < 9 ? null : body)));
  }
  await worlds[1].build('t', FULLTEXT, [0, 2]);
  await worlds[2].build('t', FULLTEXT);
  return { worlds, texts };
}

describe('MATCH answers and scores as one search over all live rows, whatever is indexed', () => {
  for (let seed = 0; seed < seedCount(6); seed++) {
    test(`seed ${seed}`, async () => {
      const { worlds, texts } = await collection(seededRandom(90 + seed));
      for (const query of QUERIES) {
        const expected = await reference(texts, query);
        for (const world of worlds) {
          const rows = await world.run(scan(query, null));
          expect(rows.map(([id]) => Number(id))).toEqual([...expected.keys()]);
          for (const [id, body, score] of rows) {
            expect(body).toBe(texts[Number(id)]);
            expect(score).toBeCloseTo(expected.get(Number(id)) ?? Number.NaN, 9);
          }
        }
      }
    });
  }
});

test('the best scores are those of a full sort, and a filter beside MATCH does not change them', async () => {
  const random = seededRandom(5);
  const { worlds, texts } = await collection(random);
  const below60: Expression = {
    node: 'call',
    function: '<',
    args: [
      { node: 'column', index: 0, type: INT64, at: 0 },
      { node: 'literal', value: 60n, type: INT64, at: 0 },
    ],
    type: { kind: 'bool' },
    at: 0,
  };
  for (const filter of [null, below60]) {
    for (const query of QUERIES) {
      const scores = await reference(texts, query);
      const best = [...scores]
        .filter(([id]) => filter === null || id < 60)
        .sort(([a, x], [b, y]) => y - x || a - b)
        .slice(0, 5);
      for (const world of worlds) {
        const input = scan(query, filter);
        const plan: Plan = {
          op: 'sort',
          input,
          keys: [
            { expression: { node: 'column', index: 2, type: DOUBLE, at: 0 }, descending: true, nullsFirst: false },
          ],
          limit: 5,
          offset: 0,
          schema: input.schema,
        };
        const rows = await world.run(plan);
        // Scores that differ in the last digits only may change places.
        expect(rows.map(([, , score]) => Number(score).toFixed(9))).toEqual(best.map(([, score]) => score.toFixed(9)));
        for (const [id, , score] of rows) expect(score).toBeCloseTo(scores.get(Number(id)) ?? Number.NaN, 9);
      }
    }
  }
});

test('matches that are only counted read no column where the index is built', async () => {
  const { worlds, texts } = await collection(seededRandom(6));
  const counted: Plan = {
    op: 'aggregate',
    input: { ...scan('disk', null, []), score: null, schema: [] },
    keys: [],
    aggregates: [
      { function: 'count_all', arg: null, distinct: false, filter: null, parameters: [], type: INT64, at: 0 },
    ],
    schema: [{ name: 'count', type: INT64, nullable: false }],
  };
  const context = newContext();
  const expected = BigInt((await reference(texts, 'disk')).size);
  expect(await worlds[2].run(counted, context)).toEqual([[expected]]);
  expect(context.stats.rowsScanned).toBe(0);
  expect(context.stats.indexesUsed).toEqual([{ name: 'words', kind: 'fulltext' }]);
  expect(await worlds[0].run(counted)).toEqual([[expected]]);
});

test('a damaged full-text index is passed over: the text is read, the answer is the same', async () => {
  const { worlds, texts } = await collection(seededRandom(7));
  const world = worlds[2];
  for (const segment of world.snapshot('t').segments) {
    const { key } = segment.indexes.words;
    const bytes = (await world.store.read(key, 0, segment.indexes.words.summary.sizeBytes)).slice();
    for (let at = 8; at < bytes.length - 40; at += 2) bytes[at] ^= 0x33;
    await world.store.put(key, bytes);
  }
  const expected = await reference(texts, 'disk OR fan');
  const rows = await world.run(scan('disk OR fan', null));
  expect(rows.map(([id]) => Number(id))).toEqual([...expected.keys()]);
  expect(world.warnings.length).toBeGreaterThan(0);
});

test('a search text that looks for nothing is refused at its place in the statement', async () => {
  const { worlds } = await collection(seededRandom(8));
  await expect(worlds[0].run(scan('-disk', null))).rejects.toMatchObject({
    code: 'invalid_sql',
    errors: [{ path: 'sql@7' }],
  });
});
