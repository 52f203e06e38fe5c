import type { Batch } from '../columns/column.ts';
import type { IndexSummary } from '../columns/index-definition.ts';
import { OrasiError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { openSegment } from '../segment/read.ts';
import type { IndexFile, MissingIndex } from '../storage/index-catalog.ts';
import { indexKey } from '../storage/layout.ts';
import { createObjectSink } from '../storage/object-sink.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { objectReader } from '../storage/range-reader.ts';
import type { IndexingPorts } from './ports.ts';

/** A file in the store that nobody knows of yet. */
export interface BuiltFile {
  readonly file: IndexFile;
  readonly key: string;
  readonly summary: IndexSummary;
}

/**
 * Builds one index of one segment into a new file, a row group in memory at a time. The key is of this attempt
 * alone, and the file is nothing until it is published.
 */
export async function buildIndex(
  { store, kinds, clock, random }: IndexingPorts,
  namespaceUid: string,
  datasetId: string,
  { segment, definition, generation }: MissingIndex,
): Promise<BuiltFile> {
  const kind = kinds.get(definition.kind);
  if (kind === undefined) throw new OrasiError('unprocessable', `there is no index kind "${definition.kind}"`);
  const file = { namespaceUid, datasetId, segmentId: segment.segmentId, name: definition.name, generation };
  const buildId = `${generation}-${newId(clock, random)}`;
  const key = indexKey(namespaceUid, datasetId, segment.segmentId, definition.name, buildId);
  const sink = createObjectSink(store, key);
  let summary: IndexSummary;
  try {
    summary = await kind.build(readColumns(store, segment, kind.columns(definition)), definition, sink);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  if ((await sink.finish()) === null) throw new OrasiError('conflict', `${key} is there already`);
  return { file, key, summary };
}

/** The columns an index is over, row group by row group; those the segment lacks are left out. */
async function* readColumns(
  store: ObjectStore,
  segment: MissingIndex['segment'],
  columns: readonly string[],
): AsyncIterable<Batch> {
  const file = await openSegment(objectReader(store, segment), { footerBytes: segment.footerBytes });
  const present = columns.filter((column) => file.schema.some(({ name }) => name === column));
  for (const [group, { rows }] of file.rowGroups.entries()) {
    if (present.length === 0) yield { schema: [], length: rows, columns: [] };
    else yield await file.readColumns(group, present);
  }
}
