import { createSqlDatabase, type Row, type SqlBinding, sql } from './sql.ts';

/** An API key as stored: of its secret only the SHA-256 hash, in hex. */
export interface ApiKeyRecord {
  readonly keyId: string;
  /** Null for a key to all namespaces. */
  readonly namespaceUid: string | null;
  readonly namespace: string | null;
  readonly role: string;
  readonly label: string;
  readonly secretHash: string;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | undefined;
}

/** Whose keys are meant: those of a namespace, and perhaps those to all namespaces, which belong to none. */
export interface KeyScope {
  readonly namespaceUid: string;
  readonly withGlobal: boolean;
}

/** Where API keys are kept: D1 in production, memory in tests. One contract suite runs over both. */
export interface KeyStore {
  insert(key: ApiKeyRecord): Promise<void>;
  find(keyId: string): Promise<ApiKeyRecord | null>;
  /** Keys of a scope, newest first (ids grow with time), before the key `beforeKeyId` where one is given. */
  list(scope: KeyScope, limit: number, beforeKeyId?: string): Promise<ApiKeyRecord[]>;
  /** False where the scope has no such key. The first time of revocation stays. */
  revoke(scope: KeyScope, keyId: string, nowMs: number): Promise<boolean>;
  /** Ends every key confined to a namespace. */
  revokeAll(namespaceUid: string, nowMs: number): Promise<void>;
}

/** Ids are made of digits and lower-case letters, all of which sort before this. */
const AFTER_EVERY_ID = '~';

/** Keys in the catalogue database, table `api_keys`. */
export function d1KeyStore(binding: SqlBinding): KeyStore {
  const database = createSqlDatabase(binding);
  const isIn = (scope: KeyScope) =>
    sql`(namespace_uid = ${scope.namespaceUid} OR (${scope.withGlobal ? 1 : 0} AND namespace_uid IS NULL))`;
  return {
    async insert(key) {
      await database.run(sql`
        INSERT INTO api_keys (key_id, namespace_uid, namespace, role, label, secret_hash, created_at, revoked_at)
        VALUES (${key.keyId}, ${key.namespaceUid}, ${key.namespace}, ${key.role}, ${key.label}, ${key.secretHash},
          ${key.createdAtMs}, ${key.revokedAtMs ?? null})`);
    },
    async find(keyId) {
      const { rows } = await database.run(sql`SELECT * FROM api_keys WHERE key_id = ${keyId}`);
      return rows.length === 0 ? null : recordOf(rows[0]);
    },
    async list(scope, limit, beforeKeyId) {
      const { rows } = await database.run(sql`
        SELECT * FROM api_keys WHERE ${isIn(scope)} AND key_id < ${beforeKeyId ?? AFTER_EVERY_ID}
        ORDER BY key_id DESC LIMIT ${limit}`);
      return rows.map(recordOf);
    },
    async revoke(scope, keyId, nowMs) {
      const { changes } = await database.run(sql`
        UPDATE api_keys SET revoked_at = coalesce(revoked_at, ${nowMs}) WHERE key_id = ${keyId} AND ${isIn(scope)}`);
      return changes > 0;
    },
    async revokeAll(namespaceUid, nowMs) {
      await database.run(sql`
        UPDATE api_keys SET revoked_at = ${nowMs} WHERE namespace_uid = ${namespaceUid} AND revoked_at IS NULL`);
    },
  };
}

function recordOf(row: Row): ApiKeyRecord {
  return {
    keyId: String(row.key_id),
    namespaceUid: row.namespace_uid === null ? null : String(row.namespace_uid),
    namespace: row.namespace === null ? null : String(row.namespace),
    role: String(row.role),
    label: String(row.label),
    secretHash: String(row.secret_hash),
    createdAtMs: Number(row.created_at),
    revokedAtMs: row.revoked_at === null ? undefined : Number(row.revoked_at),
  };
}

/** Keys in memory, for tests. */
export function memoryKeyStore(): KeyStore {
  const keys = new Map<string, ApiKeyRecord>();
  return {
    async insert(key) {
      if (keys.has(key.keyId)) throw new Error(`there is a key "${key.keyId}" already`);
      keys.set(key.keyId, key);
    },
    find: async (keyId) => keys.get(keyId) ?? null,
    list: async (scope, limit, beforeKeyId) =>
      [...keys.values()]
        .filter((key) => isIn(scope, key) && (beforeKeyId === undefined || key.keyId < beforeKeyId))
        .sort((a, b) => (a.keyId < b.keyId ? 1 : -1))
        .slice(0, limit),
    async revoke(scope, keyId, nowMs) {
      const key = keys.get(keyId);
      if (key === undefined || !isIn(scope, key)) return false;
      keys.set(keyId, { ...key, revokedAtMs: key.revokedAtMs ?? nowMs });
      return true;
    },
    async revokeAll(namespaceUid, nowMs) {
      for (const key of keys.values()) {
        if (key.namespaceUid === namespaceUid) keys.set(key.keyId, { ...key, revokedAtMs: key.revokedAtMs ?? nowMs });
      }
    },
  };
}

function isIn(scope: KeyScope, key: ApiKeyRecord): boolean {
  return key.namespaceUid === scope.namespaceUid || (scope.withGlobal && key.namespaceUid === null);
}
