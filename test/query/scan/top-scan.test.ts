import { describe, expect, test } from 'vitest';
import type { Scalar } from '../../../src/columns/column.ts';
import { columnOf } from '../../../src/columns/from-scalars.ts';
import { INT64, type Schema, STRING } from '../../../src/columns/types.ts';
import { seededRandom } from '../../../src/core/random.ts';
import type { Plan } from '../../../src/query/plan.ts';
import { seedCount } from '../../scale.ts';
import { column, randomKeys, randomPredicate, scanOf, TABLE } from '../operators/random-plan.ts';
import { comparableRows, runReference } from '../reference.ts';
import { below, pick, sampleBatch } from '../samples.ts';
import { newContext, World } from '../world.ts';

describe('a top-k over a scan gives the first rows of the sorted scan, ties in the order of the rows', () => {
  for (let seed = 0; seed < seedCount(3); seed++) {
    test(`seed ${seed}`, async () => {
      const random = seededRandom(40 + seed);
      const world = new World();
      const rows: Scalar[][] = [];
      for (let i = 0; i < 3; i++) {
        const part = sampleBatch(TABLE, 150 + below(random, 300), random);
        await world.add('t', [part.batch], { rowGroupRows: pick(random, [20, 50, 1000]) });
        rows.push(...part.rows);
      }
      const tables = new Map([['t', rows]]);
      for (let i = 0; i < 20; i++) {
        const filter = random.next() < 0.3 ? randomPredicate(TABLE, random) : null;
        const scan = scanOf('t', [0, 1, 2, 3, 5, 7], filter);
        const picked = [5, 0, 3, 2, 1];
        const projected: Plan = {
          op: 'project',
          input: scan,
          expressions: picked.map((index) => column(scan.schema, index)),
          schema: picked.map((index) => scan.schema[index]),
        };
        const input = random.next() < 0.5 ? scan : projected;
        const plan: Plan = {
          op: 'sort',
          input,
          keys: randomKeys(input.schema, 1 + below(random, 3), random),
          limit: pick(random, [1, 3, 10, 100]),
          offset: pick(random, [0, 0, 2, 40]),
          schema: input.schema,
        };
        const told = JSON.stringify(plan, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
        expect(comparableRows(await world.run(plan)), told).toEqual(comparableRows(runReference(plan, tables)));
      }
    });
  }
});

test('a top-k reads the row groups that may hold its rows, and the other columns of its rows alone', async () => {
  const schema: Schema = [
    { name: 'k', type: INT64, nullable: false },
    { name: 'text', type: STRING, nullable: false },
  ];
  const world = new World();
  for (let segment = 0; segment < 4; segment++) {
    const keys = Array.from({ length: 20_000 }, (_, row) => BigInt(segment * 20_000 + row));
    const columns = [
      columnOf(INT64, keys),
      columnOf(
        STRING,
        keys.map((key) => `text of row ${key} `.repeat(5)),
      ),
    ];
    await world.add('t', [{ schema, length: keys.length, columns }], { rowGroupRows: 1000 });
  }
  const scan: Plan = { op: 'scan', dataset: 't', columns: [0, 1], filter: null, matches: [], score: null, schema };
  const plan: Plan = {
    op: 'sort',
    input: scan,
    keys: [{ expression: column(schema, 0), descending: true, nullsFirst: false }],
    limit: 10,
    offset: 0,
    schema,
  };
  const context = newContext();
  const rows = await world.run(plan, context);
  expect(rows.map(([key]) => key)).toEqual(Array.from({ length: 10 }, (_, i) => BigInt(79_999 - i)));
  // One segment, of it the group with the largest keys and the few read ahead; then the texts of ten rows.
  expect(context.stats.segmentsScanned).toBe(1);
  expect(context.stats.rowsScanned).toBeLessThanOrEqual(5000);
  expect(context.stats.reads).toBeLessThanOrEqual(8);
});

test('a top-k of rows in no order reads about as many row groups as it wants rows', async () => {
  const schema: Schema = [{ name: 'k', type: INT64, nullable: false }];
  const random = seededRandom(9);
  const world = new World();
  const all: bigint[] = [];
  for (let segment = 0; segment < 3; segment++) {
    const keys = Array.from({ length: 20_000 }, () => BigInt(below(random, 1e9)));
    all.push(...keys);
    await world.add('t', [{ schema, length: keys.length, columns: [columnOf(INT64, keys)] }], { rowGroupRows: 500 });
  }
  const scan: Plan = { op: 'scan', dataset: 't', columns: [0], filter: null, matches: [], score: null, schema };
  const plan: Plan = {
    op: 'sort',
    input: scan,
    keys: [{ expression: column(schema, 0), descending: true, nullsFirst: false }],
    limit: 5,
    offset: 0,
    schema,
  };
  const context = newContext();
  const rows = await world.run(plan, context);
  expect(rows.map(([key]) => key)).toEqual(all.sort((a, b) => Number(b - a)).slice(0, 5));
  // Of 120 groups; some are read ahead before the threshold is known.
  expect(context.stats.rowsScanned).toBeLessThanOrEqual(25 * 500);
});
