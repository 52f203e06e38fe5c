import { describe, expect, test } from 'vitest';
import type { Scalar } from '../../../src/columns/column.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { seedCount } from '../../scale.ts';
import { randomPlan, randomPredicate, scanOf, TABLE } from '../operators/random-plan.ts';
import { comparableRows, runReference } from '../reference.ts';
import { below, sampleBatch } from '../samples.ts';
import { World } from '../world.ts';

describe('a plan over segments answers what its definition says', () => {
  for (let seed = 0; seed < seedCount(15); seed++) {
    test(`seed ${seed}`, async () => {
      const random = seededRandom(seed);
      const world = new World();
      const tables = new Map<string, Scalar[][]>();
      for (const name of ['t', 'u']) {
        const parts = Array.from({ length: 1 + below(random, 3) }, () =>
          sampleBatch(TABLE, 1 + below(random, 60), random),
        );
        for (const { batch, rows } of parts) {
          const masked = random.next() < 0.4 ? [[1, 1 + below(random, batch.length)] as const] : [];
          await world.add(name, [batch], { rowGroupRows: 25, masked });
          const live = rows.filter((_, row) => !masked.some(([start, end]) => row >= start && row < end));
          tables.set(name, [...(tables.get(name) ?? []), ...live]);
        }
      }
      for (let i = 0; i < 15; i++) {
        const plan =
          i % 2 === 0
            ? randomPlan(1 + below(random, 2), random)
            : scanOf('t', [0, 3, 5], randomPredicate(TABLE, random));
        const actual = comparableRows(await world.run(plan));
        const expected = comparableRows(runReference(plan, tables));
        const told = JSON.stringify(plan, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
        // A scan keeps the order of its rows; other plans here promise none but under a sort.
        if (plan.op === 'sort' || plan.op === 'scan') expect(actual, told).toEqual(expected);
        else expect(actual.sort(), told).toEqual(expected.sort());
      }
    });
  }
});
