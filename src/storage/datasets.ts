import type { IndexDefinition } from '../columns/index-definition.ts';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import type { DatasetIndex, DatasetRecord } from './catalog-records.ts';
import { isErased } from './erased.ts';
import { decodeSchema } from './scalar-json.ts';
import { integer, type Row, type SqlDatabase, sql, text } from './sql.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | undefined;
}

/** The datasets of a namespace. */
export interface Datasets {
  /**
   * The id of the active dataset of a name, made where there is none; null where the namespace is being erased. For
   * something that was found and not asked for, with the time it is from: null also where a dataset of that name was
   * deleted then or later.
   */
  ensure(namespaceUid: string, name: string): Promise<string | null>;
  ensureFor(namespaceUid: string, name: string, foundFromMs: number): Promise<string | null>;
  get(namespaceUid: string, name: string): Promise<DatasetRecord | null>;
  list(namespaceUid: string, limit: number, cursor?: string): Promise<Page<DatasetRecord>>;
  /**
   * Deletes the active dataset of a name; false where there is none. At once its rows leave every answer, its
   * objects are gone and those on their way can no longer commit; what it leaves behind is cleared by and by.
   */
  delete(namespaceUid: string, name: string): Promise<boolean>;
}

export function createDatasets(database: SqlDatabase, clock: Clock, random: Random): Datasets {
  async function find(namespaceUid: string, name: string): Promise<string | undefined> {
    const { rows } = await database.run(
      sql`SELECT dataset_id FROM datasets WHERE namespace_uid = ${namespaceUid} AND name = ${name} AND state = 'active'`,
    );
    return rows.length === 0 ? undefined : text(rows[0], 'dataset_id');
  }

  async function read(
    namespaceUid: string,
    after: string,
    only: string | null,
    limit: number,
  ): Promise<DatasetRecord[]> {
    const page = sql`SELECT * FROM datasets WHERE namespace_uid = ${namespaceUid} AND state = 'active'
      AND name > ${after} AND (${only} IS NULL OR name = ${only}) ORDER BY name LIMIT ${limit}`;
    const ids = sql`SELECT dataset_id FROM (${page})`;
    const [datasets, segments, masked, indexes] = await database.batch([
      page,
      sql`SELECT dataset_id, count(*) AS segments, sum(rows) AS rows, sum(size_bytes) AS size_bytes FROM segments
        WHERE namespace_uid = ${namespaceUid} AND dataset_id IN (${ids}) AND state = 'live' GROUP BY dataset_id`,
      sql`SELECT m.dataset_id, sum(m.rows) AS rows FROM segment_sources m INDEXED BY segment_sources_masked
        JOIN segments s
        ON s.namespace_uid = m.namespace_uid AND s.dataset_id = m.dataset_id AND s.segment_id = m.segment_id
        WHERE m.namespace_uid = ${namespaceUid} AND m.dataset_id IN (${ids}) AND m.masked = 1 AND s.state = 'live'
        GROUP BY m.dataset_id`,
      sql`SELECT i.*,
          (SELECT count(*) FROM index_files f JOIN segments s ON s.namespace_uid = f.namespace_uid
            AND s.dataset_id = f.dataset_id AND s.segment_id = f.segment_id AND s.state = 'live'
            WHERE f.namespace_uid = i.namespace_uid AND f.dataset_id = i.dataset_id AND f.name = i.name
            AND f.generation = i.generation) AS indexed,
          (SELECT count(*) FROM index_failures f JOIN segments s ON s.namespace_uid = f.namespace_uid
            AND s.dataset_id = f.dataset_id AND s.segment_id = f.segment_id AND s.state = 'live'
            WHERE f.namespace_uid = i.namespace_uid AND f.dataset_id = i.dataset_id AND f.name = i.name
            AND f.generation = i.generation) AS failed
        FROM indexes i WHERE i.namespace_uid = ${namespaceUid} AND i.dataset_id IN (${ids}) ORDER BY i.name`,
    ]);
    const byDataset = (rows: readonly Row[], id: string) => rows.filter((row) => row['dataset_id'] === id);
    return datasets.rows.map((row): DatasetRecord => {
      const datasetId = text(row, 'dataset_id');
      const live = byDataset(segments.rows, datasetId)[0];
      const hidden = byDataset(masked.rows, datasetId)[0];
      return {
        datasetId,
        name: text(row, 'name'),
        schema: decodeSchema(text(row, 'schema')),
        schemaVersion: integer(row, 'schema_version'),
        rows: (live ? integer(live, 'rows') : 0) - (hidden ? integer(hidden, 'rows') : 0),
        segments: live ? integer(live, 'segments') : 0,
        sizeBytes: live ? integer(live, 'size_bytes') : 0,
        createdAtMs: integer(row, 'created_at'),
        indexes: byDataset(indexes.rows, datasetId).map(toIndex),
      };
    });
  }

  async function ensure(namespaceUid: string, name: string): Promise<string | null> {
    for (;;) {
      const found = await find(namespaceUid, name);
      if (found !== undefined) return found;
      const [made, erased] = await database.batch([
        sql`INSERT INTO datasets (namespace_uid, dataset_id, name, state, schema, schema_version, created_at)
          SELECT ${namespaceUid}, ${newId(clock, random)}, ${name}, 'active', '[]', 0, ${clock.now()}
          WHERE NOT ${isErased(namespaceUid)} ON CONFLICT DO NOTHING`,
        sql`SELECT 1 WHERE ${isErased(namespaceUid)}`,
      ]);
      // Another request may have been first, or a deletion come in between; asked again, either is right.
      if (made.changes === 0 && erased.rows.length > 0) return null;
    }
  }

  return {
    ensure,

    async ensureFor(namespaceUid, name, foundFromMs) {
      const { rows } = await database.run(
        sql`SELECT 1 FROM datasets WHERE namespace_uid = ${namespaceUid} AND name = ${name} AND state = 'deleted'
          AND deleted_at >= ${foundFromMs} LIMIT 1`,
      );
      return rows.length > 0 ? null : await ensure(namespaceUid, name);
    },

    async get(namespaceUid, name) {
      return (await read(namespaceUid, '', name, 1))[0] ?? null;
    },

    async list(namespaceUid, limit, cursor = '') {
      const items = await read(namespaceUid, cursor, null, limit + 1);
      return { items: items.slice(0, limit), nextCursor: items.length > limit ? items[limit - 1].name : undefined };
    },

    async delete(namespaceUid, name) {
      const datasetId = await find(namespaceUid, name);
      if (datasetId === undefined) return false;
      const own = sql`namespace_uid = ${namespaceUid} AND dataset_id = ${datasetId}`;
      const [deleted] = await database.batch([
        sql`UPDATE datasets SET state = 'deleted', deleted_at = ${clock.now()} WHERE ${own} AND state = 'active'`,
        sql`DELETE FROM indexes WHERE ${own}`,
      ]);
      return deleted.changes > 0;
    },
  };
}

function toIndex(row: Row): DatasetIndex {
  return {
    definition: indexDefinition(row),
    generation: integer(row, 'generation'),
    segmentsIndexed: integer(row, 'indexed'),
    segmentsFailed: integer(row, 'failed'),
  };
}

/** The definition in a row of `indexes`. */
export function indexDefinition(row: Row): IndexDefinition {
  return {
    name: text(row, 'name'),
    kind: text(row, 'kind') as IndexDefinition['kind'],
    fields: JSON.parse(text(row, 'fields')) as string[],
    options: JSON.parse(text(row, 'options')) as IndexDefinition['options'],
  };
}
