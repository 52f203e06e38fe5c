import { describe, expect, test } from 'vitest';
import { createAuthenticator } from '../../src/access/authenticate.ts';
import type { Role, Subject } from '../../src/access/authorize.ts';
import { issueKey, keyScope, listKeys, parseToken, revokeKey, secretMatches } from '../../src/access/keys.ts';
import { manualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { d1KeyStore, type KeyStore, memoryKeyStore } from '../../src/storage/keys.ts';
import { sqliteBinding } from '../storage/sqlite-binding.ts';

const ADAPTERS: readonly (readonly [string, () => KeyStore])[] = [
  ['memory', memoryKeyStore],
  ['D1', () => d1KeyStore(sqliteBinding())],
];
const TEAM = { name: 'team', uid: 'uid-team' };
const OWN = keyScope(null, TEAM.uid);
const EVERYWHERE: Subject = { kind: 'admin-token', name: 'admin', role: 'admin', namespace: null, namespaceUid: null };

/** A store, a clock, and a way to issue keys. */
function world(keys: KeyStore, adminToken: string | undefined = 'bootstrap-token-for-tests') {
  const clock = manualClock(1_000_000);
  const random = seededRandom(3);
  const uids: Record<string, string | null> = { team: TEAM.uid };
  let finds = 0;
  const counted: KeyStore = {
    ...keys,
    find: (keyId) => {
      finds += 1;
      return keys.find(keyId);
    },
  };
  const authenticator = createAuthenticator({
    keys: counted,
    clock,
    adminToken,
    namespaceUid: async (name) => uids[name] ?? null,
  });
  return {
    keys,
    clock,
    uids,
    finds: () => finds,
    authenticate: authenticator.authenticate,
    async issue(role: Role = 'reader', namespace: typeof TEAM | null = TEAM) {
      clock.advance(1);
      return issueKey(keys, clock, random, { namespace, role, label: 'for tests' });
    },
  };
}

describe.each(ADAPTERS)('API keys in %s', (_name, create) => {
  test('a token is orasi_<id>_<secret>, and only a hash of the secret is kept', async () => {
    const { issue, keys } = world(create());
    const { key, token } = await issue();
    const parsed = parseToken(token);
    expect(token).toBe(`orasi_${key.keyId}_${parsed?.secret}`);
    const stored = await keys.find(key.keyId);
    expect(JSON.stringify(stored)).not.toContain(parsed?.secret);
    expect(secretMatches(parsed?.secret ?? '', stored?.secretHash ?? '')).toBe(true);
    expect(JSON.stringify(key)).not.toContain(stored?.secretHash);
  });

  test('a key opens with its role and namespace; a wrong secret, id or form opens nothing', async () => {
    const { issue, authenticate } = world(create());
    const { key, token } = await issue('ingester');
    expect(await authenticate(token)).toEqual({
      kind: 'api-key',
      name: `key:${key.keyId}`,
      role: 'ingester',
      namespace: 'team',
      namespaceUid: 'uid-team',
    });
    const flipped = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0');
    const unknown = token.replace(key.keyId, '0'.repeat(26));
    for (const wrong of [flipped, unknown, '', 'orasi_', `${token}0`, token.toUpperCase(), key.keyId]) {
      expect(await authenticate(wrong), wrong).toBeNull();
    }
  });

  test('a revoked key is dead within 10 s, and stays so', async () => {
    const { issue, authenticate, keys, clock } = world(create());
    const { key, token } = await issue();
    expect(await authenticate(token)).not.toBeNull();
    await revokeKey(keys, clock, OWN, key.keyId);
    clock.advance(9_999);
    expect(await authenticate(token)).toBeNull();
    const revokedAtMs = (await keys.find(key.keyId))?.revokedAtMs;
    clock.advance(5_000);
    await revokeKey(keys, clock, OWN, key.keyId);
    expect((await keys.find(key.keyId))?.revokedAtMs).toBe(revokedAtMs);
  });

  test('what is asked about now is read anew, and tells those who ask after of it', async () => {
    const { issue, authenticate, keys, clock } = world(create());
    const { key, token } = await issue();
    await authenticate(token);
    await revokeKey(keys, clock, OWN, key.keyId);
    expect(await authenticate(token)).not.toBeNull();
    expect(await authenticate(token, 'now')).toBeNull();
    expect(await authenticate(token)).toBeNull();
  });

  test('a key in use is read once in a while, not once a request', async () => {
    const { issue, authenticate, finds, clock } = world(create());
    const { token } = await issue();
    for (let i = 0; i < 100; i++) {
      await authenticate(token);
      clock.advance(100);
    }
    expect(finds()).toBe(2);
  });

  test('a key of another namespace cannot be revoked from here', async () => {
    const { issue, keys, clock } = world(create());
    const { key } = await issue();
    await expect(revokeKey(keys, clock, keyScope(null, 'uid-other'), key.keyId)).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(revokeKey(keys, clock, OWN, 'nothing')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a key dies with its namespace, and does not open the next one of that name', async () => {
    const { issue, authenticate, uids, keys, clock } = world(create());
    const { token } = await issue();
    uids.team = null;
    expect(await authenticate(token)).toBeNull();
    uids.team = 'uid-of-another-team';
    expect(await authenticate(token)).toBeNull();
    uids.team = TEAM.uid;
    await keys.revokeAll(TEAM.uid, clock.now());
    clock.advance(10_000);
    expect(await authenticate(token)).toBeNull();
  });

  test('lists are of the namespace, newest first, in pages, revoked ones too', async () => {
    const { issue, keys, clock } = world(create());
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift((await issue()).key.keyId);
    await issue('reader', { name: 'other', uid: 'uid-other' });
    await revokeKey(keys, clock, OWN, ids[0]);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listKeys(keys, OWN, { limit: 2, cursor });
      seen.push(...page.items.map((key) => key.keyId));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(ids);
    const exact = await listKeys(keys, OWN, { limit: 5 });
    expect([exact.items.length, exact.nextCursor]).toEqual([5, undefined]);
    expect(exact.items[0].revokedAtMs).toBeDefined();
  });

  test('a key to all namespaces is seen and ended only by who has all of them', async () => {
    const { issue, keys, clock, authenticate } = world(create());
    const { key, token } = await issue('admin', null);
    expect(await authenticate(token)).toMatchObject({ role: 'admin', namespace: null });
    expect((await listKeys(keys, OWN, { limit: 9 })).items).toEqual([]);
    await expect(revokeKey(keys, clock, OWN, key.keyId)).rejects.toMatchObject({ code: 'not_found' });
    const confined: Subject = { ...EVERYWHERE, namespace: 'team', namespaceUid: TEAM.uid };
    expect((await listKeys(keys, keyScope(confined, TEAM.uid), { limit: 9 })).items).toEqual([]);
    expect(
      (await listKeys(keys, keyScope(EVERYWHERE, TEAM.uid), { limit: 9 })).items.map((item) => item.keyId),
    ).toEqual([key.keyId]);
    await revokeKey(keys, clock, keyScope(EVERYWHERE, TEAM.uid), key.keyId);
    clock.advance(10_000);
    expect(await authenticate(token)).toBeNull();
  });
});

test('the admin token is an admin of everything; where there is none nothing stands for it', async () => {
  const { authenticate } = world(memoryKeyStore());
  expect(await authenticate('bootstrap-token-for-tests')).toMatchObject({
    kind: 'admin-token',
    role: 'admin',
    namespace: null,
  });
  expect(await authenticate('bootstrap-token-for-test')).toBeNull();
  const without = createAuthenticator({
    keys: memoryKeyStore(),
    clock: manualClock(),
    adminToken: undefined,
    namespaceUid: async () => null,
  });
  expect(await without.authenticate('')).toBeNull();
  expect(await without.authenticate('undefined')).toBeNull();
});
