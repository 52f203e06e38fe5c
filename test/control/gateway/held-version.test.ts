import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { policySecrets } from '../../../src/access/policy-secrets.ts';
import type { JsonObject } from '../../../src/control/json.ts';
import type { CompiledAuth } from '../../../src/core/protocol/auth-policy.ts';
import { type EntryKey, shardOf } from '../../../src/traffic/snapshot/keys.ts';
import { shardFileKey } from '../../../src/traffic/snapshot/shard.ts';
import { NAMESPACES, SECRETS } from '../fixture.ts';
import { gatewayApi } from './fixture.ts';
import { gatewayPlane } from './gateway-plane.ts';

type Plane = ReturnType<typeof gatewayPlane>;

const AUTH = { group: 'orasi.io', version: 'v1alpha1', resource: 'authpolicies' };
const OURS = policySecrets([new Uint8Array(32).fill(9)]);
const OLD = 'the-first-key-of-somebody';
const NEW = 'the-second-key-of-somebody';

function route(plane: Plane, name: string, namespace = 'default', backend: JsonObject = { name: 'orders' }): void {
  plane.route(
    name,
    {
      parentRefs: [{ name: 'default' }],
      hostnames: [`${name}.example.com`],
      rules: [{ backendRefs: [{ group: 'orasi.io', kind: 'Upstream', ...backend }] }],
    },
    namespace,
  );
}

function secret(plane: Plane, name: string, entries: Readonly<Record<string, string>>, namespace = 'default'): void {
  const data = Object.fromEntries(
    Object.entries(entries).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  plane.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, data }, SECRETS, namespace);
}

function auth(plane: Plane, spec: JsonObject, namespace = 'default'): void {
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' }];
  plane.apply(
    { apiVersion: 'orasi.io/v1alpha1', kind: 'AuthPolicy', metadata: { name: 'keys' }, spec: { targetRefs, ...spec } },
    AUTH,
    namespace,
  );
}

/** The policy as it is served. */
async function served(plane: Plane): Promise<CompiledAuth> {
  const { entries } = await plane.published();
  const [entry] = Object.entries(entries).flatMap(([key, value]) => (key.includes('/authpolicies/') ? [value] : []));
  return entry.spec as unknown as CompiledAuth;
}

const keys = (policy: CompiledAuth) => Object.keys(policy.apiKey?.consumers ?? {});

async function hosts(plane: Plane): Promise<string[]> {
  const names = Object.keys((await plane.published()).entries).filter((key) => key.startsWith('host:'));
  return [...new Set(names.map((key) => key.slice(key.indexOf('//') + 2).split('.')[0]))].sort();
}

/** Publishes what is declared, then something else, and goes back to the first. */
async function heldTo(plane: Plane, change: () => void): Promise<void> {
  await plane.publish();
  const [{ version }] = plane.machine.gatewayVersions().versions;
  change();
  await plane.publish();
  plane.machine.pinGatewayVersion(version);
  await plane.publish();
}

describe('of a namespace that is gone', () => {
  async function twoNamespaces(): Promise<Plane> {
    const plane = gatewayPlane();
    plane.namespace('team');
    plane.upstream('orders');
    plane.upstream('orders', 'team');
    route(plane, 'a');
    route(plane, 'b', 'team');
    await plane.publish();
    return plane;
  }

  test('a version that is gone back to has no host and no upstream', async () => {
    const plane = await twoNamespaces();
    expect(await hosts(plane)).toEqual(['a', 'b']);
    plane.remove(NAMESPACES, 'team');
    await plane.publish();
    plane.machine.pinGatewayVersion(1);
    await plane.publish();
    const { manifest, entries } = await plane.published();
    expect([manifest.version, await hosts(plane)]).toEqual([3, ['a']]);
    expect(Object.keys(entries).filter((key) => key.startsWith('upstream:')).length).toBe(1);
  });

  test('and deleted while a version is held to, what that has is taken out of it', async () => {
    const plane = await twoNamespaces();
    plane.machine.pinGatewayVersion(1);
    await plane.publish();
    expect(await hosts(plane)).toEqual(['a', 'b']);
    plane.remove(NAMESPACES, 'team');
    await plane.publish();
    expect(await hosts(plane)).toEqual(['a']);
    expect(plane.machine.gatewayVersions().versions[0]).toMatchObject({ rollbackOf: 1 });
    // What is made again under the name is another one: it waits like all that is declared.
    plane.namespace('team');
    plane.upstream('orders', 'team');
    route(plane, 'b', 'team');
    await plane.publish();
    expect(await hosts(plane)).toEqual(['a']);
    plane.machine.pinGatewayVersion(null);
    await plane.publish();
    expect(await hosts(plane)).toEqual(['a', 'b']);
  });

  test('one that is still being emptied is gone already', async () => {
    const plane = await twoNamespaces();
    const metadata = { name: 'last', finalizers: ['example.com/waits'] };
    plane.apply({ apiVersion: 'v1', kind: 'Secret', metadata, data: {} }, SECRETS, 'team');
    plane.machine.pinGatewayVersion(1);
    await plane.publish();
    plane.remove(NAMESPACES, 'team');
    await plane.publish();
    expect([plane.read(NAMESPACES, 'team').status, await hosts(plane)]).toEqual([{ phase: 'Terminating' }, ['a']]);
  });

  test('goes though it was never known what a shard stands on', async () => {
    const plane = await twoNamespaces();
    plane.database.exec('UPDATE gateway_files SET standing = NULL');
    plane.machine.pinGatewayVersion(1);
    plane.remove(NAMESPACES, 'team');
    await plane.publish();
    expect(await hosts(plane)).toEqual(['a']);
  });

  test('shards that have nothing of it are neither read nor written', async () => {
    const reads: string[] = [];
    const plane = gatewayPlane();
    plane.upstream('orders');
    route(plane, 'a');
    await plane.publish();
    route(plane, 'b');
    await plane.publish();
    const { store } = plane.files;
    const inner = store.read;
    store.read = (key, ...rest) => {
      reads.push(key);
      return inner(key, ...rest);
    };
    plane.machine.pinGatewayVersion(1);
    plane.namespace('team');
    plane.remove(NAMESPACES, 'team');
    await plane.publish();
    expect(reads.filter((key) => key.startsWith('gateway/shards/'))).toEqual([]);
    expect(plane.files.puts.slice(-1)).toEqual(['gateway/manifests/3']);
  });
});

describe('keys and secrets of a version that is held to are the present ones', () => {
  const apiKeys = { apiKey: { secrets: [{ name: 'consumers', tenant: 'acme' }] } };

  async function withKey(): Promise<Plane> {
    const plane = gatewayPlane();
    plane.upstream('orders');
    route(plane, 'shop');
    secret(plane, 'consumers', { ada: OLD });
    auth(plane, apiKeys);
    await plane.publish();
    return plane;
  }

  test('an API key that was rotated away opens no more, the one that took its place does', async () => {
    const plane = await withKey();
    await heldTo(plane, () => secret(plane, 'consumers', { ada: NEW }));
    expect((await served(plane)).apiKey?.consumers).toEqual({
      [OURS.digest(NEW)]: { keyId: 'consumers/ada', user: 'ada', tenant: 'acme' },
    });
  });

  test('also where it is rotated while the version is held to', async () => {
    const plane = await withKey();
    await heldTo(plane, () => route(plane, 'other'));
    expect(keys(await served(plane))).toEqual([OURS.digest(OLD)]);
    secret(plane, 'consumers', { ada: NEW });
    await plane.publish();
    expect([await hosts(plane), keys(await served(plane))]).toEqual([['shop'], [OURS.digest(NEW)]]);
    plane.remove(SECRETS, 'consumers');
    await plane.publish();
    expect(keys(await served(plane))).toEqual([]);
  });

  test('also where the policy is gone: what it says of who may call is of the version', async () => {
    const plane = await withKey();
    await heldTo(plane, () => plane.remove(AUTH, 'keys'));
    expect(keys(await served(plane))).toEqual([OURS.digest(OLD)]);
    secret(plane, 'consumers', { ada: NEW, ben: 'short' });
    await plane.publish();
    expect(keys(await served(plane))).toEqual([OURS.digest(NEW)]);
  });

  const opened = (key: { sealed: string; context: string }) =>
    Buffer.from(OURS.open(key.sealed, key.context), 'base64').toString();
  const long = (letter: string) => letter.repeat(32);

  test('a secret of signatures', async () => {
    const plane = gatewayPlane();
    plane.upstream('orders');
    route(plane, 'shop');
    secret(plane, 'robots', { r2: long('a'), c3: long('b') });
    auth(plane, { hmac: { secrets: [{ name: 'robots', tenant: 'acme' }] } });
    await heldTo(plane, () => secret(plane, 'robots', { r2: long('c'), bb: long('d'), no: 'short' }));
    const { hmac } = await served(plane);
    expect(Object.entries(hmac?.keys ?? {}).map(([name, key]) => [name, key.tenant, opened(key)])).toEqual([
      ['r2', 'acme', long('c')],
      ['bb', 'acme', long('d')],
    ]);
  });

  test('a secret of tokens', async () => {
    const plane = gatewayPlane();
    plane.upstream('orders');
    route(plane, 'shop');
    secret(plane, 'issuer', { secret: long('a') });
    const claimsToHeaders = [{ claim: 'sub', header: 'x-sub' }];
    const keys = { secretRef: { name: 'issuer' } };
    auth(plane, { jwt: { providers: [{ name: 'a', issuer: 'https://a.example', keys, claimsToHeaders }] } });
    await heldTo(plane, () => secret(plane, 'issuer', { secret: long('b') }));
    const provider = async () => (await served(plane)).jwt?.providers[0];
    const present = (await provider())?.keys;
    expect(present?.type === 'secret' && opened(present)).toBe(long('b'));
    // Without its secret a provider believes nobody, and its headers are still taken from clients.
    const nobody = { keys: { type: 'inline', keys: [] }, claimsToHeaders };
    secret(plane, 'issuer', { secret: 'short' });
    await plane.publish();
    expect(await provider()).toMatchObject(nobody);
    plane.remove(SECRETS, 'issuer');
    await plane.publish();
    expect(await provider()).toMatchObject(nobody);
  });

  test('also where another shard of the version is lost', async () => {
    const plane = await withKey();
    const padding = { name: 'x-padding', value: 'x'.repeat(4_000) };
    const filters = [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [padding] } }];
    const backendRefs = [{ group: 'orasi.io', kind: 'Upstream', name: 'orders' }];
    for (let i = 0; i < 40; i++) {
      const rules = [{ filters, backendRefs }];
      plane.route(`r${i}`, { parentRefs: [{ name: 'default' }], hostnames: [`r${i}.example.com`], rules });
    }
    await plane.settle(500);
    await heldTo(plane, () => route(plane, 'other'));
    const key: EntryKey = `policy:${plane.machine.namespaceUid('default')}/authpolicies/keys`;
    const { manifest } = await plane.published();
    const ofPolicy = shardOf(key, manifest.shards.length);
    const lost = manifest.shards.find((ref, shard) => ref !== null && shard !== ofPolicy);
    if (lost === undefined || lost === null) throw new Error('there is one shard');
    await plane.files.store.delete([shardFileKey(lost.hash)]);
    secret(plane, 'consumers', { ada: NEW });
    await plane.publish();
    expect(plane.lines.filter((line) => line.includes('held to is not in the bucket'))).toHaveLength(1);
    expect(keys(await served(plane))).toEqual([OURS.digest(NEW)]);
    // Isolates take up no version that names what is not there.
    const after = (await plane.published()).manifest;
    expect(after.shards.filter((ref, shard) => ref?.hash !== manifest.shards[shard]?.hash)).toEqual([
      null,
      after.shards[ofPolicy],
    ]);
  });

  test.each(['lost', 'damaged'])('also where the version’s own shard is %s: by the one that is served', async (how) => {
    const plane = await withKey();
    await heldTo(plane, () => route(plane, 'other'));
    const { manifest } = await plane.published();
    secret(plane, 'consumers', { ada: 'the-key-between-the-two' });
    await plane.publish();
    const file = shardFileKey(manifest.shards[0]?.hash ?? '');
    if (how === 'lost') await plane.files.store.delete([file]);
    else await plane.files.store.put(file, new TextEncoder().encode('{}'));
    secret(plane, 'consumers', { ada: NEW });
    await plane.publish();
    expect([await hosts(plane), keys(await served(plane))]).toEqual([['shop'], [OURS.digest(NEW)]]);
  });

  test('a Secret that comes to the same publishes nothing', async () => {
    const plane = await withKey();
    await heldTo(plane, () => route(plane, 'other'));
    const before = plane.announced.length;
    secret(plane, 'unrelated', { a: 'b' });
    secret(plane, 'consumers', { ada: OLD });
    await plane.publish();
    await plane.publish();
    expect([plane.announced.length - before, await hosts(plane)]).toEqual([0, ['shop']]);
  });

  test('none, where their namespace is gone: what it had put on its upstream lets nobody else through', async () => {
    const plane = gatewayPlane();
    plane.namespace('team');
    plane.upstream('orders', 'team');
    plane.apply(
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'ReferenceGrant',
        metadata: { name: 'default' },
        spec: {
          from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }],
          to: [{ group: 'orasi.io', kind: 'Upstream' }],
        },
      },
      gatewayApi('referencegrants', 'v1'),
      'team',
    );
    route(plane, 'shop', 'default', { name: 'orders', namespace: 'team' });
    secret(plane, 'consumers', { ada: OLD }, 'team');
    auth(plane, { ...apiKeys, targetRefs: [{ group: 'orasi.io', kind: 'Upstream', name: 'orders' }] }, 'team');
    await heldTo(plane, () => plane.remove(NAMESPACES, 'team'));
    const { entries } = await plane.published();
    expect(JSON.stringify(entries['page:http://shop.example.com#0'])).toContain('/authpolicies/keys');
    expect([keys(await served(plane)), Object.keys(entries).some((key) => key.startsWith('upstream:'))]).toEqual([
      [],
      false,
    ]);
  });
});

test('a rollback that is let go while it is being published keeps nothing back', async () => {
  const plane = gatewayPlane();
  plane.upstream('orders');
  route(plane, 'a');
  await plane.publish();
  route(plane, 'b');
  await plane.publish();
  plane.machine.pinGatewayVersion(1);
  const { store } = plane.files;
  const inner = store.put;
  store.put = (key, ...rest) => {
    if (key === 'gateway/manifests/3') plane.machine.pinGatewayVersion(null);
    return inner(key, ...rest);
  };
  await plane.publish();
  await plane.publish();
  expect(await hosts(plane)).toEqual(['a', 'b']);
});
