import { describe, expect, it } from 'vitest';
import { blocksOf } from '../../../src/core/address-blocks.ts';
import type { MemberView } from '../../../src/core/protocol/cluster.ts';
import type { CompiledDiscovery, CompiledEndpoint, CompiledUpstream } from '../../../src/core/protocol/upstream.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { endpointsOfInstances, endpointsOfMembers } from '../../../src/traffic/monitor/found-endpoints.ts';
import { Monitor } from '../../../src/traffic/monitor/monitor.ts';
import { migrateMonitor, WatchList } from '../../../src/traffic/monitor/watch-list.ts';
import { upstream } from '../../gateway/fleet.ts';
import { objectDatabase } from '../../object-database.ts';

const CHECK = {
  path: '/health',
  method: 'GET' as const,
  host: null,
  intervalMs: 10_000,
  timeoutMs: 500,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
  expectedStatuses: [{ from: 200, to: 299 }],
  expectedBody: null,
};
const DISCOVERY: CompiledDiscovery = {
  type: 'discovery',
  backend: 'cluster',
  cluster: 'default',
  service: 'shop',
  etcd: null,
  consul: null,
  secretName: null,
  scheme: 'http',
  intervalMs: 5_000,
};
const CHECKED = upstream({ healthCheck: CHECK });
const FOUND = upstream({ source: DISCOVERY, endpoints: [] });
const LIMITS = { checkedEndpoints: 6, breakers: 2 };

function world(database = objectDatabase()) {
  migrateMonitor(database);
  const monitor = new Monitor(database, seededRandom(1), LIMITS, 0);
  const rows = () =>
    ['monitor_health', 'monitor_found', 'monitor_breakers'].map((table) =>
      Number(database.exec(`SELECT count(*) AS n FROM ${table}`)[0].n),
    );
  /** Answers what is due. */
  const answer = (nowMs: number, passed: boolean): number => {
    const { checks } = monitor.due(nowMs);
    for (const due of checks) monitor.checked(due, { passed, reason: passed ? 'status 200' : 'no connection' }, nowMs);
    return checks.length;
  };
  return { database, monitor, rows, answer };
}

const endpoint = (address: string): CompiledEndpoint => ({ address, weight: 1, zone: null, draining: false });
const found = (...addresses: string[]) => ({ endpoints: addresses.map(endpoint) });

describe('what is asked of endpoints', () => {
  it('is asked at once, then after the interval give or take a tenth, and never twice at a time', () => {
    const { monitor } = world();
    monitor.watch([['uid/shop', CHECKED]], 0);
    const first = monitor.due(0).checks;
    expect(first).toHaveLength(4);
    expect(monitor.due(20_000).checks).toHaveLength(0);
    expect(monitor.nextDueMs()).toBeNull();
    for (const due of first) monitor.checked(due, { passed: true, reason: '' }, 20_000);
    const dueMs = monitor.nextDueMs() ?? 0;
    expect(dueMs).toBeGreaterThanOrEqual(9_000);
    expect(dueMs).toBeLessThanOrEqual(11_000);
    expect(monitor.due(20_000).checks).toHaveLength(4);
  });

  it('is told when it turns, and costs a row then and none else', () => {
    const { monitor, rows, answer } = world();
    monitor.watch([['uid/shop', CHECKED]], 0);
    answer(0, true);
    expect(rows()[0]).toBe(4);
    const { version } = monitor.describe(['uid/shop'], 0)['uid/shop'];
    for (let round = 1; round <= 2; round++) expect(answer(round * 12_000, false)).toBe(4);
    expect(monitor.describe(['uid/shop'], 0)['uid/shop'].version).toBe(version);
    answer(36_000, false);
    const state = monitor.newsFor('a', { 'uid/shop': version }, [], 36_000)['uid/shop'];
    expect(Object.values(state.health)).toEqual(
      Array(4).fill({ healthy: false, sinceMs: 36_000, reason: 'no connection' }),
    );
    expect(monitor.newsFor('a', { 'uid/shop': state.version }, [], 36_000)).toEqual({});
  });

  it('outlives the object, and is forgotten with the endpoint or with the check', () => {
    const { database, monitor, answer } = world();
    monitor.watch([['uid/shop', CHECKED]], 0);
    answer(0, false);
    const later = world(database);
    later.monitor.watch([['uid/shop', CHECKED]], 50);
    const health = () => Object.keys(later.monitor.describe(['uid/shop'], 50)['uid/shop'].health);
    expect(health()).toHaveLength(4);
    later.monitor.watch([['uid/shop', { ...CHECKED, endpoints: CHECKED.endpoints.slice(1) }]], 60);
    expect(health()).toHaveLength(3);
    later.monitor.watch([['uid/shop', { ...CHECKED, healthCheck: { ...CHECK, path: '/ready' } }]], 70);
    expect(health()).toHaveLength(0);
    expect(later.rows()[0]).toBe(0);
  });

  it('is bounded over all upstreams, and an answer of what is no longer asked is dropped', () => {
    const { monitor } = world();
    monitor.watch(
      [
        ['uid/a', CHECKED],
        ['uid/b', CHECKED],
      ],
      0,
    );
    const { checks } = monitor.due(0);
    expect(checks).toHaveLength(LIMITS.checkedEndpoints);
    monitor.watch([['uid/b', CHECKED]], 1);
    expect(monitor.checked(checks[0], { passed: false, reason: '' }, 2)).toBe(false);
    expect(monitor.describe(['uid/a'], 2)).toEqual({});
  });
});

describe('what discovery finds', () => {
  it('is told when it changes, and is kept, labelled, while the registry does not answer', () => {
    const { monitor, rows } = world();
    monitor.watch([['uid/shop', FOUND]], 0);
    const look = (nowMs: number) => monitor.due(nowMs).discoveries[0];
    expect(monitor.discovered(look(0), found('http://a', 'http://b'), 0)).toBe(true);
    expect(monitor.discovered(look(6_000), found('http://a', 'http://b'), 6_000)).toBe(false);
    expect(monitor.discovered(look(12_000), { failed: 'no connection' }, 12_000)).toBe(true);
    expect(monitor.discovered(look(18_000), { failed: 'no connection' }, 18_000)).toBe(false);
    const state = monitor.describe(['uid/shop'], 18_000)['uid/shop'];
    expect(state.endpoints?.map(({ address }) => address)).toEqual(['http://a', 'http://b']);
    expect(state.stale).toEqual({ sinceMs: 12_000, reason: 'no connection' });
    expect(monitor.discovered(look(24_000), found('http://a', 'http://b'), 24_000)).toBe(true);
    expect(monitor.describe(['uid/shop'], 0)['uid/shop'].stale).toBeNull();
    expect(rows()[1]).toBe(1);
  });

  it('is asked again only when the answer before has come', () => {
    const { monitor } = world();
    monitor.watch([['uid/shop', FOUND]], 0);
    const { discoveries } = monitor.due(0);
    expect(monitor.due(60_000).discoveries).toHaveLength(0);
    monitor.discovered(discoveries[0], { failed: 'x' }, 60_000);
    expect(monitor.due(60_000).discoveries).toHaveLength(1);
  });

  it('is there after a restart, and gone when another service is declared', () => {
    const { database, monitor } = world();
    monitor.watch([['uid/shop', FOUND]], 0);
    monitor.discovered(monitor.due(0).discoveries[0], found('http://a'), 0);
    const later = world(database).monitor;
    later.watch([['uid/shop', FOUND]], 10);
    expect(later.describe(['uid/shop'], 10)['uid/shop'].endpoints).toHaveLength(1);
    later.watch([['uid/shop', { ...FOUND, source: { ...DISCOVERY, service: 'other' } }]], 20);
    expect(later.describe(['uid/shop'], 20)['uid/shop'].endpoints).toBeNull();
  });

  it('is checked like declared endpoints are', () => {
    const { monitor } = world();
    monitor.watch([['uid/shop', { ...FOUND, healthCheck: CHECK }]], 0);
    monitor.discovered(monitor.due(0).discoveries[0], found('http://a', 'http://b'), 0);
    expect(monitor.due(0).checks.map(({ address }) => address)).toEqual(['http://a', 'http://b']);
  });

  const allowed = blocksOf('127.0.0.0/8');
  it('is instances that requests may go to, as their metadata say', () => {
    const instance = (id: string, address: string, metadata: Record<string, string> = {}) => ({
      id,
      service: 'shop',
      address,
      port: 8080,
      metadata,
    });
    const instances = [
      instance('z', 'example.com', { scheme: 'https', weight: '3', zone: 'eu', draining: 'true' }),
      instance('a', '127.0.0.1', { weight: 'many' }),
      instance('b', '10.0.0.1'),
      instance('c', '2606:4700::1'),
      instance('d', 'two.example.com'),
    ];
    const { endpoints, refused } = endpointsOfInstances(instances, DISCOVERY, allowed, 3);
    expect(endpoints).toEqual([
      endpoint('http://127.0.0.1:8080'),
      endpoint('http://[2606:4700::1]:8080'),
      { address: 'https://example.com:8080', weight: 3, zone: 'eu', draining: true },
    ]);
    expect(refused).toEqual([
      { id: 'b', reason: '10.0.0.1 is a private address, which UPSTREAM_ALLOW_CIDRS does not name' },
      { id: 'd', reason: 'there are more than 3 endpoints' },
    ]);
  });

  it('is members that are active, and drains those that are leaving', () => {
    const member = (memberId: string, given: Partial<MemberView>) =>
      ({
        memberId,
        address: `${memberId}.example:80`,
        zone: null,
        metadata: {},
        health: 'Active',
        status: 'Running',
        ...given,
      }) as MemberView;
    const { endpoints } = endpointsOfMembers(
      [
        member('a', { zone: 'eu' }),
        member('b', { health: 'Inactive', status: 'Stopping' }),
        member('c', { health: 'Unhealthy' }),
        member('d', { address: null }),
        member('e', { address: 'https://e.example' }),
      ],
      DISCOVERY,
      allowed,
      10,
    );
    expect(endpoints).toEqual([
      { ...endpoint('http://a.example'), zone: 'eu' },
      { ...endpoint('http://b.example'), draining: true },
      endpoint('https://e.example'),
    ]);
  });
});

describe('breakers that isolates share', () => {
  const opened = (upstreamKey: string) => ({
    upstream: upstreamKey,
    endpoint: '',
    event: 'opened' as const,
    successes: 0,
    round: 0,
    recoveryMs: 1_000,
    halfOpenMaxRequests: 1,
    reason: 'status 500',
  });

  it('are told to who asks for the upstream, also where nothing else is watched of it', () => {
    const { monitor } = world();
    expect(monitor.report('a', [opened('uid/shop')], 0)).toBe(true);
    expect(monitor.report('a', [opened('uid/shop')], 1)).toBe(false);
    expect(monitor.newsFor('b', { 'uid/shop': 0, 'uid/other': 0 }, [], 2)).toMatchObject({
      'uid/shop': { breakers: { '': { state: 'Open', round: 1, retryInMs: 998 } } },
    });
    // An isolate that knows more than there is hears so.
    expect(monitor.newsFor('b', { 'uid/other': 7 }, [], 2)['uid/other']).toMatchObject({ version: 0, breakers: {} });
  });

  it('grant probes to an isolate that has requests for them, and to no other', () => {
    const { monitor } = world();
    monitor.report('a', [opened('uid/shop')], 0);
    monitor.pass(1_000);
    const probesOf = (isolate: string, wishes: readonly string[]) =>
      monitor.newsFor(isolate, { 'uid/shop': 0 }, wishes, 1_000)['uid/shop'].breakers[''].probes;
    expect(probesOf('idle', [])).toBe(0);
    expect(probesOf('busy', ['uid/shop'])).toBe(1);
    expect(probesOf('other', ['uid/shop'])).toBe(0);
  });

  it('are bounded, and go with their namespace', () => {
    const { monitor, rows } = world();
    monitor.report('a', [opened('u1/a'), opened('u2/a'), opened('u1/b')], 0);
    expect(rows()[2]).toBe(2);
    monitor.eraseNamespace('u1');
    expect(rows()[2]).toBe(1);
    expect(Object.keys(monitor.describe(['u1/a', 'u2/a'], 0))).toEqual(['u2/a']);
    expect(monitor.report('a', [opened('u3/a')], 0)).toBe(true);
  });

  it('never give one number to two states, through a restart either', () => {
    const { database, monitor } = world();
    const versions: number[] = [];
    monitor.watch([['uid/shop', CHECKED]], 0);
    versions.push(monitor.describe(['uid/shop'], 0)['uid/shop'].version);
    monitor.report('a', [opened('uid/shop')], 5);
    versions.push(monitor.describe(['uid/shop'], 5)['uid/shop'].version);
    const later = world(database).monitor;
    later.watch([['uid/shop', CHECKED]], 20);
    versions.push(later.describe(['uid/shop'], 20)['uid/shop'].version);
    expect(new Set(versions).size).toBe(3);
  });
});

describe('the list of what is watched', () => {
  const manifest = (version: number, hashes: readonly (string | null)[]) => ({
    format: 1 as const,
    version,
    shards: hashes.map((hash) => (hash === null ? null : { hash: hash.repeat(64), bytes: 2 })),
    hosts: '',
  });
  const watched = (list: WatchList): string[] => [...list.upstreams()].map(([key]) => key);
  const PLAIN: CompiledUpstream = upstream();

  it('has the upstreams that are checked or discovered, and reads no shard twice', () => {
    const database = objectDatabase();
    migrateMonitor(database);
    const list = new WatchList(database);
    expect(list.announce(1)).toBe(true);
    expect(list.announce(1)).toBe(false);
    const first = manifest(1, ['a', 'b']);
    expect(list.unread(first)).toEqual([0, 1]);
    list.take(
      first,
      new Map<number, Record<string, unknown>>([
        [0, { 'upstream:u/checked': CHECKED, 'upstream:u/plain': PLAIN, 'host:http://a': {} }],
        [1, { 'upstream:u/found': FOUND }],
      ]),
    );
    expect(watched(list)).toEqual(['u/checked', 'u/found']);
    expect(list.unread(manifest(2, ['a', 'c']))).toEqual([1]);
    list.take(manifest(2, ['a', null]), new Map([[1, {}]]));
    expect(watched(list)).toEqual(['u/checked']);
    // Of another object with the same rows.
    expect(new WatchList(database).unread(manifest(2, ['a', null]))).toEqual([]);
    expect(new WatchList(database).readVersion).toBe(2);
    // With another number of shards keys lie elsewhere.
    expect(list.unread(manifest(3, ['a', null, null, null]))).toEqual([0, 1, 2, 3]);
    list.take(manifest(3, ['a', null, null, null]), new Map([[0, { 'upstream:u/found': FOUND }]]));
    expect(watched(list)).toEqual(['u/found']);
  });
});
