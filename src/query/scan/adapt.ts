import { type Batch, type Column, nullColumn } from '../../columns/column.ts';
import type { Schema } from '../../columns/types.ts';
import { widenColumn } from '../../columns/widen.ts';

/**
 * The columns of a segment as the dataset has them now: those it lacks are null, narrower ones are widened.
 * `names` are the columns wanted, in order; `batch` holds those of them that the segment has.
 */
export function adaptColumns(batch: Batch, names: readonly string[], dataset: Schema): Column[] {
  const places = new Map(batch.schema.map((field, i) => [field.name, i]));
  const types = new Map(dataset.map((field) => [field.name, field.type]));
  return names.map((name) => {
    const place = places.get(name);
    const type = types.get(name) ?? { kind: 'null' };
    if (place === undefined) return nullColumn(type, batch.length);
    return widenColumn(batch.columns[place], type, batch.schema[place].text);
  });
}
