import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import type { RuleAction, RulePage } from '../../../src/core/protocol/gateway.ts';
import { SECRETS } from '../fixture.ts';
import { gatewayApi, ROUTES } from './fixture.ts';
import { conditionTexts, gatewayPlane, UPSTREAMS } from './gateway-plane.ts';

const KINDS: Readonly<Record<string, string>> = {
  ratelimitpolicies: 'RateLimitPolicy',
  securitypolicies: 'SecurityPolicy',
  authpolicies: 'AuthPolicy',
  routematchpolicies: 'RouteMatchPolicy',
};
const GROUP = 'gateway.networking.k8s.io';
const LIMIT = {
  mode: 'exact',
  limits: [{ name: 'all', algorithm: 'fixedWindow', limit: 10, windowSeconds: 60, key: [{ type: 'ip' }] }],
};

function world() {
  const plane = gatewayPlane();
  plane.upstream('orders');
  const shop = (rules: JsonObject[], name = 'shop') =>
    plane.route(name, {
      parentRefs: [{ name: 'default' }],
      hostnames: [`${name}.example.com`],
      rules: rules.map((rule) => ({ backendRefs: [{ name: 'orders', port: 80 }], ...rule })),
    });
  const under = (path: string, name?: string): JsonObject => ({
    ...(name === undefined ? {} : { name }),
    matches: [{ path: { type: 'PathPrefix', value: path } }],
  });
  shop([under('/a', 'a'), under('/b')]);
  return {
    ...plane,
    shop,
    under,
    policy: (plural: string, name: string, targets: JsonObject[], spec: JsonObject, namespace = 'default') =>
      plane.apply(
        {
          apiVersion: 'orasi.io/v1alpha1',
          kind: KINDS[plural],
          metadata: { name },
          spec: { targetRefs: targets.map((target): JsonObject => ({ group: GROUP, ...target })), ...spec },
        },
        { group: 'orasi.io', version: 'v1alpha1', resource: plural },
        namespace,
      ),
    drop: (plural: string, name: string) =>
      plane.remove({ group: 'orasi.io', version: 'v1alpha1', resource: plural }, name),
    /** Reason of Accepted at each target of a policy. */
    verdicts(plural: string, name: string): string[] {
      const status = plane.read({ group: 'orasi.io', version: 'v1alpha1', resource: plural }, name).status as {
        ancestors: { conditions: JsonObject[] }[];
      };
      return status.ancestors.flatMap((ancestor) => conditionTexts(ancestor.conditions));
    },
    /** By rule, what is done with a request of `shop`. */
    async actions(scheme = 'http'): Promise<RuleAction[]> {
      await plane.publish();
      const { entries } = await plane.published();
      const page = entries[`page:${scheme}://shop.example.com#0`] as unknown as RulePage;
      return [...page.actions].sort((a, b) => a.rule.index - b.rule.index);
    },
    names: (actions: readonly RuleAction[]) =>
      actions.map(({ policies }) =>
        policies.map(({ key, target }) => `${target} ${key.split('/').slice(1).join('/')}`),
      ),
  };
}

const GATEWAY = { kind: 'Gateway', name: 'default' };
const ROUTE = { kind: 'HTTPRoute', name: 'shop' };
const OK = 'Accepted=True/Accepted';

test('the policy of a rule goes before that of its route, that before the listener and the Gateway', async () => {
  const w = world();
  const limits = (name: string, target: JsonObject) => w.policy('ratelimitpolicies', name, [target], LIMIT);
  limits('gateway', GATEWAY);
  expect(w.names(await w.actions())).toEqual([
    ['Gateway ratelimitpolicies/gateway'],
    ['Gateway ratelimitpolicies/gateway'],
  ]);
  limits('listener', { ...GATEWAY, sectionName: 'https' });
  expect(w.names(await w.actions('https'))[0]).toEqual(['Gateway ratelimitpolicies/listener']);
  expect(w.names(await w.actions('http'))[0]).toEqual(['Gateway ratelimitpolicies/gateway']);
  limits('route', ROUTE);
  limits('rule', { ...ROUTE, sectionName: 'a' });
  expect(w.names(await w.actions('https'))).toEqual([
    ['HTTPRouteRule ratelimitpolicies/rule'],
    ['HTTPRoute ratelimitpolicies/route'],
  ]);
  // Kinds do not replace each other.
  w.policy('securitypolicies', 'headers', [GATEWAY], { headers: { profile: 'strict' } });
  expect(w.names(await w.actions())[0]).toEqual([
    'Gateway securitypolicies/headers',
    'HTTPRouteRule ratelimitpolicies/rule',
  ]);
  w.drop('ratelimitpolicies', 'rule');
  w.drop('ratelimitpolicies', 'route');
  expect(w.names(await w.actions())[0]).toEqual([
    'Gateway securitypolicies/headers',
    'Gateway ratelimitpolicies/gateway',
  ]);
});

test('the policy of an Upstream is that of every rule whose requests may go there, the narrower ones first', async () => {
  const w = world();
  w.upstream('spare');
  const backends = (...names: string[]) => ({ backendRefs: names.map((name) => ({ name, port: 80 })) });
  w.shop([
    { ...w.under('/a', 'a'), ...backends('orders', 'spare') },
    { ...w.under('/b'), ...backends('spare') },
  ]);
  const upstream = (name: string) => ({ group: 'orasi.io', kind: 'Upstream', name });
  w.policy('ratelimitpolicies', 'gateway', [GATEWAY], LIMIT);
  w.policy('ratelimitpolicies', 'orders', [upstream('orders')], LIMIT);
  expect(w.names(await w.actions())).toEqual([
    ['Upstream ratelimitpolicies/orders'],
    ['Gateway ratelimitpolicies/gateway'],
  ]);
  w.policy('ratelimitpolicies', 'spare', [upstream('spare')], LIMIT);
  expect(w.names(await w.actions())).toEqual([
    ['Upstream ratelimitpolicies/orders'],
    ['Upstream ratelimitpolicies/spare'],
  ]);
  w.policy('ratelimitpolicies', 'route', [ROUTE], LIMIT);
  expect(w.names(await w.actions())).toEqual([
    ['HTTPRoute ratelimitpolicies/route'],
    ['HTTPRoute ratelimitpolicies/route'],
  ]);
  expect(w.verdicts('ratelimitpolicies', 'spare')).toEqual([OK]);
  w.remove(UPSTREAMS, 'spare');
  await w.settle();
  expect(w.verdicts('ratelimitpolicies', 'spare')).toEqual(['Accepted=False/TargetNotFound']);
});

test('an owner’s policies on an Upstream that routes of others may use go before theirs, mirrors too', async () => {
  const w = world();
  for (const name of ['vault', 'bank']) {
    w.namespace(name);
    w.upstream('safe', name);
    w.apply(
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'ReferenceGrant',
        metadata: { name: 'in' },
        spec: {
          from: [{ group: GROUP, kind: 'HTTPRoute', namespace: 'default' }],
          to: [{ group: 'orasi.io', kind: 'Upstream' }],
        },
      },
      gatewayApi('referencegrants'),
      name,
    );
  }
  const safe = (namespace: string) => ({ group: 'orasi.io', kind: 'Upstream', name: 'safe', namespace });
  const mirror = { type: 'RequestMirror', requestMirror: { backendRef: safe('vault') } };
  w.shop([
    { ...w.under('/a', 'a'), backendRefs: [safe('vault')] },
    { ...w.under('/b'), filters: [mirror] },
    { ...w.under('/c'), backendRefs: [safe('vault'), safe('bank')] },
  ]);
  const OWNERS = [{ group: 'orasi.io', kind: 'Upstream', name: 'safe' }];
  w.policy('securitypolicies', 'mine', [ROUTE, { ...ROUTE, sectionName: 'a' }], { headers: { profile: 'strict' } });
  w.policy('ratelimitpolicies', 'mine', [ROUTE], LIMIT);
  w.policy('securitypolicies', 'owners', OWNERS, { headers: { profile: 'strict' } }, 'vault');
  w.policy('ratelimitpolicies', 'owners', OWNERS, LIMIT, 'vault');
  const guarded = [
    'Upstream securitypolicies/owners',
    'Upstream ratelimitpolicies/owners',
    'HTTPRoute ratelimitpolicies/mine',
  ];
  expect(w.names(await w.actions())).toEqual([guarded, guarded, guarded]);
  // Limits of several owners hold side by side; of what lets in and keeps out there is one.
  w.policy('ratelimitpolicies', 'limits', OWNERS, LIMIT, 'bank');
  const [first, , both] = w.names(await w.actions());
  expect(first).toEqual(guarded);
  expect(both).toEqual([...guarded.slice(0, 2), 'Upstream ratelimitpolicies/limits', guarded[2]]);
  w.policy('securitypolicies', 'other', OWNERS, { headers: { profile: 'strict' } }, 'bank');
  const [sound, , torn] = await w.actions();
  expect(sound.broken).toBeNull();
  expect(torn.broken).toMatchObject({ status: 500, reason: 'Invalid' });
  expect(torn.broken?.message).toContain('vault/owners, bank/other');
  expect(w.conditions('shop')[0]).toContain('PolicyFault=True/Invalid');
});

test('of two on one target the oldest is in force and the other says so, until the oldest goes', async () => {
  const w = world();
  w.policy('ratelimitpolicies', 'z-first', [ROUTE], LIMIT);
  w.policy('ratelimitpolicies', 'a-second', [ROUTE, { ...ROUTE, sectionName: 'a' }], LIMIT);
  expect(w.names(await w.actions())).toEqual([
    ['HTTPRouteRule ratelimitpolicies/a-second'],
    ['HTTPRoute ratelimitpolicies/z-first'],
  ]);
  expect(w.verdicts('ratelimitpolicies', 'z-first')).toEqual([OK]);
  expect(w.verdicts('ratelimitpolicies', 'a-second')).toEqual(['Accepted=False/Conflicted', OK]);
  w.drop('ratelimitpolicies', 'z-first');
  expect(w.names(await w.actions())[1]).toEqual(['HTTPRoute ratelimitpolicies/a-second']);
  expect(w.verdicts('ratelimitpolicies', 'a-second')).toEqual([OK, OK]);
});

test('a target that is not there is said, until it is', async () => {
  const w = world();
  const later = { kind: 'HTTPRoute', name: 'later' };
  w.policy(
    'ratelimitpolicies',
    'p',
    [later, { ...ROUTE, sectionName: 'none' }, { kind: 'Gateway', name: 'none' }],
    LIMIT,
  );
  await w.settle();
  const missing = 'Accepted=False/TargetNotFound';
  expect(w.verdicts('ratelimitpolicies', 'p')).toEqual([missing, missing, missing]);
  w.shop([w.under('/a')], 'later');
  w.shop([w.under('/a', 'none')]);
  await w.settle();
  expect(w.verdicts('ratelimitpolicies', 'p')).toEqual([OK, OK, missing]);
  w.remove(ROUTES, 'later');
  await w.settle();
  expect(w.verdicts('ratelimitpolicies', 'p')).toEqual([missing, OK, missing]);
});

test('one that cannot be enforced has its requests answered 500, and never lets them through', async () => {
  const w = world();
  w.policy('authpolicies', 'keys', [{ ...ROUTE, sectionName: 'a' }], { apiKey: { secrets: [{ name: 'consumers' }] } });
  const [broken, other] = await w.actions();
  expect(broken.broken).toMatchObject({ status: 500, reason: 'Invalid' });
  expect(broken.policies).toEqual([]);
  expect(other.broken).toBeNull();
  expect(w.verdicts('authpolicies', 'keys')).toEqual(['Accepted=False/Invalid']);
  expect(w.conditions('shop')[0]).toContain('PolicyFault=True/Invalid');
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'consumers' },
    stringData: { alice: 'a-long-enough-key' },
  };
  w.apply(secret, SECRETS);
  const [mended] = await w.actions();
  expect(mended.broken).toBeNull();
  expect(w.names([mended])).toEqual([['HTTPRouteRule authpolicies/keys']]);
  expect(w.verdicts('authpolicies', 'keys')).toEqual([OK]);
  expect(w.conditions('shop')[0]).toEqual([OK, 'ResolvedRefs=True/ResolvedRefs']);
  const { entries } = await w.published();
  const entry = Object.entries(entries).find(([key]) => key.endsWith('authpolicies/keys'));
  expect(entry?.[1].kind).toBe('AuthPolicy');
  expect(JSON.stringify(entries)).not.toContain('a-long-enough-key');
  w.remove(SECRETS, 'consumers');
  expect((await w.actions())[0].broken?.status).toBe(500);
});

test('a limit that the platform cannot count is refused by its condition, and not counted otherwise', async () => {
  const w = world();
  const spec = { ...LIMIT, mode: 'edge', tier: 'EDGE_1_PER_10' };
  w.policy('ratelimitpolicies', 'edge', [ROUTE], spec);
  expect((await w.actions())[0].broken).toMatchObject({ status: 500, reason: 'Invalid' });
  expect(w.verdicts('ratelimitpolicies', 'edge')).toEqual(['Accepted=False/Invalid']);
  expect(w.conditions('shop')[0]).toContain('PolicyFault=True/Invalid');
  w.policy('ratelimitpolicies', 'edge', [ROUTE], LIMIT);
  expect((await w.actions())[0].broken).toBeNull();
});

test('what a policy says is in its own entry: another limit rewrites no rule', async () => {
  const w = world();
  w.policy('ratelimitpolicies', 'p', [ROUTE], LIMIT);
  await w.publish();
  const pages = () => w.database.exec("SELECT body FROM gateway_entries WHERE key LIKE 'page:%'");
  const [before, looks] = [pages(), w.read(ROUTES, 'shop').metadata];
  w.policy('ratelimitpolicies', 'p', [ROUTE], { ...LIMIT, limits: [{ ...LIMIT.limits[0], limit: 11 }] });
  await w.publish();
  expect(pages()).toEqual(before);
  expect(w.read(ROUTES, 'shop').metadata).toEqual(looks);
  const { entries } = await w.published();
  expect(JSON.stringify(Object.entries(entries).find(([key]) => key.endsWith('/p')))).toContain('11');
});

describe('a RouteMatchPolicy', () => {
  test('adds its conditions and priority to the rules it is attached to', async () => {
    const w = world();
    w.policy('routematchpolicies', 'dach', [{ ...ROUTE, sectionName: 'a' }], { priority: 7, countries: ['DE', 'AT'] });
    await w.publish();
    const read = async () => {
      const { entries } = await w.published();
      const page = entries['page:http://shop.example.com#0'] as unknown as RulePage;
      const host = entries['host:http://shop.example.com'] as JsonObject;
      const rules = page.rules.map((rule) => [rule.path.value, rule.priority, rule.match.conditions]);
      return { rules, hasPriorities: host.hasPriorities };
    };
    expect(await read()).toEqual({
      rules: [
        ['/a', 7, { countries: ['DE', 'AT'] }],
        ['/b', 0, null],
      ],
      hasPriorities: true,
    });
    w.drop('routematchpolicies', 'dach');
    await w.publish();
    expect(await read()).toEqual({
      rules: [
        ['/a', 0, null],
        ['/b', 0, null],
      ],
      hasPriorities: false,
    });
  });
});
