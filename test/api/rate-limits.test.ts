import { expect, test } from 'vitest';
import type { Role, Subject } from '../../src/access/authorize.ts';
import { createApp } from '../../src/api/app.ts';
import { mountRateLimits } from '../../src/api/rate-limits.ts';
import { manualClock } from '../../src/core/clock.ts';
import type { ControlPlaneResources } from '../../src/core/protocol/control-plane.ts';
import type { RateLimiterCalls } from '../../src/core/protocol/rate-limiter.ts';
import { Counters } from '../../src/traffic/limit/counters.ts';
import { limiterShard } from '../../src/traffic/limit/objects.ts';
import { limitOf } from '../traffic/limit/rules.ts';
import { apiBase } from './api-base.ts';

const IP = [{ type: 'ip' }];
const window = { algorithm: 'fixedWindow', windowSeconds: 10 };
const POLICIES: Readonly<Record<string, object>> = {
  shop: {
    mode: 'leased',
    shards: 8,
    limits: [
      { ...window, name: 'few', limit: 3, key: IP },
      { ...window, name: 'many', limit: 100, key: IP },
      { ...window, name: 'all', limit: 1_000, key: [] },
    ],
  },
  rough: { mode: 'edge', tier: 'EDGE_10_PER_10', limits: [{ ...window, name: 'a', limit: 10 }] },
};

function surface(role: Role = 'admin') {
  const subject: Subject = { kind: 'api-key', name: 'k', role, namespace: 'default', namespaceUid: 'uid' };
  const clock = manualClock(4_000);
  const base = apiBase({ authenticate: async () => subject, namespaceUid: async () => 'uid' });
  const objects = new Map<string, Counters>();
  const at = (name: string) => {
    const counters = objects.get(name) ?? new Counters(100);
    objects.set(name, counters);
    return counters;
  };
  const controlPlane = {
    call: async ({ name }: { name: string }) => {
      const spec = POLICIES[name];
      return spec === undefined ? { status: 404, body: '{}' } : { status: 200, body: JSON.stringify({ spec }) };
    },
  } as unknown as ControlPlaneResources;
  const limiter = (name: string) =>
    ({
      peek: async (asks) => at(name).peek(asks, clock.now()),
      reset: async (limits, key) => at(name).reset(limits, key),
    }) as RateLimiterCalls;
  const app = createApp(base, (mounted) => mountRateLimits(mounted, base, { controlPlane, limiter }));
  return {
    at,
    async call(method: string, path: string) {
      const headers = { host: 'localhost', authorization: 'Bearer key' };
      const url = `http://localhost/v1/namespaces/default/ratelimits/${path}`;
      const response = await app.request(url, { method, headers });
      const text = await response.text();
      return { status: response.status, json: text === '' ? null : JSON.parse(text) };
    },
  };
}

test('the limits of a policy say how they stand for a key, wherever that is counted, and forget it', async () => {
  const { at, call } = surface();
  const key = 'ip=203.0.113.9';
  const few = limitOf({ name: 'few', algorithm: 'fixedWindow', limit: 3, windowMs: 10_000 });
  const shard = at(`uid/shop/${limiterShard('few', key, 8)}`);
  shard.take([{ rule: few, key, need: 1, take: 3, lease: 0, holder: null }], 4_000);
  const path = `shop/keys/${encodeURIComponent(key)}`;
  const standing = async () => (await call('GET', path)).json;
  expect(await standing()).toEqual({
    policy: 'shop',
    mode: 'leased',
    key,
    limits: [
      { name: 'few', limit: 3, remaining: 0, allowed: false, retryAfterSeconds: 6 },
      { name: 'many', limit: 100, remaining: 100, allowed: true, retryAfterSeconds: null },
    ],
  });
  expect((await call('DELETE', path)).status).toBe(204);
  expect((await standing()).limits[0]).toMatchObject({ remaining: 3, allowed: true });
});

test('a limit that all requests share has the key "-"', async () => {
  const { json } = await surface().call('GET', 'shop/keys/-');
  expect(json.limits.map(({ name }: { name: string }) => name)).toEqual(['all']);
});

test('a key of another form, a policy that is not there and one that the platform counts are refused', async () => {
  const { call } = surface();
  const answers = [
    await call('GET', 'shop/keys/user=ann'),
    await call('GET', 'nothing/keys/-'),
    await call('GET', 'rough/keys/-'),
  ];
  expect(answers.map(({ status, json }) => [status, json.code])).toEqual([
    [404, 'not_found'],
    [404, 'not_found'],
    [400, 'bad_request'],
  ]);
});

test("counters, which name addresses and keys of clients, are the administrator's", async () => {
  for (const role of ['reader', 'agent', 'ingester'] as const)
    expect((await surface(role).call('GET', 'shop/keys/-')).status).toBe(403);
});
