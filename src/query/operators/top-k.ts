import {
  type Batch,
  batchBytes,
  type Column,
  gatherBatch,
  gatherColumn,
  sliceBatch,
  sliceColumn,
} from '../../columns/column.ts';
import { columnComparator } from '../../columns/compare.ts';
import type { Schema } from '../../columns/types.ts';
import type { QueryContext } from '../context.ts';
import type { SortKey } from '../plan.ts';
import { concatBatches, concatColumns } from './concat.ts';
import { compileExpression } from './evaluate.ts';
import type { ScalarFunctions } from './function-port.ts';
import { HeldMemory } from './held-memory.ts';
import { limitRows } from './limit.ts';
import { sortedOrder, sortRows } from './sort.ts';

/** Above this many rows kept, a sort is no dearer than keeping the best. */
const MOST_KEPT = 100_000;

interface TopPlan {
  readonly keys: readonly SortKey[];
  readonly offset: number;
  readonly schema: Schema;
}

/**
 * The first `offset + limit` rows of the order, less the first `offset`. Rows that can be among them are
 * gathered until there are a few times too many, then the best are kept; the last of those is the
 * threshold that rows of later batches must pass.
 */
export async function* topRows(
  input: AsyncIterable<Batch>,
  plan: TopPlan,
  limit: number,
  functions: ScalarFunctions,
  context: QueryContext,
): AsyncGenerator<Batch> {
  const wanted = plan.offset + limit;
  if (limit === 0) return;
  if (wanted > MOST_KEPT) {
    yield* limitRows(sortRows(input, plan.keys, plan.schema, functions, context), limit, plan.offset);
    return;
  }
  const runs = plan.keys.map(({ expression }) => compileExpression(expression, functions));
  const memory = new HeldMemory(context.memory, 'ORDER BY … LIMIT');
  try {
    let kept: Batch[] = [];
    let keptKeys: Column[][] = plan.keys.map(() => []);
    let rows = 0;
    /** The keys of the last row that is still good enough, once there are `wanted` rows. */
    let threshold: Column[] | undefined;
    const shrink = () => {
      const all = concatBatches(plan.schema, kept);
      const keys = plan.keys.map((key, i) => concatColumns(key.expression.type, keptKeys[i]));
      const order = sortedOrder(
        keys.map((column, i) => ({ column, order: plan.keys[i] })),
        all.length,
      ).subarray(0, wanted);
      kept = [gatherBatch(all, order)];
      keptKeys = keys.map((key) => [gatherColumn(key, order)]);
      rows = order.length;
      if (rows === wanted) threshold = keptKeys.map(([key]) => sliceColumn(key, rows - 1, rows));
      memory.hold(batchBytes(kept[0]));
    };
    for await (const batch of input) {
      const keys = runs.map((run) => run(batch));
      const passing = threshold === undefined ? undefined : rowsBefore(keys, threshold, plan.keys, batch.length);
      if (passing?.length === 0) continue;
      const better = passing === undefined ? batch : gatherBatch(batch, passing);
      kept.push(better);
      for (let i = 0; i < keys.length; i++) {
        keptKeys[i].push(passing === undefined ? keys[i] : gatherColumn(keys[i], passing));
      }
      rows += better.length;
      memory.add(batchBytes(better));
      if (rows > 2 * wanted + 1024) shrink();
    }
    if (rows === 0) return;
    shrink();
    const [best] = kept;
    if (plan.offset < best.length) yield sliceBatch(best, plan.offset, best.length);
  } finally {
    memory.release();
  }
}

/** The rows that come before the threshold; one equal to it came later than it, and so is not wanted. */
function rowsBefore(
  keys: readonly Column[],
  threshold: readonly Column[],
  order: readonly SortKey[],
  length: number,
): Int32Array {
  const comparators = keys.map((key, i) => columnComparator(key, threshold[i], order[i]));
  const rows = new Int32Array(length);
  let count = 0;
  for (let row = 0; row < length; row++) {
    let result = 0;
    for (let i = 0; i < comparators.length && result === 0; i++) result = comparators[i](row, 0);
    if (result < 0) rows[count++] = row;
  }
  return rows.subarray(0, count);
}
