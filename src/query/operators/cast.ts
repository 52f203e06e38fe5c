import { type Column, nullColumn, type Scalar, scalarAt } from '../../columns/column.ts';
import { plainColumn, toBigInts, toDoubles } from '../../columns/plain.ts';
import { type ColumnType, sameType } from '../../columns/types.ts';
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
  return castFast(column, type) ?? castRows(column, type, lenient);
}

/** Conversions that are plain arithmetic and cannot fail. */
function castFast(column: Column, type: ColumnType): Column | undefined {
  const { kind } = column.type;
  const plain = plainColumn(column);
  if (plain.data.layout !== 'fixed') return undefined;
  const { values } = plain.data;
  if (kind === 'int64' && type.kind === 'double') {
    return { ...plain, type, data: { layout: 'fixed', values: toDoubles(values) } };
  }
  if (kind === 'decimal' && type.kind === 'decimal' && column.type.kind === 'decimal') {
    // The same digits with room for more of them.
    const same = column.type.scale === type.scale && column.type.precision <= type.precision && type.precision <= 18;
    return same ? { ...plain, type } : undefined;
  }
  if (kind === 'int64' && type.kind === 'decimal' && type.scale === 0 && type.precision === 18) {
    return values instanceof Int32Array
      ? { ...plain, type, data: { layout: 'fixed', values: toBigInts(values) } }
      : undefined;
  }
  if (kind === 'date' && type.kind === 'timestamp' && type.unit === 'us') {
    const days = toDoubles(values);
    const micros = new Float64Array(days.length);
    let largest = 0;
    for (let i = 0; i < days.length; i++) {
      micros[i] = days[i] * 86_400_000_000;
      largest = Math.max(largest, Math.abs(micros[i]));
    }
    return largest < 2 ** 53 ? { ...plain, type, data: { layout: 'fixed', values: micros } } : undefined;
  }
  return undefined;
}

function castRows(column: Column, type: ColumnType, lenient: boolean): Column {
  const values = new Array<Scalar>(column.length);
  for (let row = 0; row < column.length; row++) {
    values[row] = castScalar(scalarAt(column, row), column.type, type, lenient);
  }
  return columnOfScalars(type, values);
}
