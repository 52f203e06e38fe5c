import { castColumn } from '../../columns/cast.ts';
import { type Batch, type Column, nullColumn } from '../../columns/column.ts';
import type { Schema } from '../../columns/types.ts';

/**
 * The columns of a segment as the dataset has them now: those it lacks are null, narrower ones are cast.
 * `names` are the columns wanted, in order; `batch` holds those of them that the segment has.
 */
export function adaptColumns(batch: Batch, names: readonly string[], dataset: Schema): Column[] {
  const places = new Map(batch.schema.map((field, i) => [field.name, i]));
  const types = new Map(dataset.map((field) => [field.name, field.type]));
  return names.map((name) => {
    const place = places.get(name);
    const type = types.get(name) ?? { kind: 'null' };
    if (place === undefined) return nullColumn(type, batch.length);
    return castColumn(batch.columns[place], type, 'widen', batch.schema[place].text);
  });
}
