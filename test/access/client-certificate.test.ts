import { describe, expect, test } from 'vitest';
import { type ClientCertificate, certificateIdentity, isPresented } from '../../src/access/client-certificate.ts';
import type { CompiledMtls } from '../../src/core/protocol/auth-policy.ts';
import { CLIENT } from '../certificates.ts';

const FINGERPRINT = 'ab'.repeat(32);
const SHOWN: ClientCertificate = {
  certPresented: '1',
  certVerified: 'SUCCESS',
  certRevoked: '0',
  certFingerprintSHA256: FINGERPRINT,
  certSubjectDNRFC2253: 'CN=robot-1,O=Acme',
  certIssuerDNRFC2253: 'CN=Orasi Test Root',
  certSerial: '01',
  certNotAfter: 'Aug 24 18:07:09 2081 GMT',
  certRFC9440: `:${CLIENT.replace(/-----[A-Z ]+-----|\s/g, '')}:`,
};
const ANY: CompiledMtls = { fingerprintsSha256: [], subjects: [], issuers: [], subjectAltNames: [] };

test('a certificate that the platform has verified says who it is of', () => {
  expect(certificateIdentity(SHOWN, ANY)).toMatchObject({ method: 'mtls', id: FINGERPRINT, user: 'CN=robot-1,O=Acme' });
  expect(certificateIdentity(SHOWN, { ...ANY, subjectAltNames: ['URI:spiffe://acme/robot-1'] }).user).toBe(
    'URI:spiffe://acme/robot-1',
  );
});

describe('accepted', () => {
  const cases: readonly [string, Partial<CompiledMtls>][] = [
    ['one of the fingerprints', { fingerprintsSha256: ['00', FINGERPRINT] }],
    ['one of the subjects', { subjects: ['CN=other', 'CN=robot-1,O=Acme'] }],
    ['one of the issuers', { issuers: ['CN=Orasi Test Root'] }],
    ['a DNS name', { subjectAltNames: ['DNS:robot-1.acme.example'] }],
    ['an address of mail', { subjectAltNames: ['email:robot@acme.example'] }],
    ['a URI with a comma', { subjectAltNames: ['URI:http://x/, DNS:evil.example'] }],
    ['one of each list', { fingerprintsSha256: [FINGERPRINT], issuers: ['CN=Orasi Test Root'] }],
  ];
  test.each(cases)('%s', (_, policy) => {
    expect(certificateIdentity(SHOWN, { ...ANY, ...policy }).method).toBe('mtls');
  });

  test('a fingerprint with colons and capitals', () => {
    const certFingerprintSHA256 = FINGERPRINT.toUpperCase().replace(/(..)(?!$)/g, '$1:');
    expect(
      certificateIdentity({ ...SHOWN, certFingerprintSHA256 }, { ...ANY, fingerprintsSha256: [FINGERPRINT] }).id,
    ).toBe(FINGERPRINT);
  });
});

describe('refused', () => {
  const cases: readonly [string, Partial<ClientCertificate>, Partial<CompiledMtls>, RegExp][] = [
    ['not verified', { certVerified: 'FAILED:self signed certificate' }, {}, /not verified/],
    ['said to be verified by nobody', { certVerified: undefined }, {}, /not verified/],
    ['revoked', { certRevoked: '1' }, {}, /revoked/],
    ['another fingerprint', {}, { fingerprintsSha256: ['cd'.repeat(32)] }, /let in/],
    ['another subject', {}, { subjects: ['CN=robot-1'] }, /subject/],
    ['another issuer', {}, { issuers: ['CN=Orasi'] }, /issuer/],
    ['another name', {}, { subjectAltNames: ['DNS:robot-2.acme.example'] }, /no name/],
    ['a name that stands within another', {}, { subjectAltNames: ['DNS:evil.example'] }, /no name/],
    [
      'a name, where the certificate was too large to be handed over',
      { certRFC9440: '' },
      { subjectAltNames: ['DNS:robot-1.acme.example'] },
      /no name/,
    ],
    ['no fingerprint', { certFingerprintSHA256: '' }, {}, /fingerprint/],
  ];
  test.each(cases)('%s', (_, shown, policy, fault) => {
    expect(() => certificateIdentity({ ...SHOWN, ...shown }, { ...ANY, ...policy })).toThrow(fault);
  });
});

test('a certificate is there where the platform says so', () => {
  expect(isPresented(SHOWN)).toBe(true);
  expect(isPresented({ certPresented: '0' })).toBe(false);
  expect(isPresented(undefined)).toBe(false);
});
