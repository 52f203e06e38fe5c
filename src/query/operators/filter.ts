import { type Batch, gatherBatch } from '../../columns/column.ts';
import type { Expression } from '../expression.ts';
import { compileExpression } from './evaluate.ts';
import type { ScalarFunctions } from './function-port.ts';
import { rowsOfBits, trueBits } from './selection.ts';

/** A predicate made ready: the rows of a batch for which it is true. */
export type RowFilter = (batch: Batch) => Int32Array;

export function compileFilter(predicate: Expression, functions: ScalarFunctions): RowFilter {
  const run = compileExpression(predicate, functions);
  return (batch) => rowsOfBits(trueBits(run(batch)), batch.length);
}

/** The rows for which the predicate is true, in their order. Batches without one are left out. */
export async function* filterRows(
  input: AsyncIterable<Batch>,
  predicate: Expression,
  functions: ScalarFunctions,
): AsyncGenerator<Batch> {
  const filter = compileFilter(predicate, functions);
  for await (const batch of input) {
    const rows = filter(batch);
    if (rows.length === batch.length) yield batch;
    else if (rows.length > 0) yield gatherBatch(batch, rows);
  }
}
