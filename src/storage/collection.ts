import { markErased } from './erased.ts';
import { writerOf } from './layout.ts';
import { integer, jsonChunks, type SqlDatabase, Statement, sql, text } from './sql.ts';

/** Which files nothing refers to any more, and where the walks that look for them have come to. */
export interface Collection {
  /** Where a walk goes on, or undefined at its beginning. */
  readCursor(name: string): Promise<string | undefined>;
  writeCursor(name: string, value: string | undefined): Promise<void>;

  /**
   * Of keys under `segments/`, `quarantine/` and `staging/`, those that nothing refers to and nobody can come to
   * refer to, since the attempt that wrote them has ended.
   */
  unreferenced(keys: readonly string[]): Promise<readonly string[]>;
  /** Of keys under `indexes/`, those the catalogue has no entry of. */
  unreferencedIndexFiles(keys: readonly string[]): Promise<readonly string[]>;

  /** Marks up to `limit` objects and segments of a deleted dataset as such; true where there was something to do. */
  clearDeletedDataset(nowMs: number, limit: number): Promise<boolean>;
  /**
   * Forgets segments that have been dead since before a time, with their index files: of one namespace, or of all.
   * Answers with the keys of all.
   */
  forgetDeadSegments(deadBeforeMs: number, limit: number, namespaceUid?: string): Promise<readonly string[]>;
  /** Forgets index files that no definition has wanted since before a time. Answers with their keys. */
  forgetIndexFiles(retiredBeforeMs: number, limit: number, namespaceUid?: string): Promise<readonly string[]>;
  /** From here on nothing new begins in a namespace: no dataset, no upload. For one that is about to be erased. */
  closeNamespace(namespaceUid: string): Promise<void>;
  /** Removes up to `limit` rows of each table of a namespace; true when nothing of it was left. */
  eraseNamespace(namespaceUid: string, limit: number): Promise<boolean>;
}

/** Tables that hold a namespace's data, with their primary keys. */
const NAMESPACE_TABLES: readonly (readonly [table: string, key: string])[] = [
  ['datasets', 'namespace_uid, dataset_id'],
  ['objects', 'namespace_uid, object_id'],
  ['staged_files', 'namespace_uid, object_id, part, storage_key'],
  ['segments', 'namespace_uid, dataset_id, segment_id'],
  ['segment_sources', 'namespace_uid, dataset_id, segment_id, object_id'],
  ['quarantine_files', 'namespace_uid, object_id, part'],
  ['indexes', 'namespace_uid, dataset_id, name'],
  ['index_files', 'namespace_uid, dataset_id, segment_id, name, generation'],
  ['index_failures', 'namespace_uid, dataset_id, segment_id, name, generation'],
  ['uploads', 'namespace_uid, upload_id'],
  ['upload_parts', 'namespace_uid, upload_id, part'],
];

export function createCollection(database: SqlDatabase): Collection {
  return {
    async readCursor(name) {
      const { rows } = await database.run(sql`SELECT value FROM cursors WHERE name = ${name}`);
      return rows.length === 0 ? undefined : text(rows[0], 'value');
    },

    async writeCursor(name, value) {
      await database.run(
        value === undefined
          ? sql`DELETE FROM cursors WHERE name = ${name}`
          : sql`INSERT INTO cursors (name, value) VALUES (${name}, ${value}) ON CONFLICT DO UPDATE SET value = excluded.value`,
      );
    },

    async unreferenced(keys) {
      const dead: string[] = [];
      const records = keys.map((key, ordinal) => ({ key, ordinal, writer: writerOf(key) }));
      // A key that no attempt of ours could have written is nobody's to delete.
      const ours = records.flatMap(({ key, ordinal, writer }) =>
        writer === null ? [] : [[ordinal, key, writer.namespaceUid, writer.objectId, writer.attempt, datasetIdOf(key)]],
      );
      for (const chunk of jsonChunks(ours)) {
        // A segment's id begins with its object's, which bounds the search in `segments`.
        // One statement, so one moment: a file is looked for among the referred-to ones only when its attempt cannot commit.
        const { rows } = await database.run(
          sql`SELECT k.value ->> 0 AS ordinal FROM json_each(${chunk}) k
            WHERE NOT EXISTS (SELECT 1 FROM objects o WHERE o.namespace_uid = k.value ->> 2
              AND o.object_id = k.value ->> 3 AND o.state IN ('received', 'processing')
              AND o.attempt = k.value ->> 4)
            AND NOT EXISTS (SELECT 1 FROM staged_files f WHERE f.namespace_uid = k.value ->> 2
              AND f.object_id = k.value ->> 3 AND f.storage_key = k.value ->> 1)
            AND NOT EXISTS (SELECT 1 FROM quarantine_files q WHERE q.namespace_uid = k.value ->> 2
              AND q.object_id = k.value ->> 3 AND q.storage_key = k.value ->> 1)
            AND NOT EXISTS (SELECT 1 FROM segments s WHERE s.namespace_uid = k.value ->> 2
              AND s.dataset_id = k.value ->> 5 AND s.storage_key = k.value ->> 1
              AND s.segment_id > (k.value ->> 3) || '-' AND s.segment_id < (k.value ->> 3) || '.')`,
        );
        for (const row of rows) dead.push(keys[integer(row, 'ordinal')]);
      }
      return dead;
    },

    async unreferencedIndexFiles(keys) {
      const dead: string[] = [];
      const ours = keys.flatMap((key, ordinal) => {
        const match = /^indexes\/([^/]+)\/([^/]+)\/([^/]+)\//.exec(key);
        return match === null ? [] : [[ordinal, key, match[1], match[2], match[3]]];
      });
      for (const chunk of jsonChunks(ours)) {
        const { rows } = await database.run(
          sql`SELECT k.value ->> 0 AS ordinal FROM json_each(${chunk}) k WHERE NOT EXISTS (
            SELECT 1 FROM index_files f WHERE f.namespace_uid = k.value ->> 2 AND f.dataset_id = k.value ->> 3
            AND f.segment_id = k.value ->> 4 AND f.storage_key = k.value ->> 1)`,
        );
        for (const row of rows) dead.push(keys[integer(row, 'ordinal')]);
      }
      return dead;
    },

    async clearDeletedDataset(nowMs, limit) {
      const found = await database.run(
        sql`SELECT namespace_uid, dataset_id FROM datasets INDEXED BY datasets_uncleared
          WHERE state = 'deleted' AND cleared_at IS NULL ORDER BY deleted_at LIMIT 1`,
      );
      if (found.rows.length === 0) return false;
      const [namespaceUid, datasetId] = [text(found.rows[0], 'namespace_uid'), text(found.rows[0], 'dataset_id')];
      const own = sql`namespace_uid = ${namespaceUid} AND dataset_id = ${datasetId}`;
      const [objects, segments] = await database.batch([
        sql`UPDATE objects SET masked_at = ${nowMs}, mask_reason = 'dataset_deleted', lease_until = NULL, checkpoint = NULL,
          error_code = CASE WHEN state IN ('received', 'processing') THEN 'gone' ELSE error_code END,
          error_message = CASE WHEN state IN ('received', 'processing') THEN 'its dataset was deleted' ELSE error_message END,
          state = CASE WHEN state IN ('received', 'processing') THEN 'failed' ELSE state END
          WHERE (namespace_uid, object_id) IN (SELECT namespace_uid, object_id FROM objects INDEXED BY objects_by_dataset
            WHERE ${own} AND (mask_reason IS NULL OR mask_reason <> 'dataset_deleted') LIMIT ${limit})`,
        sql`UPDATE segments SET state = 'dead', dead_at = ${nowMs} WHERE (namespace_uid, dataset_id, segment_id) IN (
          SELECT namespace_uid, dataset_id, segment_id FROM segments WHERE ${own} AND state = 'live' LIMIT ${limit})`,
      ]);
      if (objects.changes + segments.changes === 0) {
        await database.run(sql`UPDATE datasets SET cleared_at = ${nowMs} WHERE ${own}`);
      }
      return true;
    },

    async forgetDeadSegments(deadBeforeMs, limit, namespaceUid) {
      // The rows of `segments` go last: until then every statement means the same ones.
      const dead = sql`SELECT namespace_uid, dataset_id, segment_id FROM segments
        WHERE state = 'dead' AND dead_at < ${deadBeforeMs} AND ${within(namespaceUid)} ORDER BY dead_at LIMIT ${limit}`;
      const of = (table: Statement, returning: Statement) =>
        sql`DELETE FROM ${table} WHERE (namespace_uid, dataset_id, segment_id) IN (${dead}) ${returning}`;
      const answers = await database.batch([
        of(sql`segment_sources`, sql``),
        of(sql`index_failures`, sql``),
        of(sql`index_files`, sql`RETURNING storage_key`),
        of(sql`segments`, sql`RETURNING storage_key`),
      ]);
      return answers.flatMap(({ rows }) => rows.map((row) => text(row, 'storage_key')));
    },

    async forgetIndexFiles(retiredBeforeMs, limit, namespaceUid) {
      const { rows } = await database.run(
        sql`DELETE FROM index_files WHERE (namespace_uid, dataset_id, segment_id, name, generation) IN (
            SELECT namespace_uid, dataset_id, segment_id, name, generation FROM index_files
            WHERE retired_at < ${retiredBeforeMs} AND ${within(namespaceUid)} ORDER BY retired_at LIMIT ${limit})
          RETURNING storage_key`,
      );
      return rows.map((row) => text(row, 'storage_key'));
    },

    async closeNamespace(namespaceUid) {
      await database.run(markErased(namespaceUid));
    },

    async eraseNamespace(namespaceUid, limit) {
      const answers = await database.batch(
        NAMESPACE_TABLES.map(([table, key]) => {
          const [name, columns] = [new Statement(table, []), new Statement(key, [])];
          return sql`DELETE FROM ${name} WHERE (${columns}) IN (
            SELECT ${columns} FROM ${name} WHERE namespace_uid = ${namespaceUid} LIMIT ${limit})`;
        }),
      );
      return answers.every(({ changes }) => changes === 0);
    },
  };
}

function datasetIdOf(key: string): string | null {
  return /^segments\/[^/]+\/([^/]+)\//.exec(key)?.[1] ?? null;
}

/** The condition that a row is of a namespace, where one is named. */
function within(namespaceUid: string | undefined): Statement {
  return namespaceUid === undefined ? sql`TRUE` : sql`namespace_uid = ${namespaceUid}`;
}
