import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { digestMatches, isSigned, type SignatureRules, verifySignature } from '../../src/access/http-signature.ts';
import { type SigningOptions, signed, type ToSign } from './signer.ts';

const NOW = 1_800_000_000;
const SECRET = randomBytes(32);
const RULES: SignatureRules = { components: [], maxAgeSeconds: 300, clockSkewSeconds: 30 };
const OPTIONS: SigningOptions = { keyId: 'robot', secret: SECRET, created: NOW, nonce: 'n0nce-n0nce' };
const POST: ToSign = { method: 'POST', url: 'https://shop.example.com/orders?draft=1', body: '{"a":1}' };

/** Verifies what was signed, after somebody on the way has changed it. */
function verify(
  request: ToSign,
  options: Partial<SigningOptions> = {},
  change: { url?: string; method?: string; headers?: (headers: Headers) => void; rules?: Partial<SignatureRules> } = {},
) {
  const headers = new Headers(signed(request, { ...OPTIONS, ...options }));
  change.headers?.(headers);
  const url = new URL(change.url ?? request.url);
  return verifySignature(
    {
      method: change.method ?? request.method,
      scheme: url.protocol.slice(0, -1),
      authority: url.host,
      path: url.pathname,
      search: url.search,
      headers,
      hasBody: request.body !== undefined,
    },
    { ...RULES, ...change.rules },
    (keyId) => (keyId === 'robot' ? SECRET : null),
    NOW * 1_000,
  );
}

test('the signer of these tests signs as the specification does (RFC 9421, B.2.5)', () => {
  const secret = Buffer.from(
    'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==',
    'base64',
  );
  const headers = { date: 'Tue, 20 Apr 2021 02:07:55 GMT', 'content-type': 'application/json' };
  const out = signed(
    { method: 'POST', url: 'https://example.com/foo?param=Value&Pet=dog', headers },
    {
      keyId: 'test-shared-secret',
      secret,
      created: 1618884473,
      components: ['date', '@authority', 'content-type'],
      label: 'sig-b25',
    },
  );
  expect(out['signature-input']).toBe(
    'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
  );
  expect(out.signature).toBe('sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:');
});

test('what a client of others has signed (http-message-signatures 1.0.6) is right', () => {
  const headers = new Headers({
    'content-type': 'application/json',
    'content-digest': 'sha-256=:AVq9f1zFei3ZS3WQ8ErYCEJzkF7jPsXOvq5iJ2qX+GI=:',
    signature: 'sig=:ASMXgCm5dQRc4ja0nkIUMAE3qKzjMMnVuelZDExZpBg=:',
    'signature-input':
      'sig=("@method" "@authority" "@path" "@query" "content-digest" "content-type");created=1800000000;keyid="robot-1";alg="hmac-sha256";nonce="0123456789"',
  });
  const url = { scheme: 'https', authority: 'shop.example.com', path: '/orders', search: '?draft=1&x=%20y' };
  const secret = new TextEncoder().encode('0123456789abcdef0123456789abcdef');
  const verified = verifySignature(
    { method: 'POST', ...url, headers, hasBody: true },
    RULES,
    () => secret,
    NOW * 1_000,
  );
  expect(verified).toMatchObject({ keyId: 'robot-1', nonce: '0123456789' });
  expect(digestMatches(headers, new TextEncoder().encode('{"a":1}'))).toBe(true);
});

test('a signed request names its key, its nonce and the time until which it has to be remembered', () => {
  expect(verify(POST)).toEqual({ keyId: 'robot', nonce: 'n0nce-n0nce', expiresAtMs: (NOW + 330) * 1_000 });
});

describe('accepted', () => {
  const cases: readonly [name: string, request: ToSign, options: Partial<SigningOptions>][] = [
    ['without a body', { method: 'GET', url: 'https://shop.example.com/a' }, {}],
    ['the target as one component', POST, { components: ['@method', '@target-uri', 'content-digest'] }],
    [
      'path and query as one component',
      POST,
      { components: ['@method', '@authority', '@request-target', 'content-digest'] },
    ],
    [
      'no query component where there is no query',
      { method: 'GET', url: 'https://a.example/' },
      { components: ['@method', '@authority', '@path'] },
    ],
    ['the algorithm named', POST, { alg: 'hmac-sha256' }],
    ['a clock that is ahead within the skew', POST, { created: NOW + 30 }],
    ['the last second of its age', POST, { created: NOW - 329 }],
    ['an expiry to come', POST, { expires: NOW + 1 }],
    [
      'a header more',
      { ...POST, headers: { 'x-tenant': 'a' } },
      { components: ['@method', '@authority', '@path', '@query', 'content-digest', 'x-tenant'] },
    ],
    ['a port of its own', { method: 'GET', url: 'https://a.example:8443/' }, {}],
  ];
  test.each(cases)('%s', (_, request, options) => {
    expect(verify(request, options).keyId).toBe('robot');
  });
});

describe('refused', () => {
  const cases: readonly [name: string, fault: RegExp, options: Partial<SigningOptions>][] = [
    ['another secret', /not right/, { secret: randomBytes(32) }],
    ['a key that nobody has', /not right/, { keyId: 'nobody' }],
    ['a key by the name of a member that every object has', /not right/, { keyId: 'constructor' }],
    ['another algorithm', /hmac-sha256/, { alg: 'rsa-v1_5-sha256' }],
    ['no nonce', /nonce/, { nonce: undefined }],
    ['a short nonce', /nonce/, { nonce: 'short' }],
    ['too old', /too old/, { created: NOW - 330 }],
    ['of the future', /future/, { created: NOW + 31 }],
    ['expired', /expired/, { expires: NOW - 30 }],
    ['the method not signed', /@method/, { components: ['@authority', '@path', '@query', 'content-digest'] }],
    ['the host not signed', /@authority/, { components: ['@method', '@path', '@query', 'content-digest'] }],
    ['the path not signed', /@path/, { components: ['@method', '@authority', '@query', 'content-digest'] }],
    ['the query not signed', /@query/, { components: ['@method', '@authority', '@path', 'content-digest'] }],
    ['the body not signed', /content-digest/, { components: ['@method', '@authority', '@path', '@query'] }],
    [
      'a component twice',
      /twice/,
      { components: ['@method', '@method', '@authority', '@path', '@query', 'content-digest'] },
    ],
    [
      'a component that we do not know',
      /not known/,
      { components: ['@method', '@target-uri', 'content-digest', '@status'] },
    ],
    [
      'a header that is not there',
      /has no "x-none"/,
      { components: ['@method', '@target-uri', 'content-digest', 'x-none'] },
    ],
  ];
  test.each(cases)('%s', (_, fault, options) => {
    expect(() => verify(POST, options)).toThrow(fault);
  });

  test('what was changed on the way', () => {
    expect(() => verify(POST, {}, { method: 'PUT' })).toThrow(/not right/);
    expect(() => verify(POST, {}, { url: 'https://shop.example.com/orders?draft=0' })).toThrow(/not right/);
    expect(() => verify(POST, {}, { url: 'https://shop.example.com/admin?draft=1' })).toThrow(/not right/);
    expect(() => verify(POST, {}, { url: 'https://other.example.com/orders?draft=1' })).toThrow(/not right/);
    // A query put behind a path that was signed alone.
    const get: ToSign = { method: 'GET', url: 'https://a.example/' };
    const bare = { components: ['@method', '@authority', '@path'] };
    expect(() => verify(get, bare, { url: 'https://a.example/?admin=1' })).toThrow(/@query/);
  });

  test('a nonce, a time or a component exchanged within the signed parameters', () => {
    const exchange = (from: string | RegExp, to: string) => (headers: Headers) =>
      headers.set('signature-input', (headers.get('signature-input') ?? '').replace(from, to));
    expect(() => verify(POST, {}, { headers: exchange('n0nce-n0nce', 'another-nonce') })).toThrow(/not right/);
    expect(() => verify(POST, {}, { headers: exchange(`created=${NOW}`, `created=${NOW + 1}`) })).toThrow(/not right/);
    expect(() => verify(POST, {}, { headers: exchange('"@query" ', '"@query"  ') })).toThrow(/not right/);
    // A name with parameters means something else than the name.
    expect(() => verify(POST, {}, { headers: exchange('"content-digest"', '"content-digest";req') })).toThrow(
      /not taken/,
    );
  });

  test('two signatures, one without its input, and fields that are none', () => {
    const append = (name: string, value: string) => (headers: Headers) => headers.append(name, value);
    expect(() => verify(POST, {}, { headers: append('signature', 'b=:YWJj:') })).toThrow(/one signature/);
    expect(() => verify(POST, {}, { headers: append('signature', 'sig=:YWJj:') })).toThrow(/RFC 8941/);
    expect(() => verify(POST, {}, { headers: (headers) => headers.set('signature', 'other=:YWJj:') })).toThrow(
      /no signature/,
    );
    expect(() => verify(POST, {}, { headers: (headers) => headers.set('signature', 'sig="YWJj"') })).toThrow(
      /no signature/,
    );
    expect(() => verify(POST, {}, { headers: (headers) => headers.set('signature-input', 'sig=:YWJj:') })).toThrow(
      /RFC 9421/,
    );
    expect(() => verify(POST, {}, { headers: (headers) => headers.delete('signature') })).toThrow(/one signature/);
    expect(() =>
      verify(POST, {}, { headers: (headers) => headers.set('signature-input', `sig=("a");x="${'y'.repeat(9_000)}"`) }),
    ).toThrow(/too long/);
  });

  test('what the policy wants signed besides', () => {
    expect(() => verify(POST, {}, { rules: { components: ['x-tenant'] } })).toThrow(/x-tenant/);
  });
});

test('a digest must be that of the body, by every algorithm that it names', () => {
  const body = new TextEncoder().encode('{"a":1}');
  const digest = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest('base64');
  const has = (value: string | null) =>
    digestMatches(new Headers(value === null ? {} : { 'content-digest': value }), body);
  expect(has(`sha-256=:${digest('sha256', body)}:`)).toBe(true);
  expect(has(`sha-512=:${digest('sha512', body)}:`)).toBe(true);
  expect(has(`sha-256=:${digest('sha256', body)}:, sha-512=:${digest('sha512', body)}:`)).toBe(true);
  expect(has(`sha-256=:${digest('sha256', body)}:, sha-512=:${digest('sha512', new Uint8Array(1))}:`)).toBe(false);
  expect(has(`sha-256=:${digest('sha256', new Uint8Array(1))}:`)).toBe(false);
  expect(has(`md5=:${digest('md5', body)}:`)).toBe(false);
  expect(has(null)).toBe(false);
  expect(has('nonsense')).toBe(false);
});

test('a request is signed where it has either of the two headers', () => {
  expect(isSigned(new Headers({ signature: 'x' }))).toBe(true);
  expect(isSigned(new Headers({ 'signature-input': 'x' }))).toBe(true);
  expect(isSigned(new Headers())).toBe(false);
});
