import { describe, expect, test } from 'vitest';
import type { Scalar } from '../../../src/columns/column.ts';
import type { IndexDefinition } from '../../../src/columns/index-definition.ts';
import { seededRandom } from '../../../src/core/random.ts';
import type { Plan } from '../../../src/query/plan.ts';
import { seedCount } from '../../scale.ts';
import { randomKeys, randomPredicate, scanOf, TABLE } from '../operators/random-plan.ts';
import { comparableRows, runReference } from '../reference.ts';
import { below, pick, sampleBatch } from '../samples.ts';
import { newContext, World } from '../world.ts';

const btree = (field: string): IndexDefinition => ({
  name: `by_${field}`,
  kind: 'btree',
  fields: [field],
  options: {},
});

describe('a query is right with none, some and all of the indexes', () => {
  for (let seed = 0; seed < seedCount(4); seed++) {
    test(`seed ${seed}`, async () => {
      const random = seededRandom(500 + seed);
      const [none, some, all] = [new World(), new World(), new World()];
      const rows: Scalar[][] = [];
      for (let i = 0; i < 3; i++) {
        const part = sampleBatch(TABLE, 30 + below(random, 100), random);
        const masked = random.next() < 0.4 ? [[2, 9] as const] : [];
        for (const world of [none, some, all]) await world.add('t', [part.batch], { rowGroupRows: 40, masked });
        rows.push(...part.rows.filter((_, row) => masked.length === 0 || row < 2 || row >= 9));
      }
      // Asked wherever they can answer, even though scanning so little would be cheaper.
      some.indexCostFactor = 0;
      all.indexCostFactor = 0;
      for (const field of ['n', 'wide', 'd', 's', 'day', 'at', 'price']) {
        await all.build('t', btree(field));
        if (random.next() < 0.6) await some.build('t', btree(field), [below(random, 3), below(random, 3)]);
      }
      const tables = new Map([['t', rows]]);
      let used = 0;
      for (let i = 0; i < 25; i++) {
        const scan = scanOf('t', [0, 2, 3, 6], randomPredicate(TABLE, random));
        const plan: Plan =
          random.next() < 0.6
            ? scan
            : {
                op: 'sort',
                input: scan,
                keys: randomKeys(scan.schema, 2, random),
                limit: pick(random, [1, 5, 50]),
                offset: below(random, 3),
                schema: scan.schema,
              };
        const expected = comparableRows(runReference(plan, tables));
        const told = JSON.stringify(plan, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
        for (const world of [none, some, all]) {
          const context = newContext();
          expect(comparableRows(await world.run(plan, context)), told).toEqual(expected);
          used += context.stats.indexesUsed.length;
        }
      }
      expect(used).toBeGreaterThan(0);
      expect([none, some, all].flatMap((world) => world.warnings)).toEqual([]);
    });
  }
});

test('an index is asked only where that is cheaper than reading what pruning left', async () => {
  const world = new World();
  const part = sampleBatch(TABLE, 200, seededRandom(3));
  await world.add('t', [part.batch]);
  await world.build('t', btree('n'));
  const plan = scanOf('t', [0, 3], {
    node: 'call',
    function: '=',
    args: [
      { node: 'column', index: 0, type: TABLE[0].type, at: 0 },
      { node: 'literal', value: 7n, type: TABLE[0].type, at: 0 },
    ],
    type: { kind: 'bool' },
    at: 0,
  });
  for (const [factor, names] of [
    [1, []],
    [0, ['by_n']],
  ] as const) {
    world.indexCostFactor = factor;
    const context = newContext();
    await world.run(plan, context);
    expect(context.stats.indexesUsed.map(({ name }) => name)).toEqual(names);
  }
});

describe('a query answers the same where an index file', () => {
  const plan = scanOf('t', [0, 3], {
    node: 'in',
    arg: { node: 'column', index: 0, type: TABLE[0].type, at: 0 },
    values: [7n, 100n],
    hasNull: false,
    negated: false,
    type: { kind: 'bool' },
    at: 0,
  });

  async function indexed(): Promise<{ world: World; expected: string[]; key: string }> {
    const world = new World();
    const part = sampleBatch(TABLE, 200, seededRandom(4));
    await world.add('t', [part.batch], { rowGroupRows: 50 });
    await world.build('t', btree('n'));
    world.indexCostFactor = 0;
    const [segment] = world.snapshot('t').segments;
    const expected = comparableRows(runReference(plan, new Map([['t', part.rows]])));
    expect(expected.length).toBeGreaterThan(0);
    return { world, expected, key: segment.indexes.by_n.key };
  }

  test('is damaged, and says so in the log', async () => {
    const { world, expected, key } = await indexed();
    const info = await world.store.head(key);
    const bytes = (await world.store.read(key, 0, info?.sizeBytes ?? 0)).slice();
    for (let at = 8; at < bytes.length - 32; at += 3) bytes[at] ^= 0x5a;
    await world.store.put(key, bytes);
    expect(comparableRows(await world.run(plan))).toEqual(expected);
    expect(world.warnings).toHaveLength(1);
  });

  test('is gone, and says so in the log', async () => {
    const { world, expected, key } = await indexed();
    await world.store.delete([key]);
    expect(comparableRows(await world.run(plan))).toEqual(expected);
    expect(world.warnings).toHaveLength(1);
  });
});
