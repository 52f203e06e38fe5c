import { type Batch, gatherBatch, gatherColumn, sliceBatch } from '../../columns/column.ts';
import type { Schema } from '../../columns/types.ts';
import type { QueryContext } from '../context.ts';
import type { SortKey } from '../plan.ts';
import { BestRows } from './best-rows.ts';
import { compileExpression } from './evaluate.ts';
import type { ScalarFunctions } from './function-port.ts';
import { HeldMemory } from './held-memory.ts';
import { limitRows } from './limit.ts';
import { sortRows } from './sort.ts';

/** Above this many rows kept, a sort is no dearer than keeping the best. */
const MOST_KEPT = 100_000;

/** A sort of which only the first rows are wanted. */
export interface TopPlan {
  readonly keys: readonly SortKey[];
  readonly limit: number;
  readonly offset: number;
  readonly schema: Schema;
}

/** The first `offset + limit` rows of the order, less the first `offset`; equal rows in the order they came. */
export async function* topRows(
  input: AsyncIterable<Batch>,
  plan: TopPlan,
  functions: ScalarFunctions,
  context: QueryContext,
): AsyncGenerator<Batch> {
  if (plan.limit === 0) return;
  const wanted = plan.offset + plan.limit;
  if (wanted > MOST_KEPT) {
    yield* limitRows(sortRows(input, plan.keys, plan.schema, functions, context), plan.limit, plan.offset);
    return;
  }
  const runs = plan.keys.map(({ expression }) => compileExpression(expression, functions));
  const memory = new HeldMemory(context.memory, 'ORDER BY … LIMIT');
  try {
    const best = new BestRows(wanted, plan.keys, plan.schema, memory);
    for await (const batch of input) {
      if (batch.length === 0) continue;
      const keys = runs.map((run) => run(batch));
      const rows = best.candidates(keys[0]);
      if (rows === undefined) best.add(batch, keys);
      else if (rows.length > 0) {
        best.add(
          gatherBatch(batch, rows),
          keys.map((key) => gatherColumn(key, rows)),
        );
      }
    }
    const rows = best.finish();
    if (rows !== undefined && plan.offset < rows.length) yield sliceBatch(rows, plan.offset, rows.length);
  } finally {
    memory.release();
  }
}
