import type { IndexDefinition, IndexSummary } from '../columns/index-definition.ts';
import type { Clock } from '../core/clock.ts';
import type { SegmentRecord } from './catalog-records.ts';
import { indexDefinition } from './datasets.ts';
import { toSegment } from './snapshot.ts';
import { integer, type Row, type SqlDatabase, type Statement, sql, text } from './sql.ts';

/** An index of a dataset at one generation: a change of its definition, or a rebuild, is a new one. */
export interface IndexGeneration {
  readonly definition: IndexDefinition;
  readonly generation: number;
}

/** One index file that is wanted and not there. */
export interface MissingIndex extends IndexGeneration {
  readonly segment: SegmentRecord;
  /** Builds that failed so far. */
  readonly failures: number;
}

export interface IndexFile {
  readonly namespaceUid: string;
  readonly datasetId: string;
  readonly segmentId: string;
  readonly name: string;
  readonly generation: number;
}

/** Which indexes a dataset should have, and which files there are. */
export interface IndexCatalog {
  /**
   * Makes a dataset's definitions these: new and changed ones get a new generation, others stay. True where anything
   * changed. `version` is that of the declarations they come from: older than what the namespace's indexes were last
   * made by, they change nothing, since who asks may have them from a cache.
   */
  define(
    namespaceUid: string,
    datasetId: string,
    definitions: readonly IndexDefinition[],
    version?: number,
  ): Promise<boolean>;
  /** Gives an index a new generation, so that its files are built anew. False where there is no such index. */
  rebuild(namespaceUid: string, datasetId: string, name: string): Promise<boolean>;
  list(namespaceUid: string, datasetId: string): Promise<readonly IndexGeneration[]>;
  /**
   * Files wanted for live segments (all, or those named) whose builds have not failed `maxFailures` times, nor
   * are to wait after a failure.
   */
  missing(
    namespaceUid: string,
    datasetId: string,
    options: { readonly segmentIds?: readonly string[]; readonly maxFailures: number; readonly limit: number },
  ): Promise<readonly MissingIndex[]>;
  /** Enters a built file; false where the index, its generation or the segment is gone, or another build was first. */
  publish(file: IndexFile, key: string, summary: IndexSummary): Promise<boolean>;
  /**
   * Counts a failed build, with its reason. It is not wanted again before `retryAtMs`; where it is `final`, not in
   * this generation. Publishing the file forgets its failures.
   */
  recordFailure(
    file: IndexFile,
    error: string,
    options?: { readonly retryAtMs?: number; readonly final?: boolean; readonly counted?: boolean },
  ): Promise<void>;
  /** Forgets the failed builds of a dataset, so that they are tried again; answers how many. */
  forgetFailures(namespaceUid: string, datasetId: string): Promise<number>;
  /**
   * Forgets a published file, so that it is built anew; false where another has taken its place, or nobody wants its
   * generation any more.
   */
  withdraw(file: IndexFile, key: string): Promise<boolean>;
  /** Active datasets of these names, and those that have indexes. */
  datasetsToIndex(
    namespaceUid: string,
    names: readonly string[],
  ): Promise<readonly { readonly datasetId: string; readonly name: string }[]>;
  /** The name of an active dataset. */
  datasetName(namespaceUid: string, datasetId: string): Promise<string | null>;
  /** Datasets that have indexes, in order, after a cursor: what a sweep walks. */
  indexedDatasets(
    limit: number,
    after?: { readonly namespaceUid: string; readonly datasetId: string },
  ): Promise<readonly { readonly namespaceUid: string; readonly datasetId: string }[]>;
}

/** Counted for a build that will fail however often it is tried; above any bound on failures. */
const FINAL = 1000;

export function createIndexCatalog(database: SqlDatabase, clock: Clock): IndexCatalog {
  const of = (namespaceUid: string, datasetId: string) =>
    sql`namespace_uid = ${namespaceUid} AND dataset_id = ${datasetId}`;

  async function list(namespaceUid: string, datasetId: string): Promise<readonly IndexGeneration[]> {
    const { rows } = await database.run(sql`SELECT * FROM indexes WHERE ${of(namespaceUid, datasetId)} ORDER BY name`);
    return rows.map(toGeneration);
  }

  function retire(own: Statement, namespaceUid: string, datasetId: string): Statement[] {
    const unwanted = (
      table: Statement,
    ) => sql`NOT EXISTS (SELECT 1 FROM indexes i WHERE i.namespace_uid = ${namespaceUid}
      AND i.dataset_id = ${datasetId} AND i.name = ${table}.name AND i.generation = ${table}.generation)`;
    return [
      sql`UPDATE index_files SET retired_at = ${clock.now()} WHERE ${own} AND retired_at IS NULL
        AND ${unwanted(sql`index_files`)}`,
      sql`DELETE FROM index_failures WHERE ${own} AND ${unwanted(sql`index_failures`)}`,
    ];
  }

  return {
    list,

    async define(namespaceUid, datasetId, definitions, version) {
      const present = await list(namespaceUid, datasetId);
      if (
        sameDefinitions(
          present.map(({ definition }) => definition),
          definitions,
        )
      )
        return false;
      const own = of(namespaceUid, datasetId);
      const records = JSON.stringify(
        definitions.map(({ name, kind, fields, options }) => [
          name,
          kind,
          JSON.stringify(fields),
          JSON.stringify(options),
        ]),
      );
      const fresh = version === undefined ? sql`TRUE` : isNewest(namespaceUid, version);
      const answers = await database.batch([
        countGeneration(namespaceUid),
        ...(version === undefined ? [] : [noteVersion(namespaceUid, version)]),
        sql`DELETE FROM indexes WHERE ${own} AND ${fresh} AND name NOT IN (SELECT value ->> 0 FROM json_each(${records}))`,
        sql`INSERT INTO indexes (namespace_uid, dataset_id, name, kind, fields, options, generation, created_at)
          SELECT ${namespaceUid}, ${datasetId}, value ->> 0, value ->> 1, value ->> 2, value ->> 3, ${generation(namespaceUid)}, ${clock.now()}
          FROM json_each(${records}) WHERE ${fresh} AND EXISTS (SELECT 1 FROM datasets WHERE ${own} AND state = 'active')
          ON CONFLICT DO UPDATE SET kind = excluded.kind, fields = excluded.fields, options = excluded.options,
            generation = excluded.generation, created_at = excluded.created_at
          WHERE (kind, fields, options) <> (excluded.kind, excluded.fields, excluded.options)`,
        ...retire(own, namespaceUid, datasetId),
      ]);
      const [dropped, made] = answers.slice(version === undefined ? 1 : 2);
      return dropped.changes + made.changes > 0;
    },

    async rebuild(namespaceUid, datasetId, name) {
      const own = of(namespaceUid, datasetId);
      const [, raised] = await database.batch([
        countGeneration(namespaceUid),
        sql`UPDATE indexes SET generation = ${generation(namespaceUid)} WHERE ${own} AND name = ${name}`,
        ...retire(own, namespaceUid, datasetId),
      ]);
      return raised.changes > 0;
    },

    async missing(namespaceUid, datasetId, { segmentIds, maxFailures, limit }) {
      const named =
        segmentIds === undefined
          ? sql`TRUE`
          : sql`s.segment_id IN (SELECT value FROM json_each(${JSON.stringify(segmentIds)}))`;
      const wanted = sql`FROM indexes i JOIN segments s ON s.namespace_uid = i.namespace_uid AND s.dataset_id = i.dataset_id
        LEFT JOIN index_failures e ON e.namespace_uid = s.namespace_uid AND e.dataset_id = s.dataset_id
          AND e.segment_id = s.segment_id AND e.name = i.name AND e.generation = i.generation
        WHERE i.namespace_uid = ${namespaceUid} AND i.dataset_id = ${datasetId} AND s.state = 'live' AND ${named}
        AND coalesce(e.attempts, 0) < ${maxFailures} AND coalesce(e.retry_at, 0) <= ${clock.now()}
        AND NOT EXISTS (SELECT 1 FROM index_files f WHERE f.namespace_uid = s.namespace_uid
          AND f.dataset_id = s.dataset_id AND f.segment_id = s.segment_id AND f.name = i.name
          AND f.generation = i.generation)
        ORDER BY s.segment_id, i.name LIMIT ${limit}`;
      const [files, masked] = await database.batch([
        sql`SELECT i.name, i.kind, i.fields, i.options, i.generation, coalesce(e.attempts, 0) AS failures, s.dataset_id,
          s.segment_id, s.storage_key, s.etag, s.size_bytes, s.footer_bytes, s.rows, s.schema, s.statistics ${wanted}`,
        sql`SELECT segment_id, ranges FROM segment_sources WHERE ${of(namespaceUid, datasetId)} AND masked = 1
          AND segment_id IN (SELECT s.segment_id ${wanted})`,
      ]);
      return files.rows.map((row) => ({
        ...toGeneration(row),
        segment: toSegment(
          row,
          masked.rows.filter((source) => source['segment_id'] === row['segment_id']),
          [],
        ),
        failures: integer(row, 'failures'),
      }));
    },

    async publish({ namespaceUid, datasetId, segmentId, name, generation }, key, summary) {
      const own = of(namespaceUid, datasetId);
      const [, { changes }] = await database.batch([
        sql`DELETE FROM index_failures WHERE ${own} AND segment_id = ${segmentId} AND name = ${name}
          AND generation = ${generation}`,
        sql`INSERT INTO index_files (namespace_uid, dataset_id, segment_id, name, generation, storage_key, summary, created_at)
          SELECT ${namespaceUid}, ${datasetId}, ${segmentId}, ${name}, ${generation}, ${key}, ${JSON.stringify(summary)},
            ${clock.now()}
          WHERE EXISTS (SELECT 1 FROM indexes WHERE ${own} AND name = ${name} AND generation = ${generation})
          AND EXISTS (SELECT 1 FROM segments WHERE ${own} AND segment_id = ${segmentId} AND state = 'live')
          ON CONFLICT DO NOTHING`,
      ]);
      return changes > 0;
    },

    async recordFailure({ namespaceUid, datasetId, segmentId, name, generation }, error, options = {}) {
      const counted = options.final ? FINAL : options.counted ? 0 : 1;
      const retryAtMs = options.retryAtMs ?? 0;
      await database.run(
        sql`INSERT INTO index_failures (namespace_uid, dataset_id, segment_id, name, generation, attempts, error, retry_at)
          SELECT ${namespaceUid}, ${datasetId}, ${segmentId}, ${name}, ${generation}, ${counted}, ${error.slice(0, 2000)},
            ${retryAtMs}
          WHERE EXISTS (SELECT 1 FROM indexes WHERE ${of(namespaceUid, datasetId)} AND name = ${name}
            AND generation = ${generation})
          ON CONFLICT DO UPDATE SET attempts = attempts + excluded.attempts, error = excluded.error,
            retry_at = excluded.retry_at`,
      );
    },

    async forgetFailures(namespaceUid, datasetId) {
      const { changes } = await database.run(sql`DELETE FROM index_failures WHERE ${of(namespaceUid, datasetId)}`);
      return changes;
    },

    async withdraw({ namespaceUid, datasetId, segmentId, name, generation }, key) {
      const { changes } = await database.run(
        sql`DELETE FROM index_files WHERE ${of(namespaceUid, datasetId)} AND segment_id = ${segmentId}
          AND name = ${name} AND generation = ${generation} AND storage_key = ${key} AND retired_at IS NULL`,
      );
      return changes > 0;
    },

    async datasetsToIndex(namespaceUid, names) {
      const { rows } = await database.run(
        sql`SELECT dataset_id, name FROM datasets d WHERE namespace_uid = ${namespaceUid} AND state = 'active'
          AND (name IN (SELECT value FROM json_each(${JSON.stringify(names)})) OR EXISTS (SELECT 1 FROM indexes i
            WHERE i.namespace_uid = d.namespace_uid AND i.dataset_id = d.dataset_id)) ORDER BY name`,
      );
      return rows.map((row) => ({ datasetId: text(row, 'dataset_id'), name: text(row, 'name') }));
    },

    async datasetName(namespaceUid, datasetId) {
      const { rows } = await database.run(
        sql`SELECT name FROM datasets WHERE ${of(namespaceUid, datasetId)} AND state = 'active'`,
      );
      return rows.length === 0 ? null : text(rows[0], 'name');
    },

    async indexedDatasets(limit, after) {
      const { rows } = await database.run(
        sql`SELECT DISTINCT namespace_uid, dataset_id FROM indexes
          WHERE (namespace_uid, dataset_id) > (${after?.namespaceUid ?? ''}, ${after?.datasetId ?? ''})
          ORDER BY namespace_uid, dataset_id LIMIT ${limit}`,
      );
      return rows.map((row) => ({ namespaceUid: text(row, 'namespace_uid'), datasetId: text(row, 'dataset_id') }));
    },
  };
}

/**
 * Generations never come twice in a namespace: a build that began before its index was dropped, and made again
 * otherwise, must not be taken for one of the new index.
 */
function countGeneration(namespaceUid: string): Statement {
  return sql`INSERT INTO cursors (name, value) VALUES (${generationCounter(namespaceUid)}, '1')
    ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1`;
}

/** The generation counted last, within the same transaction. */
function generation(namespaceUid: string): Statement {
  return sql`(SELECT CAST(value AS INTEGER) FROM cursors WHERE name = ${generationCounter(namespaceUid)})`;
}

/** Keeps the newest version of the declarations that indexes were made by. */
function noteVersion(namespaceUid: string, version: number): Statement {
  return sql`INSERT INTO cursors (name, value) VALUES (${`index-declarations/${namespaceUid}`}, ${String(version)})
    ON CONFLICT DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))`;
}

function isNewest(namespaceUid: string, version: number): Statement {
  return sql`(SELECT CAST(value AS INTEGER) FROM cursors WHERE name = ${`index-declarations/${namespaceUid}`}) <= ${version}`;
}

function generationCounter(namespaceUid: string): string {
  return `index-generation/${namespaceUid}`;
}

function toGeneration(row: Row): IndexGeneration {
  return { definition: indexDefinition(row), generation: integer(row, 'generation') };
}

function sameDefinitions(a: readonly IndexDefinition[], b: readonly IndexDefinition[]): boolean {
  const canonical = (definitions: readonly IndexDefinition[]) =>
    JSON.stringify(
      definitions
        .map(({ name, kind, fields, options }) => [name, kind, JSON.stringify(fields), JSON.stringify(options)])
        .sort(([left], [right]) => (left < right ? -1 : 1)),
    );
  return canonical(a) === canonical(b);
}
