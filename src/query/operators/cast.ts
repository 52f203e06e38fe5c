import { type Column, nullColumn, type Scalar, scalarAt } from '../../columns/column.ts';
import { type ColumnType, sameType } from '../../columns/types.ts';
import { widenArray } from '../../columns/widen.ts';
import { castScalar } from '../functions/cast.ts';
import { columnOfScalars } from './build-column.ts';

/**
 * The column in another type, as SQL's CAST converts values (`castScalar`). Throws `type_error` at a value
 * that does not convert; with `lenient` it becomes null.
 */
export function castToType(column: Column, type: ColumnType, lenient: boolean): Column {
  const from = column.type;
  if (sameType(from, type)) return column;
  if (column.data.layout === 'none') return nullColumn(type, column.length);
  return widenArray(column, type) ?? castRows(column, type, lenient);
}

function castRows(column: Column, type: ColumnType, lenient: boolean): Column {
  const values = new Array<Scalar>(column.length);
  for (let row = 0; row < column.length; row++) {
    values[row] = castScalar(scalarAt(column, row), column.type, type, lenient);
  }
  return columnOfScalars(type, values);
}
