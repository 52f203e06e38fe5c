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

/** Where API keys are kept: D1 in production, memory in tests. One contract suite runs over both. */
export interface KeyStore {
  insert(key: ApiKeyRecord): Promise<void>;
  find(keyId: string): Promise<ApiKeyRecord | null>;
  /** Keys of a namespace, newest first (ids grow with time), before the key `beforeKeyId` where one is given. */
  list(namespaceUid: string, limit: number, beforeKeyId?: string): Promise<ApiKeyRecord[]>;
  /** False where the namespace has no such key. The first time of revocation stays. */
  revoke(namespaceUid: string, keyId: string, nowMs: number): Promise<boolean>;
  /** Ends every key of a namespace. */
  revokeAll(namespaceUid: string, nowMs: number): Promise<void>;
}

/** The part of D1 that is needed here. */
export interface KeyDatabase {
  prepare(query: string): KeyStatement;
}
export interface KeyStatement {
  bind(...values: (string | number | null)[]): KeyStatement;
  first(): Promise<Record<string, unknown> | null>;
  all(): Promise<{ results: Record<string, unknown>[] }>;
  run(): Promise<{ meta: { changes: number } }>;
}

/** Keys in the catalogue database, table `api_keys`. */
export function d1KeyStore(database: KeyDatabase): KeyStore {
  return {
    async insert(key) {
      await database
        .prepare(
          `INSERT INTO api_keys (key_id, namespace_uid, namespace, role, label, secret_hash, created_at, revoked_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .bind(
          key.keyId,
          key.namespaceUid,
          key.namespace,
          key.role,
          key.label,
          key.secretHash,
          key.createdAtMs,
          key.revokedAtMs ?? null,
        )
        .run();
    },
    async find(keyId) {
      const row = await database.prepare('SELECT * FROM api_keys WHERE key_id = ?').bind(keyId).first();
      return row === null ? null : recordOf(row);
    },
    async list(namespaceUid, limit, beforeKeyId) {
      const statement =
        beforeKeyId === undefined
          ? database
              .prepare('SELECT * FROM api_keys WHERE namespace_uid = ? ORDER BY key_id DESC LIMIT ?')
              .bind(namespaceUid, limit)
          : database
              .prepare('SELECT * FROM api_keys WHERE namespace_uid = ? AND key_id < ? ORDER BY key_id DESC LIMIT ?')
              .bind(namespaceUid, beforeKeyId, limit);
      return (await statement.all()).results.map(recordOf);
    },
    async revoke(namespaceUid, keyId, nowMs) {
      const { meta } = await database
        .prepare('UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE key_id = ? AND namespace_uid = ?')
        .bind(nowMs, keyId, namespaceUid)
        .run();
      return meta.changes > 0;
    },
    async revokeAll(namespaceUid, nowMs) {
      await database
        .prepare('UPDATE api_keys SET revoked_at = ? WHERE namespace_uid = ? AND revoked_at IS NULL')
        .bind(nowMs, namespaceUid)
        .run();
    },
  };
}

function recordOf(row: Record<string, unknown>): ApiKeyRecord {
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
    list: async (namespaceUid, limit, beforeKeyId) =>
      [...keys.values()]
        .filter((key) => key.namespaceUid === namespaceUid && (beforeKeyId === undefined || key.keyId < beforeKeyId))
        .sort((a, b) => (a.keyId < b.keyId ? 1 : -1))
        .slice(0, limit),
    async revoke(namespaceUid, keyId, nowMs) {
      const key = keys.get(keyId);
      if (key === undefined || key.namespaceUid !== namespaceUid) return false;
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
