import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { JsonWebKeySets } from '../../src/access/json-web-key-sets.ts';
import { policySecrets } from '../../src/access/policy-secrets.ts';
import { compileAuthPolicy } from '../../src/control/auth-policy-spec.ts';
import type { JsonObject } from '../../src/control/json.ts';
import { authpolicySchema } from '../../src/control/kinds/generated/authpolicy.ts';
import type { Resource } from '../../src/control/resource.ts';
import { applyDefaults } from '../../src/control/structural-schema.ts';
import { manualClock } from '../../src/core/clock.ts';
import { createAuthentication, type PlatformKey } from '../../src/gateway/authenticate.ts';
import { createAuthorisation } from '../../src/gateway/authorise.ts';
import type { Exchange } from '../../src/gateway/exchange.ts';
import { HeaderList } from '../../src/gateway/header-list.ts';
import { newExchange } from '../../src/gateway/new-exchange.ts';
import { createLogs } from '../../src/observe/log.ts';
import { canonicalRequest } from '../../src/traffic/canonical.ts';
import { keyPair, tokenOf } from '../access/issuer.ts';
import { signed } from '../access/signer.ts';

const NOW = 1_800_000_000;
const SECRETS = policySecrets([new Uint8Array(32).fill(9)]);
const ADA = 'the-key-of-ada-0001';
const ROBOT = 'the-secret-of-robot-1';
const RSA = keyPair('RS256', 'rsa-1');
const FINGERPRINT = 'ab'.repeat(32);
const clock = manualClock(NOW * 1_000);
const lines: string[] = [];
const log = createLogs({ '*': 'debug' }, (_level, line) => lines.push(line), clock)('gateway');

const token = (changes: object = {}) =>
  tokenOf(
    { alg: 'RS256', kid: 'rsa-1' },
    { iss: 'https://a.example', sub: 'tess', exp: NOW + 60, ...changes },
    RSA.privateKey,
  );
const certificate = {
  certPresented: '1',
  certVerified: 'SUCCESS',
  certRevoked: '0',
  certFingerprintSHA256: FINGERPRINT,
};

const APIKEY: JsonObject = { secrets: [{ name: 'keys' }] };
const JWT: JsonObject = {
  providers: [
    {
      name: 'a',
      issuer: 'https://a.example',
      keys: { inline: JSON.stringify({ keys: [RSA.jwk] }) },
      claimsToHeaders: [{ claim: 'note', header: 'X-Note' }],
    },
  ],
};
const HMAC: JsonObject = { secrets: [{ name: 'robots' }] };

function policyOf(spec: JsonObject) {
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'default' }];
  const metadata = { name: 'p', namespace: 'default', uid: 'uid-p' };
  const policy = { apiVersion: '', kind: '', metadata, spec: { targetRefs, ...spec } } as unknown as Resource;
  applyDefaults(authpolicySchema, policy);
  const data: Record<string, object> = { keys: { ada: ADA }, robots: { r1: ROBOT } };
  const result = compileAuthPolicy(policy, {
    ...SECRETS,
    secret: (name) => {
      const entries = Object.entries(data[name] ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value).toString('base64'),
      ]);
      return { data: Object.fromEntries(entries) } as unknown as Resource;
    },
  });
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.compiled;
}

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly certificate?: object;
}

/** What becomes of a request under a policy: who it is of and what goes on to the upstream, or the refusal. */
async function ask(
  spec: JsonObject,
  asked: Asked,
  ports: { key?: PlatformKey | null; firstUse?: () => Promise<boolean> } = {},
) {
  const url = `https://shop.example.com${asked.path ?? '/'}`;
  const { method = 'GET', headers, body } = asked;
  const request = new Request(url, { method, headers, body });
  const canonical = canonicalRequest(method, url, 'shop.example.com');
  if (!canonical.ok) throw new Error(canonical.fault.message);
  const exchange: Exchange = newExchange({
    request,
    given: HeaderList.of(request.headers),
    target: canonical.request,
    entries: undefined as never,
    clientIp: '203.0.113.9',
    place: { tlsClientAuth: asked.certificate } as never,
    requestId: 'r',
    trace: undefined as never,
    headers: HeaderList.of(request.headers),
    waitUntil: () => undefined,
    startedMs: 0,
  });
  exchange.policies = {
    ...exchange.policies,
    auth: { kind: 'AuthPolicy', name: 'p', namespaceUid: 'uid-of-namespace', spec: policyOf(spec) },
  };
  const authenticate = createAuthentication({
    clock,
    log,
    secrets: SECRETS,
    keySets: new JsonWebKeySets({ fetch, clock, allowed: [], pause: async () => undefined }),
    platformKey: async () => ports.key ?? null,
    firstUse: ports.firstUse ?? (async () => true),
  });
  const answer = (await authenticate(exchange)) ?? (await createAuthorisation(log)(exchange));
  const { identity } = exchange;
  return {
    status: answer?.status ?? null,
    challenge: answer?.headers.get('www-authenticate') ?? null,
    by: answer === null ? identity.method : null,
    user: identity.user,
    headers: Object.fromEntries(exchange.headers.entries()),
    search: exchange.target.search,
    refusal: exchange.refusal,
  };
}

const signing = (request: { method: string; url: string }) =>
  signed(request, { keyId: 'r1', secret: Buffer.from(ROBOT), created: NOW, nonce: 'n0nce-n0nce' });

describe('of several ways, the first whose credentials are there decides', () => {
  const all = { apiKey: APIKEY, jwt: JWT, hmac: HMAC, mtls: { fingerprintsSha256: [FINGERPRINT] } };
  const key = { 'x-api-key': ADA };
  const bearer = { authorization: `Bearer ${token()}` };
  const signature = signing({ method: 'GET', url: 'https://shop.example.com/' });

  test.each<[string, Asked, string]>([
    ['a key alone', { headers: key }, 'apiKey'],
    ['a token before a key', { headers: { ...key, ...bearer } }, 'jwt'],
    ['a signature before a token', { headers: { ...key, ...bearer, ...signature } }, 'hmac'],
    ['a certificate before all', { headers: { ...key, ...bearer, ...signature }, certificate }, 'mtls'],
  ])('%s', async (_, asked, by) => {
    expect(await ask(all, asked)).toMatchObject({ status: null, by });
  });

  test.each<[string, Asked]>([
    ['a wrong token beside a right key', { headers: { ...key, authorization: `Bearer ${token({ exp: NOW - 99 })}` } }],
    ['a wrong signature beside a right token', { headers: { ...bearer, ...signature, signature: 'sig=:AAAA:' } }],
    [
      'a certificate that is not let in beside all else',
      { headers: { ...key, ...bearer }, certificate: { ...certificate, certVerified: 'FAILED' } },
    ],
  ])('%s is refused, also where nobody need say who he is', async (_, asked) => {
    expect((await ask(all, asked)).status).toBe(401);
    expect((await ask({ ...all, anonymous: true }, asked)).status).toBe(401);
  });

  test('nobody goes on as nobody, where that is said', async () => {
    expect(await ask(all, {})).toMatchObject({
      status: 401,
      refusal: { code: 'unauthenticated', stage: 'authentication' },
    });
    expect(await ask({ ...all, anonymous: true }, {})).toMatchObject({ status: null, by: 'anonymous', user: null });
  });

  test('a certificate says nothing where the policy does not ask for one', async () => {
    expect((await ask({ apiKey: APIKEY }, { certificate })).status).toBe(401);
  });
});

describe('a refusal names what would open', () => {
  const from = (type: string, name: string, prefix?: string) => [
    { type, name, ...(prefix === undefined ? {} : { prefix }) },
  ];
  test.each<[string, JsonObject, string | null, number]>([
    ['a key', { apiKey: APIKEY }, 'ApiKey realm="api", in="header", name="x-api-key"', 401],
    [
      'a key as a bearer token',
      { apiKey: { ...APIKEY, from: from('Header', 'Authorization', 'Bearer ') } },
      'Bearer realm="api"',
      401,
    ],
    [
      'a key in a cookie',
      { apiKey: { ...APIKEY, from: from('Cookie', 'k') } },
      'ApiKey realm="api", in="cookie", name="k"',
      401,
    ],
    ['a token', { jwt: JWT }, 'Bearer realm="api"', 401],
    ['a signature', { hmac: HMAC }, 'Signature realm="api"', 401],
    ['either', { jwt: JWT, hmac: HMAC, realm: 'shop' }, 'Bearer realm="shop", Signature realm="shop"', 401],
    ['a certificate, for which there is no challenge', { mtls: {} }, null, 403],
  ])('%s', async (_, spec, challenge, status) => {
    expect(await ask(spec, {})).toMatchObject({ status, challenge });
  });
});

describe('what the upstream sees', () => {
  test('tokens, and no keys or signatures, where the policy says nothing else', async () => {
    const headers = { 'x-api-key': ADA, authorization: `Bearer ${token()}` };
    expect((await ask({ apiKey: APIKEY, jwt: JWT }, { headers })).headers).toEqual({
      authorization: headers.authorization,
    });
    expect((await ask({ jwt: { ...JWT, forward: false } }, { headers })).headers).toEqual({ 'x-api-key': ADA });
    expect((await ask({ apiKey: { ...APIKEY, forward: true } }, { headers })).headers).toHaveProperty('x-api-key');
    const signature = signing({ method: 'GET', url: 'https://shop.example.com/' });
    expect((await ask({ hmac: HMAC }, { headers: signature })).headers).toEqual({});
    expect((await ask({ hmac: { ...HMAC, forward: true } }, { headers: signature })).headers).toEqual(signature);
  });

  test('the rest of a query and of cookies as they were written', async () => {
    const apiKey = {
      ...APIKEY,
      from: [
        { type: 'Query', name: 'k' },
        { type: 'Cookie', name: 'k' },
      ],
    };
    expect((await ask({ apiKey }, { path: `/?a=%2f&k=${ADA}&b&c=+1` })).search).toBe('?a=%2f&b&c=+1');
    expect((await ask({ apiKey }, { path: `/?k=${ADA}` })).search).toBe('');
    expect((await ask({ apiKey }, { path: `/?%6b=${ADA}` })).search).toBe('');
    const cookie = (text: string) => ask({ apiKey }, { headers: { cookie: text } });
    expect((await cookie(`a=1; k="${ADA}"; b=2`)).headers.cookie).toBe('a=1; b=2');
    expect((await cookie(`k=${ADA}`)).headers).toEqual({});
    expect((await cookie(`kk=1; k=${ADA}`)).headers.cookie).toBe('kk=1');
    expect((await cookie(`k=${ADA}; k=${ADA}`)).status).toBe(401);
  });

  test('a bearer token that is a key, where both are taken, and it is not told on', async () => {
    const apiKey = { ...APIKEY, from: [{ type: 'Header', name: 'Authorization', prefix: 'Bearer ' }] };
    const both = { apiKey, jwt: JWT };
    expect(await ask(both, { headers: { authorization: `bearer ${ADA}` } })).toMatchObject({
      by: 'apiKey',
      headers: {},
    });
    const headers = { authorization: `Bearer ${token()}` };
    expect(await ask(both, { headers })).toMatchObject({ by: 'jwt', headers });
  });

  test('nothing of what a client says of itself, also as nobody, and in no spelling', async () => {
    const spec = {
      apiKey: APIKEY,
      anonymous: true,
      identityHeaders: [
        { name: 'X-User-Id', value: 'user' },
        { name: 'X-By', value: 'method' },
      ],
    };
    const headers = { 'x-user-id': 'root', X_User_Id: 'root', 'x-user_id': 'root' };
    expect((await ask(spec, { headers })).headers).toEqual({});
    expect((await ask(spec, { headers: { ...headers, 'x-api-key': ADA } })).headers).toEqual({
      'x-user-id': 'ada',
      'x-by': 'apiKey',
    });
  });

  test('claims that cannot end their line', async () => {
    const note = async (value: unknown) => {
      const headers = { authorization: `Bearer ${token({ note: value })}`, 'x-note': 'spoofed' };
      return (await ask({ jwt: { ...JWT, forward: false } }, { headers })).headers['x-note'];
    };
    expect(await note('a\r\nx-admin: 1')).toBe('a%0D%0Ax-admin: 1');
    expect(await note('Zoë 100%')).toBe('Zo%C3%AB 100%25');
    expect(await note(['a', 1, true])).toBe('a,1,true');
    expect(await note({ a: [1] })).toBe('{"a":[1]}');
    expect(await note('\ud800')).toBe('%EF%BF%BD');
    expect(await note(null)).toBeUndefined();
  });
});

describe("the platform's keys", () => {
  const platform = `orasi_${'0'.repeat(26)}_${'a'.repeat(64)}`;
  const spec = { apiKey: { platformKeys: { roles: ['reader'] } } };
  const asked = { headers: { 'x-api-key': platform } };
  const key: PlatformKey = { name: 'key:1', role: 'reader', namespaceUid: 'uid-of-namespace' };
  test.each<[string, PlatformKey | null, number | null]>([
    ['of this namespace', key, null],
    ['of all namespaces', { ...key, namespaceUid: null }, null],
    ['of another namespace', { ...key, namespaceUid: 'other' }, 401],
    ['of another role', { ...key, role: 'admin' }, 401],
    ['that are revoked', null, 401],
  ])('%s', async (_, found, status) => {
    expect((await ask(spec, asked, { key: found })).status).toBe(status);
  });

  test('are not looked up where the policy does not take them', async () => {
    expect((await ask({ apiKey: APIKEY }, asked, { key })).status).toBe(401);
  });
});

describe('signatures', () => {
  test('whose nonce nobody can look up, or was used before, do not pass', async () => {
    const headers = signing({ method: 'GET', url: 'https://shop.example.com/' });
    expect((await ask({ hmac: HMAC }, { headers }, { firstUse: async () => false })).status).toBe(401);
    expect((await ask({ hmac: HMAC }, { headers }, { firstUse: () => Promise.reject(new Error('away')) })).status).toBe(
      503,
    );
  });

  test('are compared with the path that is matched: what resolves to it is it', async () => {
    const headers = signing({ method: 'GET', url: 'https://shop.example.com/b' });
    expect((await ask({ hmac: HMAC }, { headers, path: '/a/../b' })).status).toBeNull();
    expect((await ask({ hmac: HMAC }, { headers, path: '/b/' })).status).toBe(401);
  });
});

describe('rules', () => {
  const rules = (expression: string) => ({ rules: [{ action: 'Allow', expression }] });
  test('refuse who has said who he is with 403, and ask nobody who he is with 401', async () => {
    const spec = { apiKey: APIKEY, anonymous: true, authorization: rules('identity.user == "bob"') };
    expect(await ask(spec, { headers: { 'x-api-key': ADA } })).toMatchObject({
      status: 403,
      challenge: null,
      refusal: { code: 'access_denied' },
    });
    expect(await ask(spec, {})).toMatchObject({ status: 401, refusal: { code: 'unauthenticated' } });
  });

  test('stand alone as well', async () => {
    const spec = { authorization: rules('inCidr(client.ip, "203.0.113.0/24") && request.method == "GET"') };
    expect((await ask(spec, {})).status).toBeNull();
    expect((await ask(spec, { method: 'POST' })).status).toBe(403);
  });

  test('see headers as the upstream gets them: no credentials, and no spoofed ones', async () => {
    const spec = {
      apiKey: APIKEY,
      identityHeaders: [{ name: 'X-User', value: 'user' }],
      authorization: rules('request.headers["x-user"] == "ada" && !("x-api-key" in request.headers)'),
    };
    expect((await ask(spec, { headers: { 'x-api-key': ADA, 'x-user': 'root' } })).status).toBeNull();
  });
});

test('no credential is in a log', () => {
  expect(lines.length).toBeGreaterThan(0);
  for (const secret of [ADA, ROBOT, token()]) expect(lines.join('\n')).not.toContain(secret);
});
