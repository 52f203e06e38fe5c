import { migrateObject, type ObjectDatabase } from '../../core/object-database.ts';

/**
 * The schema, step by step: a store is brought up to date by the steps it has not seen. Steps are only added.
 *
 * `kv` is the present; `kv_history` every write that is remembered, in the order of writing: `position` is the
 * revision times `POSITIONS` plus the place within the revision. A row of version 0 is a deletion. `total_bytes` runs
 * on through all rows ever written, so that the size of any stretch of history is a difference; `live_bytes` is what the
 * present had after the row was written, so that its size is in the last one. SQLite takes an empty blob for null, so a
 * null value is an empty one.
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE kv (
       key BLOB PRIMARY KEY, value BLOB, create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL,
       version INTEGER NOT NULL, lease TEXT NOT NULL
     ) WITHOUT ROWID`,
    "CREATE INDEX kv_by_lease ON kv (lease) WHERE lease <> '0'",
    `CREATE TABLE kv_history (
       position INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB, create_revision INTEGER NOT NULL,
       version INTEGER NOT NULL, lease TEXT NOT NULL, total_bytes INTEGER NOT NULL
     )`,
    'CREATE INDEX kv_history_by_key ON kv_history (key, position)',
    `CREATE TABLE kv_leases (
       id TEXT PRIMARY KEY, ttl_seconds INTEGER NOT NULL, expires_at INTEGER NOT NULL
     ) WITHOUT ROWID`,
  ],
  [
    'ALTER TABLE kv_history ADD COLUMN live_bytes INTEGER NOT NULL DEFAULT 0',
    // Only the last row is asked.
    `UPDATE kv_history SET live_bytes = (SELECT coalesce(sum(length(key) + coalesce(length(value), 0)), 0) FROM kv)
     WHERE position = (SELECT max(position) FROM kv_history)`,
  ],
];

/** Brings the tables up to date. To be called once before the store is used. */
export function migrateKv(database: ObjectDatabase): void {
  migrateObject(database, 'kv_facts', MIGRATIONS);
}
