import { beforeAll, describe, expect, it } from 'vitest';
import { SUPPORTED_FEATURES } from '../../src/control/gateway/supported-features.ts';
import type { JsonObject } from '../../src/control/json.ts';
import { canonicalRequest } from '../../src/traffic/canonical.ts';
import { RequestFacts } from '../../src/traffic/match/facts.ts';
import { type MatchSource, matchRequest } from '../../src/traffic/match/match.ts';
import { decodeHashes } from '../../src/traffic/snapshot/hash-set.ts';
import type { EntryAt, EntryKey } from '../../src/traffic/snapshot/keys.ts';
import { GATEWAYS, gatewayApi, ROUTES } from '../control/gateway/fixture.ts';
import { gatewayPlane, UPSTREAMS } from '../control/gateway/gateway-plane.ts';
import { BACKENDS, type CaseExpectation, type CaseResource } from './conformance/case.ts';
import { CASES } from './conformance/cases.ts';

const CALLS = { HTTPRoute: ROUTES, Gateway: GATEWAYS, ReferenceGrant: gatewayApi('referencegrants', 'v1beta1') };

type Plane = ReturnType<typeof gatewayPlane>;

let plane: Plane;
let source: MatchSource;

/** Every case's resources in one control plane, published: what matching then has is what the gateway would have. */
beforeAll(async () => {
  plane = gatewayPlane();
  plane.namespace('web');
  for (const name of BACKENDS) plane.upstream(name);
  plane.apply(upstream('v1'), UPSTREAMS, 'web');
  for (const resource of CASES.flatMap(({ resources }) => resources)) {
    // Routes of one second would tie by age.
    plane.clock.advance(1_000);
    plane.apply(resource as unknown as JsonObject, callFor(resource), resource.metadata.namespace);
  }
  await plane.publish();
  const { manifest, entries } = await plane.published();
  source = {
    hosts: decodeHashes(manifest.hosts),
    read: <K extends EntryKey>(key: K) => (entries[key] ?? null) as unknown as EntryAt<K> | null,
  };
});

function callFor({ kind }: CaseResource) {
  return CALLS[kind as keyof typeof CALLS];
}

function upstream(name: string): JsonObject {
  return {
    apiVersion: 'orasi.io/v1alpha1',
    kind: 'Upstream',
    metadata: { name },
    spec: { endpoints: [{ address: `https://${name}.example.org` }] },
  };
}

describe.each(CASES)('conformance: $name', ({ host, requests, conditions, attached }) => {
  it.each(requests ?? [])(
    '$method $host $path is matched as the standard says',
    (request, expected: CaseExpectation) => {
      const sentTo = request.host ?? host;
      const canonical = canonicalRequest(request.method ?? 'GET', `http://${sentTo}${request.path}`, sentTo);
      if (!canonical.ok) throw new Error(canonical.fault.message);
      const result = matchRequest(new RequestFacts(canonical.request, new Headers(request.headers), {}), source);
      if (expected.status === 404) expect(result).toEqual({ type: 'none' });
      else expect(result).toMatchObject({ type: 'match' });
      if (expected.backend === undefined || result.type !== 'match') return;
      const backends = result.action.backends.filter(({ weight }) => weight > 0).map(({ name }) => name.split('/')[1]);
      expect(backends).toEqual([expected.backend]);
    },
  );

  it('has the conditions that the standard says', () => {
    for (const { route, parent = 0, type, status, reason } of conditions ?? []) {
      const [namespace, name] = route.split('/');
      expect(plane.conditions(name, namespace)[parent], route).toContain(`${type}=${status}/${reason}`);
    }
    for (const [listener, routes] of Object.entries(attached ?? {})) {
      const [namespace, gateway, name] = listener.split('/');
      const { listeners } = plane.read(GATEWAYS, gateway, namespace).status as { listeners: JsonObject[] };
      expect(listeners.find((one) => one.name === name)?.attachedRoutes, listener).toBe(routes);
    }
  });
});

describe('conformance features', () => {
  it('that are claimed have a case each, and stand in order', () => {
    const tried = new Set(CASES.flatMap(({ features }) => features));
    for (const feature of SUPPORTED_FEATURES) expect(tried).toContain(feature);
    for (const feature of tried) expect(SUPPORTED_FEATURES).toContain(feature);
    expect([...SUPPORTED_FEATURES].sort()).toEqual(SUPPORTED_FEATURES);
  });
});
