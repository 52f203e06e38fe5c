import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import type { NewSegment, RowRanges } from './catalog-records.ts';
import { insertSegments, insertSources } from './commit.ts';
import { decodeRowRanges } from './row-ranges.ts';
import { integer, type SqlDatabase, sql, text } from './sql.ts';

/** Rows of a segment that came from one object. */
export interface SegmentSource {
  readonly segmentId: string;
  readonly objectId: string;
  readonly ranges: RowRanges;
  /** The object was deleted or replaced since: its rows do not count. */
  readonly masked: boolean;
}

/** The same rows in other segments. */
export interface Replacement {
  readonly namespaceUid: string;
  readonly datasetId: string;
  /** Segments that go; all must be live still. */
  readonly segmentIds: readonly string[];
  /** How many of their sources were masked when they were read: with one more, what was written holds too much. */
  readonly maskedSources: number;
  readonly segments: readonly NewSegment[];
}

export async function readSources(
  database: SqlDatabase,
  namespaceUid: string,
  datasetId: string,
  segmentIds: readonly string[],
): Promise<readonly SegmentSource[]> {
  const { rows } = await database.run(
    sql`SELECT segment_id, object_id, ranges, masked FROM segment_sources
      WHERE namespace_uid = ${namespaceUid} AND dataset_id = ${datasetId}
      AND segment_id IN (SELECT value FROM json_each(${JSON.stringify(segmentIds)})) ORDER BY segment_id, object_id`,
  );
  return rows.map((row) => ({
    segmentId: text(row, 'segment_id'),
    objectId: text(row, 'object_id'),
    ranges: decodeRowRanges(text(row, 'ranges')),
    masked: integer(row, 'masked') === 1,
  }));
}

/**
 * Puts segments in the place of others, all at once or not at all: answers at no moment hold a row twice or lack one.
 * False where one of the others is gone, or lost rows, since they were read; nothing has changed then.
 *
 * As in a commit, every statement of the batch is conditional: the first ones on the others being as they were read,
 * the last on the first having taken effect.
 */
export async function replaceSegments(
  database: SqlDatabase,
  clock: Clock,
  random: Random,
  request: Replacement,
): Promise<boolean> {
  const { namespaceUid, datasetId, segmentIds, maskedSources, segments } = request;
  const now = clock.now();
  const commitId = newId(clock, random);
  const own = sql`namespace_uid = ${namespaceUid} AND dataset_id = ${datasetId}`;
  const replaced = sql`${own} AND segment_id IN (SELECT value FROM json_each(${JSON.stringify(segmentIds)}))`;
  const asRead = sql`(SELECT count(*) FROM segments WHERE ${replaced} AND state = 'live') = ${segmentIds.length}
    AND (SELECT count(*) FROM segment_sources WHERE ${replaced} AND masked = 1) = ${maskedSources}
    AND EXISTS (SELECT 1 FROM datasets WHERE ${own} AND state = 'active')`;
  const taken = sql`EXISTS (SELECT 1 FROM segments WHERE ${own} AND segment_id = ${segments[0].segmentId}
    AND commit_id = ${commitId})`;
  const answers = await database.batch([
    ...insertSegments(request, commitId, asRead, now),
    ...insertSources(request, asRead),
    sql`UPDATE segments SET state = 'dead', dead_at = ${now} WHERE ${replaced} AND ${taken}`,
  ]);
  return (answers.at(-1)?.changes ?? 0) === segmentIds.length;
}
