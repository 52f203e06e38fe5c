import { type Bitmap, countBits } from '../../columns/bitmap.ts';
import { type Batch, gatherBatch } from '../../columns/column.ts';
import type { Expression } from '../expression.ts';
import { compileExpression } from './evaluate.ts';
import type { ScalarFunctions } from './function-port.ts';
import { rowsOfBits, trueBits } from './selection.ts';

/** A predicate made ready: for each row of a batch the bit of whether it is true. */
export type RowFilter = (batch: Batch) => Bitmap;

export function compileFilter(predicate: Expression, functions: ScalarFunctions): RowFilter {
  const run = compileExpression(predicate, functions);
  return (batch) => trueBits(run(batch));
}

/** The rows for which the predicate is true, in their order. Batches without one are left out. */
export async function* filterRows(
  input: AsyncIterable<Batch>,
  predicate: Expression,
  functions: ScalarFunctions,
): AsyncGenerator<Batch> {
  const filter = compileFilter(predicate, functions);
  for await (const batch of input) {
    const kept = filter(batch);
    const count = countBits(kept, batch.length);
    if (count === batch.length) yield batch;
    else if (count > 0) yield gatherBatch(batch, rowsOfBits(kept, batch.length));
  }
}
