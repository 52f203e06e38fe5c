import type { Batch } from '../../columns/column.ts';
import type { Schema } from '../../columns/types.ts';
import type { Expression } from '../expression.ts';
import { compileExpression } from './evaluate.ts';
import type { ScalarFunctions } from './function-port.ts';

/** Computes one column an expression. */
export async function* projectRows(
  input: AsyncIterable<Batch>,
  expressions: readonly Expression[],
  schema: Schema,
  functions: ScalarFunctions,
): AsyncGenerator<Batch> {
  const runs = expressions.map((expression) => compileExpression(expression, functions));
  for await (const batch of input) {
    yield { schema, length: batch.length, columns: runs.map((run) => run(batch)) };
  }
}
