import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import type { ResourceCall } from '../../../src/core/protocol/control-plane.ts';
import { gatewayPlane } from './gateway-plane.ts';

const RATE_LIMITS: Partial<ResourceCall> = { group: 'orasi.io', version: 'v1alpha1', resource: 'ratelimitpolicies' };
const AUTH: Partial<ResourceCall> = { group: 'orasi.io', version: 'v1alpha1', resource: 'authpolicies' };
const SECRETS: Partial<ResourceCall> = { group: '', version: 'v1', resource: 'secrets' };
/** More than are looked at again at once. */
const ROUTES = 60;

const onGateway = (name: string) => [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name }];

const rateLimit = (name: string, limit = 5, gateway = 'default'): JsonObject => ({
  apiVersion: 'orasi.io/v1alpha1',
  kind: 'RateLimitPolicy',
  metadata: { name },
  spec: {
    targetRefs: onGateway(gateway),
    mode: 'leased',
    limits: [{ name: 'all', algorithm: 'fixedWindow', limit, windowSeconds: 10, key: [{ type: 'ip' }] }],
  },
});

/** Routes of one Gateway, published with a limit that is on it. */
async function limited() {
  const plane = gatewayPlane();
  plane.upstream('shop');
  for (let i = 0; i < ROUTES; i++) {
    plane.route(`shop-${i}`, {
      parentRefs: [{ name: 'default' }],
      hostnames: [`shop-${i}.example`],
      rules: [{ backendRefs: [{ group: 'orasi.io', kind: 'Upstream', name: 'shop' }] }],
    });
  }
  plane.apply(rateLimit('calm'), RATE_LIMITS);
  for (let i = 0; i < 5; i++) await plane.publish();
  return plane;
}

type Plane = Awaited<ReturnType<typeof limited>>;

/** Policies that rules of a version name, and those of them that it has. */
async function policiesOf(plane: Plane, version?: number) {
  const { entries } = await plane.published(version);
  const named = new Set<string>();
  const visit = (value: unknown) => {
    if (typeof value === 'string' && value.startsWith('policy:')) named.add(value);
    else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) visit(item);
  };
  for (const [key, entry] of Object.entries(entries)) if (!key.startsWith('policy:')) visit(entry);
  const present = Object.keys(entries).filter((key) => key.startsWith('policy:'));
  return { named: [...named], present, missing: [...named].filter((key) => !present.includes(key)) };
}

describe('a policy that is deleted', () => {
  test('is in every version whose rules name it, and in none after them', async () => {
    const plane = await limited();
    const before = plane.announced.length;
    expect((await policiesOf(plane)).named).toHaveLength(1);
    plane.remove(RATE_LIMITS, 'calm');
    for (let i = 0; i < 12; i++) {
      await plane.settle();
      plane.clock.advance(500);
    }
    const versions = plane.announced.slice(before);
    // Rules were looked at by portions: there is a version between.
    expect(versions.length).toBeGreaterThan(1);
    for (const version of versions)
      expect([version, (await policiesOf(plane, version)).missing]).toEqual([version, []]);
    expect(await policiesOf(plane)).toEqual({ named: [], present: [], missing: [] });
  });

  test('and made again before its rules were looked at stays, as it is then, whether or not rules name it', async () => {
    const plane = await limited();
    plane.remove(RATE_LIMITS, 'calm');
    await plane.settle();
    plane.apply(rateLimit('calm', 7, 'of-nobody'), RATE_LIMITS);
    for (let i = 0; i < 12; i++) await plane.publish();
    const { named, present } = await policiesOf(plane);
    expect([named, present.length]).toEqual([[], 1]);
    expect((await plane.published()).entries[present[0]]).toMatchObject({ spec: { limits: [{ limit: 7 }] } });
  });
});

test('a policy that comes to be at fault is in force nowhere from then on: what it opened to opens no more', async () => {
  const plane = await limited();
  plane.apply(
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { ada: 'key-of-ada-0123456789' } },
    SECRETS,
  );
  const spec = { targetRefs: onGateway('default'), apiKey: { secrets: [{ name: 'keys' }] } };
  plane.apply({ apiVersion: 'orasi.io/v1alpha1', kind: 'AuthPolicy', metadata: { name: 'auth' }, spec }, AUTH);
  for (let i = 0; i < 5; i++) await plane.publish();
  expect((await policiesOf(plane)).present).toHaveLength(2);
  plane.remove(SECRETS, 'keys');
  await plane.publish();
  expect((await policiesOf(plane)).present.filter((key) => key.includes('authpolicies'))).toEqual([]);
});
