import { describe, expect, it } from 'vitest';
import type { CompiledUpstream } from '../../../src/core/protocol/upstream.ts';
import type { UpstreamFindings } from '../../../src/core/protocol/upstream-monitor.ts';
import { Monitor } from '../../../src/traffic/monitor/monitor.ts';
import { migrateMonitor, WatchList } from '../../../src/traffic/monitor/watch-list.ts';
import { upstream } from '../../gateway/fleet.ts';
import { objectDatabase } from '../../object-database.ts';
import { CHECKED, FOUND } from './checked.ts';

const ILL: UpstreamFindings = {
  endpoints: null,
  stale: null,
  health: { 'http://a': { healthy: false, sinceMs: 5, reason: 'no connection' } },
};

function world(database = objectDatabase()) {
  migrateMonitor(database);
  const monitor = new Monitor(database, 2, 0);
  const rows = () =>
    ['monitor_findings', 'monitor_breakers'].map((table) =>
      Number(database.exec(`SELECT count(*) AS n FROM ${table}`)[0].n),
    );
  return { database, monitor, rows };
}

describe('what checkers have found', () => {
  it('is told when it is another, and costs a row then and none else', () => {
    const { monitor, rows } = world();
    monitor.watch(['uid/shop'], 0);
    const { version } = monitor.describe(['uid/shop'], 0)['uid/shop'];
    expect(monitor.found({ 'uid/shop': ILL }, 5)).toBe(true);
    expect(rows()[0]).toBe(1);
    const state = monitor.newsFor('a', { 'uid/shop': version }, [], 6)['uid/shop'];
    expect(state.health).toEqual(ILL.health);
    expect(monitor.found({ 'uid/shop': structuredClone(ILL) }, 7)).toBe(false);
    expect(monitor.newsFor('a', { 'uid/shop': state.version }, [], 8)).toEqual({});
  });

  it('outlives the object, and is forgotten with the upstream', () => {
    const { database, monitor } = world();
    monitor.watch(['uid/shop'], 0);
    monitor.found({ 'uid/shop': ILL }, 5);
    const later = world(database);
    later.monitor.watch(['uid/shop'], 10);
    expect(later.monitor.describe(['uid/shop'], 10)['uid/shop'].health).toEqual(ILL.health);
    expect(later.monitor.watch([], 20)).toBe(true);
    expect(later.monitor.describe(['uid/shop'], 20)).toEqual({});
    expect(later.rows()[0]).toBe(0);
    // A message that was on its way still, also where breakers are known of it.
    const breaker = { upstream: 'uid/shop', address: '', event: 'opened' as const, successes: 0, round: 0 };
    later.monitor.report('a', [{ ...breaker, recoveryMs: 1_000, halfOpenMaxRequests: 1, reason: '' }], 25);
    expect(later.monitor.found({ 'uid/shop': ILL }, 30)).toBe(false);
    expect(later.rows()[0]).toBe(0);
  });
});

describe('breakers that isolates share', () => {
  const opened = (upstreamKey: string) => ({
    upstream: upstreamKey,
    address: '',
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
    expect(rows()[1]).toBe(2);
    monitor.eraseNamespace('u1');
    expect(rows()[1]).toBe(1);
    expect(Object.keys(monitor.describe(['u1/a', 'u2/a'], 0))).toEqual(['u2/a']);
    expect(monitor.report('a', [opened('u3/a')], 0)).toBe(true);
  });

  it('never give one number to two states, through a restart either', () => {
    const { database, monitor } = world();
    const versions: number[] = [];
    monitor.watch(['uid/shop'], 0);
    versions.push(monitor.describe(['uid/shop'], 0)['uid/shop'].version);
    monitor.report('a', [opened('uid/shop')], 5);
    versions.push(monitor.describe(['uid/shop'], 5)['uid/shop'].version);
    const later = new Monitor(database, 2, 20);
    later.watch(['uid/shop'], 20);
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
