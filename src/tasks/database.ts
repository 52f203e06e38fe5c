import { migrateObject, type ObjectDatabase } from '../core/object-database.ts';

/**
 * The schema, step by step; steps are only added. No table has a second index: an object is billed by rows written,
 * and an index entry is one. `tasks` is stored in the order it is claimed in, so that a claim reads where it writes.
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    // Tasks of one type, priority and set of required capabilities: a claim takes whole lanes or leaves them.
    `CREATE TABLE lanes (
       id INTEGER PRIMARY KEY, type TEXT NOT NULL, level INTEGER NOT NULL, requires TEXT NOT NULL
     )`,
    // A task that has not ended. It is leased where lease_until is not null; its place changes when it is to be retried.
    `CREATE TABLE tasks (
       lane INTEGER NOT NULL, due_at INTEGER NOT NULL, sequence INTEGER NOT NULL,
       lease_until INTEGER, attempt INTEGER NOT NULL DEFAULT 0, expires_at INTEGER,
       lease_token TEXT, lease_ms INTEGER, agent_id TEXT, claimed_at INTEGER,
       -- The token whose report ended the last attempt: reported again, it is a duplicate.
       settled_token TEXT,
       cancel_requested INTEGER NOT NULL DEFAULT 0,
       first_due_at INTEGER NOT NULL, submitted_at INTEGER NOT NULL,
       options TEXT NOT NULL, history TEXT, progress TEXT, payload TEXT NOT NULL,
       PRIMARY KEY (lane, due_at, sequence)
     ) WITHOUT ROWID`,
    // Where a task is that is no longer where its id says.
    'CREATE TABLE moved (sequence INTEGER PRIMARY KEY, due_at INTEGER NOT NULL)',
    // Ended tasks whose result is kept, and dead letters. body is JSON.
    `CREATE TABLE finished (
       sequence INTEGER PRIMARY KEY, lane INTEGER NOT NULL, first_due_at INTEGER NOT NULL,
       status TEXT NOT NULL, expires_at INTEGER NOT NULL, lease_token TEXT, body TEXT NOT NULL
     )`,
    `CREATE TABLE dedupe (
       key TEXT PRIMARY KEY, task_id TEXT NOT NULL, expires_at INTEGER NOT NULL
     ) WITHOUT ROWID`,
  ],
  [
    // A lane is of one group as well: claims step over nothing that waits for its group.
    'ALTER TABLE lanes ADD COLUMN group_key TEXT',
    // Until when the token bucket of a limit is spent.
    'CREATE TABLE rates (name TEXT PRIMARY KEY, spent_until REAL NOT NULL) WITHOUT ROWID',
  ],
];

/** Brings the tables up to date. To be called once before the store is used. */
export function migrateTasks(database: ObjectDatabase): void {
  migrateObject(database, 'facts', MIGRATIONS);
}
