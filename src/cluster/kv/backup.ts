import { fromBase64, toBase64 } from '../../core/bytes.ts';
import type { ObjectDatabase } from '../../core/object-database.ts';
import type { BackupKey } from '../backup-file.ts';
import { bytesOf, type KvStore, POSITIONS } from './store.ts';

const BYTES = 'length(key) + coalesce(length(value), 0)';
/** Rows looked at at a time. */
const PAGE = 200;

/** The state as of a revision went out of reach while it was read: it was compacted, replaced or erased meanwhile. */
export class HistoryOutran extends Error {
  constructor(revision: number) {
    super(`revision ${revision} went out of reach while it was backed up`);
    this.name = 'HistoryOutran';
  }
}

/**
 * The keys as of a revision, in the order of their last writes; one value is held at a time. Whoever reads may let
 * others write in between. Throws HistoryOutran.
 */
export function* exportKeys(store: KvStore, revision: number): Generator<BackupKey> {
  const { database } = store;
  const end = (revision + 1) * POSITIONS;
  for (let after = -1; ; ) {
    checkReach(store, revision);
    const page = database.exec(
      `SELECT position FROM kv_history AS here WHERE position > ? AND position < ? AND version > 0 AND NOT EXISTS (
         SELECT 1 FROM kv_history AS later WHERE later.key = here.key AND later.position > here.position
         AND later.position < ?)
       ORDER BY position LIMIT ?`,
      after,
      end,
      end,
      PAGE,
    );
    for (const { position } of page) {
      const [row] = database.exec('SELECT * FROM kv_history WHERE position = ?', Number(position));
      if (row === undefined) throw new HistoryOutran(revision);
      after = Number(position);
      yield {
        key: toBase64(bytesOf(row.key)),
        value: toBase64(bytesOf(row.value)),
        createRevision: Number(row.create_revision),
        modRevision: Math.floor(after / POSITIONS),
        place: after % POSITIONS,
        version: Number(row.version),
        leaseId: String(row.lease),
      };
    }
    if (page.length < PAGE) break;
  }
  // Rows of the last page may be those of a state that was put in place while it was read.
  checkReach(store, revision);
}

/** Another instance of the store writes in between, restores or erases. */
function checkReach(store: KvStore, revision: number): void {
  store.lookAgain();
  if (store.compactedRevision() > revision || store.revision() < revision) throw new HistoryOutran(revision);
}

/** The leases there are. */
export function exportLeases(database: ObjectDatabase): { leaseId: string; ttlSeconds: number }[] {
  return database
    .exec('SELECT id, ttl_seconds FROM kv_leases ORDER BY id')
    .map((row) => ({ leaseId: String(row.id), ttlSeconds: Number(row.ttl_seconds) }));
}

/**
 * Another state put in place of the one there is: it is gathered in tables of its own, and takes the place of the
 * present one at once.
 */
export class StateImport {
  private readonly store: KvStore;

  constructor(store: KvStore) {
    this.store = store;
    discardImport(store.database);
    store.database.exec(
      `CREATE TABLE restore_keys (
         position INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB, create_revision INTEGER NOT NULL,
         version INTEGER NOT NULL, lease TEXT NOT NULL)`,
    );
    store.database.exec(
      'CREATE TABLE restore_leases (id TEXT PRIMARY KEY, ttl_seconds INTEGER NOT NULL) WITHOUT ROWID',
    );
  }

  takeKey({ key, value, createRevision, modRevision, place, version, leaseId }: BackupKey): void {
    this.store.database.exec(
      'INSERT INTO restore_keys (position, key, value, create_revision, version, lease) VALUES (?, ?, ?, ?, ?, ?)',
      modRevision * POSITIONS + place,
      fromBase64(key),
      fromBase64(value),
      createRevision,
      version,
      leaseId,
    );
  }

  takeLease(leaseId: string, ttlSeconds: number): void {
    this.store.database.exec('INSERT INTO restore_leases (id, ttl_seconds) VALUES (?, ?)', leaseId, ttlSeconds);
  }

  /**
   * The caller holds the transaction. The state goes on at `revision`, with all before it compacted. The time of the
   * leases begins anew: what was left of it when the backup was taken says nothing of their holders now.
   */
  apply(revision: number, nowMs: number): void {
    const { store } = this;
    const { database } = store;
    for (const table of ['kv', 'kv_history', 'kv_leases']) database.exec(`DELETE FROM ${table}`);
    database.exec("DELETE FROM kv_facts WHERE name = 'compacted'");
    database.exec(
      `INSERT INTO kv_leases (id, ttl_seconds, expires_at) SELECT id, ttl_seconds, ? + 1000 * ttl_seconds
       FROM restore_leases`,
      nowMs,
    );
    database.exec(
      `INSERT INTO kv (key, value, create_revision, mod_revision, version, lease)
       SELECT key, value, create_revision, position / ${POSITIONS}, version, lease FROM restore_keys`,
    );
    // Nothing was ever deleted, so what all writes have is what lives.
    database.exec(
      `INSERT INTO kv_history (position, key, value, create_revision, version, lease, total_bytes, live_bytes)
       SELECT position, key, value, create_revision, version, lease, sum(${BYTES}) OVER written, sum(${BYTES}) OVER written
       FROM restore_keys WINDOW written AS (ORDER BY position)`,
    );
    store.lookAgain();
    store.beginAt(revision);
    discardImport(database);
  }
}

/** Forgets an import that was begun and not ended. */
export function discardImport(database: ObjectDatabase): void {
  for (const table of ['restore_keys', 'restore_leases']) database.exec(`DROP TABLE IF EXISTS ${table}`);
}
