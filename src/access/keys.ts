import { Buffer } from 'node:buffer';
import { createHash, timingSafeEqual } from 'node:crypto';
import { toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { OrasiError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import type { ApiKeyRecord, KeyScope, KeyStore } from '../storage/keys.ts';
import type { Role, Subject } from './authorize.ts';

/** Bytes of randomness in a secret: beyond guessing, so that a plain hash protects it and a slow one is not needed. */
const SECRET_BYTES = 32;

/** An API key as it may be shown: everything but the secret. */
export interface ApiKey {
  readonly keyId: string;
  readonly namespace: string | null;
  readonly role: Role;
  readonly label: string;
  readonly createdAtMs: number;
  readonly revokedAtMs: number | undefined;
}

export interface KeyRequest {
  /** Null: all namespaces. */
  readonly namespace: { readonly name: string; readonly uid: string } | null;
  readonly role: Role;
  /** For people, to tell keys apart. */
  readonly label: string;
}

/** Makes a key. The token is in this answer and nowhere else: only a hash of its secret is kept. */
export async function issueKey(
  store: KeyStore,
  clock: Clock,
  random: Random,
  request: KeyRequest,
): Promise<{ key: ApiKey; token: string }> {
  const keyId = newId(clock, random);
  const secret = toHex(random.bytes(SECRET_BYTES));
  const record: ApiKeyRecord = {
    keyId,
    namespaceUid: request.namespace?.uid ?? null,
    namespace: request.namespace?.name ?? null,
    role: request.role,
    label: request.label,
    secretHash: hashOf(secret),
    createdAtMs: clock.now(),
    revokedAtMs: undefined,
  };
  await store.insert(record);
  return { key: shown(record), token: `orasi_${keyId}_${secret}` };
}

/**
 * The keys somebody administers from within a namespace: its own, and for a subject that has all namespaces
 * also the keys that have them, which belong to none.
 */
export function keyScope(subject: Subject | null, namespaceUid: string): KeyScope {
  return { namespaceUid, withGlobal: subject !== null && subject.namespace === null };
}

/** Keys of a scope, newest first, revoked ones too. */
export async function listKeys(
  store: KeyStore,
  scope: KeyScope,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<{ items: ApiKey[]; nextCursor?: string }> {
  const records = await store.list(scope, page.limit + 1, page.cursor);
  const items = records.slice(0, page.limit).map(shown);
  return records.length > page.limit ? { items, nextCursor: items[items.length - 1].keyId } : { items };
}

/** Ends a key of a scope; throws `not_found` where there is none. Ending it again changes nothing. */
export async function revokeKey(store: KeyStore, clock: Clock, scope: KeyScope, keyId: string): Promise<void> {
  const found = await store.revoke(scope, keyId, clock.now());
  if (!found) throw new OrasiError('not_found', `there is no key "${keyId}"`);
}

/** The name of a key's bearer. */
export function subjectOfKey(keyId: string): string {
  return `key:${keyId}`;
}

/** A token's parts, or undefined where it is not an API key at all. */
export function parseToken(token: string): { keyId: string; secret: string } | undefined {
  const match = /^orasi_([0-9a-z]{26})_([0-9a-f]{64})$/.exec(token);
  return match === null ? undefined : { keyId: match[1], secret: match[2] };
}

/** Whether a secret is the one whose hash is given; takes the same time whichever byte differs. */
export function secretMatches(secret: string, secretHash: string): boolean {
  const actual = Buffer.from(hashOf(secret), 'hex');
  const expected = Buffer.from(secretHash, 'hex');
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

function shown(record: ApiKeyRecord): ApiKey {
  const { keyId, namespace, role, label, createdAtMs, revokedAtMs } = record;
  return { keyId, namespace, role: role as Role, label, createdAtMs, revokedAtMs };
}
