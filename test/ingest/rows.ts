import { scalarAt } from '../../src/columns/column.ts';
import { openSegment } from '../../src/segment/read.ts';
import { objectReader } from '../../src/storage/range-reader.ts';
import { NAMESPACE, type World } from './world.ts';

/** All rows of a dataset that count, in the order of its segments. */
export async function rowsOf({ ports }: World, dataset = 'd'): Promise<Record<string, unknown>[]> {
  const [snapshot] = await ports.catalog.snapshot(NAMESPACE.uid, [dataset]);
  const rows: Record<string, unknown>[] = [];
  for (const segment of snapshot?.segments ?? []) {
    const file = await openSegment(objectReader(ports.store, segment), { footerBytes: segment.footerBytes });
    const names = file.schema.map((field) => field.name);
    for (const [group, { firstRow }] of file.rowGroups.entries()) {
      const batch = await file.readColumns(group, names);
      for (let row = 0; row < batch.length; row++) {
        const ordinal = firstRow + row;
        if (segment.masked.some(([start, end]) => ordinal >= start && ordinal < end)) continue;
        rows.push(Object.fromEntries(names.map((name, i) => [name, scalarAt(batch.columns[i], row)])));
      }
    }
  }
  return rows;
}

/** The values of one column of a dataset. */
export async function valuesOf(world: World, column: string, dataset = 'd'): Promise<unknown[]> {
  return (await rowsOf(world, dataset)).map((row) => row[column]);
}

/** The numbers of a dataset's column `n`, ascending. */
export async function numbersOf(world: World, dataset = 'd'): Promise<number[]> {
  return (await valuesOf(world, 'n', dataset)).map(Number).sort((a, b) => a - b);
}

export function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

/** The NDJSON of a quarantine, read. */
export async function quarantineOf(world: World, objectId: string): Promise<Record<string, unknown>[]> {
  const text = await new Response(await world.ingest.quarantine(NAMESPACE.uid, objectId)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Keys under a prefix. */
export async function keysUnder({ ports }: World, prefix: string): Promise<string[]> {
  const { objects } = await ports.store.list(prefix);
  return objects.map(({ key }) => key);
}
