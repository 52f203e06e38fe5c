import { assert } from '../../core/errors.ts';

export type KvSqlValue = string | number | null | Uint8Array;
export type KvRow = Record<string, unknown>;

/** The part of SQLite that is needed: a Durable Object's `ctx.storage` has it, and a dozen lines over `node:sqlite`. */
export interface KvDatabase {
  exec(query: string, ...bindings: KvSqlValue[]): KvRow[];
  /** All or nothing; nested calls are part of the outer one. */
  transaction<T>(work: () => T): T;
}

/**
 * The schema, step by step: a store is brought up to date by the steps it has not seen. Steps are only added.
 *
 * `kv` is the present; `kv_history` every write that is remembered, in the order of writing: `position` is the
 * revision times `POSITIONS` plus the place within the revision. A row of version 0 is a deletion. `total_bytes` runs
 * on through all rows ever written, so that the size of any stretch of history is a difference. SQLite takes an empty
 * blob for null, so a null value is an empty one.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE kv (
     key BLOB PRIMARY KEY, value BLOB, create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL,
     version INTEGER NOT NULL, lease TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX kv_by_lease ON kv (lease) WHERE lease <> '0';
   CREATE TABLE kv_history (
     position INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB, create_revision INTEGER NOT NULL,
     version INTEGER NOT NULL, lease TEXT NOT NULL, total_bytes INTEGER NOT NULL
   );
   CREATE INDEX kv_history_by_key ON kv_history (key, position);
   CREATE TABLE kv_leases (
     id TEXT PRIMARY KEY, ttl_seconds INTEGER NOT NULL, expires_at INTEGER NOT NULL
   ) WITHOUT ROWID`,
];

/** Brings the tables up to date. To be called once before the store is used. */
export function migrateKv(database: KvDatabase): void {
  database.transaction(() => {
    database.exec('CREATE TABLE IF NOT EXISTS kv_facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID');
    const done = Number(database.exec("SELECT value FROM kv_facts WHERE name = 'schema'")[0]?.value ?? 0);
    assert(done <= MIGRATIONS.length, `the store is of schema ${done}, written by a later version than this one`);
    for (const step of MIGRATIONS.slice(done))
      for (const statement of step.split(';')) if (statement.trim()) database.exec(statement);
    if (done < MIGRATIONS.length) {
      database.exec("INSERT OR REPLACE INTO kv_facts (name, value) VALUES ('schema', ?)", MIGRATIONS.length);
    }
  });
}
