import { newBitmap } from '../../columns/bitmap.ts';
import { type Column, nullColumn, type Scalar } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import { columnOfScalars } from './build-column.ts';

/**
 * One value for every row. It is a dictionary of one entry wherever the type may have a dictionary, which
 * is how kernels tell a constant (`constantOf`).
 */
export function constantColumn(value: Scalar, type: ColumnType, length: number): Column {
  if (value === null) return nullColumn(type, length);
  if (type.kind === 'bool') {
    return { type, length, validity: null, data: { layout: 'bits', values: newBitmap(length, value === true) } };
  }
  if (type.kind === 'decimal' || type.kind === 'json' || type.kind === 'bytes') {
    return columnOfScalars(type, new Array<Scalar>(length).fill(value));
  }
  const dictionary = columnOfScalars(type, [value]);
  return { type, length, validity: null, data: { layout: 'dictionary', codes: new Uint8Array(length), dictionary } };
}

/** The one value of a column, as a column of one row, where the layout shows that every row has it. */
export function constantOf(column: Column): Column | undefined {
  const { data } = column;
  return data.layout === 'dictionary' && data.dictionary.length === 1 && column.validity === null
    ? data.dictionary
    : undefined;
}
