import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { checkListenerCertificate } from '../../src/control/listener-certificate.ts';
import type { Resource } from '../../src/control/resource.ts';
import { INTERMEDIATE, LEAF, LEAF_KEY, OTHER_AUTHORITY, OTHER_KEY, ROOT, RSA_KEY, RSA_LEAF } from '../certificates.ts';

const NOW = Date.UTC(2030, 0, 1);

function secret(certificate: string, key: string, type = 'kubernetes.io/tls'): Resource {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  const data = { 'tls.crt': encode(certificate), 'tls.key': encode(key) };
  return { apiVersion: 'v1', kind: 'Secret', type, data, metadata: { name: 'tls' } } as unknown as Resource;
}

const CHAIN = LEAF + INTERMEDIATE;
const check = (certificate: string, key = LEAF_KEY, hostname: string | null = 'shop.example.com', nowMs = NOW) =>
  checkListenerCertificate(secret(certificate, key), hostname, nowMs);

test('a good certificate tells until when it holds, and for which names', () => {
  const { certificate, fault } = check(CHAIN);
  expect(fault).toBeNull();
  expect(certificate).toEqual({
    notBeforeMs: Date.UTC(2026, 10, 21, 18, 7, 9),
    notAfterMs: Date.UTC(2081, 7, 24, 18, 7, 9),
    turnsMs: Date.UTC(2081, 7, 24, 18, 7, 9),
    names: ['shop.example.com', '*.shop.example.com'],
    fingerprintSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

describe('accepted', () => {
  const cases: readonly [name: string, certificate: string, key: string, hostname: string | null][] = [
    ['the leaf alone', LEAF, LEAF_KEY, 'shop.example.com'],
    ['the whole chain with its root', CHAIN + ROOT, LEAF_KEY, 'shop.example.com'],
    ['words between certificates', `subject=x\n${LEAF}\nissuer=y\n${INTERMEDIATE}`, LEAF_KEY, 'shop.example.com'],
    ['a subdomain of the wildcard', CHAIN, LEAF_KEY, 'a.shop.example.com'],
    ['a listener with the same wildcard', CHAIN, LEAF_KEY, '*.shop.example.com'],
    ['a listener without a host', CHAIN, LEAF_KEY, null],
    ['a host in capitals', CHAIN, LEAF_KEY, 'SHOP.example.com'],
    ['RSA, without names, for a listener without a host', RSA_LEAF, RSA_KEY, null],
  ];
  test.each(cases)('%s', (_, certificate, key, hostname) => {
    expect(check(certificate, key, hostname).fault).toBeNull();
  });
});

describe('refused', () => {
  const cases: readonly [name: string, verdict: ReturnType<typeof check>, message: RegExp][] = [
    ['no certificate', check('nothing'), /cannot be read/],
    ['half a certificate', check(LEAF.slice(0, 200)), /cannot be read/],
    [
      'a certificate of nonsense',
      check('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
      /cannot be read/,
    ],
    ['no key', check(CHAIN, 'nothing'), /tls\.key cannot be read/],
    ['a public key', check(CHAIN, LEAF), /tls\.key cannot be read/],
    ["another's key", check(CHAIN, OTHER_KEY), /not the key/],
    ['the chain in the wrong order', check(LEAF + ROOT + INTERMEDIATE), /not signed by the one that follows/],
    [
      'an authority of the right name that did not sign',
      check(LEAF + OTHER_AUTHORITY),
      /not signed by the one that follows/,
    ],
    ['a leaf as an authority', check(LEAF + LEAF), /no authority/],
    ['too many certificates', check(LEAF.repeat(11)), /cannot be read/],
    ['another host', check(CHAIN, LEAF_KEY, 'example.com'), /names shop\.example\.com/],
    ['two labels where the wildcard stands for one', check(CHAIN, LEAF_KEY, 'a.b.shop.example.com'), /names/],
    ['a wider wildcard', check(CHAIN, LEAF_KEY, '*.example.com'), /names/],
    ['a certificate without names', check(RSA_LEAF, RSA_KEY, 'rsa'), /names no host/],
    ['expired', check(CHAIN, LEAF_KEY, null, Date.UTC(2082, 0, 1)), /expired on Aug/],
    ['an authority that has expired', check(CHAIN, LEAF_KEY, null, Date.UTC(2094, 0, 1)), /expired/],
    ['not good yet', check(CHAIN, LEAF_KEY, null, Date.UTC(2026, 0, 1)), /before/],
    [
      'another type of Secret',
      checkListenerCertificate(secret(CHAIN, LEAF_KEY, 'Opaque'), null, NOW),
      /kubernetes\.io\/tls/,
    ],
  ];
  test.each(cases)('%s', (_, verdict, message) => {
    expect(verdict.fault).toMatchObject({ reason: 'InvalidCertificateRef', message: expect.stringMatching(message) });
  });

  test('and what is known of it all the same is told: an expired one has its day', () => {
    expect(check(CHAIN, LEAF_KEY, null, Date.UTC(2082, 0, 1)).certificate?.notAfterMs).toBe(
      Date.UTC(2081, 7, 24, 18, 7, 9),
    );
  });
});

test('no fault quotes the key', () => {
  const { fault } = check(CHAIN, OTHER_KEY);
  expect(fault?.message).not.toContain('PRIVATE');
});
