import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import { manualClock } from '../../../src/core/clock.ts';
import type { HostEntry, RulePage } from '../../../src/core/protocol/gateway.ts';
import { memoryObjectStore } from '../../../src/storage/memory-object-store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { decodeHashes, hasHash } from '../../../src/traffic/snapshot/hash-set.ts';
import { hashText } from '../../../src/traffic/snapshot/key-hash.ts';
import { type EntryKey, hostHash, pageOf, shardOf } from '../../../src/traffic/snapshot/keys.ts';
import { sized } from '../../scale.ts';
import { START_MS } from '../fixture.ts';
import { ROUTES } from './fixture.ts';
import { gatewayPlane, UPSTREAMS } from './gateway-plane.ts';

type Plane = ReturnType<typeof gatewayPlane>;

const PARENT = { parentRefs: [{ name: 'default', sectionName: 'http' }] };
const BACKEND = { backendRefs: [{ name: 'orders', port: 80 }] };

function route(plane: Plane, name: string, hostname: string, path = '/', filters: JsonObject[] = []): void {
  plane.route(name, {
    ...PARENT,
    hostnames: [hostname],
    rules: [{ matches: [{ path: { type: 'PathPrefix', value: path } }], filters, ...BACKEND }],
  });
}

/** Some 4 KB, so that few routes have several shards. */
const LARGE: JsonObject[] = [
  {
    type: 'RequestHeaderModifier',
    requestHeaderModifier: { set: [{ name: 'x-padding', value: 'x'.repeat(4_000) }] },
  },
];

/** Applies many routes, working the queue off as it fills. */
async function many(
  plane: Plane,
  count: number,
  one: (i: number) => [name: string, host: string, path: string],
  filters: JsonObject[] = [],
) {
  plane.upstream('orders');
  for (let i = 0; i < count; i++) {
    route(plane, ...one(i), filters);
    if (i % 200 === 199) await plane.settle(500);
  }
  await plane.settle(500);
  await plane.publish();
}

/** Puts counted from here on. */
function putsFrom(plane: Plane): () => string[] {
  const from = plane.files.puts.length;
  return () => plane.files.puts.slice(from).map((key) => key.replace(/[0-9a-f]{64}/, 'hash'));
}

test('a change of one route writes one shard and a manifest, whatever else there is', async () => {
  const plane = gatewayPlane();
  await many(plane, sized(60), (i) => [`r${i}`, `h${i}.example.com`, '/'], LARGE);
  const before = await plane.published();
  expect(before.manifest.shards.length).toBeGreaterThan(1);
  const puts = putsFrom(plane);
  route(plane, 'r5', 'h5.example.com', '/moved', LARGE);
  await plane.publish();
  expect(puts()).toEqual(['gateway/shards/hash', `gateway/manifests/${before.manifest.version + 1}`]);
  const after = await plane.published();
  const changed = after.manifest.shards.filter((ref, index) => ref?.hash !== before.manifest.shards[index]?.hash);
  expect(changed.length).toBe(1);
});

test('every entry lies in its shard, and the manifest knows every host', async () => {
  const plane = gatewayPlane();
  await many(plane, sized(40), (i) => [`r${i}`, `h${i}.example.com`, '/'], LARGE);
  const { manifest, entries } = await plane.published();
  const hosts = decodeHashes(manifest.hosts);
  expect(Object.keys(entries).filter((key) => key.startsWith('host:')).length).toBe(sized(40));
  for (const key of Object.keys(entries)) {
    expect(manifest.shards[shardOf(key as EntryKey, manifest.shards.length)]).not.toBeNull();
    if (key.startsWith('host:')) expect(hasHash(hosts, hostHash(key.slice(5) as 'http://'))).toBe(true);
  }
  expect(hasHash(hosts, hostHash('http://none.example.com'))).toBe(false);
  // And forgets those that are gone.
  plane.remove(ROUTES, 'r7');
  await plane.publish();
  const later = await plane.published();
  expect(hasHash(decodeHashes(later.manifest.hosts), hostHash('http://h7.example.com'))).toBe(false);
  expect(later.entries['host:http://h7.example.com']).toBeUndefined();
  expect(later.entries['page:http://h7.example.com#0']).toBeUndefined();
});

test('a host with many rules has pages, each rule in that of its path, and as few as before when they go', async () => {
  const plane = gatewayPlane();
  const count = 70;
  await many(plane, count, (i) => [`r${i}`, 'shop.example.com', `/p${i}`]);
  const check = async (left: number) => {
    const { entries } = await plane.published();
    const host = entries['host:http://shop.example.com'] as unknown as HostEntry;
    const paths = host.paths === null ? null : decodeHashes(host.paths);
    let rules = 0;
    for (const [key, entry] of Object.entries(entries)) {
      if (!key.startsWith('page:')) continue;
      const page = entry as unknown as RulePage;
      expect(page.rules.length).toBeLessThanOrEqual(128);
      for (const { path } of page.rules) {
        rules += 1;
        expect(key).toBe(`page:http://shop.example.com#${pageOf(hashText(path.value), host.pages)}`);
        if (paths !== null) expect(hasHash(paths, hashText(path.value))).toBe(true);
      }
    }
    expect(rules).toBe(left);
    expect(host.maxSegments).toBe(1);
    return host.pages;
  };
  expect(await check(count)).toBe(2);
  for (let i = 0; i < count - 10; i++) plane.remove(ROUTES, `r${i}`);
  await plane.settle(500);
  await plane.publish();
  expect(await check(10)).toBe(1);
});

test('a path of a host has room for so many rules; who finds none is told so, and gets it when it is there', async () => {
  const plane = gatewayPlane();
  plane.upstream('orders');
  // Query parameters have long values that nothing but their length is asked of.
  const queryParams = Array.from({ length: 16 }, (_, i) => ({ name: `q${i}`, value: 'x'.repeat(1_000) }));
  const matches = Array.from({ length: 15 }, () => ({ path: { type: 'PathPrefix', value: '/p' }, queryParams }));
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    plane.route(name, { ...PARENT, hostnames: ['shop.example.com'], rules: [{ matches, ...BACKEND }] });
  }
  await plane.publish();
  const routes = async () => {
    const { entries } = await plane.published();
    const pages = Object.entries(entries).filter(([key]) => key.startsWith('page:http://shop.example.com#'));
    return pages
      .flatMap(([, found]) => (found as unknown as RulePage).actions.map((action) => action.route.name))
      .sort();
  };
  expect(await routes()).toEqual(['a', 'b', 'c', 'd']);
  expect(plane.conditions('e')[0][2]).toBe('PartiallyInvalid=True/UnsupportedValue');
  expect(plane.message('e', 'PartiallyInvalid')).toMatch(/no room .* http:\/\/shop\.example\.com\/p/);
  plane.remove(ROUTES, 'b');
  await plane.publish();
  expect(await routes()).toEqual(['a', 'c', 'd', 'e']);
  expect(plane.conditions('e')[0]).toEqual(['Accepted=True/Accepted', 'ResolvedRefs=True/ResolvedRefs']);
});

test('a host has room for so many expressions, wherever they stand; what it has keeps running', async () => {
  const plane = gatewayPlane();
  plane.upstream('orders');
  const LARGE_EXPRESSION = '[a-z]{1000}';
  const named = (type: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({ type, name: `x${i}`, value: LARGE_EXPRESSION }));
  const expressive = (name: string, match: JsonObject, hostname = 'shop.example.com') =>
    plane.route(name, { ...PARENT, hostnames: [hostname], rules: [{ matches: [match], ...BACKEND }] });
  expressive('headers', { headers: named('RegularExpression', 4) });
  expressive('query', { path: { type: 'Exact', value: '/q' }, queryParams: named('RegularExpression', 4) });
  await plane.publish();
  expressive('path', { path: { type: 'RegularExpression', value: `/${LARGE_EXPRESSION}` } });
  expressive('exact', { headers: named('Exact', 16) });
  expressive('elsewhere', { path: { type: 'RegularExpression', value: `/${LARGE_EXPRESSION}` } }, 'b.example.com');
  await plane.publish();
  const verdicts = () => ['headers', 'query', 'path', 'exact', 'elsewhere'].map((name) => plane.conditions(name)[0][2]);
  const DROPPED = 'PartiallyInvalid=True/UnsupportedValue';
  expect(verdicts()).toEqual([undefined, undefined, DROPPED, undefined, undefined]);
  expect(plane.message('path', 'PartiallyInvalid')).toMatch(/no room for more expressions at http:\/\/shop/);
  expressive('query', { path: { type: 'Exact', value: '/q' }, queryParams: named('RegularExpression', 1) });
  await plane.publish();
  expect(verdicts()).toEqual([undefined, undefined, undefined, undefined, undefined]);
  plane.remove(ROUTES, 'headers');
  plane.remove(ROUTES, 'query');
  plane.remove(ROUTES, 'path');
  await plane.publish();
  expressive('headers', { headers: named('RegularExpression', 8) });
  await plane.publish();
  expect(plane.conditions('headers')[0][2]).toBeUndefined();
});

test('changes within a second are one version, and two versions are a second apart', async () => {
  const plane = gatewayPlane();
  plane.upstream('orders');
  route(plane, 'a', 'a.example.com');
  await plane.settle();
  expect(plane.announced).toEqual([1]);
  for (let i = 0; i < 10; i++) {
    route(plane, `b${i}`, `b${i}.example.com`);
    await plane.settle();
    plane.clock.advance(50);
  }
  expect(plane.announced).toEqual([1]);
  plane.clock.advance(500);
  await plane.settle();
  expect(plane.announced).toEqual([1, 2]);
  expect(Object.keys((await plane.published()).entries).filter((key) => key.startsWith('host:')).length).toBe(11);
});

test('nothing is published where nothing comes out another', async () => {
  const plane = gatewayPlane();
  plane.upstream('orders');
  route(plane, 'a', 'a.example.com');
  await plane.publish();
  const puts = putsFrom(plane);
  plane.apply(
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'a', labels: { x: 'y' } },
      spec: plane.read(ROUTES, 'a').spec,
    },
    ROUTES,
  );
  const upstream = plane.read(UPSTREAMS, 'orders');
  plane.apply({ ...upstream, metadata: { name: 'orders', labels: { x: 'y' } } }, UPSTREAMS);
  await plane.publish();
  await plane.publish();
  expect(puts()).toEqual([]);
  expect(plane.announced).toEqual([1]);
});

describe('a publication that is cut off', () => {
  /** A store and an announcement that fail from the n-th call on, until they are mended. */
  function failing() {
    const inner = memoryObjectStore(manualClock(START_MS));
    const state = { calls: 0, failsAt: Number.POSITIVE_INFINITY, announced: [] as number[] };
    const step = () => {
      state.calls += 1;
      if (state.calls >= state.failsAt) throw new Error('cut off');
    };
    const files: ObjectStore = {
      ...inner,
      put: async (...call) => {
        step();
        const made = await inner.put(...call);
        step();
        return made;
      },
    };
    const announce = async (version: number) => {
      step();
      state.announced.push(version);
      step();
    };
    return { state, files, announce };
  }

  test('at any of its steps is taken up again, and what is announced lies whole in the bucket', async () => {
    const whole = failing();
    const clean = gatewayPlane(whole);
    clean.upstream('orders');
    route(clean, 'a', 'a.example.com');
    await clean.publish();
    const steps = whole.state.calls;
    expect(steps).toBeGreaterThanOrEqual(6);
    for (let failsAt = 1; failsAt <= steps; failsAt++) {
      const cut = failing();
      cut.state.failsAt = failsAt;
      const plane = gatewayPlane(cut);
      plane.upstream('orders');
      route(plane, 'a', 'a.example.com');
      await plane.publish();
      cut.state.failsAt = Number.POSITIVE_INFINITY;
      // Later than any pause between attempts so far.
      for (let i = 0; i < 5; i++) await plane.publish();
      const last = cut.state.announced[cut.state.announced.length - 1];
      expect([failsAt, last === undefined]).toEqual([failsAt, false]);
      const info = await cut.files.head(`gateway/manifests/${last}`);
      expect(info).not.toBeNull();
      const manifest = JSON.parse(
        new TextDecoder().decode(await cut.files.read(`gateway/manifests/${last}`, 0, info?.sizeBytes ?? 0)),
      );
      for (const ref of manifest.shards) expect(await cut.files.head(`gateway/shards/${ref.hash}`)).not.toBeNull();
    }
  });

  test('is announced again by the sweep though it was heard', async () => {
    const plane = gatewayPlane();
    plane.upstream('orders');
    route(plane, 'a', 'a.example.com');
    await plane.publish();
    plane.machine.tick();
    await plane.publish();
    expect(plane.announced).toEqual([1, 1]);
  });
});

describe('versions', () => {
  const hosts = async (plane: Plane) =>
    Object.keys((await plane.published()).entries)
      .filter((key) => key.startsWith('host:'))
      .map((key) => key.slice('host:http://'.length, -'.example.com'.length))
      .sort();

  test('an earlier one is published again and held to, until it is let go', async () => {
    const plane = gatewayPlane();
    plane.upstream('orders');
    route(plane, 'a', 'a.example.com');
    await plane.publish();
    route(plane, 'b', 'b.example.com');
    await plane.publish();
    expect(await hosts(plane)).toEqual(['a', 'b']);
    expect(plane.machine.pinGatewayVersion(99)).toBe(false);
    expect(plane.machine.pinGatewayVersion(1)).toBe(true);
    await plane.publish();
    expect(await hosts(plane)).toEqual(['a']);
    expect(plane.announced).toEqual([1, 2, 3]);
    // Changes go on being judged, and wait.
    route(plane, 'c', 'c.example.com');
    await plane.publish();
    expect(plane.conditions('c')[0][0]).toBe('Accepted=True/Accepted');
    expect(await hosts(plane)).toEqual(['a']);
    expect(plane.machine.gatewayVersions()).toEqual({
      versions: [
        { version: 3, publishedAtMs: expect.any(Number), rollbackOf: 1 },
        { version: 2, publishedAtMs: expect.any(Number), rollbackOf: null },
        { version: 1, publishedAtMs: expect.any(Number), rollbackOf: null },
      ],
      pinned: 1,
    });
    plane.machine.pinGatewayVersion(null);
    await plane.publish();
    expect(await hosts(plane)).toEqual(['a', 'b', 'c']);
    expect(plane.machine.gatewayVersions().pinned).toBeNull();
  });

  test('letting go publishes what is declared though nothing changed meanwhile', async () => {
    const plane = gatewayPlane();
    plane.upstream('orders');
    route(plane, 'a', 'a.example.com');
    await plane.publish();
    route(plane, 'b', 'b.example.com');
    await plane.publish();
    route(plane, 'c', 'c.example.com');
    await plane.publish();
    // Back once, and then to what that came to, so often and for so long that all that was before is collected.
    plane.machine.pinGatewayVersion(1);
    await plane.publish();
    for (let i = 0; i < 24; i++) {
      plane.machine.pinGatewayVersion(plane.machine.gatewayVersions().versions[0].version);
      await plane.publish();
    }
    plane.clock.advance(20 * 60_000);
    plane.machine.tick();
    await plane.publish();
    plane.machine.pinGatewayVersion(null);
    await plane.publish();
    expect(await hosts(plane)).toEqual(['a', 'b', 'c']);
  });

  test('are kept, the last twenty and those of the last minutes, and then go with the shards that only they have', async () => {
    const plane = gatewayPlane();
    plane.upstream('orders');
    const files = async (prefix: string) => (await plane.files.store.list(prefix)).objects.length;
    for (let i = 0; i < 30; i++) {
      route(plane, 'a', 'a.example.com', `/v${i}`);
      await plane.publish();
    }
    // All of them young.
    expect([await files('gateway/manifests/'), await files('gateway/shards/')]).toEqual([30, 30]);
    plane.clock.advance(11 * 60_000);
    for (let i = 30; i < 33; i++) {
      route(plane, 'a', 'a.example.com', `/v${i}`);
      await plane.publish();
    }
    expect(plane.machine.gatewayVersions().versions.map(({ version }) => version)).toEqual(
      Array.from({ length: 20 }, (_, i) => 33 - i),
    );
    expect(await files('gateway/manifests/')).toBe(20);
    // One more, since what went last is collected with the next.
    expect(await files('gateway/shards/')).toBeLessThanOrEqual(21);
    await plane.published();
  });
});

test('what a resource comes to is the same, made at once or step by step', async () => {
  const stepwise = gatewayPlane();
  await many(stepwise, 24, (i) => [`r${i}`, `h${i % 7}.example.com`, `/p${i}`]);
  for (let i = 0; i < 24; i += 3) stepwise.remove(ROUTES, `r${i}`);
  await stepwise.settle(500);
  await stepwise.publish();
  const direct = gatewayPlane();
  direct.upstream('orders');
  for (let i = 0; i < 24; i++) if (i % 3 !== 0) route(direct, `r${i}`, `h${i % 7}.example.com`, `/p${i}`);
  await direct.settle(500);
  await direct.publish();
  const shape = async (plane: Plane) => {
    const { entries } = await plane.published();
    const texts = Object.entries(entries).map(([key, entry]): [string, JsonObject] => [key, entry]);
    return JSON.stringify(texts.sort(([a], [b]) => (a < b ? -1 : 1))).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'uid');
  };
  expect(await shape(stepwise)).toBe(await shape(direct));
});

test('a change that very many depend on comes to all of them, in portions', async () => {
  const plane = gatewayPlane();
  const count = 60;
  for (let i = 0; i < count; i++) route(plane, `r${i}`, `h${i}.example.com`);
  await plane.settle(500);
  plane.upstream('orders');
  await plane.publish();
  const { entries } = await plane.published();
  const resolved = Object.entries(entries).filter(
    ([key, entry]) => key.startsWith('page:') && JSON.stringify(entry).includes('/orders"'),
  );
  expect(resolved.length).toBe(count);
  expect(plane.database.exec("SELECT value FROM gateway_facts WHERE name = 'requeue:upstream:default/orders'")).toEqual(
    [],
  );
});
