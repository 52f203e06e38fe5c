import type { Batch } from '../../columns/column.ts';
import type { Schema } from '../../columns/types.ts';

/** All rows of the inputs, one input after the other, under one schema. */
export async function* unionRows(inputs: readonly AsyncIterable<Batch>[], schema: Schema): AsyncGenerator<Batch> {
  for (const input of inputs) for await (const batch of input) yield { ...batch, schema };
}
