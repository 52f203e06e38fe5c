import { describe, expect, test } from 'vitest';
import type { Batch, Scalar } from '../../../src/columns/column.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { execute, type Runtime } from '../../../src/query/execute.ts';
import { filterRows } from '../../../src/query/operators/filter.ts';
import { projectRows } from '../../../src/query/operators/project.ts';
import { topRows } from '../../../src/query/operators/top-k.ts';
import type { ScanPlan } from '../../../src/query/plan.ts';
import { seedCount } from '../../scale.ts';
import { comparableRows, runReference } from '../reference.ts';
import { below, sampleBatch } from '../samples.ts';
import { functions, newContext, rowsOf } from '../world.ts';
import { randomPlan, TABLE } from './random-plan.ts';

/** A scan over batches in memory, so that the operators are tested in every layout a column may have. */
async function* scanBatches(plan: ScanPlan, batches: readonly Batch[]): AsyncGenerator<Batch> {
  async function* all() {
    yield* batches;
  }
  const kept = plan.filter === null ? all() : filterRows(all(), plan.filter, functions);
  for await (const batch of kept) {
    const columns = plan.columns.map((ordinal) => batch.columns[ordinal]);
    yield { schema: plan.schema, length: batch.length, columns };
  }
}

function runtimeOver(tables: ReadonlyMap<string, readonly Batch[]>): Runtime {
  return {
    context: newContext(1 << 28),
    functions,
    scan: (plan) => scanBatches(plan, tables.get(plan.dataset) ?? []),
    rowsOf: (plan) => (tables.get(plan.dataset) ?? []).reduce((sum, { length }) => sum + length, 0),
    topScan(top) {
      const scanned = scanBatches(top.scan, tables.get(top.scan.dataset) ?? []);
      let rows = topRows(scanned, { ...top, schema: top.scan.schema }, functions, newContext());
      for (const { expressions, schema } of top.projections) rows = projectRows(rows, expressions, schema, functions);
      return rows;
    },
    fallback: () => {
      throw new Error('no fallback here');
    },
  };
}

describe('a plan of operators answers what its definition says', () => {
  for (let seed = 0; seed < seedCount(25); seed++) {
    test(`seed ${seed}`, async () => {
      const random = seededRandom(1000 + seed);
      const batches = new Map<string, Batch[]>();
      const rows = new Map<string, Scalar[][]>();
      for (const name of ['t', 'u']) {
        const parts = Array.from({ length: below(random, 4) }, () => sampleBatch(TABLE, below(random, 40), random));
        batches.set(
          name,
          parts.map(({ batch }) => batch),
        );
        rows.set(
          name,
          parts.flatMap((part) => part.rows),
        );
      }
      for (let i = 0; i < 20; i++) {
        const plan = randomPlan(1 + below(random, 3), random);
        const actual = comparableRows(await rowsOf(execute(plan, runtimeOver(batches))));
        const expected = comparableRows(runReference(plan, rows));
        const told = JSON.stringify(plan, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
        if (plan.op === 'sort') expect(actual, told).toEqual(expected);
        else expect(actual.sort(), told).toEqual(expected.sort());
      }
    });
  }
});
