import { Buffer } from 'node:buffer';
import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JsonWebKeySets, KeysUnavailable } from '../../src/access/json-web-key-sets.ts';
import { claimAt, TokenFault, TokenVerifier } from '../../src/access/json-web-token.ts';
import { blocksOf } from '../../src/core/address-blocks.ts';
import { manualClock } from '../../src/core/clock.ts';
import type { CompiledJwtKeys, CompiledJwtProvider } from '../../src/core/protocol/auth-policy.ts';
import { seedCount } from '../scale.ts';
import { type Issuer, keyPair, startIssuer, tokenOf } from './issuer.ts';

const NOW = 1_800_000_000;
const ISSUER = 'https://login.example.com/';
const CLAIMS = {
  iss: ISSUER,
  aud: ['shop', 'billing'],
  sub: 'ada',
  exp: NOW + 600,
  iat: NOW - 10,
  org: { id: 'acme' },
};
const RSA = keyPair('RS256', 'rsa-1');
const EC = keyPair('ES256', 'ec-1');
const SECRET = randomBytes(64);

let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer.close());

/** A verifier of one provider, with a clock that stands. */
function world(keys: CompiledJwtKeys, changes: Partial<CompiledJwtProvider> = {}, allowed = '127.0.0.0/8') {
  const clock = manualClock(NOW * 1_000);
  const renewals: Promise<unknown>[] = [];
  const keySets = new JsonWebKeySets({
    fetch: (url, init) => fetch(url, init),
    clock,
    allowed: blocksOf(allowed),
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
  const provider: CompiledJwtProvider = {
    name: 'login',
    issuer: ISSUER,
    audiences: ['shop'],
    algorithms:
      keys.type === 'secret'
        ? ['HS256']
        : ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'],
    keys,
    clockSkewSeconds: 30,
    maxAgeSeconds: null,
    type: null,
    userClaim: 'sub',
    tenantClaim: 'org.id',
    claimsToHeaders: [],
    ...changes,
  };
  const verifier = new TokenVerifier(
    { from: [], providers: [provider], forward: true },
    { keySets, clock, open: (sealed) => sealed },
  );
  return { clock, renewals, keySets, verify: (token: string) => verifier.verify(token, (work) => renewals.push(work)) };
}

const inline = (...keys: object[]): CompiledJwtKeys => ({ type: 'inline', keys: keys as Record<string, unknown>[] });
const both = inline(RSA.jwk, EC.jwk);
const good = (claims: object = {}, header: object = {}) =>
  tokenOf({ alg: 'RS256', kid: 'rsa-1', ...header }, { ...CLAIMS, ...claims }, RSA.privateKey);

test('a token that is right says who it is of', async () => {
  const { identity } = await world(both).verify(good());
  expect(identity).toEqual({
    method: 'jwt',
    id: 'login/ada',
    apiKey: null,
    user: 'ada',
    tenant: 'acme',
    claims: CLAIMS,
  });
});

describe('each algorithm, made by node:crypto and by jose', () => {
  test.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'])(
    '%s',
    async (alg) => {
      const pair = alg.startsWith('RS') || alg.startsWith('PS') ? RSA : keyPair(alg, 'k');
      const jwk = { ...pair.jwk, kid: 'k', alg };
      const { verify } = world(inline(jwk));
      const header = { alg, kid: 'k' };
      await expect(verify(tokenOf(header, CLAIMS, pair.privateKey))).resolves.toBeDefined();
      const byJose = await new SignJWT(CLAIMS).setProtectedHeader(header).sign(pair.privateKey);
      await expect(verify(byJose)).resolves.toBeDefined();
    },
  );

  test('HS256, by a secret', async () => {
    const { verify } = world({
      type: 'secret',
      sealed: SECRET.toString('base64'),
      context: '',
      secret: 's',
      entry: 'e',
    });
    await expect(verify(tokenOf({ alg: 'HS256' }, CLAIMS, SECRET))).resolves.toBeDefined();
    const byJose = await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256' }).sign(createSecretKey(SECRET));
    await expect(verify(byJose)).resolves.toBeDefined();
    await expect(verify(tokenOf({ alg: 'HS512' }, CLAIMS, SECRET))).rejects.toThrow(/not taken/);
    await expect(verify(tokenOf({ alg: 'HS256' }, CLAIMS, randomBytes(64)))).rejects.toThrow(/wrong signature/);
  });
});

describe('attacks', () => {
  const pem = RSA.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const stranger = keyPair('RS256', 'rsa-1');
  const cases: readonly [name: string, token: string, fault: RegExp][] = [
    ['no signature', tokenOf({ alg: 'none' }, CLAIMS, null), /not taken/],
    ['no signature, spelled otherwise', tokenOf({ alg: 'NonE' }, CLAIMS, null), /not taken/],
    ['a signature of nothing', `${good().split('.').slice(0, 2).join('.')}.`, /wrong signature|not valid/],
    ['the public key as a secret', tokenOf({ alg: 'HS256', kid: 'rsa-1' }, CLAIMS, pem), /not taken/],
    [
      "a stranger's key of the same name",
      tokenOf({ alg: 'RS256', kid: 'rsa-1' }, CLAIMS, stranger.privateKey),
      /wrong signature/,
    ],
    [
      "a stranger's key that it brings along",
      tokenOf({ alg: 'RS256', jwk: stranger.jwk }, CLAIMS, stranger.privateKey),
      /wrong signature/,
    ],
    [
      "a stranger's address of keys",
      tokenOf(
        { alg: 'RS256', kid: 'x', jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' },
        CLAIMS,
        stranger.privateKey,
      ),
      /key that its issuer does not have/,
    ],
    [
      'a path for the name of a key',
      tokenOf({ alg: 'RS256', kid: '../../../dev/null' }, CLAIMS, stranger.privateKey),
      /does not have/,
    ],
    [
      'the name of a key of another algorithm',
      tokenOf({ alg: 'RS256', kid: 'ec-1' }, CLAIMS, RSA.privateKey),
      /does not have/,
    ],
    [
      'an extension that is critical',
      tokenOf({ alg: 'RS256', kid: 'rsa-1', crit: ['x'], x: 1 }, CLAIMS, RSA.privateKey),
      /not valid/,
    ],
    [
      'a payload that is not encoded',
      tokenOf({ alg: 'RS256', kid: 'rsa-1', crit: ['b64'], b64: false }, CLAIMS, RSA.privateKey),
      /not valid|wrong signature/,
    ],
    ['expired', good({ exp: NOW - 31 }), /expired/],
    ['without an expiry', good({ exp: undefined }), /"exp"|expired/],
    ['an expiry that is text', good({ exp: String(NOW + 600) }), /"exp"/],
    ['not good yet', good({ nbf: NOW + 31 }), /"nbf"|not good yet/],
    ['made in the future', good({ iat: NOW + 31 }), /future/],
    ['for somebody else', good({ aud: ['billing'] }), /"aud"/],
    ['for somebody of a longer name', good({ aud: 'shop2' }), /"aud"/],
    ['for nobody', good({ aud: undefined }), /"aud"/],
    ['of another issuer', good({ iss: 'https://evil.example.com/' }), /issuer/],
    ['of an issuer that is a list', good({ iss: [ISSUER] }), /issuer/],
    [
      'claims changed',
      good().replace(/\.[^.]+\./, `.${Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'eve' })).toString('base64url')}.`),
      /wrong signature/,
    ],
    [
      'an algorithm that is no text, nor can be made one',
      tokenOf({ alg: { toString: 1 } }, CLAIMS, null, 'none'),
      /not taken/,
    ],
    ['no token', 'a.b.c', /no JSON Web Token/],
    ['a list for claims', tokenOf({ alg: 'RS256', kid: 'rsa-1' }, [], RSA.privateKey), /no JSON Web Token|issuer/],
    ['a book', `${good()}${'A'.repeat(20_000)}`, /too long/],
  ];
  test.each(cases)('%s', async (_, token, fault) => {
    await expect(world(both).verify(token)).rejects.toThrow(fault);
  });
});

test('a token of the right key, whatever else is in it, is taken or refused by a fault', async () => {
  const { verify } = world(
    { type: 'secret', sealed: SECRET.toString('base64'), context: '', secret: 's', entry: 'e' },
    { maxAgeSeconds: 60 },
  );
  const value = fc.jsonValue({ maxDepth: 2 });
  const header = fc.dictionary(fc.constantFrom('kid', 'typ', 'crit', 'b64', 'jwk', 'alg', 'cty'), value, {
    maxKeys: 3,
  });
  const claims = fc.dictionary(fc.constantFrom('exp', 'nbf', 'iat', 'aud', 'sub', 'iss', 'org', '__proto__'), value, {
    maxKeys: 4,
  });
  await fc.assert(
    fc.asyncProperty(header, claims, async (more, said) => {
      const token = tokenOf({ alg: 'HS256', ...more }, { ...CLAIMS, ...said }, SECRET, 'HS256');
      await verify(token).catch((error: unknown) => expect(error).toBeInstanceOf(TokenFault));
    }),
    { numRuns: seedCount(200) },
  );
});

describe('accepted at the edge', () => {
  const cases: readonly [name: string, token: string][] = [
    ['the last second of the skew', good({ exp: NOW - 29 })],
    ["an issuer's clock that is ahead", good({ nbf: NOW + 30, iat: NOW + 30 })],
    ['one audience as a text', good({ aud: 'shop' })],
    ['no name of a key, where one fits', tokenOf({ alg: 'RS256' }, CLAIMS, RSA.privateKey)],
  ];
  test.each(cases)('%s', async (_, token) => {
    await expect(world(both).verify(token)).resolves.toBeDefined();
  });
});

test('a token that was right is looked at again when its time is over', async () => {
  const { clock, verify } = world(both);
  const token = good({ exp: NOW + 20 });
  await verify(token);
  clock.advance(49_000);
  await expect(verify(token)).resolves.toBeDefined();
  clock.advance(2_000);
  await expect(verify(token)).rejects.toThrow(/expired/);
});

test('an age that a policy bounds needs the time of making', async () => {
  const { verify } = world(both, { maxAgeSeconds: 60 });
  await expect(verify(good({ iat: NOW - 80 }))).resolves.toBeDefined();
  await expect(verify(good({ iat: NOW - 91 }))).rejects.toThrow(/too old/);
  await expect(verify(good({ iat: undefined }))).rejects.toThrow(/too old/);
});

test('a policy may ask for a type of tokens', async () => {
  const { verify } = world(both, { type: 'at+jwt' });
  await expect(verify(good({}, { typ: 'at+jwt' }))).resolves.toBeDefined();
  await expect(verify(good({}, { typ: 'JWT' }))).rejects.toThrow(/"typ"/);
  await expect(verify(good())).rejects.toThrow(/"typ"/);
});

test('a claim is found by its whole name before it is by a path', () => {
  expect(claimAt({ 'https://a.example/tenant': 't', https: { '//a': 1 } }, 'https://a.example/tenant')).toBe('t');
  expect(claimAt({ a: { b: [1] } }, 'a.b')).toEqual([1]);
  expect(claimAt({ a: {} }, 'a.constructor')).toBeUndefined();
  expect(claimAt({}, '__proto__')).toBeUndefined();
  expect(claimAt({ a: 'text' }, 'a.length')).toBeUndefined();
});

describe('keys at an address', () => {
  const at = (path = '/keys'): CompiledJwtKeys => ({ type: 'url', url: `${issuer.origin}${path}` });
  const serve = (...keys: object[]) => {
    issuer.asked.length = 0;
    issuer.answer = () => ({ body: JSON.stringify({ keys }) });
  };

  test('are asked for once, and renewed behind the back of a request', async () => {
    serve(RSA.jwk);
    const { clock, verify, renewals } = world(at());
    await verify(good());
    await verify(good({ sub: 'bob' }));
    expect(issuer.asked).toHaveLength(1);
    clock.advance(5 * 60_000);
    await verify(good({ exp: NOW + 9_999 }));
    await Promise.all(renewals);
    expect(issuer.asked).toHaveLength(2);
  });

  test('are asked for again where a token names one that is not among them: a rotation is seen at once', async () => {
    serve(RSA.jwk);
    const { clock, verify } = world(at());
    await verify(good());
    const next = keyPair('RS256', 'rsa-2');
    serve(next.jwk);
    clock.advance(10_000);
    const exp = NOW + 9_999;
    await expect(
      verify(tokenOf({ alg: 'RS256', kid: 'rsa-2' }, { ...CLAIMS, exp }, next.privateKey)),
    ).resolves.toBeDefined();
    // And what the old key has signed is refused from then on, though it was believed before.
    await expect(verify(good())).rejects.toThrow(/does not have/);
  });

  test('are asked for no more than once in ten seconds, whatever tokens name', async () => {
    serve(RSA.jwk);
    const { clock, verify } = world(at());
    await verify(good());
    for (let i = 0; i < 50; i++)
      await expect(verify(good({}, { kid: `made-up-${i}` }))).rejects.toThrow(/does not have/);
    expect(issuer.asked).toHaveLength(1);
    clock.advance(10_000);
    for (let i = 0; i < 50; i++)
      await expect(verify(good({}, { kid: `made-up-${i}` }))).rejects.toThrow(/does not have/);
    expect(issuer.asked).toHaveLength(2);
  });

  test('are good for an hour where the issuer does not answer, and then no longer', async () => {
    serve(RSA.jwk);
    const { clock, verify, renewals } = world(at());
    const token = good({ exp: NOW + 99_999 });
    await verify(token);
    issuer.answer = () => ({ status: 500, body: '' });
    clock.advance(59 * 60_000);
    await expect(verify(token)).resolves.toBeDefined();
    await Promise.all(renewals);
    clock.advance(60_000);
    await expect(verify(token)).rejects.toThrow(KeysUnavailable);
    serve(RSA.jwk);
    await expect(verify(token)).rejects.toThrow(KeysUnavailable);
    expect(issuer.asked).toHaveLength(0);
    clock.advance(10_000);
    await expect(verify(token)).resolves.toBeDefined();
  });

  test('that several requests need at once are read once', async () => {
    serve(RSA.jwk);
    const { verify } = world(at());
    await Promise.all(Array.from({ length: 10 }, (_, i) => verify(good({ sub: `user-${i}` }))));
    expect(issuer.asked).toHaveLength(1);
  });

  const refusals: readonly [name: string, answer: ReturnType<Issuer['answer']>][] = [
    ['where a redirect leads to', { status: 302, headers: { location: '/elsewhere' }, body: '' }],
    ['an answer without keys', { body: '{"keys":{}}' }],
    ['an answer that is no JSON', { body: '<html>' }],
    ['a megabyte', { body: `{"keys":[],"x":"${'x'.repeat(1_000_000)}"}` }],
  ];
  test.each(refusals)('are not taken from %s', async (_, answer) => {
    issuer.answer = (path) => (path === '/keys' ? answer : { body: JSON.stringify({ keys: [RSA.jwk] }) });
    await expect(world(at()).verify(good())).rejects.toThrow(KeysUnavailable);
  });

  test('are not asked for on private addresses, unless the deployment says so', async () => {
    serve(RSA.jwk);
    await expect(world(at(), {}, '').verify(good())).rejects.toThrow(/private address/);
    await expect(
      world({ type: 'url', url: 'http://169.254.169.254/latest' }, {}, '127.0.0.0/8').verify(good()),
    ).rejects.toThrow(/private address/);
    expect(issuer.asked).toHaveLength(0);
  });

  test('that are secret or weak verify nothing', async () => {
    const { k } = createSecretKey(SECRET).export({ format: 'jwk' });
    serve({ kty: 'oct', k, kid: 'rsa-1' });
    await expect(world(at()).verify(good())).rejects.toThrow(/does not have/);
    serve({ ...RSA.privateKey.export({ format: 'jwk' }), kid: 'rsa-1' });
    await expect(world(at('/private')).verify(good())).rejects.toThrow(/does not have/);
    serve({ ...RSA.jwk, use: 'enc' });
    await expect(world(at('/enc')).verify(good())).rejects.toThrow(/does not have/);
    await expect(world(inline({ ...RSA.jwk, use: 'enc' })).verify(good())).rejects.toThrow(/does not have/);
  });
});

describe('discovery', () => {
  const claims = () => ({ ...CLAIMS, iss: issuer.origin });
  const token = () => tokenOf({ alg: 'RS256', kid: 'rsa-1' }, claims(), RSA.privateKey);
  const serve = (document: object) => {
    issuer.asked.length = 0;
    issuer.answer = (path) => ({ body: JSON.stringify(path === '/jwks' ? { keys: [RSA.jwk] } : document) });
  };

  test('finds the keys where the issuer says they are', async () => {
    serve({ issuer: issuer.origin, jwks_uri: `${issuer.origin}/jwks` });
    await expect(world({ type: 'discovery' }, { issuer: issuer.origin }).verify(token())).resolves.toBeDefined();
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  test('believes no document of another issuer, and follows it to no private address', async () => {
    serve({ issuer: 'https://evil.example.com', jwks_uri: `${issuer.origin}/jwks` });
    await expect(world({ type: 'discovery' }, { issuer: issuer.origin }).verify(token())).rejects.toThrow(
      /another issuer/,
    );
    serve({ issuer: issuer.origin, jwks_uri: 'http://10.0.0.1/jwks' });
    await expect(world({ type: 'discovery' }, { issuer: issuer.origin }).verify(token())).rejects.toThrow(
      /private address/,
    );
  });
});
