import { describe, expect, it } from 'vitest';
import { blocksOf } from '../../../src/core/address-blocks.ts';
import type { MemberView } from '../../../src/core/protocol/cluster.ts';
import type { CompiledEndpoint, CompiledUpstream } from '../../../src/core/protocol/upstream.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { Checks } from '../../../src/traffic/monitor/checks.ts';
import { endpointsOfInstances, endpointsOfMembers } from '../../../src/traffic/monitor/found-endpoints.ts';
import { objectDatabase } from '../../object-database.ts';
import { CHECK, CHECKED, DISCOVERY, FOUND } from './checked.ts';

let round = 0;
const LIMITS = { connections: { all: 8, slow: 8 }, endpoints: 6 };

function world(database = objectDatabase()) {
  const checks = new Checks(database, seededRandom(1), LIMITS, 0);
  const rows = () =>
    ['checker_health', 'checker_found', 'checker_upstreams'].map((table) =>
      Number(database.exec(`SELECT count(*) AS n FROM ${table}`)[0].n),
    );
  const watch = (upstreams: [string, CompiledUpstream][], nowMs: number) =>
    checks.watch({ checker: 0, round: ++round, upstreams, known: {} }, nowMs);
  /** Answers what is due. */
  const answer = (nowMs: number, passed: boolean): number => {
    const { checks: due } = checks.due(nowMs);
    for (const one of due) checks.checked(one, { passed, reason: passed ? 'status 200' : 'no connection' }, nowMs);
    return due.length;
  };
  return { database, checks, rows, watch, answer };
}

const endpoint = (address: string): CompiledEndpoint => ({ address, weight: 1, zone: null, draining: false });
const found = (...addresses: string[]) => ({ endpoints: addresses.map(endpoint) });

describe('what is asked of endpoints', () => {
  it('is asked at once, then after the interval give or take a tenth, at whole seconds, and never twice at a time', () => {
    const { checks, watch } = world();
    watch([['uid/shop', CHECKED]], 0);
    const first = checks.due(0).checks;
    expect(first).toHaveLength(4);
    expect(checks.due(20_000).checks).toHaveLength(0);
    expect(checks.nextDueMs()).toBeNull();
    for (const due of first) checks.checked(due, { passed: true, reason: '' }, 20_000);
    const dueMs = checks.nextDueMs() ?? 0;
    expect([9_000, 10_000, 11_000]).toContain(dueMs);
    expect(checks.due(20_000).checks).toHaveLength(4);
  });

  it('is told when it turns, and costs a row then and none else', () => {
    const { checks, rows, watch, answer } = world();
    watch([['uid/shop', CHECKED]], 0);
    answer(0, true);
    expect(rows()[0]).toBe(4);
    expect(Object.keys(checks.takeUntold()?.['uid/shop'].health ?? {})).toHaveLength(4);
    for (let round = 1; round <= 2; round++) expect(answer(round * 12_000, false)).toBe(4);
    expect(checks.takeUntold()).toBeNull();
    answer(36_000, false);
    const told = checks.takeUntold() ?? {};
    expect(Object.values(told['uid/shop'].health)).toEqual(
      Array(4).fill({ healthy: false, sinceMs: 36_000, reason: 'no connection' }),
    );
    expect(checks.takeUntold()).toBeNull();
    // It did not arrive.
    checks.notTold(told);
    expect(checks.takeUntold()).toEqual(told);
  });

  it('outlives the object, and is forgotten with the endpoint or with the check', () => {
    const { database, watch, answer } = world();
    watch([['uid/shop', CHECKED]], 0);
    answer(0, false);
    const later = world(database);
    const health = () => Object.keys(later.checks.findings()['uid/shop'].health);
    expect(health()).toHaveLength(4);
    expect(later.checks.due(50).checks).toHaveLength(4);
    later.watch([['uid/shop', { ...CHECKED, endpoints: CHECKED.endpoints.slice(1) }]], 60);
    expect(health()).toHaveLength(3);
    later.watch([['uid/shop', { ...CHECKED, healthCheck: { ...CHECK, path: '/ready' } }]], 70);
    expect(health()).toHaveLength(0);
    expect(later.rows()[0]).toBe(0);
    later.watch([], 80);
    expect(later.rows()).toEqual([0, 0, 0]);
  });

  it('is bounded over all upstreams, and an answer of what is no longer asked is dropped', () => {
    const { checks, watch } = world();
    watch(
      [
        ['uid/a', CHECKED],
        ['uid/b', CHECKED],
      ],
      0,
    );
    const due = checks.due(0).checks;
    expect(due).toHaveLength(LIMITS.endpoints);
    watch([['uid/b', CHECKED]], 1);
    expect(checks.checked(due[0], { passed: false, reason: '' }, 2)).toBe(false);
    expect(Object.keys(checks.findings())).toEqual(['uid/b']);
  });

  it('goes on where another checker was, and asks at once', () => {
    const [{ address }] = CHECKED.endpoints;
    const ill = { healthy: false, sinceMs: 5, reason: 'no connection' };
    const known = {
      'uid/shop': { endpoints: null, stale: null, health: { [address]: ill, 'http://gone': ill } },
      'uid/found': { endpoints: [endpoint('http://a')], stale: { sinceMs: 7, reason: 'away' }, health: {} },
    };
    const { database, checks, rows, answer } = world();
    const upstreams = [['uid/shop', CHECKED] as const, ['uid/found', FOUND] as const];
    checks.watch({ checker: 1, round: ++round, upstreams, known }, 10);
    const expected = { ...known, 'uid/shop': { ...known['uid/shop'], health: { [address]: ill } } };
    expect(checks.findings()).toEqual(expected);
    expect(rows()).toEqual([1, 1, 2]);
    expect(answer(10, true)).toBe(4);
    expect(checks.findings()['uid/shop'].health[address].healthy).toBe(false);
    answer(22_000, true);
    expect(checks.findings()['uid/shop'].health[address].healthy).toBe(true);
    // Its own word is newer than anybody's.
    const changed = upstreams.map(
      ([key, entry]) => [key, { ...entry, outlierDetection: null, name: 'other' }] as const,
    );
    checks.watch({ checker: 1, round: ++round, upstreams: changed, known }, 23_000);
    expect(checks.findings()['uid/shop'].health[address].healthy).toBe(true);
    expect(world(database).checks.checker).toBe(1);
  });

  it('is shared by tenants where it is bounded, and asked again as soon as there is room', () => {
    const { checks, watch } = world();
    const many = Array.from({ length: 20 }, (_, i) => endpoint(`http://hog-${i}`));
    const hog: [string, CompiledUpstream] = ['hog/a', { ...CHECKED, namespaceUid: 'hog', endpoints: many }];
    const shop: [string, CompiledUpstream] = ['uid/shop', CHECKED];
    const asked = (nowMs: number) => {
      const due = checks.due(nowMs).checks;
      for (const one of due) checks.checked(one, { passed: true, reason: '' }, nowMs);
      return due.filter(({ upstream: key }) => key === 'uid/shop').length;
    };
    watch([hog], 0);
    asked(0);
    watch([hog, shop], 20_000);
    expect(asked(20_000)).toBe(3);
    expect(Object.keys(checks.findings()['hog/a'].health)).toHaveLength(3);
    watch([shop], 40_000);
    expect(asked(40_000)).toBe(4);
  });

  it('is what the newest part says, whichever arrives last', () => {
    const { checks, watch } = world();
    watch([['uid/shop', CHECKED]], 0);
    checks.watch({ checker: 0, round: 0, upstreams: [], known: {} }, 10);
    expect(Object.keys(checks.findings())).toEqual(['uid/shop']);
  });

  it('is said to be late by as much as its interval was not held', () => {
    const { checks, watch, answer } = world();
    watch([['uid/shop', CHECKED]], 0);
    answer(0, true);
    expect(checks.delays(5_000)).toEqual([{ namespace: 'default', upstream: 'shop', delayMs: 0 }]);
    expect(checks.delays(31_000)[0].delayMs).toBeGreaterThanOrEqual(20_000);
    answer(31_000, true);
    expect(checks.delays(31_000)[0].delayMs).toBeGreaterThanOrEqual(20_000);
    answer(42_000, true);
    expect(checks.delays(42_000)[0].delayMs).toBeLessThanOrEqual(2_000);
    expect(Object.values(checks.lastChecks('uid/shop'))).toEqual(Array(4).fill(42_000));
  });
});

describe('what discovery finds', () => {
  it('is told when it changes, and is kept, labelled, while the registry does not answer', () => {
    const { checks, rows, watch } = world();
    watch([['uid/shop', FOUND]], 0);
    const look = (nowMs: number) => checks.due(nowMs).discoveries[0];
    expect(checks.discovered(look(0), found('http://a', 'http://b'), 0)).toBe(true);
    expect(checks.discovered(look(6_000), found('http://a', 'http://b'), 6_000)).toBe(false);
    expect(checks.discovered(look(12_000), { failed: 'no connection' }, 12_000)).toBe(true);
    expect(checks.discovered(look(18_000), { failed: 'no connection' }, 18_000)).toBe(false);
    const state = checks.findings()['uid/shop'];
    expect(state.endpoints?.map(({ address }) => address)).toEqual(['http://a', 'http://b']);
    expect(state.stale).toEqual({ sinceMs: 12_000, reason: 'no connection' });
    expect(checks.discovered(look(24_000), found('http://a', 'http://b'), 24_000)).toBe(true);
    expect(checks.findings()['uid/shop'].stale).toBeNull();
    expect(rows()[1]).toBe(1);
  });

  it('is asked again only when the answer before has come', () => {
    const { checks, watch } = world();
    watch([['uid/shop', FOUND]], 0);
    const { discoveries } = checks.due(0);
    expect(checks.due(60_000).discoveries).toHaveLength(0);
    checks.discovered(discoveries[0], { failed: 'x' }, 60_000);
    expect(checks.due(60_000).discoveries).toHaveLength(1);
  });

  it('is there after a restart, and gone when another service is declared', () => {
    const { database, checks, watch } = world();
    watch([['uid/shop', FOUND]], 0);
    checks.discovered(checks.due(0).discoveries[0], found('http://a'), 0);
    const later = world(database);
    later.watch([['uid/shop', FOUND]], 10);
    expect(later.checks.findings()['uid/shop'].endpoints).toHaveLength(1);
    const [asked] = later.checks.due(10).discoveries;
    later.watch([['uid/shop', { ...FOUND, source: { ...DISCOVERY, service: 'other' } }]], 20);
    expect(later.checks.findings()['uid/shop'].endpoints).toBeNull();
    // What was asked of the other service is no answer of this one.
    expect(later.checks.discovered(asked, found('http://a'), 30)).toBe(false);
  });

  it('is checked like declared endpoints are', () => {
    const { checks, watch } = world();
    watch([['uid/shop', { ...FOUND, healthCheck: CHECK }]], 0);
    checks.discovered(checks.due(0).discoveries[0], found('http://a', 'http://b'), 0);
    expect(checks.due(0).checks.map(({ address }) => address)).toEqual(['http://a', 'http://b']);
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
