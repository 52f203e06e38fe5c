import type { Column, Scalar } from '../../columns/column.ts';
import { columnOf } from '../../columns/from-scalars.ts';
import type { ColumnType } from '../../columns/types.ts';

const LIMIT = 2n ** 53n;

/**
 * A column of values as `scalarAt` gives them, integers in doubles where all fit: kernels are several times
 * faster there. For the edges: a value is an object here, so loops over rows avoid it.
 */
export function columnOfScalars(type: ColumnType, values: readonly Scalar[]): Column {
  const column = columnOf(type, values);
  if ((type.kind !== 'int64' && type.kind !== 'timestamp') || column.data.layout !== 'fixed') return column;
  const integers = column.data.values;
  if (!(integers instanceof BigInt64Array)) return column;
  for (let i = 0; i < integers.length; i++) if (integers[i] > LIMIT || integers[i] < -LIMIT) return column;
  return { ...column, data: { layout: 'fixed', values: Float64Array.from(integers, Number) } };
}
