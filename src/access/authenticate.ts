import type { Buffer } from 'node:buffer';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { ApiKeyRecord, KeyStore } from '../storage/keys.ts';
import { ROLES, type Role, type Subject } from './authorize.ts';
import { parseToken, secretMatches, subjectOfKey } from './keys.ts';

/** How long a key that was read is believed; a revoked one is dead within it. The contract allows 10 s. */
const BELIEVED_MS = 8_000;
/** Keys kept in an isolate; beyond it the oldest are read again. */
const CACHED_KEYS = 10_000;

/** Tells who a request's token belongs to. */
export interface Authenticator {
  /** The subject of a bearer token, or null where the token opens nothing; read anew where it is to be as it is `now`. */
  authenticate(token: string, now?: 'now'): Promise<Subject | null>;
}

export interface AuthenticatorParts {
  readonly keys: KeyStore;
  readonly clock: Clock;
  /** The bootstrap token; undefined where there is none. */
  readonly adminToken: string | undefined;
  /** The present uid of a namespace: a key outlives neither its namespace nor the name's next bearer. */
  namespaceUid(name: string): Promise<string | null>;
}

/** Tells who a token belongs to: the admin token and API keys. One a Worker isolate, for its cache. */
export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  // Of every request the token is hashed; ours once.
  const adminDigest = parts.adminToken === undefined ? undefined : digestOf(parts.adminToken);
  const cache = new Map<string, { readAtMs: number; record: ApiKeyRecord | null }>();

  const lookUp = async (keyId: string, now?: 'now'): Promise<ApiKeyRecord | null> => {
    const nowMs = parts.clock.now();
    const known = cache.get(keyId);
    if (now === undefined && known !== undefined && nowMs - known.readAtMs < BELIEVED_MS) return known.record;
    const record = await parts.keys.find(keyId);
    cache.delete(keyId);
    // The time before the read counts: a revocation during it is seen in time.
    cache.set(keyId, { readAtMs: nowMs, record });
    if (cache.size > CACHED_KEYS) {
      const oldest = cache.keys().next();
      if (!oldest.done) cache.delete(oldest.value);
    }
    return record;
  };

  return {
    async authenticate(token, now) {
      if (adminDigest !== undefined && timingSafeEqual(digestOf(token), adminDigest)) return ADMIN;
      const parsed = parseToken(token);
      if (parsed === undefined) return null;
      const record = await lookUp(parsed.keyId, now);
      if (record === null || !secretMatches(parsed.secret, record.secretHash)) return null;
      if (record.revokedAtMs !== undefined || !isRole(record.role)) return null;
      if (record.namespace !== null && (await parts.namespaceUid(record.namespace)) !== record.namespaceUid)
        return null;
      return {
        kind: 'api-key',
        name: subjectOfKey(record.keyId),
        role: record.role,
        namespace: record.namespace,
        namespaceUid: record.namespaceUid,
      };
    },
  };
}

const ADMIN: Subject = { kind: 'admin-token', name: 'admin', role: 'admin', namespace: null, namespaceUid: null };

function isRole(text: string): text is Role {
  return ROLES.some((role) => role === text);
}

/** Digests are compared in place of texts: that takes a time that tells nothing of where they differ, nor of their lengths. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
