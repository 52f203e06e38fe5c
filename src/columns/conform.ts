import { type Batch, nullColumn } from './column.ts';
import type { Schema } from './types.ts';
import { widenColumn } from './widen.ts';

/** A batch in a schema that is the same or wider: columns widened, those it lacks null, others dropped. */
export function conformBatch(batch: Batch, schema: Schema): Batch {
  const places = new Map(batch.schema.map((field, i) => [field.name, i]));
  const columns = schema.map((field) => {
    const place = places.get(field.name);
    return place === undefined
      ? nullColumn(field.type, batch.length)
      : widenColumn(batch.columns[place], field.type, batch.schema[place].text);
  });
  return { schema, length: batch.length, columns };
}
