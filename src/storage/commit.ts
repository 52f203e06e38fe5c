import { mergeSchemas, type Schema } from '../columns/types.ts';
import type { Clock } from '../core/clock.ts';
import { OrasiError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { Random } from '../core/random.ts';
import type { NewSegment } from './catalog-records.ts';
import { type ClaimToken, held, keepQuarantine, maskSources } from './ledger.ts';
import { countRows, encodeRowRanges } from './row-ranges.ts';
import { decodeSchema, encodeSchema, encodeStatistics } from './scalar-json.ts';
import { integer, jsonChunks, type SqlDatabase, type Statement, sql, text } from './sql.ts';

/** One object of a commit. */
export interface CommittedObject {
  readonly token: ClaimToken;
  readonly format: string;
  readonly rowsCommitted: number;
  readonly rowsQuarantined: number;
  /** Quarantine file of the last part; those of earlier parts are staged. */
  readonly quarantine?: { readonly key: string; readonly rows: number };
}

export interface CommitRequest {
  readonly namespaceUid: string;
  readonly datasetId: string;
  readonly objects: readonly CommittedObject[];
  /** Segments of the last part; those of earlier parts are staged, in the form `stagedSegment` gives. */
  readonly segments: readonly NewSegment[];
  /** Merged schema of all rows, those of earlier parts included. */
  readonly schema: Schema;
  /** Whether the rows of earlier versions of the same names go in the same commit. */
  readonly replace: boolean;
}

export type CommitOutcome =
  | { readonly committed: true; readonly commitId: string; readonly segmentIds: readonly string[] }
  /** Some object is no longer its claimant's: nothing has changed. */
  | { readonly committed: false };

/**
 * Makes rows visible: all of a commit at once, or nothing. Throws `unprocessable` where the dataset would have
 * too many columns, or what the catalogue keeps of them would not fit it.
 *
 * One batch commits. A batch does not stop because a statement matched no row, so the first statement moves the
 * ledger's rows to this commit's id, only if all are still their claimants' and the dataset's schema is the one
 * that was merged with, and every other statement is conditional on a row with that id. Where another commit
 * changed the schema in between, merge and batch are repeated.
 */
export async function commit(
  database: SqlDatabase,
  clock: Clock,
  random: Random,
  request: CommitRequest,
): Promise<CommitOutcome> {
  for (;;) {
    const dataset = await readSchema(database, request);
    if (dataset === null) return { committed: false };
    const merged = mergeInto(dataset.schema, request.schema);
    if (merged.length > LIMITS.columns) {
      throw new OrasiError(
        'unprocessable',
        `the dataset would have ${merged.length} columns; ${LIMITS.columns} is the most`,
      );
    }
    const schema = encodeSchema(merged);
    checkFits('the columns of the dataset', schema);
    const commitId = newId(clock, random);
    const [moved, after, segments] = await commitOnce(database, clock, request, dataset, schema, commitId);
    if (moved === request.objects.length) return { committed: true, commitId, segmentIds: segments };
    if (after === dataset.version) return { committed: false };
  }
}

/** Room that JSON around a value, and other values beside it, may need. */
const MARGIN_BYTES = 10_000;

/** What one row of the catalogue keeps as a text has the database's bound. Throws `unprocessable` beyond it. */
function checkFits(what: string, text: string): void {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= LIMITS.sqlValueBytes - MARGIN_BYTES) return;
  throw new OrasiError(
    'unprocessable',
    `${what} take ${bytes} bytes in the catalogue, which has room for ${LIMITS.sqlValueBytes}: use fewer columns or shorter names`,
  );
}

/** The schema as a staged or committed segment keeps it. A dataset without columns takes the first rows' as they are. */
function mergeInto(dataset: Schema, rows: Schema): Schema {
  if (dataset.length === 0) return rows;
  return rows.length === 0 ? dataset : mergeSchemas(dataset, rows);
}

async function readSchema(database: SqlDatabase, { namespaceUid, datasetId }: CommitRequest) {
  const { rows } = await database.run(
    sql`SELECT schema, schema_version FROM datasets
      WHERE namespace_uid = ${namespaceUid} AND dataset_id = ${datasetId} AND state = 'active'`,
  );
  if (rows.length === 0) return null;
  const encoded = text(rows[0], 'schema');
  return { schema: decodeSchema(encoded), encoded, version: integer(rows[0], 'schema_version') };
}

async function commitOnce(
  database: SqlDatabase,
  clock: Clock,
  request: CommitRequest,
  dataset: { readonly encoded: string; readonly version: number },
  schema: string,
  commitId: string,
): Promise<[moved: number, schemaVersion: number | undefined, segmentIds: readonly string[]]> {
  const { namespaceUid, datasetId, objects } = request;
  const now = clock.now();
  const own = sql`namespace_uid = ${namespaceUid} AND dataset_id = ${datasetId}`;
  const isCommitted = sql`EXISTS (SELECT 1 FROM objects WHERE namespace_uid = ${namespaceUid}
    AND object_id = ${objects[0].token.objectId} AND commit_id = ${commitId})`;
  const continued = objects.filter(({ token }) => token.part > 0);

  const statements: Statement[] = [
    moveObjects(request, dataset.version, commitId, now),
    sql`SELECT schema_version FROM datasets WHERE ${own}`,
    ...(schema === dataset.encoded
      ? []
      : [
          sql`UPDATE datasets SET schema = ${schema}, schema_version = schema_version + 1 WHERE ${own} AND ${isCommitted}`,
        ]),
    ...insertSegments(request, commitId, isCommitted, now),
    ...insertSources(request, isCommitted),
    ...insertQuarantine(request, isCommitted),
  ];
  for (const { token } of continued) statements.push(...adoptStaged(token, datasetId, commitId, now));
  if (request.replace) statements.push(...maskEarlierVersions(request, isCommitted, now));
  const adopted = continued.map(
    ({ token }) => sql`SELECT segment_id FROM segments WHERE ${own} AND commit_id = ${commitId}
      AND segment_id > ${`${token.objectId}-`} AND segment_id < ${`${token.objectId}.`}`,
  );

  const answers = await database.batch([...statements, ...adopted]);
  const version = answers[1].rows.length === 0 ? undefined : integer(answers[1].rows[0], 'schema_version');
  const found = answers.slice(statements.length).flatMap(({ rows }) => rows.map((row) => text(row, 'segment_id')));
  const segmentIds = new Set([...request.segments.map(({ segmentId }) => segmentId), ...found]);
  return [answers[0].changes, version, [...segmentIds]];
}

/** Moves all of the commit's objects, or none: the count of those still held is taken before any is moved. */
function moveObjects(
  { namespaceUid, datasetId, objects, segments }: CommitRequest,
  version: number,
  commitId: string,
  now: number,
): Statement {
  const unchanged = sql`(SELECT schema_version FROM datasets WHERE namespace_uid = ${namespaceUid}
    AND dataset_id = ${datasetId} AND state = 'active') = ${version}`;
  const segmentsOf = (objectId: string) =>
    segments.filter(({ sources }) => sources.some((source) => source.objectId === objectId)).length;
  const staged = objects.some(({ token }) => token.part > 0)
    ? sql`(SELECT count(*) FROM staged_files f WHERE f.namespace_uid = o.namespace_uid AND f.object_id = o.object_id
        AND f.kind = 'segment')`
    : sql`0`;
  if (objects.length === 1) {
    const [{ token, format, rowsCommitted, rowsQuarantined }] = objects;
    return sql`UPDATE objects AS o SET state = 'committed', commit_id = ${commitId}, committed_at = ${now},
      lease_until = NULL, checkpoint = NULL, failures = 0, error_code = NULL, error_message = NULL,
      format = ${format}, rows_committed = ${rowsCommitted}, rows_quarantined = ${rowsQuarantined},
      segments = ${segmentsOf(token.objectId)} + ${staged}
      WHERE ${held(token)} AND dataset_id = ${datasetId} AND ${unchanged}`;
  }
  const tokens = JSON.stringify(objects.map(({ token }) => [token.objectId, token.attempt, token.part]));
  const counts = JSON.stringify(
    Object.fromEntries(
      objects.map(({ token, format, rowsCommitted, rowsQuarantined }) => [
        token.objectId,
        [format, rowsCommitted, rowsQuarantined, segmentsOf(token.objectId)],
      ]),
    ),
  );
  return sql`UPDATE objects AS o SET state = 'committed', commit_id = ${commitId}, committed_at = ${now},
    lease_until = NULL, checkpoint = NULL, failures = 0, error_code = NULL, error_message = NULL,
    format = json_extract(${counts}, '$.' || o.object_id || '[0]'),
    rows_committed = json_extract(${counts}, '$.' || o.object_id || '[1]'),
    rows_quarantined = json_extract(${counts}, '$.' || o.object_id || '[2]'),
    segments = json_extract(${counts}, '$.' || o.object_id || '[3]') + ${staged}
    WHERE namespace_uid = ${namespaceUid} AND object_id IN (SELECT value ->> 0 FROM json_each(${tokens}))
    AND ${unchanged} AND (SELECT count(*) FROM json_each(${tokens}) k CROSS JOIN objects m
      ON m.namespace_uid = ${namespaceUid} AND m.object_id = k.value ->> 0
      WHERE m.dataset_id = ${datasetId} AND m.state = 'processing'
      AND m.attempt = k.value ->> 1 AND m.part = k.value ->> 2) = ${objects.length}`;
}

/** Segments and where their rows come from. */
export type SegmentsOfDataset = Pick<CommitRequest, 'namespaceUid' | 'datasetId' | 'segments'>;

/** Enters segments as live ones, under a condition. */
export function insertSegments(
  { namespaceUid, datasetId, segments }: SegmentsOfDataset,
  commitId: string,
  isCommitted: Statement,
  now: number,
) {
  return jsonChunks(segments.map(segmentJson)).map(
    (chunk) => sql`${INSERT_SEGMENT}
      SELECT ${namespaceUid}, ${datasetId}, ${SEGMENT_COLUMNS}, ${commitId}, 'live', ${now}
      FROM json_each(${chunk}) WHERE ${isCommitted}`,
  );
}

const INSERT_SEGMENT = sql`INSERT INTO segments (namespace_uid, dataset_id, segment_id, storage_key, etag, size_bytes,
  footer_bytes, rows, schema, statistics, commit_id, state, created_at)`;
const SEGMENT_COLUMNS = sql`value ->> '$.segmentId', value ->> '$.key', value ->> '$.etag', value ->> '$.sizeBytes',
  value ->> '$.footerBytes', value ->> '$.rows', value ->> '$.schema', value ->> '$.statistics'`;

/** Schema and statistics are texts within the JSON, so that they reach their columns unchanged. */
function segmentJson(segment: NewSegment) {
  const json = segmentFields(segment);
  checkFits('the columns of a segment and their bounds', JSON.stringify(json));
  return json;
}

function segmentFields({ segmentId, key, etag, sizeBytes, footerBytes, rows, schema, statistics }: NewSegment) {
  return {
    segmentId,
    key,
    etag,
    sizeBytes,
    footerBytes,
    rows,
    schema: encodeSchema(schema),
    statistics: encodeStatistics(statistics),
  };
}

/** The record of a segment that waits for its object's commit; all its rows are the object's. */
export function stagedSegment(segment: NewSegment): string {
  return JSON.stringify({ ...segmentJson(segment), ranges: encodeRowRanges([[0, segment.rows]]) });
}

/** Enters which rows of segments came from which objects, under a condition. */
export function insertSources(
  { namespaceUid, datasetId, segments }: SegmentsOfDataset,
  isCommitted: Statement,
): Statement[] {
  const records = segments.flatMap(({ segmentId, sources }) =>
    sources.map(({ objectId, ranges }) => [segmentId, objectId, encodeRowRanges(ranges), countRows(ranges)]),
  );
  return jsonChunks(records).map(
    (chunk) => sql`INSERT INTO segment_sources (namespace_uid, dataset_id, segment_id, object_id, ranges, rows)
      SELECT ${namespaceUid}, ${datasetId}, value ->> 0, value ->> 1, value ->> 2, value ->> 3
      FROM json_each(${chunk}) WHERE ${isCommitted}`,
  );
}

function insertQuarantine({ namespaceUid, objects }: CommitRequest, isCommitted: Statement): Statement[] {
  const records = objects.flatMap(({ token, quarantine }) =>
    quarantine === undefined ? [] : [[token.objectId, token.part, quarantine.key, quarantine.rows]],
  );
  const forget = jsonChunks(objects.map(({ token }) => token.objectId)).map(
    (chunk) => sql`DELETE FROM quarantine_files WHERE namespace_uid = ${namespaceUid}
      AND object_id IN (SELECT value FROM json_each(${chunk})) AND ${isCommitted}`,
  );
  const insert = jsonChunks(records).map(
    (chunk) => sql`INSERT INTO quarantine_files (namespace_uid, object_id, part, storage_key, rows)
      SELECT ${namespaceUid}, value ->> 0, value ->> 1, value ->> 2, value ->> 3
      FROM json_each(${chunk}) WHERE ${isCommitted}`,
  );
  return [...forget, ...insert];
}

/** Takes over the files of earlier parts where they are, in the database: a long object has more than a Worker should hold. */
function adoptStaged(token: ClaimToken, datasetId: string, commitId: string, now: number): Statement[] {
  const { namespaceUid, objectId } = token;
  const isCommitted = sql`EXISTS (SELECT 1 FROM objects WHERE namespace_uid = ${namespaceUid}
    AND object_id = ${objectId} AND commit_id = ${commitId})`;
  const staged = sql`(SELECT record AS value FROM staged_files
    WHERE namespace_uid = ${namespaceUid} AND object_id = ${objectId} AND kind = 'segment')`;
  return [
    sql`${INSERT_SEGMENT} SELECT ${namespaceUid}, ${datasetId}, ${SEGMENT_COLUMNS}, ${commitId}, 'live', ${now}
      FROM ${staged} WHERE ${isCommitted}`,
    sql`INSERT INTO segment_sources (namespace_uid, dataset_id, segment_id, object_id, ranges, rows)
      SELECT ${namespaceUid}, ${datasetId}, value ->> '$.segmentId', ${objectId}, value ->> '$.ranges', value ->> '$.rows'
      FROM ${staged} WHERE ${isCommitted}`,
    keepQuarantine(token, sql`commit_id = ${commitId}`),
    sql`DELETE FROM staged_files WHERE namespace_uid = ${namespaceUid} AND object_id = ${objectId} AND ${isCommitted}`,
  ];
}

/**
 * Masks every version that a later committed one of its name replaces, be it an earlier commit's or, where this
 * commit came late, one of its own: the latest upload wins in whatever order versions are taken in.
 */
function maskEarlierVersions(
  { namespaceUid, datasetId, objects }: CommitRequest,
  isCommitted: Statement,
  now: number,
): Statement[] {
  const ids = JSON.stringify(objects.map(({ token }) => token.objectId));
  const sameNames = sql`namespace_uid = ${namespaceUid} AND dataset_id = ${datasetId} AND name IN (
    SELECT n.name FROM json_each(${ids}) i CROSS JOIN objects n
      ON n.namespace_uid = ${namespaceUid} AND n.object_id = i.value)`;
  return [
    sql`UPDATE objects INDEXED BY objects_by_name SET masked_at = ${now}, mask_reason = 'replaced' WHERE ${sameNames}
      AND state = 'committed' AND masked_at IS NULL AND ${isCommitted}
      AND EXISTS (SELECT 1 FROM objects later INDEXED BY objects_by_name WHERE later.namespace_uid = ${namespaceUid}
        AND later.dataset_id = ${datasetId} AND later.name = objects.name AND later.state = 'committed'
        AND later.masked_at IS NULL
        AND (later.uploaded_at, later.version) > (objects.uploaded_at, objects.version))`,
    ...maskSources(
      namespaceUid,
      sql`SELECT object_id FROM objects INDEXED BY objects_by_name WHERE ${sameNames} AND mask_reason = 'replaced' AND masked_at = ${now}
        AND ${isCommitted}`,
      now,
    ),
  ];
}
