import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { until } from '../discovery/until.ts';
import { applyAll, createNamespace, routeTo, upstreamOf } from './gateway-resources.ts';
import { type Backend, backendServer, send } from './gateway-world.ts';

const VERSIONS = '/v1/namespaces/default/gateway';

let instance: Instance;
let backend: Backend;
const folder = mkdtempSync(join(tmpdir(), 'orasi-versions-'));
const options = { stateDir: folder, vars: { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8' } };

beforeAll(async () => {
  backend = await backendServer((request, response) => response.end(`at ${request.url}`));
  instance = await launch(options);
  await applyAll(instance, 'default', [
    upstreamOf('shop', [backend.address]),
    routeTo('shop', 'shop', ['shop.localhost']),
  ]);
  await served('shop.localhost', 200);
});

afterAll(async () => {
  await instance.stop();
  await backend.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Versions {
  readonly items: readonly { readonly version: number; readonly rollbackOf?: number; readonly current: boolean }[];
  readonly pinnedVersion: number | null;
}

async function json<T>(path: string, init: RequestInit = {}): Promise<{ status: number; body: T }> {
  const headers = { 'content-type': 'application/json' };
  const response = await instance.fetch(`${VERSIONS}${path}`, { headers, ...init });
  return { status: response.status, body: (await response.json()) as T };
}

/** Waits until a host is answered so; a change is to be live within five seconds. */
async function served(host: string, status: number, path = '/'): Promise<void> {
  await until(`${host}${path} is answered ${status}`, async () => (await send(instance, host, path)).status === status);
}

/** Waits until a route says of itself whether it is served, as status and reason. */
async function programmed(name: string, wanted: string): Promise<void> {
  const path = `/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/${name}`;
  await until(`${name} is ${wanted}`, async () => {
    const route = (await (await instance.fetch(path)).json()) as {
      status?: { parents: { conditions: { type: string; status: string; reason: string }[] }[] };
    };
    const condition = route.status?.parents[0].conditions.find(({ type }) => type === 'Programmed');
    return `${condition?.status}/${condition?.reason}` === wanted;
  });
}

const rewritten = (to: string) => ({
  filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: to } } }],
});

test('an earlier version is compared with the present one, gone back to, held to and let go', async () => {
  const { body: before } = await json<Versions>('/versions');
  const [first] = before.items;
  expect(before.pinnedVersion).toBeNull();
  await applyAll(instance, 'default', [
    routeTo('shop', 'shop', ['shop.localhost'], rewritten('/new')),
    routeTo('shop', 'other', ['other.localhost']),
  ]);
  await programmed('other', 'True/Programmed');
  await served('other.localhost', 200);
  await until(
    'the change is live',
    async () => (await send(instance, 'shop.localhost', '/')).body.toString() === 'at /new',
  );

  const { body: after } = await json<Versions>('/versions');
  const [second] = after.items;
  expect(second.version).toBeGreaterThan(first.version);
  expect(after.items.filter(({ current }) => current).length).toBe(1);
  const diff = await json<{ items: unknown[] }>(`/versions/${first.version}/diff/${second.version}`);
  const line = (host: string, name: string, change: string) => ({
    kind: 'route',
    host,
    namespace: 'default',
    name,
    change,
  });
  expect(diff.body).toEqual({
    items: [
      line('http://other.localhost', 'other', 'added'),
      line('http://shop.localhost', 'shop', 'changed'),
      line('https://other.localhost', 'other', 'added'),
      line('https://shop.localhost', 'shop', 'changed'),
    ],
    truncated: false,
  });

  const back = await json('/rollback', { method: 'POST', body: JSON.stringify({ version: first.version }) });
  expect(back).toEqual({
    status: 202,
    body: { pinnedVersion: first.version, warning: expect.stringContaining('API keys') },
  });
  await served('other.localhost', 404);
  await programmed('other', 'False/RolledBack');
  expect((await send(instance, 'shop.localhost', '/')).body.toString()).toBe('at /');
  const held = await json<Versions>('/versions');
  expect([held.body.pinnedVersion, held.body.items[0].rollbackOf]).toEqual([first.version, first.version]);

  await json('/rollback', { method: 'DELETE' });
  await programmed('other', 'True/Programmed');
  await served('other.localhost', 200);
  expect((await json<Versions>('/versions')).body.pinnedVersion).toBeNull();
});

test('a version that is not kept is not found, and a key of one namespace sees none', async () => {
  expect((await json('/versions/1/diff/99999')).status).toBe(404);
  expect((await json('/rollback', { method: 'POST', body: '{"version":99999}' })).status).toBe(404);
  const issued = await instance.fetch('/v1/namespaces/default/keys', {
    method: 'POST',
    body: '{"role":"admin"}',
    headers: { 'content-type': 'application/json' },
  });
  const { token } = (await issued.json()) as { token: string };
  const refused = await json('/versions', { headers: { authorization: `Bearer ${token}` } });
  expect(refused.status).toBe(403);
});

test('a host that is claimed by two namespaces is the first one’s, and the second’s once that lets go', async () => {
  await createNamespace(instance, 'rival');
  await applyAll(instance, 'rival', [
    upstreamOf('shop', [backend.address]),
    routeTo('shop', 'shop', ['other.localhost'], rewritten('/rival')),
  ]);
  const path = '/apis/gateway.networking.k8s.io/v1/namespaces/rival/httproutes/shop';
  const reasonOf = async () => {
    const route = (await (await instance.fetch(path)).json()) as {
      status?: { parents: { conditions: { reason: string }[] }[] };
    };
    return route.status?.parents[0].conditions[0].reason;
  };
  await until('the route is judged', async () => (await reasonOf()) === 'HostnameConflict');
  expect((await send(instance, 'other.localhost', '/')).body.toString()).toBe('at /');
  await instance.fetch('/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/other', { method: 'DELETE' });
  await until(
    'the host has changed hands',
    async () => (await send(instance, 'other.localhost', '/')).body.toString() === 'at /rival',
  );
  expect(await reasonOf()).toBe('Accepted');
});

test('a version that is held to opens to the keys of the present, and to no namespace that is gone', async () => {
  const secret = (key: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'keys' },
    stringData: { ada: key },
  });
  await applyAll(instance, 'default', [
    secret('the-first-key-of-ada'),
    {
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'AuthPolicy',
      metadata: { name: 'keys' },
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'locked' }],
        apiKey: { secrets: [{ name: 'keys' }] },
      },
    },
    routeTo('shop', 'locked', ['locked.localhost']),
  ]);
  const answer = async (key: string) =>
    (await send(instance, 'locked.localhost', '/', { headers: { 'x-api-key': key } })).status;
  await until('the key opens', async () => (await answer('the-first-key-of-ada')) === 200);
  await served('other.localhost', 200);
  const { items } = (await json<Versions>('/versions')).body;
  await json('/rollback', { method: 'POST', body: JSON.stringify({ version: items[0].version }) });
  await programmed('locked', 'True/Programmed');
  await applyAll(instance, 'default', [secret('the-second-key-of-ada')]);
  await until('the key is rotated', async () => (await answer('the-second-key-of-ada')) === 200);
  expect(await answer('the-first-key-of-ada')).toBe(401);
  await instance.fetch('/api/v1/namespaces/rival', { method: 'DELETE' });
  await served('other.localhost', 404);
  expect((await json<Versions>('/versions')).body.pinnedVersion).toBe(items[0].version);
  await json('/rollback', { method: 'DELETE' });
});

test('files that are lost from the bucket are written again', async () => {
  const shards = async () =>
    (await instance.bindings.BUCKET.list({ prefix: 'gateway/shards/' })).objects.map((file) => file.key);
  await instance.bindings.BUCKET.delete(await shards());
  expect(await shards()).toEqual([]);
  await instance.runScheduled();
  await until('they are there', async () => (await shards()).length > 0);
  await instance.kill9();
  instance = await launch(options);
  await served('shop.localhost', 200);
});

test('a change is published though the runtime is killed right behind it', async () => {
  await applyAll(instance, 'default', [routeTo('shop', 'late', ['late.localhost'])]);
  await instance.kill9();
  instance = await launch(options);
  await served('late.localhost', 200);
});
