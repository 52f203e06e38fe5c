import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/control/json.ts';
import { compileRateLimits } from '../../src/control/rate-limit-spec.ts';
import type { Resource } from '../../src/control/resource.ts';
import { edgeTiersIn } from '../../src/core/protocol/rate-limit.ts';
import { testPlane } from './fixture.ts';

const TARGET = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' };
const LIMIT = { name: 'calls', algorithm: 'slidingWindow', limit: 100, windowSeconds: 60 };
const TIERS = edgeTiersIn(['EDGE_100_PER_60', 'CATALOG', 'EDGE_5_PER_30']);

function apply(spec: JsonObject) {
  const plane = testPlane();
  const answer = plane.send(
    'create',
    {
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'RateLimitPolicy',
      metadata: { name: 'a' },
      spec: { targetRefs: [TARGET], ...spec },
    },
    { group: 'orasi.io', resource: 'ratelimitpolicies' },
  );
  return { status: answer.status, body: answer.json };
}

/** Fields at fault. */
function faults(spec: JsonObject): string[] {
  const { status, body } = apply(spec);
  if (status === 201) return [];
  const causes = (body.details as { causes?: { field: string }[] } | undefined)?.causes ?? [];
  return causes.map(({ field }) => field);
}

function withLimit(limit: JsonObject): JsonObject {
  return { limits: [{ ...LIMIT, ...limit }] };
}

function without(field: string, more: JsonObject = {}): JsonObject {
  const { [field]: _, ...limit } = { ...LIMIT, ...more } as Record<string, JsonValue>;
  return { limits: [limit] };
}

describe('a RateLimitPolicy', () => {
  test.each<[JsonObject, string[]]>([
    [withLimit({}), []],
    [without('windowSeconds'), ['spec.limits[0].windowSeconds']],
    [without('windowSeconds', { algorithm: 'fixedWindow', period: 'month' }), []],
    [without('windowSeconds', { period: 'month' }), ['spec.limits[0].period']],
    [withLimit({ algorithm: 'fixedWindow', period: 'day' }), ['spec.limits[0].windowSeconds']],
    [withLimit({ algorithm: 'tokenBucket', burst: 5 }), []],
    [withLimit({ burst: 5 }), ['spec.limits[0].burst']],
    [without('windowSeconds', { algorithm: 'concurrency', timeoutSeconds: 30 }), []],
    [withLimit({ algorithm: 'concurrency' }), ['spec.limits[0].windowSeconds']],
    [without('windowSeconds', { algorithm: 'concurrency', measure: 'bytes' }), ['spec.limits[0].measure']],
    [withLimit({ measure: 'cost' }), ['spec.limits[0].costHeader']],
    [withLimit({ measure: 'cost', costHeader: 'x-cost', defaultCost: 0 }), []],
    [withLimit({ costHeader: 'x-cost' }), ['spec.limits[0].costHeader']],
    [withLimit({ key: [{ type: 'header' }] }), ['spec.limits[0].key[0].name']],
    [withLimit({ key: [{ type: 'header', name: 'not a name' }] }), ['spec.limits[0].key[0].name']],
    [withLimit({ key: [{ type: 'ip', name: 'x' }] }), ['spec.limits[0].key[0].name']],
    [withLimit({ key: [{ type: 'pathVariable', name: 'id', path: '/users/{id}' }] }), []],
    [withLimit({ key: [{ type: 'pathVariable', name: 'id', path: '/users/{name}' }] }), ['spec.limits[0].key[0].path']],
    [{ limits: [LIMIT, LIMIT] }, ['spec.limits[1]']],
    [{ mode: 'edge', ...withLimit({}) }, ['spec.tier']],
    [{ mode: 'exact', tier: 'EDGE_100_PER_60', ...withLimit({}) }, ['spec.tier']],
    [{ targetRefs: [{ group: '', kind: 'Service', name: 'a' }], ...withLimit({}) }, ['spec.targetRefs[0].group']],
  ])('%j has the faults %j', (spec, fields) => {
    expect([...new Set(faults(spec))].sort()).toEqual(fields);
  });

  test('is leased, open and enforced where it does not say', () => {
    const { status, body } = apply(withLimit({}));
    expect(status).toBe(201);
    expect(compileRateLimits(body as unknown as Resource, TIERS)).toEqual({
      compiled: {
        mode: 'leased',
        tier: null,
        dryRun: false,
        onFailure: 'open',
        shards: 1,
        limits: [
          {
            name: 'calls',
            algorithm: 'slidingWindow',
            measure: 'requests',
            limit: 100,
            windowMs: 60_000,
            calendar: null,
            burst: 100,
            key: [],
            costHeader: null,
            defaultCost: 1,
            holdMs: 300_000,
          },
        ],
      },
    });
  });
});

function compile(spec: JsonObject) {
  return compileRateLimits({ spec } as unknown as Resource, TIERS);
}

function keyOf(part: JsonObject) {
  const result = compile({ mode: 'exact', limits: [{ ...LIMIT, key: [part] }] });
  return 'compiled' in result ? result.compiled.limits[0].key[0] : result.faults;
}

describe('a compiled policy', () => {
  test('takes path variables from segments of a template, or from the expression of the route', () => {
    expect(keyOf({ type: 'pathVariable', name: 'order', path: '/users/{id}/orders/{order}' })).toEqual({
      type: 'pathSegment',
      index: 3,
      literals: ['users', null, 'orders'],
    });
    expect(keyOf({ type: 'pathVariable', name: 'id' })).toEqual({ type: 'pathGroup', name: 'id' });
    expect(keyOf({ type: 'header', name: 'X-Client' })).toEqual({ type: 'header', name: 'x-client' });
  });

  test('counts at the edge only what a declared tier counts', () => {
    const edge = (limit: JsonObject, tier = 'EDGE_100_PER_60') => {
      const result = compile({ mode: 'edge', tier, limits: [{ ...LIMIT, ...limit }] });
      return 'compiled' in result ? result.compiled.tier : result.faults.map(({ field }) => field);
    };
    expect(edge({})).toBe('EDGE_100_PER_60');
    expect(edge({}, 'EDGE_1_PER_10')).toEqual(['spec.tier']);
    // The platform has no such period, whatever a binding is called.
    expect(edge({ limit: 5, windowSeconds: 30 }, 'EDGE_5_PER_30')).toEqual(['spec.tier']);
    expect(edge({ limit: 99 })).toEqual(['spec.limits[0].limit']);
    expect(edge({ windowSeconds: 10 })).toEqual(['spec.limits[0].windowSeconds']);
    expect(edge({ measure: 'cost', costHeader: 'x-cost' })).toEqual(['spec.limits[0].measure']);
    expect(edge({ measure: 'bytes' })).toEqual(['spec.limits[0].measure']);
    expect(edge({ algorithm: 'tokenBucket', burst: 500 })).toEqual(['spec.limits[0].burst']);
    expect(edge({ algorithm: 'concurrency' })).toEqual(['spec.limits[0].algorithm']);
    expect(edge({ algorithm: 'fixedWindow', period: 'day' })).toEqual(['spec.limits[0].period']);
  });
});

test('the tiers that the deployment declares are what their names say', () => {
  const text = readFileSync(join(import.meta.dirname, '../../wrangler.toml'), 'utf8');
  const declared = [
    ...text.matchAll(
      /\[\[ratelimits\]\]\nname = "(.*)"\nnamespace_id = "(.*)"\nsimple = \{ limit = (.*), period = (.*) \}/g,
    ),
  ];
  expect(declared.length).toBe(text.split('[[ratelimits]]\n').length - 1);
  expect(edgeTiersIn(declared.map(([, name]) => name))).toEqual(
    declared.map(([, binding, , limit, period]) => ({ binding, limit: Number(limit), windowSeconds: Number(period) })),
  );
  expect(new Set(declared.map(([, , id]) => id)).size).toBe(declared.length);
});
