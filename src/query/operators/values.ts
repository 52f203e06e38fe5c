import type { Batch } from '../../columns/column.ts';
import { concatColumns } from '../../columns/concat.ts';
import type { Schema } from '../../columns/types.ts';
import type { Expression } from '../expression.ts';
import { evaluate } from './evaluate.ts';
import type { ScalarFunctions } from './function-port.ts';

const ONE_ROW: Batch = { schema: [], length: 1, columns: [] };

/** Rows written out in the statement; their expressions read no column. */
export async function* valueRows(
  rows: readonly (readonly Expression[])[],
  schema: Schema,
  functions: ScalarFunctions,
): AsyncGenerator<Batch> {
  const columns = schema.map(({ type }, i) =>
    concatColumns(
      type,
      rows.map((row) => evaluate(row[i], ONE_ROW, functions)),
    ),
  );
  if (rows.length > 0) yield { schema, length: rows.length, columns };
}
