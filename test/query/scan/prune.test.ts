import { describe, expect, test } from 'vitest';
import { columnOf } from '../../../src/columns/from-scalars.ts';
import {
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  STRING,
  sameType,
  TIMESTAMP,
} from '../../../src/columns/types.ts';
import { widenScalar } from '../../../src/columns/widen.ts';
import { memorySink } from '../../../src/core/bytes.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { boundsOfStatistics, mayBeTrue } from '../../../src/query/scan/prune.ts';
import { createSegmentWriter } from '../../../src/segment/write.ts';
import { seedCount } from '../../scale.ts';
import { randomPredicate } from '../operators/random-plan.ts';
import { evaluateRow } from '../reference.ts';
import { below, pick, sampleScalar } from '../samples.ts';

/** What a column was when the rows were written, and what it is now. */
const PAIRS: readonly (readonly [ColumnType, ColumnType])[] = [
  [INT64, INT64],
  [INT64, DOUBLE],
  [INT64, STRING],
  [INT64, decimal(30, 2)],
  [DOUBLE, DOUBLE],
  [DOUBLE, STRING],
  [STRING, STRING],
  [DATE, DATE],
  [DATE, TIMESTAMP],
  [DATE, STRING],
  [TIMESTAMP, TIMESTAMP],
  [decimal(10, 2), decimal(10, 2)],
  [decimal(10, 2), STRING],
];

describe('rows are pruned only where none of them satisfies the predicate', () => {
  for (let seed = 0; seed < seedCount(10); seed++) {
    test(`seed ${seed}`, async () => {
      const random = seededRandom(seed);
      let pruned = 0;
      for (let i = 0; i < 60; i++) {
        const [from, to] = pick(random, PAIRS);
        const values = Array.from({ length: 1 + below(random, 3) }, () => sampleScalar(from, random));
        const writer = createSegmentWriter(memorySink(), [{ name: 'x', type: from, nullable: true }]);
        await writer.write({
          schema: [{ name: 'x', type: from, nullable: true }],
          length: values.length,
          columns: [columnOf(from, values)],
        });
        const { x } = (await writer.finish()).statistics;
        const bounds = boundsOfStatistics(x, values.length, from, to);
        const now = values.map((value) =>
          value === null || sameType(from, to) ? value : widenScalar(value, from, to),
        );
        for (let j = 0; j < 20; j++) {
          const predicate = randomPredicate([{ name: 'x', type: to, nullable: true }], random);
          if (mayBeTrue(predicate, () => bounds)) continue;
          pruned++;
          const told = JSON.stringify([predicate, now], (_, value) =>
            typeof value === 'bigint' ? `${value}n` : value,
          );
          expect(
            now.some((value) => evaluateRow(predicate, [value]) === true),
            told,
          ).toBe(false);
        }
      }
      expect(pruned).toBeGreaterThan(100);
    });
  }
});
