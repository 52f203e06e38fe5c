import { scalarAt } from '../../src/columns/column.ts';
import { openSegment } from '../../src/segment/read.ts';
import { objectReader } from '../../src/storage/range-reader.ts';
import { NAMESPACE, type World } from './world.ts';

/** All rows of a dataset as objects, in the order of its segments. */
export async function rowsOf(world: World, dataset: string): Promise<Record<string, unknown>[]> {
  const [snapshot] = await world.catalog.snapshot(NAMESPACE.uid, [dataset]);
  const rows: Record<string, unknown>[] = [];
  for (const segment of snapshot?.segments ?? []) {
    const file = await openSegment(objectReader(world.store, segment), { footerBytes: segment.footerBytes });
    const names = file.schema.map((field) => field.name);
    for (let group = 0; group < file.rowGroups.length; group++) {
      const batch = await file.readColumns(group, names);
      for (let row = 0; row < batch.length; row++) {
        const ordinal = file.rowGroups[group].firstRow + row;
        if (segment.masked.some(([start, end]) => ordinal >= start && ordinal < end)) continue;
        rows.push(Object.fromEntries(names.map((name, i) => [name, scalarAt(batch.columns[i], row)])));
      }
    }
  }
  return rows;
}
