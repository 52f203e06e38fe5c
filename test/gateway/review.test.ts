import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { JsonWebKeySets } from '../../src/access/json-web-key-sets.ts';
import { policySecrets } from '../../src/access/policy-secrets.ts';
import { manualClock } from '../../src/core/clock.ts';
import type { CompiledAuth } from '../../src/core/protocol/auth-policy.ts';
import type { AttachedPolicy, PolicyEntry } from '../../src/core/protocol/gateway.ts';
import type { CompiledSecurity } from '../../src/core/protocol/security-policy.ts';
import { createAuthentication, type PlatformKey } from '../../src/gateway/authenticate.ts';
import { createAuthorisation } from '../../src/gateway/authorise.ts';
import { beginExchange } from '../../src/gateway/begin-exchange.ts';
import type { Exchange, PoliciesInForce } from '../../src/gateway/exchange.ts';
import { findPolicies } from '../../src/gateway/find-entries.ts';
import { findRule } from '../../src/gateway/find-rule.ts';
import { HeaderList } from '../../src/gateway/header-list.ts';
import { createReview } from '../../src/gateway/review.ts';
import { Snapshots } from '../../src/gateway/snapshot.ts';
import { checkAddress, checkRequest } from '../../src/gateway/validate.ts';
import { createLogs } from '../../src/observe/log.ts';
import { canonicalRequest } from '../../src/traffic/canonical.ts';
import { keyPair, tokenOf } from '../access/issuer.ts';
import { signed } from '../access/signer.ts';
import { backend, NAMESPACE_UID, publication, rule, type TestConfiguration, upstream } from './entries.ts';

const NOW = 1_800_000_000;
const HOST = 'chat.example.com';
const SECRETS = policySecrets([new Uint8Array(32).fill(9)]);
const RSA = keyPair('RS256', 'rsa-1');
const ROBOT = Buffer.from('the-secret-of-robot-1');
const PLATFORM = `orasi_${'0'.repeat(26)}_${'a'.repeat(64)}`;
const AUTH = 'policy:ns-1/authpolicies/who' as const;
const SECURITY = 'policy:ns-1/securitypolicies/how' as const;
const ATTACHED: Readonly<Record<string, AttachedPolicy>> = {
  [AUTH]: { kind: 'AuthPolicy', key: AUTH, target: 'HTTPRoute' },
  [SECURITY]: { kind: 'SecurityPolicy', key: SECURITY, target: 'HTTPRoute' },
};

const from = [
  { type: 'header', name: 'x-api-key', prefix: '' },
  { type: 'query', name: 'key' },
] as const;
const consumers = (...keys: string[]) =>
  Object.fromEntries(keys.map((key) => [SECRETS.digests(key)[0], { keyId: `keys/${key}`, user: key, tenant: null }]));
const apiKey = (...keys: string[]) => ({
  from,
  platformRoles: ['reader'],
  consumers: consumers(...keys),
  forward: false,
});
const jwt: CompiledAuth['jwt'] = {
  from: [{ type: 'header', name: 'authorization', prefix: 'Bearer ' }],
  forward: true,
  providers: [
    {
      name: 'a',
      issuer: 'https://a.example',
      audiences: [],
      algorithms: ['RS256'],
      keys: { type: 'inline', keys: [RSA.jwk as unknown as Record<string, unknown>] },
      clockSkewSeconds: 0,
      maxAgeSeconds: null,
      type: null,
      userClaim: 'sub',
      tenantClaim: null,
      claimsToHeaders: [],
    },
  ],
};
const hmac = (secret: Buffer): CompiledAuth['hmac'] => ({
  keys: {
    r1: {
      sealed: SECRETS.seal(secret.toString('base64'), 'robots/r1'),
      context: 'robots/r1',
      secret: 'robots',
      user: 'r1',
      tenant: null,
    },
  },
  components: [],
  maxAgeSeconds: 60,
  clockSkewSeconds: 5,
  maxBodyBytes: 1_000,
  forward: false,
});

function auth(given: Partial<CompiledAuth>): PolicyEntry {
  const none = { mtls: null, hmac: null, jwt: null, apiKey: null, anonymous: false, authorization: null };
  const spec: CompiledAuth = { ...none, realm: 'api', identityHeaders: [], ...given };
  return { kind: 'AuthPolicy', name: 'who', namespaceUid: NAMESPACE_UID, spec };
}

function security(deny: string[]): PolicyEntry {
  const request = { methods: null, maxUrlBytes: null, maxHeaderBytes: null, maxHeaders: null, requiredHeaders: [] };
  const spec = {
    addresses: { allow: [], deny },
    request: { ...request, contentTypes: null, maxBodyBytes: null, body: null },
    webSocketOrigins: null,
  } as unknown as CompiledSecurity;
  return { kind: 'SecurityPolicy', name: 'how', namespaceUid: NAMESPACE_UID, spec };
}

/** A host whose one rule leads to `to` under these policies. */
function published(policies: Record<`policy:${string}`, PolicyEntry>, to = 'chat', more = {}): TestConfiguration {
  const attached = Object.keys(policies).map((key) => ATTACHED[key]);
  return {
    upstreams: { chat: upstream(['http://10.0.0.1']), other: upstream(['http://10.0.0.2']) },
    hosts: { [`https://${HOST}`]: [rule('/', to, [], { policies: attached, ...more })] },
    policies,
  };
}

/** A gateway that a request has passed, and what a look at it says after something has changed. */
async function opened(before: TestConfiguration, headers: Record<string, string>, search = '') {
  const clock = manualClock(NOW * 1_000);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const snapshots = new Snapshots(async (key) => files.get(key) ?? null, 1_000_000);
  let version = 0;
  const publish = async (configuration: TestConfiguration): Promise<void> => {
    version += 1;
    const made = await publication(version, configuration);
    for (const [key, bytes] of made.files) files.set(key, bytes);
    await snapshots.takeUp(made.manifest);
  };
  const world = {
    clock,
    publish,
    platformKey: null as PlatformKey | null | Error,
    /** Keys that were asked for, and requests that were held against the configuration. */
    asked: 0,
    checked: 0,
    look: async () => {
      const { refusal } = await review(exchange, seen);
      seen = version;
      return refusal;
    },
  };
  const used = new Set<string>();
  const log = createLogs({ '*': 'error' }, () => undefined, clock)('gateway');
  const authentication = createAuthentication({
    clock,
    log,
    secrets: SECRETS,
    keySets: new JsonWebKeySets({ fetch, clock, allowed: [], pause: async () => undefined }),
    platformKey: async () => {
      world.asked += 1;
      if (world.platformKey instanceof Error) throw world.platformKey;
      return world.platformKey;
    },
    firstUse: async (_, nonce) => !used.has(nonce) && used.add(nonce) !== undefined,
  });
  const stages = {
    addresses: (exchange: Exchange) => {
      world.checked += 1;
      return checkAddress(exchange);
    },
    validation: checkRequest,
    authentication,
    authorisation: createAuthorisation(log),
  };
  const review = createReview({ snapshots, link: { refresh: () => null }, stages, trustedProxies: [] });

  await publish(before);
  const url = `https://${HOST}/room${search}`;
  const request = new Request(url, {
    headers: { upgrade: 'websocket', 'cf-connecting-ip': '203.0.113.9', ...headers },
  });
  const canonical = canonicalRequest('GET', url, null);
  const entries = snapshots.reader();
  if (!canonical.ok || entries === null) throw new Error('no request');
  const exchange: Exchange = beginExchange(
    {
      request,
      given: HeaderList.of(request.headers),
      target: canonical.request,
      entries,
      requestId: 'r',
      trace: { traceId: '0'.repeat(32), spanId: '0'.repeat(16), parentSpanId: null, sampled: false } as never,
      waitUntil: () => undefined,
      startedMs: clock.now(),
    },
    [],
  );
  if (headers.platform !== undefined) world.platformKey = { name: 'key:1', role: 'reader', namespaceUid: null };
  expect(await findRule(exchange)).toBe('found');
  if (exchange.action !== null)
    exchange.policies = (await findPolicies(exchange.entries, exchange.action)) as PoliciesInForce;
  for (const check of Object.values(stages)) expect(await check(exchange)).toBeNull();
  exchange.upstreamKey = `${NAMESPACE_UID}/chat`;
  let seen = version;
  return world;
}

const ROUTE_GONE = { code: 'no_route', stage: 'match' };
const WRONG = { code: 'unauthenticated', stage: 'authentication' };

describe('an open WebSocket', () => {
  const keyed = published({ [AUTH]: auth({ apiKey: apiKey('ada', 'bob') }) });
  const ada = { 'x-api-key': 'ada' };

  test('goes on where what changed is not its own', async () => {
    const { look, publish } = await opened(keyed, ada);
    expect(await look()).toBeNull();
    await publish(published({ [AUTH]: auth({ apiKey: apiKey('ada', 'eve') }) }));
    expect(await look()).toBeNull();
  });

  test.each([
    ['a header', ada, ''],
    ['the query, of which it was taken out', {}, '?key=ada&a=1'],
  ])('ends when its key is taken out of the policy: in %s', async (_, headers, search) => {
    const { look, publish } = await opened(keyed, headers as Record<string, string>, search);
    expect(await look()).toBeNull();
    await publish(published({ [AUTH]: auth({ apiKey: apiKey('bob') }) }));
    expect(await look()).toMatchObject(WRONG);
  });

  test('ends when its key is another’s', async () => {
    const { look, publish } = await opened(keyed, ada);
    const [digest] = SECRETS.digests('ada');
    const moved = { [digest]: { keyId: 'keys/eve', user: 'eve', tenant: null } };
    await publish(published({ [AUTH]: auth({ apiKey: { ...apiKey(), consumers: moved } }) }));
    expect(await look()).toMatchObject(WRONG);
  });

  test('ends when a key of the platform is revoked, which no version tells', async () => {
    const world = await opened(keyed, { 'x-api-key': PLATFORM, platform: 'yes' });
    expect(await world.look()).toBeNull();
    world.platformKey = new Error('away');
    await expect(world.look()).rejects.toThrow('away');
    world.platformKey = null;
    expect(await world.look()).toMatchObject(WRONG);
  });

  test('ends when its token does', async () => {
    const claims = { iss: 'https://a.example', sub: 'tess', exp: NOW + 60 };
    const token = tokenOf({ alg: 'RS256', kid: 'rsa-1' }, claims, RSA.privateKey);
    const { look, clock } = await opened(published({ [AUTH]: auth({ jwt }) }), { authorization: `Bearer ${token}` });
    clock.advance(59_000);
    expect(await look()).toBeNull();
    clock.advance(1_000);
    expect(await look()).toMatchObject(WRONG);
  });

  test('stays open by a signature whose time is over and whose nonce was used, and ends with the signer’s secret', async () => {
    const request = { method: 'GET', url: `https://${HOST}/room` };
    const headers = signed(request, { keyId: 'r1', secret: ROBOT, created: NOW, nonce: 'n0nce-n0nce' });
    const { look, clock, publish } = await opened(published({ [AUTH]: auth({ hmac: hmac(ROBOT) }) }), headers);
    clock.advance(3_600_000);
    await publish(published({ [AUTH]: auth({ hmac: hmac(ROBOT), realm: 'other' }) }));
    expect(await look()).toBeNull();
    await publish(published({ [AUTH]: auth({ hmac: hmac(Buffer.from('another')) }) }));
    expect(await look()).toMatchObject(WRONG);
  });

  test.each<[string, TestConfiguration, object | null]>([
    ['nothing is left', { upstreams: {}, hosts: {} }, ROUTE_GONE],
    ['its host has no rule', { ...published({}), hosts: {} }, ROUTE_GONE],
    ['its upstream is not there', { ...published({}), upstreams: {} }, ROUTE_GONE],
    ['its rule leads elsewhere', published({}, 'other'), ROUTE_GONE],
    [
      'its rule leads there with no weight',
      published({}, 'chat', { backends: [backend('chat', { weight: 0 })] }),
      null,
    ],
    [
      'its rule is broken',
      published({}, 'chat', { broken: { status: 500, message: 'm' } }),
      { code: 'route_broken', stage: 'match' },
    ],
    ['its address is denied', published({ [SECURITY]: security(['203.0.113.0/24']) }), { stage: 'addresses' }],
    ['another address is denied', published({ [SECURITY]: security(['192.0.2.0/24']) }), null],
    ['anybody may come', published({}), null],
    ['nobody is asked who he is', published({ [AUTH]: auth({}) }), null],
  ])('where %s', async (_, after, expected) => {
    const { look, publish } = await opened(keyed, ada);
    await publish(after);
    const refusal = await look();
    if (expected === null) expect(refusal).toBeNull();
    else expect(refusal).toMatchObject(expected);
  });

  test('is not held against a version twice, and nobody is asked for its key', async () => {
    const world = await opened(published({ [AUTH]: auth({ apiKey: { ...apiKey('ada'), platformRoles: null } }) }), ada);
    for (let i = 0; i < 3; i++) expect(await world.look()).toBeNull();
    expect([world.asked, world.checked]).toEqual([0, 1]);
  });
});
