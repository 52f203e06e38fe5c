import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { policySecrets } from '../../src/access/policy-secrets.ts';
import { authPolicyFaults } from '../../src/control/auth-policy-faults.ts';
import { compileAuthPolicy, secretsOfAuthPolicy } from '../../src/control/auth-policy-spec.ts';
import type { JsonObject } from '../../src/control/json.ts';
import { authpolicySchema } from '../../src/control/kinds/generated/authpolicy.ts';
import type { Resource } from '../../src/control/resource.ts';
import { applyDefaults, validate } from '../../src/control/structural-schema.ts';
import { keyPair } from '../access/issuer.ts';

const SECRETS = policySecrets([new Uint8Array(32).fill(3)]);
const TARGET = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' };
const KEY = 'a-key-of-some-length';

function policyOf(spec: JsonObject): Resource {
  const policy = {
    apiVersion: 'orasi.io/v1alpha1',
    kind: 'AuthPolicy',
    metadata: { name: 'p', namespace: 'default', uid: 'uid-p', generation: 1, creationTimestamp: '' },
    spec: { targetRefs: [TARGET], ...spec },
  } as Resource;
  applyDefaults(authpolicySchema, policy);
  return policy;
}

function compile(spec: JsonObject, secrets: Readonly<Record<string, Record<string, string>>> = {}) {
  return compileAuthPolicy(policyOf(spec), {
    digest: SECRETS.digest,
    seal: SECRETS.seal,
    secret(name) {
      const entries = Object.entries(secrets[name] ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value).toString('base64'),
      ]);
      return name in secrets ? ({ data: Object.fromEntries(entries) } as unknown as Resource) : undefined;
    },
  });
}

const faultsOf = (spec: JsonObject, secrets = {}) => {
  const result = compile(spec, secrets);
  return 'faults' in result ? result.faults.map(({ field, message }) => `${field}: ${message}`) : [];
};
const compiledOf = (spec: JsonObject, secrets = {}) => {
  const result = compile(spec, secrets);
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.compiled;
};

const provider = (changes: JsonObject = {}): JsonObject => ({
  jwt: { providers: [{ name: 'a', issuer: 'https://a.example', keys: { url: 'https://a.example/keys' }, ...changes }] },
});

test('a policy of every way is valid by its schema, and compiles with the defaults that the schema has', () => {
  const spec = {
    apiKey: { secrets: [{ name: 'consumers', tenant: 'acme' }] },
    ...provider(),
    hmac: { secrets: [{ name: 'robots' }] },
    mtls: { fingerprintsSha256: ['AB:'.repeat(31).concat('AB')] },
    identityHeaders: [{ name: 'X-User', value: 'user' }],
    authorization: { rules: [{ action: 'Allow', expression: 'identity.user != ""' }] },
  };
  const policy = policyOf(spec);
  expect(validate(authpolicySchema, policy)).toEqual([]);
  expect(authPolicyFaults(policy)).toEqual([]);
  const compiled = compiledOf(spec, { consumers: { ada: `${KEY}\n` }, robots: { r2: 'sixteen bytes or more' } });
  expect(compiled).toMatchObject({
    apiKey: {
      from: [{ type: 'header', name: 'x-api-key', prefix: '' }],
      platformRoles: null,
      consumers: { [SECRETS.digest(KEY)]: { keyId: 'consumers/ada', user: 'ada', tenant: 'acme' } },
      forward: false,
    },
    jwt: { from: [{ type: 'header', name: 'authorization', prefix: 'Bearer ' }], forward: true },
    hmac: {
      maxAgeSeconds: 300,
      clockSkewSeconds: 30,
      maxBodyBytes: 65_536,
      keys: { r2: { user: 'r2', tenant: null } },
    },
    mtls: { fingerprintsSha256: ['ab'.repeat(32)] },
    identityHeaders: [{ name: 'x-user', value: 'user' }],
    authorization: { rules: [{ name: 'rules[0]' }], otherwise: 'Deny' },
    anonymous: false,
    realm: 'api',
  });
  expect(compiled.jwt?.providers[0].algorithms).not.toContain('HS256');
});

test('nothing that is compiled has a secret in it that can be read, and compiling again changes nothing', () => {
  const spec = {
    apiKey: { secrets: [{ name: 's' }] },
    hmac: { secrets: [{ name: 'h' }] },
    ...provider({ keys: { secretRef: { name: 'j', key: 'secret' } } }),
  };
  const values = {
    s: { a: 'the-key-of-a-consumer' },
    h: { b: 'the-secret-of-a-robot' },
    j: { secret: 'the-secret-of-an-issuer-32-bytes' },
  };
  const text = JSON.stringify(compiledOf(spec, values));
  for (const entries of Object.values(values))
    for (const value of Object.values(entries))
      for (const form of [value, Buffer.from(value).toString('base64'), Buffer.from(value).toString('hex')])
        expect(text).not.toContain(form);
  expect(JSON.stringify(compiledOf(spec, values))).toBe(text);
  const key = compiledOf(spec, values).hmac?.keys.b ?? { sealed: '', context: '' };
  expect(Buffer.from(SECRETS.open(key.sealed, key.context), 'base64').toString()).toBe(values.h.b);
  // Sealed for this policy: as a part of another it does not open.
  expect(() => SECRETS.open(key.sealed, key.context.replace('uid-p', 'uid-q'))).toThrow();
});

test('the Secrets that a policy stands on are known, each once', () => {
  const spec = {
    apiKey: { secrets: [{ name: 'a' }, { name: 'b' }] },
    hmac: { secrets: [{ name: 'a' }] },
    ...provider({ keys: { secretRef: { name: 'c' } } }),
  };
  expect(secretsOfAuthPolicy(policyOf(spec))).toEqual(['a', 'b', 'c']);
});

describe('refused at the door', () => {
  const privateJwk = keyPair('ES256', 'k').privateKey.export({ format: 'jwk' });
  const cases: readonly [name: string, spec: JsonObject, field: string, message: RegExp][] = [
    ['nothing to do', {}, 'spec', /one of/],
    [
      'anonymous callers where there are no others',
      { anonymous: true, authorization: { rules: [] } },
      'spec.anonymous',
      /anonymous/,
    ],
    ['keys of nobody', { apiKey: {} }, 'spec.apiKey.secrets', /no key/],
    [
      'keys of the platform told to the upstream',
      { apiKey: { platformKeys: {}, forward: true } },
      'spec.apiKey.forward',
      /not told/,
    ],
    [
      'a prefix in a cookie',
      { apiKey: { platformKeys: {}, from: [{ type: 'Cookie', name: 'k', prefix: 'x' }] } },
      'spec.apiKey.from[0].prefix',
      /only headers/,
    ],
    ['no keys', provider({ keys: {} }), 'spec.jwt.providers[0].keys', /exactly one/],
    [
      'keys of two sources',
      provider({ keys: { url: 'https://a.example', discovery: true } }),
      'spec.jwt.providers[0].keys',
      /exactly one/,
    ],
    [
      'keys over plain HTTP',
      provider({ keys: { url: 'http://a.example/keys' } }),
      'spec.jwt.providers[0].keys.url',
      /https/,
    ],
    [
      'keys at a user',
      provider({ keys: { url: 'https://u:p@a.example/keys' } }),
      'spec.jwt.providers[0].keys.url',
      /user/,
    ],
    [
      'discovery at what is no URL',
      provider({ issuer: 'accounts', keys: { discovery: true } }),
      'spec.jwt.providers[0].issuer',
      /URL/,
    ],
    [
      'a public key as a secret',
      provider({ algorithms: ['RS256', 'HS256'] }),
      'spec.jwt.providers[0].algorithms[1]',
      /could sign/,
    ],
    [
      'a secret for RS256',
      provider({ algorithms: ['RS256'], keys: { secretRef: { name: 's', key: 'k' } } }),
      'spec.jwt.providers[0].algorithms[0]',
      /HS256/,
    ],
    [
      'private keys in clear',
      provider({ keys: { inline: JSON.stringify({ keys: [privateJwk] }) } }),
      'spec.jwt.providers[0].keys.inline',
      /private/,
    ],
    [
      'a secret in clear',
      provider({ keys: { inline: '{"keys":[{"kty":"oct","k":"AAAA"}]}' } }),
      'spec.jwt.providers[0].keys.inline',
      /public key/,
    ],
    ['keys that are no JSON', provider({ keys: { inline: 'keys' } }), 'spec.jwt.providers[0].keys.inline', /Key Set/],
    [
      'a weak key',
      provider({ keys: { inline: '{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}' } }),
      'spec.jwt.providers[0].keys.inline',
      /2048 bits/,
    ],
    [
      'a claim for a header with another meaning',
      provider({ claimsToHeaders: [{ claim: 'a', header: 'Host' }] }),
      'spec.jwt.providers[0].claimsToHeaders[0].header',
      /another meaning/,
    ],
    [
      'an identity header with another meaning',
      { mtls: {}, identityHeaders: [{ name: 'X-Forwarded-For', value: 'user' }] },
      'spec.identityHeaders[0].name',
      /another meaning/,
    ],
    ['half a fingerprint', { mtls: { fingerprintsSha256: ['abcd'] } }, 'spec.mtls.fingerprintsSha256[0]', /64/],
    ['a name of no type', { mtls: { subjectAltNames: ['a.example'] } }, 'spec.mtls.subjectAltNames[0]', /DNS/],
    [
      'a target that is no part of a gateway',
      { mtls: {}, targetRefs: [{ ...TARGET, kind: 'GRPCRoute' }] },
      'spec.targetRefs[0].kind',
      /supported/,
    ],
    ['a target twice', { mtls: {}, targetRefs: [TARGET, TARGET] }, 'spec.targetRefs[1]', /Duplicate/],
  ];
  test.each(cases)('%s', (_, spec, field, message) => {
    const faults = authPolicyFaults(policyOf(spec));
    expect(faults).toContainEqual(expect.objectContaining({ field, message: expect.stringMatching(message) }));
  });

  test('two providers of one issuer: a token would not say whose it is', () => {
    const one = { issuer: 'https://a.example', keys: { url: 'https://a.example/keys' } };
    const faults = authPolicyFaults(
      policyOf({
        jwt: {
          providers: [
            { name: 'a', ...one },
            { name: 'b', ...one },
          ],
        },
      }),
    );
    expect(faults.map(({ field }) => field)).toEqual(['spec.jwt.providers[1].issuer']);
  });
});

describe('not accepted until it is mended elsewhere', () => {
  const keys = { apiKey: { secrets: [{ name: 's' }] } };
  test.each<[string, JsonObject, Record<string, Record<string, string>>, RegExp]>([
    ['a Secret that is not there', keys, {}, /no such Secret/],
    ['a Secret that is empty', keys, { s: {} }, /no such Secret/],
    ['a short key', keys, { s: { ada: 'short' } }, /"ada" is no key/],
    ['a key with a space', keys, { s: { ada: 'a key of some length' } }, /"ada" is no key/],
    ['one key of two consumers', keys, { s: { ada: KEY, bob: KEY } }, /another consumer/],
    ['a short secret of signatures', { hmac: { secrets: [{ name: 's' }] } }, { s: { r2: 'short' } }, /16 bytes/],
    [
      'a short secret of tokens',
      provider({ keys: { secretRef: { name: 's', key: 'secret' } } }),
      { s: { secret: 'short' } },
      /32 bytes/,
    ],
    [
      'a secret of tokens that is not there',
      provider({ keys: { secretRef: { name: 's', key: 'k' } } }),
      { s: { secret: KEY } },
      /no such entry/,
    ],
  ])('%s', (_, spec, secrets, message) => {
    const faults = faultsOf(spec, secrets);
    expect(faults).toContainEqual(expect.stringMatching(message));
    for (const entries of Object.values(secrets))
      for (const value of Object.values(entries)) expect(faults.join()).not.toContain(value);
  });

  test('a rule that does not compile, with its place', () => {
    const rules = [
      { action: 'Allow', expression: 'true' },
      { action: 'Allow', expression: 'claims.a == who' },
    ];
    expect(faultsOf({ mtls: {}, authorization: { rules } })).toEqual([
      'spec.authorization.rules[1].expression: Invalid value: "claims.a == who": at character 13: knows no "who"',
    ]);
  });
});

test('an entry by the name of a member that every object has is an entry like others', () => {
  const { hmac } = compiledOf({ hmac: { secrets: [{ name: 's' }] } }, { s: { constructor: 'sixteen bytes or more' } });
  expect(Object.keys(hmac?.keys ?? {})).toEqual(['constructor']);
});
