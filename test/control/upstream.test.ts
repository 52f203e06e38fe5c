import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/control/json.ts';
import type { Resource } from '../../src/control/resource.ts';
import { compileUpstream } from '../../src/control/upstream-spec.ts';
import { blocksOf } from '../../src/core/address-blocks.ts';
import { testPlane } from './fixture.ts';

const UPSTREAMS = { resource: 'upstreams' };
const ENDPOINTS = [{ address: 'https://a.example' }];

function upstreams(rules = { upstreamAllow: blocksOf('127.0.0.0/8'), upstreamBindings: ['SHOP', 'other/FILES'] }) {
  const plane = testPlane({ rules });
  return {
    ...plane,
    put: (spec: JsonObject, name = 'shop') =>
      plane.send('create', { apiVersion: 'orasi.io/v1alpha1', kind: 'Upstream', metadata: { name }, spec }, UPSTREAMS),
    get: (name: string) => plane.call({ ...UPSTREAMS, verb: 'get', name }),
  };
}

/** What the upstream of a spec compiles to, once it is stored. */
function compiled(spec: JsonObject) {
  const { status, json } = upstreams().put(spec);
  expect([status, json]).toEqual([201, expect.anything()]);
  return compileUpstream(json as unknown as Resource, 'uid');
}

/** The fields that a spec is refused for. */
function faultsOf(spec: JsonObject): string[] {
  const { status, json } = upstreams().put(spec);
  if (status === 201) return [];
  expect(status).toBe(422);
  const { causes } = (json as unknown as { details: { causes: { field: string }[] } }).details;
  return causes.map(({ field }) => field);
}

describe('an upstream', () => {
  test('has the defaults of the platform where it says nothing', () => {
    const all = compiled({
      endpoints: ENDPOINTS,
      healthCheck: {},
      circuitBreaker: { errorRatio: {} },
      outlierDetection: { failurePercentage: {} },
      retry: {},
      bulkhead: { maxInFlight: 7 },
      sessionPersistence: {},
    });
    expect(all).toMatchObject({
      namespace: 'default',
      namespaceUid: 'uid',
      name: 'shop',
      source: { type: 'static' },
      endpoints: [{ address: 'https://a.example', weight: 1, zone: null, draining: false }],
      loadBalancer: { strategy: 'RoundRobin', slowStartMs: 0, panicThreshold: 0.5 },
      healthCheck: {
        path: '/health',
        intervalMs: 10_000,
        timeoutMs: 5_000,
        unhealthyThreshold: 3,
        healthyThreshold: 2,
      },
      circuitBreaker: {
        failureThreshold: 5,
        recoveryMs: 60_000,
        halfOpenMaxRequests: 3,
        errorRatio: { threshold: 0.5, minimumRequests: 20, windowMs: 10_000 },
      },
      outlierDetection: { consecutive5xx: 5, baseEjectionMs: 30_000, maxEjected: 0.1 },
      retry: {
        attempts: 3,
        on: ['ConnectFailure', 'GatewayError'],
        backoffMs: 100,
        budget: { share: 0.2, minimum: 3 },
      },
      timeouts: { requestMs: 30_000, tryMs: 0, idleMs: 300_000 },
      bulkhead: { maxInFlight: 7, maxQueued: 0, queueTimeoutMs: 1_000 },
      sessionPersistence: { type: 'Cookie', name: 'orasi-session', idleTimeoutMs: 300_000 },
    });
    const bare = compiled({ endpoints: ENDPOINTS });
    const { healthCheck, circuitBreaker, outlierDetection, retry, bulkhead, sessionPersistence } = bare;
    expect([healthCheck, circuitBreaker, outlierDetection, retry, bulkhead, sessionPersistence]).toEqual(
      Array(6).fill(null),
    );
  });

  test('has one spelling of an address', () => {
    const { endpoints } = compiled({
      endpoints: [{ address: 'HTTP://127.1:80/' }, { address: 'https://A.example:8443' }],
    });
    expect(endpoints.map(({ address }) => address)).toEqual(['http://127.0.0.1', 'https://a.example:8443']);
  });

  test('may stand for a service, a binding or files', () => {
    expect(compiled({ discovery: { service: 'shop' } }).source).toEqual({
      type: 'discovery',
      backend: 'cluster',
      cluster: 'default',
      service: 'shop',
      etcd: null,
      consul: null,
      secretName: null,
      scheme: 'http',
      intervalMs: 5_000,
    });
    expect(compiled({ serviceBinding: { name: 'SHOP' } }).source).toEqual({ type: 'serviceBinding', binding: 'SHOP' });
    expect(compiled({ r2: { prefix: '/site' } }).source).toEqual({
      type: 'r2',
      binding: null,
      prefix: 'site/',
      indexDocument: 'index.html',
    });
  });

  test.each<[string, JsonObject, string[]]>([
    ['nothing to send to', {}, ['spec.endpoints']],
    ['two sources', { endpoints: ENDPOINTS, r2: {} }, ['spec.r2']],
    ['a private address', { endpoints: [{ address: 'http://10.0.0.1' }] }, ['spec.endpoints[0].address']],
    ['the metadata service', { endpoints: [{ address: 'http://169.254.169.254' }] }, ['spec.endpoints[0].address']],
    ['the same in other letters', { endpoints: [{ address: 'http://0xa9fea9fe' }] }, ['spec.endpoints[0].address']],
    ['an address with a path', { endpoints: [{ address: 'https://a.example/x' }] }, ['spec.endpoints[0].address']],
    ['no address at all', { endpoints: [{ address: 'a.example' }] }, ['spec.endpoints[0].address']],
    ['a user', { endpoints: [{ address: 'https://u:p@a.example' }] }, ['spec.endpoints[0].address']],
    [
      'an address twice',
      { endpoints: [...ENDPOINTS, { address: 'https://A.example:443' }] },
      ['spec.endpoints[1].address'],
    ],
    ['a binding that is not granted', { serviceBinding: { name: 'CONTROL_PLANE' } }, ['spec.serviceBinding.name']],
    ['a binding granted to others', { r2: { bucket: 'FILES' } }, ['spec.r2.bucket']],
    ['a service without its name', { discovery: {} }, ['spec.discovery.service']],
    ['members that offer a service', { discovery: { backend: 'members', service: 'a' } }, ['spec.discovery.service']],
    ['an etcd that is not named', { discovery: { backend: 'etcd', service: 'a' } }, ['spec.discovery.etcd']],
    [
      'a registry within',
      { discovery: { backend: 'consul', service: 'a', consul: { address: 'http://192.168.0.1:8500' } } },
      ['spec.discovery.consul.address'],
    ],
    ['a check of what has no endpoints', { r2: {}, healthCheck: {} }, ['spec.healthCheck']],
    ['a check that is no path', { endpoints: ENDPOINTS, healthCheck: { path: 'up' } }, ['spec.healthCheck.path']],
    [
      'a check that takes longer than its interval',
      { endpoints: ENDPOINTS, healthCheck: { intervalSeconds: 2, timeoutSeconds: 3 } },
      ['spec.healthCheck.timeoutSeconds'],
    ],
    [
      'a body of HEAD',
      { endpoints: ENDPOINTS, healthCheck: { method: 'HEAD', expectedBody: 'ok' } },
      ['spec.healthCheck.expectedBody'],
    ],
    [
      'a breaker that never opens',
      { endpoints: ENDPOINTS, circuitBreaker: { failureThreshold: 0 } },
      ['spec.circuitBreaker.failureThreshold'],
    ],
    [
      'a bound below what it bounds',
      { endpoints: ENDPOINTS, retry: { backoffMs: 200, maxBackoffMs: 100 } },
      ['spec.retry.maxBackoffMs'],
    ],
    [
      'a cookie that lasts for no time',
      { endpoints: ENDPOINTS, sessionPersistence: { cookieLifetime: 'Permanent' } },
      ['spec.sessionPersistence.absoluteTimeoutSeconds'],
    ],
    [
      'a strategy that is none',
      { endpoints: ENDPOINTS, loadBalancer: { strategy: 'Best' } },
      ['spec.loadBalancer.strategy'],
    ],
    ['a bulkhead of nobody', { endpoints: ENDPOINTS, bulkhead: { maxInFlight: 0 } }, ['spec.bulkhead.maxInFlight']],
  ])('is refused with %s', (_what, spec, fields) => {
    expect(faultsOf(spec)).toEqual(fields);
  });

  test('may name private addresses and bindings that the deployment names', () => {
    expect(faultsOf({ endpoints: [{ address: 'http://127.0.0.1:3000' }] })).toEqual([]);
    const strict = upstreams({ upstreamAllow: [], upstreamBindings: [] });
    expect(strict.put({ endpoints: [{ address: 'http://127.0.0.1:3000' }] }).status).toBe(422);
    expect(strict.put({ serviceBinding: { name: 'SHOP' } }).status).toBe(422);
  });
});
