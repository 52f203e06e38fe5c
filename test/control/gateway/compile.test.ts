import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import type { HostEntry, RulePage } from '../../../src/core/protocol/gateway.ts';
import { gatewayPlane } from './gateway-plane.ts';

const HOST = 'shop.example.com';
const ACCEPTED = 'Accepted=True/Accepted';
const RESOLVED = 'ResolvedRefs=True/ResolvedRefs';
const BACKEND = { backendRefs: [{ name: 'orders', port: 80 }] };

/** A plane with upstreams, and what a route of these rules comes to. */
async function compiled(rules: JsonObject[], more: JsonObject = {}) {
  const plane = gatewayPlane();
  plane.upstream('orders');
  plane.upstream('bound', 'default', { serviceBinding: { name: 'BACKEND' } });
  plane.route('shop', { parentRefs: [{ name: 'default' }], hostnames: [HOST], rules, ...more });
  await plane.publish();
  return { plane, ...(await rulesOf(plane)) };
}

async function rulesOf(plane: ReturnType<typeof gatewayPlane>) {
  const { entries } = await plane.published();
  const host = entries[`host:http://${HOST}`] as unknown as HostEntry | undefined;
  const page = entries[`page:http://${HOST}#0`] as unknown as RulePage | undefined;
  return { host, page, actions: page?.actions ?? [], conditions: plane.conditions('shop')[0] };
}

test('a rule is compiled whole', async () => {
  const { page, conditions, host } = await compiled([
    {
      name: 'orders',
      matches: [
        {
          path: { type: 'PathPrefix', value: '/v1/%6frders/' },
          method: 'POST',
          headers: [
            { name: 'X-Tenant', value: 'a' },
            { name: 'x-tenant', value: 'ignored' },
          ],
          queryParams: [{ type: 'RegularExpression', name: 'Q', value: 'a+' }],
        },
        { path: { type: 'Exact', value: '/v1/orders' } },
      ],
      filters: [
        {
          type: 'RequestHeaderModifier',
          requestHeaderModifier: { set: [{ name: 'X-A', value: '1' }], remove: ['X-B'] },
        },
        { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/x' } } },
        {
          type: 'RequestMirror',
          requestMirror: { backendRef: { name: 'orders', port: 80 }, fraction: { numerator: 1, denominator: 4 } },
        },
        { type: 'CORS', cors: { allowOrigins: ['https://a.example.com'], maxAge: 60 } },
      ],
      backendRefs: [
        {
          name: 'orders',
          port: 80,
          weight: 3,
          filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'x-c', value: '2' }] } }],
        },
        { name: 'gone', port: 80 },
      ],
      timeouts: { request: '1m30s', backendRequest: '500ms' },
      retry: { codes: [502, 503], backoff: '50ms' },
      sessionPersistence: { sessionName: 'at', idleTimeout: '1h' },
    },
  ]);
  expect(conditions).toEqual([ACCEPTED, 'ResolvedRefs=False/BackendNotFound']);
  expect(host).toMatchObject({ namespace: 'default', pages: 1, paths: null, maxSegments: 2, hasPriorities: false });
  expect(host?.expressions).toEqual({ rules: [], actions: [] });
  const uid = /[0-9a-f]{8}-[0-9a-f-]{27}/;
  const text = JSON.stringify(page).replaceAll(new RegExp(uid, 'g'), 'uid');
  expect(JSON.parse(text)).toEqual({
    rules: [
      {
        path: { type: 'Exact', value: '/v1/orders' },
        match: { method: null, headers: [], query: [], conditions: null },
        priority: 0,
        createdMs: Date.UTC(2026, 10, 21),
        action: 0,
        matchIndex: 1,
      },
      {
        path: { type: 'PathPrefix', value: '/v1/orders/' },
        match: {
          method: 'POST',
          headers: [{ type: 'Exact', name: 'x-tenant', value: 'a' }],
          query: [{ type: 'RegularExpression', name: 'Q', value: 'a+' }],
          conditions: null,
        },
        priority: 0,
        createdMs: Date.UTC(2026, 10, 21),
        action: 0,
        matchIndex: 0,
      },
    ],
    actions: [
      {
        route: { namespace: 'default', name: 'shop', uid: 'uid', generation: 1 },
        rule: { index: 0, name: 'orders' },
        gateway: { namespace: 'default', name: 'default', listener: 'http' },
        filters: [
          { type: 'RequestHeaderModifier', headers: { set: [{ name: 'x-a', value: '1' }], add: [], remove: ['x-b'] } },
          { type: 'URLRewrite', rewrite: { hostname: null, path: { type: 'ReplaceFullPath', value: '/x' } } },
          {
            type: 'RequestMirror',
            mirror: {
              backend: { upstream: 'uid/orders', weight: 1, filters: [], reason: null, name: 'default/orders' },
              fraction: 0.25,
            },
          },
          {
            type: 'CORS',
            cors: {
              allowOrigins: ['https://a.example.com'],
              allowCredentials: false,
              allowMethods: [],
              allowHeaders: [],
              exposeHeaders: [],
              maxAgeSeconds: 60,
            },
          },
        ],
        backends: [
          {
            upstream: 'uid/orders',
            weight: 3,
            filters: [
              { type: 'ResponseHeaderModifier', headers: { set: [], add: [{ name: 'x-c', value: '2' }], remove: [] } },
            ],
            reason: null,
            name: 'default/orders',
          },
          { upstream: null, weight: 1, filters: [], reason: 'BackendNotFound', name: 'default/gone' },
        ],
        timeouts: { requestMs: 90_000, backendRequestMs: 500 },
        retry: { attempts: 2, backoffMs: 50, codes: [502, 503] },
        sessionPersistence: {
          type: 'Cookie',
          name: 'at',
          absoluteTimeoutMs: 0,
          idleTimeoutMs: 3_600_000,
          cookieLifetime: 'Session',
        },
        policies: [],
        broken: null,
      },
    ],
  });
});

test('rules of an expression lie in the host itself', async () => {
  const { host, page } = await compiled([
    { matches: [{ path: { type: 'RegularExpression', value: '/users/(?P<id>[0-9]+)' } }], ...BACKEND },
  ]);
  expect(page).toBeUndefined();
  expect(host?.expressions.rules.map((rule) => rule.path.value)).toEqual(['/users/(?P<id>[0-9]+)']);
});

describe('a rule that cannot be run as it is declared keeps its requests and answers 500', () => {
  const redirect = { type: 'RequestRedirect', requestRedirect: { hostname: 'a.example.com' } };
  const rewrite = (urlRewrite: JsonObject) => ({ type: 'URLRewrite', urlRewrite });
  const cases: readonly [string, JsonObject, string, string | null][] = [
    [
      'ExternalAuth',
      {
        filters: [
          {
            type: 'ExternalAuth',
            externalAuth: { protocol: 'HTTP', http: {}, backendRef: { name: 'orders', port: 80 } },
          },
        ],
      },
      'UnsupportedValue',
      null,
    ],
    [
      'a filter of another kind',
      { filters: [{ type: 'ExtensionRef', extensionRef: { group: 'example.com', kind: 'F', name: 'x' } }] },
      'UnsupportedValue',
      'ResolvedRefs=False/InvalidKind',
    ],
    [
      'a host that its upstream does not answer to',
      { filters: [rewrite({ hostname: 'other.example.org' })], ...BACKEND },
      'UnsupportedValue',
      null,
    ],
    ['too many retries', { retry: { attempts: 100 }, ...BACKEND }, 'UnsupportedValue', null],
    [
      'a redirect for one backend',
      { backendRefs: [{ name: 'orders', port: 80, filters: [redirect] }] },
      'UnsupportedValue',
      null,
    ],
  ];
  test.each(cases)('%s', async (_rule, rule, reason, resolved) => {
    const good = { matches: [{ path: { type: 'PathPrefix', value: '/good' } }], ...BACKEND };
    const both = await compiled([rule, good]);
    expect(both.conditions).toEqual([ACCEPTED, resolved ?? RESOLVED, 'PartiallyInvalid=True/UnsupportedValue']);
    expect(both.plane.message('shop', 'PartiallyInvalid')).toMatch(/^Dropped Rule.*spec\.rules\[0\]/);
    const actions = new Map(both.actions.map((action) => [action.rule.index, action]));
    expect(actions.get(0)?.broken?.status).toBe(500);
    expect(actions.get(1)?.broken).toBeNull();

    const alone = await compiled([rule]);
    expect(alone.conditions).toEqual([`Accepted=False/${reason}`, resolved ?? RESOLVED]);
    expect(alone.actions[0]?.broken?.status).toBe(500);
  });
});

test.each(['set', 'add', 'remove'])(
  'a header of the connection or of the gateway itself is not to be %s',
  async (how) => {
    for (const name of ['Via', 'Transfer-Encoding', 'Host']) {
      for (const type of ['Request', 'Response']) {
        const modifier = { [how]: how === 'remove' ? [name] : [{ name, value: 'x' }] };
        const filter = { type: `${type}HeaderModifier`, [`${type.toLowerCase()}HeaderModifier`]: modifier };
        const { conditions, actions } = await compiled([{ filters: [filter], ...BACKEND }]);
        expect([name, conditions[0], actions[0].broken?.status]).toEqual([
          name,
          'Accepted=False/UnsupportedValue',
          500,
        ]);
      }
    }
  },
);

test.each([
  ['/new', '/new'],
  ['new', '/new'],
  ['/a/../b', '/b'],
  ['/a?admin=1#x', '/a%3Fadmin=1%23x'],
  ['/café', '/caf%C3%A9'],
  ['', ''],
  ['/100%', null],
  ['/a b', null],
  ['/a\\b', null],
])('a path of a filter is spelled as those of requests are: %j is %j', async (written, path) => {
  for (const type of ['ReplaceFullPath', 'ReplacePrefixMatch'] as const) {
    const modifier = { type, [`${type[0].toLowerCase()}${type.slice(1)}`]: written };
    const filter = { type: 'URLRewrite', urlRewrite: { path: modifier } };
    const { conditions, actions } = await compiled([{ filters: [filter], ...BACKEND }]);
    if (path === null) {
      expect([conditions[0], actions[0].broken?.status]).toEqual(['Accepted=False/UnsupportedValue', 500]);
    } else {
      expect(actions[0].filters).toEqual([
        { type: 'URLRewrite', rewrite: { hostname: null, path: { type, value: path } } },
      ]);
    }
  }
});

test('a host is rewritten where the upstream answers to it', async () => {
  const rewrite = (hostname: string) => ({ filters: [{ type: 'URLRewrite', urlRewrite: { hostname } }] });
  const own = await compiled([{ ...rewrite('orders.example.org'), ...BACKEND }]);
  expect(own.conditions).toEqual([ACCEPTED, RESOLVED]);
  expect(own.actions[0].broken).toBeNull();
  const bound = await compiled([{ ...rewrite('any.example.org'), backendRefs: [{ name: 'bound', port: 80 }] }]);
  expect(bound.conditions).toEqual([ACCEPTED, RESOLVED]);
  // What discovery finds has hosts that nobody knows beforehand.
  own.plane.upstream('found', 'default', { discovery: { backend: 'members', cluster: 'main' } });
  own.plane.route('found', {
    parentRefs: [{ name: 'default' }],
    hostnames: ['found.example.com'],
    rules: [{ ...rewrite('orders.example.org'), backendRefs: [{ name: 'found', port: 80 }] }],
  });
  await own.plane.settle();
  expect(own.plane.conditions('found')[0][0]).toBe('Accepted=False/UnsupportedValue');
  // When the address changes, so does the answer.
  own.plane.upstream('orders', 'default', { endpoints: [{ address: 'https://moved.example.org' }] });
  await own.plane.publish();
  expect(own.plane.conditions('shop')[0][0]).toBe('Accepted=False/UnsupportedValue');
});

test('redirects need no backend, and a rule without either has none', async () => {
  const { actions, conditions } = await compiled([
    {
      matches: [{ path: { type: 'PathPrefix', value: '/old' } }],
      filters: [
        {
          type: 'RequestRedirect',
          requestRedirect: {
            scheme: 'https',
            port: 8443,
            statusCode: 301,
            path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' },
          },
        },
      ],
    },
    { matches: [{ path: { type: 'PathPrefix', value: '/none' } }] },
  ]);
  expect(conditions).toEqual([ACCEPTED, RESOLVED]);
  const byRule = new Map(actions.map((action) => [action.rule.index, action]));
  expect(byRule.get(0)?.filters).toEqual([
    {
      type: 'RequestRedirect',
      redirect: {
        scheme: 'https',
        hostname: null,
        port: 8443,
        statusCode: 301,
        path: { type: 'ReplacePrefixMatch', value: '/new' },
      },
    },
  ]);
  expect(byRule.get(1)?.backends).toEqual([]);
  expect(byRule.get(1)?.broken).toBeNull();
});

test('a mirror whose backend is not there is left out and said', async () => {
  const mirror = { type: 'RequestMirror', requestMirror: { backendRef: { name: 'gone', port: 80 } } };
  const { actions, conditions } = await compiled([{ filters: [mirror], ...BACKEND }]);
  expect(conditions).toEqual([ACCEPTED, 'ResolvedRefs=False/BackendNotFound']);
  expect(actions[0].filters).toEqual([]);
  expect(actions[0].broken).toBeNull();
});

describe('a match that does not compile', () => {
  const expression = (value: string) => [{ matches: [{ path: { type: 'RegularExpression', value } }], ...BACKEND }];
  const outside = '/(a)\\1';

  test('without an earlier version: the route is not accepted, and has no rules', async () => {
    const plane = gatewayPlane();
    plane.upstream('orders');
    plane.route('shop', { parentRefs: [{ name: 'default' }], hostnames: [HOST], rules: expression(outside) });
    await plane.publish();
    const { host, conditions } = await rulesOf(plane);
    expect(conditions[0]).toBe('Accepted=False/UnsupportedValue');
    expect(plane.message('shop', 'Accepted')).toMatch(/^spec\.rules\[0\]\.matches\[0\]\.path\.value: /);
    expect(host).toBeUndefined();
  });

  test('keeps the last accepted version of its route, until one compiles again', async () => {
    const { plane } = await compiled(expression('/a+'));
    plane.route('shop', { parentRefs: [{ name: 'default' }], hostnames: [HOST], rules: expression(outside) });
    // Another fault on top: what was accepted last is still what it was.
    plane.route('shop', {
      parentRefs: [{ name: 'default' }],
      hostnames: ['b.example.com'],
      rules: expression('/(b)\\1'),
    });
    await plane.publish();
    const fallen = await rulesOf(plane);
    expect(fallen.host?.expressions.rules.map((rule) => rule.path.value)).toEqual(['/a+']);
    expect(fallen.host?.expressions.actions[0].route.generation).toBe(1);
    expect(fallen.conditions).toEqual([ACCEPTED, RESOLVED, 'PartiallyInvalid=True/UnsupportedValue']);
    expect(plane.message('shop', 'PartiallyInvalid')).toMatch(/^Fall Back to generation 1: /);
    plane.route('shop', { parentRefs: [{ name: 'default' }], hostnames: [HOST], rules: expression('/c+') });
    await plane.publish();
    const again = await rulesOf(plane);
    expect(again.host?.expressions.rules.map((rule) => rule.path.value)).toEqual(['/c+']);
    expect(again.conditions).toEqual([ACCEPTED, RESOLVED]);
  });
});
