import { assert } from './errors.ts';

/** What SQLite takes and gives. */
export type SqlValue = string | number | null | Uint8Array;
export type SqlRow = Record<string, unknown>;

/**
 * The SQLite of one Durable Object: synchronous, so that a decision and its write are one step. `ctx.storage` has it,
 * and a dozen lines over `node:sqlite` serve tests.
 */
export interface ObjectDatabase {
  exec(query: string, ...bindings: SqlValue[]): SqlRow[];
  /** All or nothing; nested calls are part of the outer one. */
  transaction<T>(work: () => T): T;
}

/**
 * Brings tables up to date by the steps they have not seen, each a list of statements; steps are only added. How many
 * were taken is kept as `schema` in `factsTable` (name TEXT, value TEXT), which is made where it is not there.
 */
export function migrateObject(
  database: ObjectDatabase,
  factsTable: string,
  steps: readonly (readonly string[])[],
): void {
  database.transaction(() => {
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${factsTable} (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`,
    );
    const done = Number(database.exec(`SELECT value FROM ${factsTable} WHERE name = 'schema'`)[0]?.value ?? 0);
    assert(done <= steps.length, `${factsTable} is of schema ${done}, written by a later version than this one`);
    if (done === steps.length) return;
    for (const statement of steps.slice(done).flat()) database.exec(statement);
    database.exec(`INSERT OR REPLACE INTO ${factsTable} (name, value) VALUES ('schema', ?)`, String(steps.length));
  });
}
