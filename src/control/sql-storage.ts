import { assert } from '../core/errors.ts';
import { migrateObject, type ObjectDatabase, type SqlRow, type SqlValue } from '../core/object-database.ts';
import type { ResourceKey } from './resource.ts';
import type { ChangeType, ControlStorage, Scope, StoredChange, StoredObject, WorkItem } from './storage.ts';

/**
 * The schema, step by step: a store is brought up to date by the steps it has not seen. Steps are only added.
 * WITHOUT ROWID keeps a write to one row where it is one, since rows written are what an object is billed by.
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE objects (
       group_name TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
       uid TEXT NOT NULL, revision INTEGER NOT NULL, created_revision INTEGER NOT NULL, body TEXT NOT NULL,
       PRIMARY KEY (group_name, resource, namespace, name)
     ) WITHOUT ROWID`,
    'CREATE UNIQUE INDEX objects_by_uid ON objects (uid)',
    `CREATE TABLE owners (
       owner_uid TEXT NOT NULL, uid TEXT NOT NULL, PRIMARY KEY (owner_uid, uid)
     ) WITHOUT ROWID`,
    'CREATE INDEX owners_by_uid ON owners (uid)',
    `CREATE TABLE changes (
       revision INTEGER PRIMARY KEY, type TEXT NOT NULL,
       group_name TEXT NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
       body TEXT NOT NULL, previous_body TEXT, previous_revision INTEGER, created_revision INTEGER NOT NULL
     )`,
    `CREATE TABLE work (
       key TEXT PRIMARY KEY, due_at INTEGER NOT NULL, failures INTEGER NOT NULL, sequence INTEGER NOT NULL
     ) WITHOUT ROWID`,
    'CREATE INDEX work_by_due ON work (due_at)',
  ],
];

/** Brings the tables up to date. To be called once before the store is used. */
export function migrate(database: ObjectDatabase): void {
  migrateObject(database, 'facts', MIGRATIONS);
}

/** Control-plane storage in SQLite. */
export function sqlStorage(database: ObjectDatabase): ControlStorage {
  const one = (query: string, ...bindings: SqlValue[]): SqlRow | undefined => database.exec(query, ...bindings)[0];

  const getFact = (name: string): string | null => {
    const row = one('SELECT value FROM facts WHERE name = ?', name);
    return row === undefined ? null : String(row.value);
  };
  const setFact = (name: string, value: string): void => {
    database.exec('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)', name, value);
  };

  // The log always holds the last change, or was compacted up to it: no row of its own is needed.
  const revision = (): number => {
    const last = one('SELECT max(revision) AS revision FROM changes')?.revision;
    return Math.max(Number(last ?? 0), Number(getFact('compacted') ?? 0));
  };

  const writeObject = (change: StoredChange, uid: string, ownerUids: readonly string[]): void => {
    database.exec(
      `INSERT INTO objects (group_name, resource, namespace, name, uid, revision, created_revision, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET revision = excluded.revision, body = excluded.body`,
      ...keyValues(change.key),
      uid,
      change.revision,
      change.createdRevision,
      change.body,
    );
    database.exec('DELETE FROM owners WHERE uid = ?', uid);
    for (const owner of new Set(ownerUids))
      database.exec('INSERT INTO owners (owner_uid, uid) VALUES (?, ?)', owner, uid);
  };

  const removeObject = (key: ResourceKey, uid: string): void => {
    database.exec('DELETE FROM owners WHERE uid = ?', uid);
    database.exec(`DELETE FROM objects WHERE ${KEY}`, ...keyValues(key));
  };

  return {
    transaction: (work) => database.transaction(work),

    revision,

    get(key) {
      const row = one(`SELECT * FROM objects WHERE ${KEY}`, ...keyValues(key));
      return row === undefined ? undefined : objectOf(row);
    },

    scan(scope, after, limit) {
      const { where, values } = scopeCondition(scope);
      if (after !== null) {
        where.push('(namespace, name) > (?, ?)');
        values.push(after.namespace, after.name);
      }
      const query = `SELECT * FROM objects WHERE ${where.join(' AND ')} ORDER BY namespace, name LIMIT ?`;
      return database.exec(query, ...values, limit).map(objectOf);
    },

    ownedBy: (ownerUid) =>
      database
        .exec('SELECT o.* FROM owners w JOIN objects o ON o.uid = w.uid WHERE w.owner_uid = ? ORDER BY o.uid', ownerUid)
        .map(objectOf),

    byUid(uid) {
      const row = one('SELECT * FROM objects WHERE uid = ?', uid);
      return row === undefined ? undefined : objectOf(row);
    },

    apply(change, uid, ownerUids) {
      assert(change.revision === revision() + 1, 'a change takes the next revision');
      database.exec(
        `INSERT INTO changes (revision, type, group_name, resource, namespace, name, body, previous_body, previous_revision, created_revision)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        change.revision,
        change.type,
        ...keyValues(change.key),
        change.body,
        change.previousBody,
        change.previousRevision,
        change.createdRevision,
      );
      if (change.type === 'DELETED') removeObject(change.key, uid);
      else writeObject(change, uid, ownerUids);
    },

    rewrite(change, scope) {
      const { where, values } = scopeCondition(scope);
      const condition = where.join(' AND ');
      for (const row of database.exec(`SELECT * FROM objects WHERE ${condition}`, ...values)) {
        const body = change(keyOf(row), String(row.body));
        if (body !== row.body) database.exec('UPDATE objects SET body = ? WHERE uid = ?', body, String(row.uid));
      }
      for (const row of database.exec(`SELECT * FROM changes WHERE ${condition}`, ...values)) {
        const body = change(keyOf(row), String(row.body));
        const previous = row.previous_body === null ? null : change(keyOf(row), String(row.previous_body));
        if (body === row.body && previous === row.previous_body) continue;
        database.exec(
          'UPDATE changes SET body = ?, previous_body = ? WHERE revision = ?',
          body,
          previous,
          Number(row.revision),
        );
      }
    },

    changesAfter(revision, scope, limit) {
      const { where, values } = scopeCondition(scope);
      const query = `SELECT * FROM changes WHERE revision > ? AND ${where.join(' AND ')} ORDER BY revision LIMIT ?`;
      return database.exec(query, revision, ...values, limit).map(changeOf);
    },

    compactedRevision: () => Number(getFact('compacted') ?? 0),

    compact(revision) {
      if (revision <= Number(getFact('compacted') ?? 0)) return;
      database.exec('DELETE FROM changes WHERE revision <= ?', revision);
      setFact('compacted', String(revision));
    },

    addWork(key, dueAtMs) {
      database.exec(
        `INSERT INTO work (key, due_at, failures, sequence) VALUES (?, ?, 0, 1)
         ON CONFLICT (key) DO UPDATE SET due_at = min(due_at, excluded.due_at), sequence = sequence + 1`,
        key,
        dueAtMs,
      );
    },

    dueWork: (nowMs, limit) =>
      database.exec('SELECT * FROM work WHERE due_at <= ? ORDER BY due_at, key LIMIT ?', nowMs, limit).map(
        (row): WorkItem => ({
          key: String(row.key),
          dueAtMs: Number(row.due_at),
          failures: Number(row.failures),
          sequence: Number(row.sequence),
        }),
      ),

    settleWork(key, sequence, next) {
      if (next === null) database.exec('DELETE FROM work WHERE key = ? AND sequence = ?', key, sequence);
      else {
        database.exec(
          'UPDATE work SET due_at = ?, failures = ? WHERE key = ? AND sequence = ?',
          next.dueAtMs,
          next.failures,
          key,
          sequence,
        );
      }
    },

    nextWorkAtMs() {
      const row = one('SELECT min(due_at) AS due FROM work');
      return row === undefined || row.due === null ? null : Number(row.due);
    },

    getFact,
    setFact,
  };
}

const KEY = 'group_name = ? AND resource = ? AND namespace = ? AND name = ?';

function keyValues(key: ResourceKey): [string, string, string, string] {
  return [key.group, key.resource, key.namespace, key.name];
}

function keyOf(row: SqlRow): ResourceKey {
  return {
    group: String(row.group_name),
    resource: String(row.resource),
    namespace: String(row.namespace),
    name: String(row.name),
  };
}

function objectOf(row: SqlRow): StoredObject {
  return {
    key: keyOf(row),
    uid: String(row.uid),
    revision: Number(row.revision),
    createdRevision: Number(row.created_revision),
    body: String(row.body),
  };
}

function changeOf(row: SqlRow): StoredChange {
  return {
    revision: Number(row.revision),
    type: String(row.type) as ChangeType,
    key: keyOf(row),
    body: String(row.body),
    previousBody: row.previous_body === null ? null : String(row.previous_body),
    previousRevision: row.previous_revision === null ? null : Number(row.previous_revision),
    createdRevision: Number(row.created_revision),
  };
}

function scopeCondition(scope: Scope): { where: string[]; values: SqlValue[] } {
  const where = ['group_name = ?', 'resource = ?'];
  const values: SqlValue[] = [scope.group, scope.resource];
  if (scope.namespace !== undefined) {
    where.push('namespace = ?');
    values.push(scope.namespace);
  }
  return { where, values };
}
