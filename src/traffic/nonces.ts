import { migrateObject, type ObjectDatabase } from '../core/object-database.ts';

/**
 * Which signatures were seen, until they are refused for their age: a row each, in an object, since an isolate would not
 * know what the next one let through, and memory would forget with the object.
 */
export class Nonces {
  readonly #database: ObjectDatabase;

  constructor(database: ObjectDatabase) {
    this.#database = database;
    migrateObject(database, 'nonce_facts', [
      // By time first, so that the old go as one range. A repeated signature has the time it had.
      ['CREATE TABLE nonces (expires_at INTEGER, nonce TEXT, PRIMARY KEY (expires_at, nonce)) WITHOUT ROWID'],
    ]);
  }

  /** Whether it is seen for the first time; from then on it is not. */
  firstUse(nonce: string, expiresAtMs: number): boolean {
    const added = this.#database.exec(
      'INSERT INTO nonces (expires_at, nonce) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1 AS added',
      expiresAtMs,
      nonce,
    );
    return added.length > 0;
  }

  /** Forgets what nobody can repeat any more; returns when there is more to forget, null for never. */
  forget(nowMs: number): number | null {
    // Clocks of isolates and objects differ a little.
    this.#database.exec('DELETE FROM nonces WHERE expires_at < ?', nowMs - 60_000);
    const [row] = this.#database.exec('SELECT MIN(expires_at) AS next FROM nonces');
    return row?.next === null || row?.next === undefined ? null : Number(row.next) + 60_001;
  }
}
