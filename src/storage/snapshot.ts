import type { IndexSummary } from '../columns/index-definition.ts';
import type { DatasetSnapshot, SegmentRecord } from './catalog-records.ts';
import { indexDefinition } from './datasets.ts';
import { countRows, decodeRowRanges, mergeRowRanges } from './row-ranges.ts';
import { decodeSchema, decodeStatistics } from './scalar-json.ts';
import { integer, type Row, type SqlDatabase, sql, text } from './sql.ts';

/**
 * What a query needs of the datasets it names, all at one moment: one batch, which is one transaction.
 * A name without an active dataset is missing from the answer.
 */
export async function readSnapshot(
  database: SqlDatabase,
  namespaceUid: string,
  names: readonly string[],
): Promise<readonly DatasetSnapshot[]> {
  const wanted = JSON.stringify([...new Set(names)]);
  const ids = sql`SELECT dataset_id FROM datasets WHERE namespace_uid = ${namespaceUid} AND state = 'active'
    AND name IN (SELECT value FROM json_each(${wanted}))`;
  const [datasets, segments, masked, files, indexes] = await database.batch([
    sql`SELECT dataset_id, name, schema, schema_version FROM datasets WHERE namespace_uid = ${namespaceUid}
      AND dataset_id IN (${ids}) ORDER BY name`,
    sql`SELECT dataset_id, segment_id, storage_key, etag, size_bytes, footer_bytes, rows, schema, statistics
      FROM segments WHERE namespace_uid = ${namespaceUid} AND dataset_id IN (${ids}) AND state = 'live'
      ORDER BY created_at, segment_id`,
    sql`SELECT dataset_id, segment_id, ranges FROM segment_sources INDEXED BY segment_sources_masked
      WHERE namespace_uid = ${namespaceUid} AND dataset_id IN (${ids}) AND masked = 1`,
    sql`SELECT f.dataset_id, f.segment_id, f.name, f.generation, f.storage_key, f.summary FROM indexes i JOIN index_files f
      ON f.namespace_uid = i.namespace_uid AND f.dataset_id = i.dataset_id AND f.name = i.name
        AND f.generation = i.generation
      WHERE i.namespace_uid = ${namespaceUid} AND i.dataset_id IN (${ids})`,
    sql`SELECT * FROM indexes WHERE namespace_uid = ${namespaceUid} AND dataset_id IN (${ids}) ORDER BY name`,
  ]);
  const maskedOf = groupBy(masked.rows, segmentOf);
  const filesOf = groupBy(files.rows, segmentOf);
  const segmentsOf = groupBy(segments.rows, (row) => text(row, 'dataset_id'));
  const indexesOf = groupBy(indexes.rows, (row) => text(row, 'dataset_id'));
  return datasets.rows.map((row): DatasetSnapshot => {
    const datasetId = text(row, 'dataset_id');
    return {
      datasetId,
      name: text(row, 'name'),
      schema: decodeSchema(text(row, 'schema')),
      schemaVersion: integer(row, 'schema_version'),
      segments: (segmentsOf.get(datasetId) ?? [])
        .map((segment) =>
          toSegment(segment, maskedOf.get(segmentOf(segment)) ?? [], filesOf.get(segmentOf(segment)) ?? []),
        )
        .filter(({ rows, masked }) => countRows(masked) < rows),
      indexes: (indexesOf.get(datasetId) ?? []).map(indexDefinition),
    };
  });
}

function segmentOf(row: Row): string {
  return `${text(row, 'dataset_id')}/${text(row, 'segment_id')}`;
}

function groupBy(rows: readonly Row[], key: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group === undefined) groups.set(key(row), [row]);
    else group.push(row);
  }
  return groups;
}

/** A row of `segments` with its masked sources and its index files. */
export function toSegment(row: Row, masked: readonly Row[], files: readonly Row[]): SegmentRecord {
  return {
    datasetId: text(row, 'dataset_id'),
    segmentId: text(row, 'segment_id'),
    key: text(row, 'storage_key'),
    etag: text(row, 'etag'),
    sizeBytes: integer(row, 'size_bytes'),
    footerBytes: integer(row, 'footer_bytes'),
    rows: integer(row, 'rows'),
    schema: decodeSchema(text(row, 'schema')),
    statistics: decodeStatistics(text(row, 'statistics')),
    masked: mergeRowRanges(masked.map((source) => decodeRowRanges(text(source, 'ranges')))),
    indexes: Object.fromEntries(
      files.map((file) => [
        text(file, 'name'),
        {
          key: text(file, 'storage_key'),
          generation: integer(file, 'generation'),
          summary: JSON.parse(text(file, 'summary')) as IndexSummary,
        },
      ]),
    ),
  };
}
