import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KvMachine } from '../../src/cluster/kv/machine.ts';
import { prefixInterval, rangeCall } from '../../src/core/kv-calls.ts';
import type { ClusterKv } from '../../src/core/protocol/cluster-kv.ts';
import { seededRandom } from '../../src/core/random.ts';
import { ObjectStore } from '../../src/discovery/built-in/object-store.ts';
import type { Fetch } from '../../src/discovery/http.ts';
import { LeasedBackend } from '../../src/discovery/leased/backend.ts';
import { keyOf } from '../../src/discovery/leased/records.ts';
import type { LeasedStore } from '../../src/discovery/leased/store.ts';
import { clusterStore } from '../../src/discovery/open-backend.ts';
import type { Timing } from '../../src/discovery/timing.ts';
import { CLUSTER_URL, etcdApp } from '../cluster/etcd-face.ts';
import { bytes, kvDatabase, SETTINGS } from '../cluster/kv-fixture.ts';
import { Link } from './link.ts';
import type { MortalRegistry } from './registry.ts';
import { anInstance, discoverySuite, killSuite, outageSuite } from './suite.ts';
import { virtualTiming } from './virtual-timing.ts';

/** The state of a cluster as its object holds it, alarm included; it can be killed and begun again. */
class Cluster {
  private readonly timing: Timing;
  private database = kvDatabase();
  private machine: KvMachine | null = null;
  private alarm = new AbortController();
  private readonly links = new Set<Link>();

  constructor(timing: Timing) {
    this.timing = timing;
    this.start('kept');
  }

  start(state: 'kept' | 'lost'): void {
    if (state === 'lost') this.database = kvDatabase();
    this.machine = new KvMachine({
      database: this.database,
      clock: this.timing,
      random: seededRandom(1),
      settings: SETTINGS,
    });
    this.rearm();
  }

  kill(): void {
    this.machine = null;
    this.alarm.abort();
    for (const link of this.links) link.drop();
  }

  link(): Link {
    const link = new Link(this.timing);
    this.links.add(link);
    return link;
  }

  /** As its callers have it by RPC. */
  readonly object: ClusterKv = {
    kv: async (call, ifEpoch) => {
      const answer = this.alive().call(call, ifEpoch, 7);
      this.rearm();
      return answer;
    },
    kvWatch: async (watches) => this.alive().watch(watches, { progressEveryMs: 15_000, startTimer: () => () => {} }),
  };

  private alive(): KvMachine {
    if (this.machine === null) throw new TypeError('the object is not running');
    return this.machine;
  }

  private rearm(): void {
    this.alarm.abort();
    const alarm = new AbortController();
    this.alarm = alarm;
    const dueAtMs = this.machine?.nextDueMs() ?? null;
    if (dueAtMs === null) return;
    void this.timing.wait(dueAtMs - this.timing.now(), alarm.signal).then(() => {
      if (alarm.signal.aborted) return;
      this.machine?.expire();
      this.rearm();
    });
  }
}

/** A process's way to the cluster: from within the Worker over RPC, from elsewhere over HTTP. */
const WAYS: Readonly<Record<string, (cluster: Cluster, link: Link, timing: Timing) => LeasedStore>> = {
  'a cluster, over RPC': ({ object }, link, timing) => {
    const linked: ClusterKv = {
      kv: (call, ifEpoch) => link.call(() => object.kv(call, ifEpoch)),
      kvWatch: async (watches) => link.stream(await link.call(() => object.kvWatch(watches))),
    };
    return new ObjectStore({ cluster: async () => linked, timing, requestTimeoutMs: 500, pollMs: 1_000 });
  },
  'a cluster, over HTTP': ({ object }, link, timing) => {
    const app = etcdApp(object);
    const fetch: Fetch = async (url, { signal, ...init }) => {
      const headers = { host: 'localhost', ...(init.headers as Record<string, string>) };
      const request = async () => app.request(url, { ...init, headers });
      const { body, status } = await link.call(request, signal ?? undefined);
      if (status === 500) throw new TypeError('the Worker could not reach the object');
      return new Response(body === null ? null : link.stream(body), { status });
    };
    return clusterStore({ url: CLUSTER_URL, token: 'admin', timing, fetch, requestTimeoutMs: 500, pollMs: 1_000 });
  },
};

describe.each(Object.entries(WAYS))('the built-in registry', (name, storeOver) => {
  // In this process nothing takes time by itself, so hours of it take none.
  const openRegistry = (): MortalRegistry => {
    const timing = virtualTiming();
    const cluster = new Cluster(timing);
    const open = (link: Link) => new LeasedBackend('builtIn', storeOver(cluster, link, timing));
    return {
      timing,
      ttlSeconds: 2,
      open: () => open(cluster.link()),
      openPath: async () => {
        const link = cluster.link();
        return {
          open: () => open(link),
          set: async (fault) => link.set(fault),
          drop: () => link.drop(),
          close: async () => {},
        };
      },
      remove: async (service, id) => {
        const key = bytes(keyOf('/orasi/services/', service, id));
        await cluster.object.kv({ op: 'deleteRange', key, rangeEnd: bytes(''), previous: false }, null);
      },
      kill: async () => cluster.kill(),
      start: async (state) => cluster.start(state),
      close: async () => cluster.kill(),
    };
  };
  let registry: MortalRegistry;
  beforeAll(() => {
    registry = openRegistry();
  });
  const mortal = openRegistry();
  afterAll(() => Promise.all([registry.close(), mortal.close()]));
  discoverySuite(name, () => registry);
  outageSuite(name, () => registry);
  killSuite(name, () => mortal, ['kept', 'lost']);
});

test('what registers with a cluster lies in its state as it would in etcd, and goes with its lease', async () => {
  const timing = virtualTiming();
  const cluster = new Cluster(timing);
  const { signal } = new AbortController();
  const store = new ObjectStore({ cluster: async () => cluster.object, timing });
  const backend = new LeasedBackend('builtIn', store);
  await backend.register(anInstance('api', 'a/b'), { ttlSeconds: 5, healthy: true }, signal);
  const all = rangeCall(prefixInterval(bytes('/orasi/services/')));
  const found = await cluster.object.kv(all, null);
  expect(found).toMatchObject({ ok: true, result: { records: [{ key: bytes('/orasi/services/api/a%2Fb') }] } });
  await timing.wait(5_000, signal);
  expect(await cluster.object.kv(all, null)).toMatchObject({ ok: true, result: { records: [] } });
  cluster.kill();
});

test.each(Object.entries(WAYS))(
  'a watch of %s tells the very next change after a listing',
  async (_name, storeOver) => {
    const timing = virtualTiming();
    const cluster = new Cluster(timing);
    const { signal } = new AbortController();
    const store = storeOver(cluster, cluster.link(), timing);
    const { revision } = await store.list('/x/', signal);
    const { token } = await store.grant(5, signal);
    await store.put('/x/a', '1', token, signal);
    await store.put('/x/b', '2', token, signal);
    const changes: unknown[] = [];
    for await (const told of store.watch('/x/', revision, signal)) {
      changes.push(...told.changes);
      if (changes.length >= 2) break;
    }
    expect(changes).toEqual([
      { key: '/x/a', value: '1' },
      { key: '/x/b', value: '2' },
    ]);
    cluster.kill();
  },
);
