import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import { systemFetch } from '../../src/discovery/http.ts';
import { LeasedBackend } from '../../src/discovery/leased/backend.ts';
import { clusterStore } from '../../src/discovery/open-backend.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { MASTER_TOKEN, openConsul } from '../discovery/consul-registry.ts';
import { openEtcd } from '../discovery/etcd-registry.ts';
import { findProgram } from '../discovery/process.ts';
import { until } from '../discovery/until.ts';
import { type Fleet, launchFleet, type MoodyBackend, moodyBackend } from './gateway-fleet.ts';
import { applyAll, routeTo, upstreamOf } from './gateway-resources.ts';

const ORASI = 'orasi.io/v1alpha1';
const GATEWAYS = 3;
const etcd = findProgram('etcd');
const consul = findProgram('consul');
const backends: MoodyBackend[] = [];
let fleet: Fleet;

beforeAll(async () => {
  fleet = await launchFleet(GATEWAYS);
});
afterAll(async () => {
  await fleet.stop();
  for (const backend of backends) await backend.stop();
});

async function backend(name: string): Promise<MoodyBackend> {
  const made = await moodyBackend(name);
  backends.push(made);
  return made;
}

/** An upstream with a route of its name, in force at every gateway. */
async function route(name: string, spec: object, rule: object = {}): Promise<string> {
  const host = `${name}.localhost`;
  const upstream = { apiVersion: ORASI, kind: 'Upstream', metadata: { name }, spec };
  await applyAll(fleet.instance, 'default', [upstream, routeTo(name, name, [host], rule)]);
  await until(`${host} is routed`, async () => (await fleet.sendAll(host)).every(({ status }) => status !== 404));
  return host;
}

interface View {
  readonly health: string | null;
  readonly stale: { readonly reason: string } | null;
  readonly breaker: { readonly state: string; readonly reason: string } | null;
  readonly endpoints: readonly {
    readonly address: string;
    readonly draining: boolean;
    readonly health: { readonly healthy: boolean; readonly reason: string; readonly checked: string | null } | null;
  }[];
}

async function view(name: string): Promise<View> {
  return (await (await fleet.instance.fetch(`/v1/namespaces/default/upstreams/${name}`)).json()) as View;
}

const bodiesOf = async (gateway: number, host: string, count: number, sending = {}): Promise<string[]> => {
  const bodies: string[] = [];
  for (let i = 0; i < count; i++) bodies.push((await fleet.send(gateway, host, '/', sending)).body.toString());
  return bodies;
};

describe('three gateways on one monitor', { concurrent: true }, () => {
  test('what one of them has found broken the others do not call, and few probes bring it back to all', async () => {
    const only = await backend('only');
    const circuitBreaker = {
      failureThreshold: 60,
      recoverySeconds: 2,
      halfOpenMaxRequests: 2,
      gradualRecoverySeconds: 0,
      perEndpoint: false,
    };
    const host = await route('broken', { endpoints: [{ address: only.address }], circuitBreaker });
    only.mood = 'failing';
    for (let i = 0; i < 60; i++) expect((await fleet.send(0, host)).status).toBe(500);
    const opened = await fleet.send(0, host);
    expect([opened.status, opened.headers['retry-after']]).toEqual([503, '2']);
    expect(opened.json<{ code: string }>().code).toBe('upstream_unavailable');
    // Long before one of them has seen failures enough to open by itself.
    await until(
      'the others know',
      async () => (await fleet.sendAll(host, '/other')).every(({ status }) => status === 503),
      systemTiming,
      50,
    );
    expect(only.received.filter(({ url }) => url === '/other').length).toBeLessThan(60);
    expect((await view('broken')).breaker).toMatchObject({
      state: 'Open',
      reason: expect.stringContaining('60 failures'),
    });

    only.mood = 'fine';
    await until(
      'all call it again',
      async () => (await fleet.sendAll(host, '/again')).every(({ status }) => status === 200),
      systemTiming,
      20,
    );
    expect((await view('broken')).breaker?.state).toBe('Closed');
  });

  test('an endpoint that fails its checks is left out, and is back when it passes them', async () => {
    const [a, b] = [await backend('a'), await backend('b')];
    const host = await route('checked', {
      endpoints: [{ address: a.address }, { address: b.address }],
      timeouts: { requestSeconds: 0.5 },
      healthCheck: { intervalSeconds: 1, timeoutSeconds: 0.5, unhealthyThreshold: 2, healthyThreshold: 1 },
    });
    await until('both are found well', async () => (await view('checked')).health === 'Healthy');
    expect(new Set(await bodiesOf(0, host, 6))).toEqual(new Set(['a', 'b']));
    a.mood = 'silent';
    await until('one is found ill', async () => (await view('checked')).health === 'Degraded');
    const ill = (await view('checked')).endpoints.find(({ address }) => address === a.address);
    expect(ill?.health).toMatchObject({ healthy: false, reason: 'no answer within 500 ms' });
    for (let gateway = 0; gateway < GATEWAYS; gateway++) {
      await until('it is not called', async () => (await bodiesOf(gateway, host, 2)).every((body) => body === 'b'));
      expect(new Set(await bodiesOf(gateway, host, 6))).toEqual(new Set(['b']));
    }
    a.mood = 'fine';
    await until('it is called again', async () => (await bodiesOf(1, host, 4)).includes('a'));
  });

  test('a request goes to another endpoint where the first is gone or late, if it may be sent twice', async () => {
    const [well, late] = [await backend('well'), await backend('late')];
    const gone = await moodyBackend('gone');
    await gone.stop();
    late.delayMs = 1_500;
    const host = await route('retried', {
      endpoints: [{ address: gone.address }, { address: well.address }, { address: late.address }],
      retry: { on: ['ConnectFailure', 'Timeout'], backoffMs: 1 },
      timeouts: { trySeconds: 0.2 },
    });
    expect(new Set(await bodiesOf(0, host, 9))).toEqual(new Set(['well']));
    const statuses = new Set<number>();
    for (let i = 0; i < 3; i++) statuses.add((await fleet.send(0, host, '/', { method: 'POST' })).status);
    expect(statuses).toEqual(new Set([200, 502, 504]));
  });

  test('a session stays with its endpoint, also while that drains, and new ones go elsewhere', async () => {
    const [a, b] = [await backend('a'), await backend('b')];
    const spec = (draining: boolean) => ({
      endpoints: [{ address: a.address, draining }, { address: b.address }],
      sessionPersistence: { sessionName: 'sid' },
    });
    const host = await route('sticky', spec(false));
    let cookie = '';
    await until('a session of the first', async () => {
      const { body, headers } = await fleet.send(0, host);
      cookie = headers['set-cookie']?.[0].split(';')[0] ?? '';
      return body.toString() === 'a';
    });
    expect(cookie).toMatch(/^sid=/);
    for (const [gateway] of fleet.gateways.entries()) {
      expect(new Set(await bodiesOf(gateway, host, 4, { headers: { cookie } }))).toEqual(new Set(['a']));
    }
    await applyAll(fleet.instance, 'default', [upstreamOf('sticky', [], spec(true))]);
    await until('it drains', async () => !(await bodiesOf(2, host, 4)).includes('a'));
    expect(new Set(await bodiesOf(2, host, 4, { headers: { cookie } }))).toEqual(new Set(['a']));
    expect(new Set(await bodiesOf(2, host, 4, { headers: { cookie: `${cookie}x` } }))).toEqual(new Set(['b']));
  });

  test('a bulkhead lets as many in as it says, has others wait, and refuses the rest', async () => {
    const slow = await backend('slow');
    const host = await route('narrow', {
      endpoints: [{ address: slow.address }],
      bulkhead: { maxInFlight: 1, maxQueued: 1, queueTimeoutMs: 5_000 },
    });
    slow.delayMs = 300;
    const answers = await Promise.all([0, 1, 2].map(() => fleet.send(0, host)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 503]);
    // Another isolate counts for itself.
    const elsewhere = await Promise.all([fleet.send(0, host), fleet.send(1, host)]);
    expect(elsewhere.map(({ status }) => status)).toEqual([200, 200]);
  });

  test('a new endpoint comes to its share slowly', async () => {
    const [old, young] = [await backend('old'), await backend('young')];
    const loadBalancer = { slowStartSeconds: 600 };
    const host = await route('growing', { endpoints: [{ address: old.address }], loadBalancer });
    const endpoints = [{ address: old.address }, { address: young.address }];
    await applyAll(fleet.instance, 'default', [upstreamOf('growing', [], { endpoints, loadBalancer })]);
    await until('it is called', async () => (await bodiesOf(0, host, 20)).includes('young'));
    const bodies = await bodiesOf(0, host, 60);
    expect(bodies.filter((body) => body === 'young').length).toBeLessThan(20);
  });

  test('members of a cluster are called while they are there', async () => {
    const [a, b] = [await backend('a'), await backend('b')];
    const members = '/v1/namespaces/default/clusters/shop/members';
    const join = async (id: string, { port }: MoodyBackend) => {
      const body = JSON.stringify({ address: `127.0.0.1:${port}`, status: 'Running' });
      const headers = { 'content-type': 'application/json' };
      expect((await fleet.instance.fetch(`${members}/${id}`, { method: 'PUT', headers, body })).status).toBe(200);
    };
    await join('m-a', a);
    const host = await route('members', { discovery: { backend: 'members', cluster: 'shop', intervalSeconds: 1 } });
    await until('one is called', async () => (await bodiesOf(0, host, 1))[0] === 'a');
    await join('m-b', b);
    const joinedMs = Date.now();
    await until('the other as well', async () => new Set(await bodiesOf(0, host, 4)).size === 2);
    expect(Date.now() - joinedMs).toBeLessThan(10_000);
    expect((await fleet.instance.fetch(`${members}/m-a`, { method: 'DELETE' })).status).toBe(204);
    await until('one alone', async () => !(await bodiesOf(0, host, 4)).includes('a'));
  });

  test("a service in a cluster's own registry is called where it is", async () => {
    const only = await backend('registered');
    const { url, adminToken } = fleet.instance;
    const access = { url: `${url}/v1/namespaces/default/clusters/registry`, token: adminToken };
    const store = clusterStore({ ...access, timing: systemTiming, fetch: systemFetch });
    const discovery = new Discovery({
      backend: new LeasedBackend('builtIn', store),
      timing: systemTiming,
      random: seededRandom(1),
    });
    discovery.register({ id: 'a', service: 'shop', address: '127.0.0.1', port: only.port, metadata: {} });
    const host = await route('registered', { discovery: { cluster: 'registry', service: 'shop', intervalSeconds: 1 } });
    await until('it is called', async () => (await bodiesOf(0, host, 1))[0] === 'registered');
    await discovery.close();
    await until('nothing is there', async () => (await fleet.send(0, host)).status === 503);
  });

  test.skipIf(etcd === undefined)(
    'what a real etcd said last is called while it is dead, and labelled stale',
    async () => {
      const registry = await openEtcd(etcd as string);
      const only = await backend('in etcd');
      const discovery = new Discovery({ backend: registry.open(), timing: systemTiming, random: seededRandom(1) });
      discovery.register({ id: 'a', service: 'shop', address: '127.0.0.1', port: only.port, metadata: {} });
      const backendSpec = { backend: 'etcd', service: 'shop', etcd: { endpoints: [registry.url] }, intervalSeconds: 1 };
      const host = await route('etcd', { discovery: backendSpec });
      await until('it is called', async () => (await bodiesOf(0, host, 1))[0] === 'in etcd');
      await registry.kill();
      await until('it is stale', async () => (await view('etcd')).stale !== null);
      expect((await view('etcd')).endpoints).toMatchObject([{ address: only.address }]);
      for (const { status } of await fleet.sendAll(host)) expect(status).toBe(200);
      await registry.start('kept');
      await until('it is fresh', async () => (await view('etcd')).stale === null);
      await discovery.close();
      await registry.close();
    },
  );

  test.skipIf(consul === undefined)('a service in a real Consul that asks for a token is called', async () => {
    const registry = await openConsul(consul as string);
    const only = await backend('in Consul');
    const discovery = new Discovery({ backend: registry.open(), timing: systemTiming, random: seededRandom(1) });
    discovery.register({ id: 'a', service: 'shop', address: '127.0.0.1', port: only.port, metadata: {} });
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'consul' },
      stringData: { token: MASTER_TOKEN },
    };
    await applyAll(fleet.instance, 'default', [secret]);
    const backendSpec = { backend: 'consul', service: 'shop', consul: { address: registry.url }, secretName: 'consul' };
    const host = await route('consul', { discovery: { ...backendSpec, intervalSeconds: 1 } });
    await until('it is called', async () => (await bodiesOf(0, host, 1))[0] === 'in Consul');
    await discovery.close();
    await registry.close();
  });
});

test('what the monitor knows outlives it, and the sweep looks after it', async () => {
  const only = await backend('lost');
  const circuitBreaker = { failureThreshold: 2, recoverySeconds: 600 };
  const host = await route('kept', { endpoints: [{ address: only.address }], circuitBreaker });
  only.mood = 'failing';
  await until('it is open', async () => (await fleet.send(0, host)).status === 503);
  await until('all know', async () => (await view('kept')).breaker?.state === 'Open');
  const { CATALOG } = fleet.instance.bindings;
  const watched = await CATALOG.prepare("SELECT name FROM watched_objects WHERE kind = 'upstream-monitor'").all();
  expect(watched.results).toEqual([{ name: 'gateway' }]);
  await fleet.instance.evict('UpstreamMonitor', 'gateway');
  expect((await view('kept')).breaker).toMatchObject({ state: 'Open', reason: expect.stringContaining('2 failures') });
  await fleet.instance.runScheduled();
  await until('the others refuse as well', async () =>
    (await fleet.sendAll(host)).every(({ status }) => status === 503),
  );
});

test('checks are spread over as many objects as the endpoints ask for, and each of them tells what it finds', async () => {
  const well = await backend('spread');
  const { port } = new URL(well.address);
  const nobody = Array.from({ length: 24 }, (_, i) => ({ address: `http://127.0.1.${i}:${port}` }));
  const endpoints = [{ address: well.address }, ...nobody];
  const names = Array.from({ length: 6 }, (_, i) => `spread-${i}`);
  const healthCheck = { path: '/', intervalSeconds: 1, timeoutSeconds: 1 };
  const spread = names.map((name) => ({
    apiVersion: ORASI,
    kind: 'Upstream',
    metadata: { name },
    spec: { endpoints, healthCheck },
  }));
  await applyAll(fleet.instance, 'default', spread);
  for (const name of names) {
    await until(`${name} is checked`, async () => {
      const { health } = await view(name);
      return health === 'Unhealthy' && (await view(name)).endpoints.every((endpoint) => endpoint.health?.checked);
    });
    const [first, second] = (await view(name)).endpoints;
    expect([first.health?.healthy, second.health?.healthy]).toEqual([true, false]);
  }
  const namespace = await fleet.instance.fetch('/api/v1/namespaces/default');
  const { uid } = ((await namespace.json()) as { metadata: { uid: string } }).metadata;
  const keys = names.map((name) => `${uid}/${name}`);
  const { ENDPOINT_CHECKER } = fleet.instance.bindings;
  const asked = async (): Promise<number[]> =>
    await Promise.all(
      [0, 1, 2, 3].map(async (checker) => {
        const times = await ENDPOINT_CHECKER.getByName(`checks-${checker}`).lastChecks(keys);
        return Object.values(times).filter((own) => Object.keys(own).length > 0).length;
      }),
    );
  const owned = await asked();
  expect(owned.reduce((sum, own) => sum + own)).toBe(names.length);
  expect(owned.filter((own) => own > 0).length).toBeGreaterThan(1);
  const metrics = await (await fleet.instance.fetch('/metrics')).text();
  expect(metrics).toContain(
    'orasi_gateway_health_check_delay_seconds{namespace="default",upstream="default/spread-5"}',
  );
  for (const name of names) {
    await fleet.instance.fetch(`/apis/${ORASI}/namespaces/default/upstreams/${name}`, { method: 'DELETE' });
  }
  await until('nobody is asked any more', async () => (await asked()).every((own) => own === 0));
});
