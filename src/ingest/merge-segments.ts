import { type Batch, gatherBatch } from '../columns/column.ts';
import { toHex } from '../core/bytes.ts';
import { LIMITS } from '../core/limits.ts';
import type { IndexMessage } from '../core/protocol/messages.ts';
import { openSegment } from '../segment/read.ts';
import type { SegmentRecord } from '../storage/catalog-records.ts';
import { objectReader } from '../storage/range-reader.ts';
import type { SegmentSource } from '../storage/replace-segments.ts';
import { choosePipeline } from './pipeline-choice.ts';
import type { IngestPorts } from './ports.ts';
import { SegmentAssembler } from './segment-assembler.ts';

/** What one merge reads at most: an invocation must get to its end. */
const MERGED_SEGMENTS = 50;
const MERGED_BYTES = 64 * 1024 * 1024;
/** Rows of one sorted merge: each may be a range of its own, and an object's ranges are one value of the catalogue. */
const SORTED_ROWS = 131_072;

export interface MergeReport {
  /** Segments that went, and those that came. */
  readonly merged: number;
  readonly into: number;
  readonly rows: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Merges some of a dataset's segments that have fewer rows than asked for, leaving out rows that no longer count.
 * Null where there is nothing to gain, or the rows changed while they were read: asked again, it begins anew.
 */
export async function mergeSegments(
  ports: IngestPorts,
  namespace: { readonly name: string; readonly uid: string },
  dataset: string,
  smallerThanRows: number,
): Promise<MergeReport | null> {
  const { catalog, store, random, limits } = ports;
  const [snapshot] = await catalog.snapshot(namespace.uid, [dataset]);
  if (snapshot === undefined) return null;
  const pipelines = await ports.control.pipelines(namespace.name);
  const { sortKey } = choosePipeline(pipelines, dataset, '');
  const group = mergeable(snapshot.segments, smallerThanRows, sortKey.length > 0 ? SORTED_ROWS : limits.segmentRows);
  if (group.length < 2) return null;

  const segmentIds = group.map(({ segmentId }) => segmentId);
  const sources = await catalog.sources(namespace.uid, snapshot.datasetId, segmentIds);
  // Not an object of the ledger: files of this id that the catalogue does not come to know are nobody's.
  const objectId = toHex(random.bytes(16));
  const owner = { namespaceUid: namespace.uid, datasetId: snapshot.datasetId, objectId, attempt: 1, part: 0 };
  const assembler = new SegmentAssembler(store, owner, { ...limits, sortKey });
  try {
    for (const segment of group) {
      const own = sources.filter(({ segmentId, masked }) => segmentId === segment.segmentId && !masked);
      for await (const { batch, source } of countingRows(ports, segment, own)) await assembler.add(batch, source);
    }
    await assembler.finish();
  } catch (error) {
    await assembler.abort();
    throw error;
  }
  const { segments } = assembler;
  const replaced =
    segments.length > 0 &&
    segments.length < group.length &&
    (await catalog.replaceSegments({
      namespaceUid: namespace.uid,
      datasetId: snapshot.datasetId,
      segmentIds,
      maskedSources: sources.filter(({ masked }) => masked).length,
      segments,
    }));
  if (!replaced) {
    await store.delete(segments.map(({ key }) => key));
    return null;
  }
  if (snapshot.indexes.length > 0) {
    const message: IndexMessage = {
      v: 1,
      type: 'index',
      namespaceUid: namespace.uid,
      datasetId: snapshot.datasetId,
      segmentIds: segments.map(({ segmentId }) => segmentId),
    };
    await ports.indexQueue.send([message]);
  }
  const bytesOf = (list: readonly { readonly sizeBytes: number }[]) =>
    list.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return {
    merged: group.length,
    into: segments.length,
    rows: segments.reduce((sum, { rows }) => sum + rows, 0),
    bytesBefore: bytesOf(group),
    bytesAfter: bytesOf(segments),
  };
}

/** The smallest segments, as many as one merge may read. */
function mergeable(segments: readonly SegmentRecord[], smallerThanRows: number, mostRows: number): SegmentRecord[] {
  const group: SegmentRecord[] = [];
  let rows = 0;
  let bytes = 0;
  for (const segment of segments.filter((each) => each.rows < smallerThanRows).sort((a, b) => a.rows - b.rows)) {
    rows += segment.rows;
    bytes += segment.sizeBytes;
    if (group.length === MERGED_SEGMENTS || rows > mostRows || bytes > MERGED_BYTES) break;
    group.push(segment);
  }
  return group;
}

/** The rows of a segment that count, by where they came from, a row group in memory at a time. */
async function* countingRows(
  { store }: IngestPorts,
  segment: SegmentRecord,
  sources: readonly SegmentSource[],
): AsyncGenerator<{ batch: Batch; source: string }> {
  const file = await openSegment(objectReader(store, segment), { footerBytes: segment.footerBytes });
  const columns = file.schema.map(({ name }) => name);
  for (const [ordinal, { firstRow, rows }] of file.rowGroups.entries()) {
    const group = await file.readColumns(ordinal, columns);
    for (const { objectId, ranges } of sources) {
      const chosen = rowsWithin(ranges, firstRow, rows);
      for (let at = 0; at < chosen.length; at += LIMITS.batchRows) {
        yield { batch: gatherBatch(group, chosen.subarray(at, at + LIMITS.batchRows)), source: objectId };
      }
    }
  }
}

/** The rows of ranges that lie in a group, counted from its first. */
function rowsWithin(ranges: SegmentSource['ranges'], firstRow: number, rows: number): Int32Array {
  const within: number[] = [];
  for (const [start, end] of ranges) {
    const last = Math.min(end, firstRow + rows);
    for (let row = Math.max(start, firstRow); row < last; row++) within.push(row - firstRow);
  }
  return Int32Array.from(within);
}
