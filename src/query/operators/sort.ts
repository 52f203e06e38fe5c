import { type Batch, type Column, gatherBatch } from '../../columns/column.ts';
import { rowComparator } from '../../columns/compare.ts';
import { concatBatches, concatColumns } from '../../columns/concat.ts';
import type { Schema } from '../../columns/types.ts';
import { LIMITS } from '../../core/limits.ts';
import type { QueryContext } from '../context.ts';
import type { SortKey } from '../plan.ts';
import { compileExpression } from './evaluate.ts';
import type { ScalarFunctions } from './function-port.ts';
import { HeldMemory } from './held-memory.ts';

/** All rows in order; equal ones stay in the order they came. */
export async function* sortRows(
  input: AsyncIterable<Batch>,
  keys: readonly SortKey[],
  schema: Schema,
  functions: ScalarFunctions,
  context: QueryContext,
): AsyncGenerator<Batch> {
  const runs = keys.map(({ expression }) => compileExpression(expression, functions));
  const memory = new HeldMemory(context.memory, 'ORDER BY');
  try {
    const batches: Batch[] = [];
    const keyParts: Column[][] = keys.map(() => []);
    for await (const batch of input) {
      batches.push(batch);
      // What a row costs while it waits: itself, its place in the order and the copy that is put out.
      memory.addBatch(batch, 2);
      memory.add(8 * batch.length);
      for (let i = 0; i < runs.length; i++) keyParts[i].push(runs[i](batch));
    }
    const all = concatBatches(schema, batches);
    const order = sortedOrder(
      keys.map((key, i) => ({ column: concatColumns(key.expression.type, keyParts[i]), order: key })),
      all.length,
    );
    for (let start = 0; start < all.length; start += LIMITS.batchRows) {
      yield gatherBatch(all, order.subarray(start, start + LIMITS.batchRows));
    }
  } finally {
    memory.release();
  }
}

/** The rows `0 … length` in the order of the keys; the sort is stable. */
function sortedOrder(
  keys: readonly { readonly column: Column; readonly order: Omit<SortKey, 'expression'> }[],
  length: number,
): Int32Array {
  const order = new Int32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  return keys.length === 0 ? order : order.sort(rowComparator(keys));
}
