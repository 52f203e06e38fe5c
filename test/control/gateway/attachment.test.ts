import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import { GATEWAYS, gatewayApi } from './fixture.ts';
import { conditionTexts, gatewayPlane } from './gateway-plane.ts';

const GRANTS = gatewayApi('referencegrants');
const RESOLVED = 'ResolvedRefs=True/ResolvedRefs';
const ACCEPTED = 'Accepted=True/Accepted';
const BACKEND = [{ backendRefs: [{ group: 'orasi.io', kind: 'Upstream', name: 'orders' }] }];

/** A Gateway of namespace `infra` with listeners of every sort, and a namespace `shop` with an upstream. */
function infra() {
  const plane = gatewayPlane();
  plane.namespace('infra');
  plane.namespace('shop', { team: 'shop' });
  plane.upstream('orders', 'shop');
  plane.upstream('orders', 'default');
  plane.gateway(
    'edge',
    {
      gatewayClassName: 'orasi',
      listeners: [
        { name: 'own', port: 80, protocol: 'HTTP' },
        {
          name: 'all',
          port: 81,
          protocol: 'HTTP',
          hostname: '*.example.com',
          allowedRoutes: { namespaces: { from: 'All' } },
        },
        {
          name: 'team',
          port: 82,
          protocol: 'HTTP',
          allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'shop' } } } },
        },
        {
          name: 'grpc',
          port: 83,
          protocol: 'HTTP',
          allowedRoutes: { namespaces: { from: 'All' }, kinds: [{ kind: 'GRPCRoute' }] },
        },
        { name: 'tcp', port: 84, protocol: 'TCP', allowedRoutes: { namespaces: { from: 'All' } } },
      ],
    },
    'infra',
  );
  return plane;
}

const HOST = ['shop.example.com'];
const parent = (more: JsonObject): JsonObject => ({ name: 'edge', namespace: 'infra', ...more });

describe('a route at a parent', () => {
  const cases: readonly [string, JsonObject, string][] = [
    [
      'is accepted where a listener lets every namespace in',
      { parentRefs: [parent({ sectionName: 'all' })] },
      ACCEPTED,
    ],
    [
      'is accepted where the selector selects its namespace',
      { parentRefs: [parent({ sectionName: 'team' })] },
      ACCEPTED,
    ],
    ['is accepted by the port of a listener', { parentRefs: [parent({ port: 81 })] }, ACCEPTED],
    ['is accepted where one of several listeners lets it in', { parentRefs: [parent({})] }, ACCEPTED],
    [
      'finds no listener of that name',
      { parentRefs: [parent({ sectionName: 'none' })] },
      'Accepted=False/NoMatchingParent',
    ],
    ['finds no listener of that port', { parentRefs: [parent({ port: 9 })] }, 'Accepted=False/NoMatchingParent'],
    [
      'finds no listener of that name on that port',
      { parentRefs: [parent({ sectionName: 'all', port: 80 })] },
      'Accepted=False/NoMatchingParent',
    ],
    ['finds no such Gateway', { parentRefs: [parent({ name: 'other' })] }, 'Accepted=False/NoMatchingParent'],
    [
      'is kept out of a listener for its own namespace',
      { parentRefs: [parent({ sectionName: 'own' })] },
      'Accepted=False/NotAllowedByListeners',
    ],
    [
      'is kept out of a listener for other kinds of route',
      { parentRefs: [parent({ sectionName: 'grpc' })] },
      'Accepted=False/NotAllowedByListeners',
    ],
    [
      'is kept out of a listener of another protocol',
      { parentRefs: [parent({ sectionName: 'tcp' })] },
      'Accepted=False/NotAllowedByListeners',
    ],
    [
      "has no hostname that is the listener's",
      { hostnames: ['shop.example.org'], parentRefs: [parent({ sectionName: 'all' })] },
      'Accepted=False/NoMatchingListenerHostname',
    ],
    [
      'is refused at a parent that is no Gateway',
      { parentRefs: [{ group: '', kind: 'Service', name: 'orders', port: 80 }] },
      'Accepted=False/UnsupportedValue',
    ],
    [
      'is refused with a field that is not built',
      { parentRefs: [parent({ sectionName: 'all' })], useDefaultGateways: 'All' },
      'Accepted=False/UnsupportedValue',
    ],
    [
      'is refused without hostnames outside of the namespace default',
      { hostnames: [], parentRefs: [parent({ sectionName: 'all' })] },
      'Accepted=False/HostnameRequired',
    ],
    [
      'is refused with a host of the management surface',
      { hostnames: ['shop.example.com', 'orasi.workers.dev'], parentRefs: [parent({ sectionName: 'team' })] },
      'Accepted=False/HostnameReserved',
    ],
  ];
  test.each(cases)('%s', async (_rule, spec, expected) => {
    const plane = infra();
    plane.route('r', { hostnames: HOST, rules: BACKEND, ...spec }, 'shop');
    await plane.publish();
    const [conditions] = plane.conditions('r', 'shop');
    expect(conditions).toEqual([expected, RESOLVED]);
    expect(plane.announced.length).toBeGreaterThan(0);
    const hosts = Object.keys((await plane.published()).entries).filter((key) => key.startsWith('host:'));
    expect(hosts).toEqual(expected === ACCEPTED ? ['host:http://shop.example.com'] : []);
  });

  test('that another controller has is not spoken of', async () => {
    const plane = infra();
    plane.gatewayClass('other', { controllerName: 'example.com/other' });
    plane.gateway(
      'theirs',
      { gatewayClassName: 'other', listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
      'shop',
    );
    plane.route('r', { hostnames: HOST, parentRefs: [{ name: 'theirs' }], rules: BACKEND }, 'shop');
    await plane.settle();
    expect(plane.conditions('r', 'shop')).toEqual([]);
    const status = plane.read(GATEWAYS, 'theirs', 'shop').status as JsonObject;
    expect(conditionTexts(status.conditions)).toEqual(['Accepted=Unknown/Pending', 'Programmed=Unknown/Pending']);
  });

  test('is looked at again when its Gateway, its class or its namespace changes', async () => {
    const plane = gatewayPlane();
    plane.namespace('shop');
    plane.upstream('orders', 'shop');
    plane.route('r', { hostnames: HOST, parentRefs: [parent({})], rules: BACKEND }, 'shop');
    await plane.settle();
    const verdict = () => plane.conditions('r', 'shop')[0][0];
    expect(verdict()).toBe('Accepted=False/NoMatchingParent');
    plane.namespace('infra');
    const listener = (allowed: JsonObject) => ({
      name: 'http',
      port: 80,
      protocol: 'HTTP',
      allowedRoutes: { namespaces: allowed },
    });
    const edge = (allowed: JsonObject) => ({ gatewayClassName: 'mine', listeners: [listener(allowed)] });
    plane.gateway('edge', edge({ from: 'Same' }), 'infra');
    await plane.settle();
    expect(verdict()).toBe('Accepted=False/NoMatchingParent');
    plane.gatewayClass('mine', { controllerName: 'orasi.io/gateway-controller' });
    await plane.settle();
    expect(verdict()).toBe('Accepted=False/NotAllowedByListeners');
    plane.gateway(
      'edge',
      edge({ from: 'Selector', selector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['shop'] }] } }),
      'infra',
    );
    await plane.settle();
    expect(verdict()).toBe('Accepted=False/NotAllowedByListeners');
    plane.namespace('shop', { team: 'shop' });
    await plane.settle();
    expect(verdict()).toBe(ACCEPTED);
    plane.remove(GATEWAYS, 'edge', 'infra');
    await plane.publish();
    expect(verdict()).toBe('Accepted=False/NoMatchingParent');
    expect(Object.keys((await plane.published()).entries).filter((key) => key.startsWith('host:'))).toEqual([]);
  });
});

test('a host is that of listener and route, whichever says more', async () => {
  const plane = infra();
  const spec = { parentRefs: [parent({ sectionName: 'all' })], rules: BACKEND };
  plane.route('r', { ...spec, hostnames: ['*.com', 'a.b.example.com', 'example.com', '*.shop.example.com'] }, 'shop');
  await plane.publish();
  const { entries } = await plane.published();
  expect(
    Object.keys(entries)
      .filter((key) => key.startsWith('host:'))
      .sort(),
  ).toEqual(['host:http://*.example.com', 'host:http://*.shop.example.com', 'host:http://a.b.example.com']);
});

describe('a reference of a route', () => {
  const cases: readonly [string, JsonObject, string][] = [
    ['to an Upstream resolves', { group: 'orasi.io', kind: 'Upstream', name: 'orders' }, RESOLVED],
    ['to a Service is to the Upstream of its name', { name: 'orders', port: 80 }, RESOLVED],
    ['to what is not there', { name: 'none', port: 80 }, 'ResolvedRefs=False/BackendNotFound'],
    ['to another kind', { group: 'orasi.io', kind: 'Pipeline', name: 'orders' }, 'ResolvedRefs=False/InvalidKind'],
    ['to another namespace', { name: 'orders', namespace: 'shop', port: 80 }, 'ResolvedRefs=False/RefNotPermitted'],
  ];
  test.each(cases)('%s', async (_rule, reference, expected) => {
    const plane = infra();
    plane.route('r', { hostnames: HOST, parentRefs: [{ name: 'default' }], rules: [{ backendRefs: [reference] }] });
    await plane.publish();
    expect(plane.conditions('r')[0]).toEqual([ACCEPTED, expected]);
    const page = (await plane.published()).entries['page:http://shop.example.com#0'] as unknown as {
      actions: { backends: { upstream: string | null; reason: string | null }[] }[];
    };
    const [{ upstream, reason }] = page.actions[0].backends;
    expect(upstream === null).toBe(expected !== RESOLVED);
    expect(reason).toBe(expected === RESOLVED ? null : expected.split('/')[1]);
  });

  test('to another namespace resolves while a ReferenceGrant there allows it', async () => {
    const plane = infra();
    const reference = { name: 'orders', namespace: 'shop', port: 80 };
    plane.route('r', { hostnames: HOST, parentRefs: [{ name: 'default' }], rules: [{ backendRefs: [reference] }] });
    const grant = (to: JsonObject[]) =>
      plane.apply(
        {
          apiVersion: 'gateway.networking.k8s.io/v1',
          kind: 'ReferenceGrant',
          metadata: { name: 'g' },
          spec: { from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }], to },
        },
        GRANTS,
        'shop',
      );
    const seen: string[] = [];
    const see = async () => {
      await plane.settle();
      seen.push(plane.conditions('r')[0][1]);
    };
    grant([{ group: 'orasi.io', kind: 'Upstream' }]);
    await see();
    grant([{ group: '', kind: 'Service', name: 'payments' }]);
    await see();
    grant([{ group: '', kind: 'Service', name: 'orders' }]);
    await see();
    grant([{ group: '', kind: 'Service' }]);
    await see();
    plane.remove(GRANTS, 'g', 'shop');
    await see();
    expect(seen.map((text) => text.split('/')[1])).toEqual([
      'RefNotPermitted',
      'RefNotPermitted',
      'ResolvedRefs',
      'ResolvedRefs',
      'RefNotPermitted',
    ]);
  });

  test('resolves from the moment its upstream is there until it is gone', async () => {
    const plane = gatewayPlane();
    plane.route('r', { hostnames: HOST, parentRefs: [{ name: 'default' }], rules: BACKEND });
    await plane.settle();
    expect(plane.conditions('r')[0][1]).toBe('ResolvedRefs=False/BackendNotFound');
    plane.upstream('orders');
    await plane.settle();
    expect(plane.conditions('r')[0][1]).toBe(RESOLVED);
    plane.remove({ group: 'orasi.io', version: 'v1alpha1', resource: 'upstreams' }, 'orders');
    await plane.settle();
    expect(plane.conditions('r')[0][1]).toBe('ResolvedRefs=False/BackendNotFound');
  });
});

describe('a Gateway', () => {
  test('says of each listener what became of it, and how many routes it has', async () => {
    const plane = infra();
    plane.route('a', { hostnames: HOST, parentRefs: [parent({})], rules: BACKEND }, 'shop');
    plane.route(
      'b',
      { hostnames: ['b.example.com'], parentRefs: [parent({ sectionName: 'all' })], rules: BACKEND },
      'shop',
    );
    plane.route(
      'c',
      { hostnames: ['c.example.org'], parentRefs: [parent({ sectionName: 'all' })], rules: BACKEND },
      'shop',
    );
    await plane.settle();
    const listeners = () => {
      const status = plane.read(GATEWAYS, 'edge', 'infra').status as {
        listeners: JsonObject[];
        conditions: JsonObject[];
      };
      return status.listeners.map(({ name, attachedRoutes, supportedKinds, conditions }) => [
        name,
        attachedRoutes,
        (supportedKinds as JsonObject[]).map((item) => item.kind),
        conditionTexts(conditions).join(' '),
      ]);
    };
    const fine =
      'Conflicted=False/NoConflicts Accepted=True/Accepted ResolvedRefs=True/ResolvedRefs Programmed=True/Programmed';
    expect(listeners()).toEqual([
      ['own', 0, ['HTTPRoute'], fine],
      ['all', 2, ['HTTPRoute'], fine],
      ['team', 1, ['HTTPRoute'], fine],
      [
        'grpc',
        0,
        [],
        'Conflicted=False/NoConflicts Accepted=True/Accepted ResolvedRefs=False/InvalidRouteKinds Programmed=False/Invalid',
      ],
      [
        'tcp',
        0,
        [],
        'Conflicted=False/NoConflicts Accepted=False/UnsupportedProtocol ResolvedRefs=True/ResolvedRefs Programmed=False/Invalid',
      ],
    ]);
    const status = plane.read(GATEWAYS, 'edge', 'infra').status as JsonObject;
    expect(conditionTexts(status.conditions)).toEqual([
      'Accepted=True/ListenersNotValid',
      'Programmed=True/Programmed',
      'ResolvedRefs=False/ListenersNotResolved',
    ]);
    plane.remove(gatewayApi('httproutes'), 'b', 'shop');
    await plane.settle();
    expect(listeners().map(([, attached]) => attached)).toEqual([0, 1, 1, 0, 0]);
  });

  const http = [{ name: 'http', port: 80, protocol: 'HTTP' }];
  const refused: readonly [string, JsonObject, string][] = [
    ['addresses', { addresses: [{ type: 'IPAddress', value: '192.0.2.1' }] }, 'UnsupportedAddress'],
    [
      'parameters',
      { infrastructure: { parametersRef: { group: 'orasi.io', kind: 'Any', name: 'x' } } },
      'InvalidParameters',
    ],
    ['ListenerSets', { allowedListeners: { namespaces: { from: 'All' } } }, 'UnsupportedValue'],
    [
      'client certificates for backends',
      { tls: { backend: { clientCertificateRef: { name: 'x' } } } },
      'UnsupportedValue',
    ],
    [
      'authorities of clients',
      {
        tls: {
          frontend: { default: { validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'x' }] } } },
        },
      },
      'UnsupportedValue',
    ],
  ];
  test.each(refused)('that asks for %s is refused, and serves nothing', async (_field, more, reason) => {
    const plane = gatewayPlane();
    plane.upstream('orders');
    plane.gateway('edge', { gatewayClassName: 'orasi', listeners: http, ...more });
    plane.route('r', { hostnames: HOST, parentRefs: [{ name: 'edge' }], rules: BACKEND });
    await plane.publish();
    const status = plane.read(GATEWAYS, 'edge').status as { conditions: JsonObject[] };
    expect(conditionTexts(status.conditions)).toEqual([
      `Accepted=False/${reason}`,
      'Programmed=False/Invalid',
      'ResolvedRefs=True/ResolvedRefs',
    ]);
    expect(Object.keys((await plane.published()).entries).filter((key) => key.startsWith('host:'))).toEqual([]);
  });

  test.each([
    ['a listener for the management surface', { hostname: 'orasi.workers.dev' }, 'Accepted=False/UnsupportedValue'],
    ['two protocols on one port', { port: 443 }, 'Accepted=False/ProtocolConflict'],
  ])('%s is not accepted', async (_rule, more, expected) => {
    const plane = gatewayPlane();
    const options = { 'orasi.io/termination': 'cloudflare' };
    const tls = { name: 'tls', port: 443, protocol: 'HTTPS', tls: { options } };
    plane.gateway('edge', { gatewayClassName: 'orasi', listeners: [{ ...http[0], ...more }, tls] });
    await plane.settle();
    const status = plane.read(GATEWAYS, 'edge').status as { listeners: { conditions: JsonObject[] }[] };
    const [, accepted, , programmed] = conditionTexts(status.listeners[0].conditions);
    expect([accepted, programmed]).toEqual([expected, 'Programmed=False/Invalid']);
  });

  test('of a class with parameters is not ours to serve', async () => {
    const plane = gatewayPlane();
    plane.gatewayClass('mine', {
      controllerName: 'orasi.io/gateway-controller',
      parametersRef: { group: 'orasi.io', kind: 'Any', name: 'x' },
    });
    plane.gatewayClass('other', { controllerName: 'example.com/other' });
    await plane.settle();
    const conditionsOf = (name: string) => {
      const found = plane.read({ ...gatewayApi('gatewayclasses'), namespace: null }, name);
      return conditionTexts((found.status as JsonObject).conditions);
    };
    expect(conditionsOf('orasi')).toEqual(['Accepted=True/Accepted']);
    expect(conditionsOf('mine')).toEqual(['Accepted=False/InvalidParameters']);
    expect(conditionsOf('other')).toEqual(['Accepted=Unknown/Pending']);
  });
});

test('conditions speak of the generation they were made of', async () => {
  const plane = gatewayPlane();
  plane.upstream('orders');
  const generations = () => {
    const { metadata, status } = plane.read(gatewayApi('httproutes'), 'r') as {
      metadata: { generation: number };
      status: { parents: { conditions: { observedGeneration: number }[] }[] };
    };
    return [metadata.generation, ...status.parents[0].conditions.map((condition) => condition.observedGeneration)];
  };
  plane.route('r', { hostnames: HOST, parentRefs: [{ name: 'default' }], rules: BACKEND });
  await plane.settle();
  expect(generations()).toEqual([1, 1, 1, 1]);
  plane.route('r', { hostnames: ['b.example.com'], parentRefs: [{ name: 'default' }], rules: BACKEND });
  await plane.settle();
  expect(generations()).toEqual([2, 2, 2, 2]);
});
