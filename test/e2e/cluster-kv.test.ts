import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import type { DiscoverySettings } from '../../src/core/protocol/discovery-settings.ts';
import { systemRandom } from '../../src/core/random.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import { EtcdBackend } from '../../src/discovery/etcd/etcd.ts';
import { systemFetch } from '../../src/discovery/http.ts';
import { keyOf, toBase64 } from '../../src/discovery/leased/records.ts';
import { clusterStore, openBackend } from '../../src/discovery/open-backend.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { openEtcd } from '../discovery/etcd-registry.ts';
import { findProgram } from '../discovery/process.ts';
import { proxiedPath } from '../discovery/proxied-path.ts';
import type { MortalRegistry } from '../discovery/registry.ts';
import { anInstance, discoverySuite, killSuite, outageSuite } from '../discovery/suite.ts';
import { until } from '../discovery/until.ts';
import { revisionFault, unlinearizableKey } from '../linearizability/check.ts';
import { sized } from '../scale.ts';
import { HistoryClients } from './history-clients.ts';

const CLUSTER = '/v1/namespaces/default/clusters/kv-test';

/** Registries of this machine are let out to. */
const VARS = { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8' };

let instance: Instance;
beforeAll(async () => {
  instance = await launch({ vars: VARS });
});
afterAll(async () => {
  await instance.stop();
  await rm(instance.stateDir, { recursive: true, force: true });
});

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await instance.fetch(`${CLUSTER}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text || '{}') };
}
const etcd = (path: string, body: unknown) => send('POST', `/v3/${path}`, body);
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Reads a stream line by line. */
async function lines(path: string, body?: unknown, cluster = CLUSTER) {
  const abort = new AbortController();
  const response = await instance.fetch(`${cluster}${path}`, {
    signal: abort.signal,
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    status: response.status,
    abort: () => abort.abort(),
    /** The next line; null at the end, or where the stream broke. */
    async next(): Promise<string | null> {
      while (!text.includes('\n')) {
        const read = await reader.read().catch(() => ({ done: true, value: undefined }));
        if (read.done) return null;
        text += read.value;
      }
      const at = text.indexOf('\n');
      const line = text.slice(0, at);
      text = text.slice(at + 1);
      return line;
    },
  };
}
const resultOf = (line: string | null) => (line === null ? null : JSON.parse(line).result);

test('an etcd client registers under a lease, watches, and is answered as by etcd', async () => {
  const granted = await etcd('lease/grant', { TTL: 60, ID: '465174765478377989' });
  expect(granted.json).toMatchObject({ ID: '465174765478377989', TTL: '60', header: { revision: '1' } });
  const put = await etcd('kv/put', { key: base64('/svc/1'), value: base64('here'), lease: '465174765478377989' });
  expect(put.json.header).toMatchObject({ revision: '2', cluster_id: granted.json.header.cluster_id });
  const watch = await lines('/v3/watch', {
    create_request: { key: base64('/svc/'), range_end: base64('/svc0'), start_revision: '2', prev_kv: true },
  });
  expect(resultOf(await watch.next())).toMatchObject({ created: true, header: { revision: '2' } });
  expect(resultOf(await watch.next()).events).toEqual([
    {
      kv: {
        key: base64('/svc/1'),
        create_revision: '2',
        mod_revision: '2',
        version: '1',
        value: base64('here'),
        lease: '465174765478377989',
      },
    },
  ]);
  expect((await etcd('lease/keepalive', { ID: '465174765478377989' })).json.result.TTL).toBe('60');
  expect((await etcd('kv/lease/revoke', { ID: '465174765478377989' })).status).toBe(200);
  expect(resultOf(await watch.next()).events).toMatchObject([
    { type: 'DELETE', kv: { mod_revision: '3' }, prev_kv: { value: base64('here') } },
  ]);
  watch.abort();
  const bare = await send('POST', '/v3/kv/range', { key: 'AA==', range_end: 'AA==' }, { authorization: 'nobody' });
  expect([bare.status, bare.json]).toEqual([
    401,
    { error: 'etcdserver: invalid auth token', message: 'etcdserver: invalid auth token', code: 16 },
  ]);
});

test('a lease that nobody keeps alive ends by itself, and its watchers see it', async () => {
  const watch = await lines('/watch/kv?prefix=held/');
  expect(await watch.next()).toBe(': watching');
  const { json } = await send('POST', '/leases', { ttlSeconds: 2 });
  await send('PUT', '/kv/held/a', { value: '1', leaseId: json.leaseId });
  const startedMs = Date.now();
  const told: string[] = [];
  while (told.length < 2) {
    const line = await watch.next();
    if (line?.startsWith('data: ')) told.push(JSON.parse(line.slice(6)).changes[0].type);
  }
  expect(told).toEqual(['put', 'delete']);
  expect(Date.now() - startedMs).toBeGreaterThan(1500);
  watch.abort();
});

test('a write is held to the revision that was read', async () => {
  const made = await send('PUT', '/kv/config/a', { value: '1' }, { 'if-none-match': '*' });
  expect([made.status, made.json.version]).toEqual([200, 1]);
  const etag = made.headers.get('etag') ?? '';
  expect((await send('PUT', '/kv/config/a', { value: '2' }, { 'if-none-match': '*' })).status).toBe(412);
  const second = await send('PUT', '/kv/config/a', { value: '2' }, { 'if-match': etag });
  expect(second.json).toMatchObject({ key: 'config/a', value: '2', version: 2 });
  const stale = await send('DELETE', '/kv/config/a', undefined, { 'if-match': etag });
  expect(stale.json).toMatchObject({
    status: 412,
    code: 'precondition_failed',
    detail: `"config/a" is at revision ${second.json.revision}, which is not what was asked for`,
  });
  const absent = await send('DELETE', '/kv/config/none', undefined, { 'if-match': '*' });
  expect(absent.json.detail).toBe('"config/none" is not there, which is not what was asked for');
  const fenced = await send('PUT', '/kv/config/a', { value: '3' }, { 'if-epoch': '123456789' });
  expect(fenced.json).toMatchObject({ status: 412, code: 'precondition_failed' });
  expect((await send('GET', '/kv/config/a')).json.value).toBe('2');
  const old = await send('GET', `/kv/config/a?revision=${made.json.revision}`);
  expect(old.json.value).toBe('1');
  const txn = {
    compare: [{ key: 'config/a', target: 'revision', value: second.json.revision }],
    success: [{ put: { key: 'config/b', value: 'x' } }, { list: { prefix: 'config/' } }],
  };
  expect((await send('POST', '/kv/txn', txn)).json).toMatchObject({
    succeeded: true,
    results: [{}, { items: [{}, {}] }],
  });
  const page = await send('GET', '/kv?prefix=config/&limit=1');
  expect(page.json).toMatchObject({ items: [{ key: 'config/a' }], count: 2 });
  const rest = await send('GET', `/kv?prefix=config/&limit=1&cursor=${page.json.nextCursor}`);
  expect(rest.json).toMatchObject({ items: [{ key: 'config/b' }], revision: page.json.revision });
  expect(rest.json.nextCursor).toBeUndefined();
});

/** Something that watches every key of the cluster `history` until it is cut, and says each revision it is told. */
type Follow = (after: number, tell: (revision: number) => void) => Promise<{ ended: Promise<void>; stop(): void }>;

const HISTORY = '/v1/namespaces/default/clusters/history';
const WATCHERS: Readonly<Record<string, Follow>> = {
  "etcd's watch": async (after, tell) => {
    const all = { key: 'AA==', range_end: 'AA==', start_revision: String(after + 1) };
    const watch = await lines('/v3/watch', { create_request: all }, HISTORY);
    const read = async () => {
      for (let line = await watch.next(); line !== null; line = await watch.next()) {
        // The changes of one revision come together.
        const events = (resultOf(line).events ?? []) as { kv: { mod_revision: string } }[];
        for (const revision of new Set(events.map(({ kv }) => Number(kv.mod_revision)))) tell(revision);
      }
    };
    return { ended: read(), stop: watch.abort };
  },
  'server-sent events': async (after, tell) => {
    const watch = await lines(`/watch/kv?revision=${after}`, undefined, HISTORY);
    const read = async () => {
      for (let line = await watch.next(); line !== null; line = await watch.next()) {
        if (!line.startsWith('data: ')) continue;
        const { type, revision } = JSON.parse(line.slice(6));
        if (type === 'event') tell(revision);
      }
    };
    return { ended: read(), stop: watch.abort };
  },
  'a WebSocket': async (after, tell) => {
    const socket = new WebSocket(`${instance.url.replace('http', 'ws')}${HISTORY}/watch/kv?revision=${after}`, {
      headers: { authorization: `Bearer ${instance.adminToken}` },
    } as never);
    socket.addEventListener('message', ({ data }) => {
      const { type, revision } = JSON.parse(String(data));
      if (type === 'event') tell(revision);
    });
    const ended = new Promise<void>((done) => {
      socket.addEventListener('close', () => done());
      socket.addEventListener('error', () => done());
    });
    await Promise.race([ended, new Promise((done) => socket.addEventListener('open', done))]);
    return { ended, stop: () => socket.close() };
  },
};

test('what concurrent clients saw over kills has an order, and each resumed watch has each revision once', async () => {
  const clients = new HistoryClients(HISTORY, ['x', 'y', 'z']);
  const told = Object.keys(WATCHERS).map((): number[] => []);
  const rounds = 3;
  for (let round = 1; round <= rounds; round++) {
    const followed = await Promise.all(
      Object.values(WATCHERS).map((follow, at) => {
        const seen = told[at] ?? [];
        return follow(seen.at(-1) ?? 1, (revision) => seen.push(revision));
      }),
    );
    const before = clients.history.length;
    const working = clients.run(() => instance, 6, round);
    await until('enough is done', () => clients.history.length >= before + sized(150));
    if (round < rounds) {
      // While calls are under way, and watches anywhere.
      await instance.kill9();
      await working;
      await Promise.all(followed.map(({ ended }) => ended));
      instance = await launch({ stateDir: instance.stateDir, port: Number(new URL(instance.url).port), vars: VARS });
      continue;
    }
    clients.stop();
    await working;
    const { revision } = (await (await instance.fetch(`${HISTORY}/kv`)).json()) as { revision: number };
    await until('all watches have come so far', () => told.every((seen) => seen.at(-1) === revision));
    for (const { stop, ended } of followed) {
      stop();
      await ended;
    }
    // An empty store is at revision 1.
    const every = Array.from({ length: revision - 1 }, (_, at) => at + 2);
    for (const [at, name] of Object.keys(WATCHERS).entries()) expect([name, told[at]]).toEqual([name, every]);
  }
  const { history } = clients;
  expect(history.filter(({ answeredAt }) => answeredAt === Number.POSITIVE_INFINITY).length).toBeGreaterThan(0);
  expect(unlinearizableKey(history)).toBe(null);
  expect(revisionFault(history)).toBe(null);
  const verified = await instance.fetch(`${HISTORY}/kv/verify`, { method: 'POST' });
  expect(await verified.json()).toMatchObject({ problems: [] });
});

test('a reader that comes after a compaction is told where history begins', async () => {
  const { json } = await send('GET', '/kv');
  const revision = json.revision as number;
  expect((await send('POST', '/kv/compact', { revision })).status).toBe(200);
  const again = await etcd('kv/compaction', { revision: String(revision) });
  expect([again.status, again.json.code]).toEqual([400, 11]);
  const gone = await send('GET', `/watch/kv?revision=${revision - 1}`);
  expect(gone.json).toMatchObject({ status: 410, code: 'gone', compactedRevision: revision });
  const watch = await lines('/v3/watch', {
    create_request: { key: base64('w'), start_revision: String(revision - 1) },
  });
  expect(resultOf(await watch.next()).created).toBe(true);
  expect(resultOf(await watch.next())).toMatchObject({ canceled: true, compact_revision: String(revision) });
  expect(await watch.next()).toBe(null);
});

test('the services of a cluster are in the registry that it declares', async () => {
  const ask = async (cluster: string, rest: string) =>
    (await (await instance.fetch(`/v1/namespaces/default/clusters/${cluster}/services${rest}`)).json()) as {
      items: unknown[];
    };
  const declare = async (name: string, discovery: object) => {
    const cluster = { apiVersion: 'orasi.io/v1alpha1', kind: 'Cluster', metadata: { name }, spec: { discovery } };
    const created = await instance.fetch('/apis/orasi.io/v1alpha1/namespaces/default/clusters', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(cluster),
    });
    expect(created.status).toBe(201);
  };
  /** A process that registers itself as the settings say, in the cluster or elsewhere. */
  const process = (cluster: string, settings: DiscoverySettings) => {
    const timing = systemTiming;
    const builtIn = () =>
      clusterStore({
        url: `${instance.url}/v1/namespaces/default/clusters/${cluster}`,
        token: instance.adminToken,
        timing,
        fetch: systemFetch,
      });
    const backend = openBackend(settings, { timing, random: systemRandom, fetch: systemFetch, builtIn });
    return new Discovery({ backend, timing, random: systemRandom });
  };
  const agent = anInstance('agents', 'agent-7', { zone: 'lhr' });

  const here = process('undeclared', { backend: 'builtIn', instances: [] });
  here.register(agent, { ttlSeconds: 30 });
  const listed = { items: [agent], current: true, asOf: expect.any(String) };
  await until('registered', async () => (await ask('undeclared', '/agents')).items.length === 1);
  expect(await ask('undeclared', '/agents')).toEqual({ ...listed, backend: 'builtIn' });
  expect(await ask('undeclared', '')).toEqual({ items: [{ service: 'agents' }], backend: 'builtIn', current: true });
  await here.close();
  expect(await ask('undeclared', '/agents')).toMatchObject({ items: [], current: true });

  await declare('listed', { backend: 'static', instances: [agent] });
  expect(await ask('listed', '/agents')).toEqual({ ...listed, backend: 'static' });

  // A registry that may not be asked, or is not there, is no error of the platform.
  await declare('closed', { backend: 'consul', consul: { address: 'http://10.0.0.1:8500' } });
  const nothing = { items: [], backend: 'consul', current: false, asOf: null };
  expect(await ask('closed', '/agents')).toEqual(nothing);

  const etcd = findProgram('etcd');
  if (etcd === undefined) return;
  const registry = await openEtcd(etcd);
  const there = process('elsewhere', { backend: 'etcd', instances: [], etcd: { endpoints: [registry.url] } });
  there.register(agent, { ttlSeconds: 30 });
  await declare('elsewhere', { backend: 'etcd', etcd: { endpoints: [registry.url] } });
  await until('registered', async () => (await ask('elsewhere', '/agents')).items.length === 1);
  expect(await ask('elsewhere', '/agents')).toEqual({ ...listed, backend: 'etcd' });
  await there.close();
  await registry.close();
});

/** The platform as an etcd that clients log in to: its suite is etcd's own, outages and a death included. */
describe('a cluster to the clients of etcd', () => {
  const open = (url: string, requestTimeoutMs?: number) =>
    new EtcdBackend({
      endpoints: [`${url}/v1/namespaces/default/clusters/registry`],
      credentials: { name: 'edge', password: instance.adminToken },
      pollMs: 1_000,
      requestTimeoutMs,
      timing: systemTiming,
      fetch: systemFetch,
    });
  const registry: MortalRegistry = {
    timing: systemTiming,
    // Each look is a request of the whole platform, and the machine is shared.
    lookEveryMs: 250,
    ttlSeconds: 4,
    open: () => open(instance.url),
    openPath: () => proxiedPath(Number(new URL(instance.url).port), (url) => open(url, 2_500)),
    remove: async (service, id) => {
      const key = toBase64(keyOf('/orasi/services/', service, id));
      const path = '/v1/namespaces/default/clusters/registry/v3/kv/deleterange';
      await instance.fetch(path, { method: 'POST', body: JSON.stringify({ key }) });
    },
    kill: () => instance.kill9(),
    start: async () => {
      instance = await launch({ stateDir: instance.stateDir, port: Number(new URL(instance.url).port), vars: VARS });
    },
    close: async () => {},
  };
  // In this process and in virtual time, test/discovery/built-in.test.ts asks every rule of the same face.
  const scope = process.env['SEEDS'] === undefined ? 'the main rules' : 'every rule';
  discoverySuite("a cluster's face to etcd", () => registry, scope);
  outageSuite("a cluster's face to etcd", () => registry, scope);
  // Everybody is gone by then.
  killSuite("a cluster's face to etcd", () => registry, ['kept']);
});
