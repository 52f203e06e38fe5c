import { X509Certificate } from 'node:crypto';
import type { CompiledMtls, Identity } from '../core/protocol/auth-policy.ts';
import { byteSequence } from './byte-sequence.ts';

/**
 * What the platform says of a client's certificate (`request.cf.tlsClientAuth`): it verifies the chain against the
 * zone's authorities and looks at revocation, and nothing a client sends can change what it says. Locally there is no
 * TLS and any client may claim anything here.
 */
export interface ClientCertificate {
  readonly certPresented?: string;
  readonly certVerified?: string;
  readonly certRevoked?: string;
  readonly certFingerprintSHA256?: string;
  readonly certSubjectDNRFC2253?: string;
  readonly certIssuerDNRFC2253?: string;
  readonly certSerial?: string;
  readonly certNotAfter?: string;
  /** The certificate itself (RFC 9440): `:base64 of DER:`; empty where it is too large. */
  readonly certRFC9440?: string;
}

/** Why a certificate is refused; the caller is told. */
export class CertificateFault extends Error {}

/** Whether a client showed a certificate. */
export function isPresented(certificate: ClientCertificate | undefined): certificate is ClientCertificate {
  return certificate?.certPresented === '1';
}

/** Whose certificate it is. Throws a `CertificateFault` where the policy does not take it. */
export function certificateIdentity(certificate: ClientCertificate, policy: CompiledMtls): Identity {
  if (certificate.certVerified !== 'SUCCESS') throw new CertificateFault('is not verified');
  if (certificate.certRevoked === '1') throw new CertificateFault('is revoked');
  const fingerprint = (certificate.certFingerprintSHA256 ?? '').replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(fingerprint)) throw new CertificateFault('has no fingerprint');
  const subject = certificate.certSubjectDNRFC2253 ?? '';
  const issuer = certificate.certIssuerDNRFC2253 ?? '';
  const { fingerprintsSha256, subjects, issuers, subjectAltNames } = policy;
  const isOneOf = (list: readonly string[], value: string) => list.length === 0 || list.includes(value);
  if (!isOneOf(fingerprintsSha256, fingerprint)) throw new CertificateFault('is not one of those that are let in');
  if (!isOneOf(subjects, subject)) throw new CertificateFault('has a subject that is not let in');
  if (!isOneOf(issuers, issuer)) throw new CertificateFault('has an issuer that is not let in');
  const names = subjectAltNames.length === 0 ? [] : alternativeNames(certificate);
  if (subjectAltNames.length > 0 && !names.some((name) => subjectAltNames.includes(name)))
    throw new CertificateFault('has no name that is let in');
  return {
    method: 'mtls',
    id: fingerprint,
    apiKey: null,
    user: names.find((name) => subjectAltNames.includes(name)) ?? (subject === '' ? fingerprint : subject),
    tenant: null,
    claims: {
      subject,
      issuer,
      serial: certificate.certSerial ?? '',
      fingerprint,
      names,
      notAfter: certificate.certNotAfter ?? '',
    },
  };
}

/** subjectAltName of the certificate itself; empty where the platform could not hand it over. */
function alternativeNames({ certRFC9440 }: ClientCertificate): string[] {
  const der = byteSequence(certRFC9440 ?? '');
  if (der === null) return [];
  try {
    return namesOf(new X509Certificate(der).subjectAltName ?? '');
  } catch {
    return [];
  }
}

/**
 * `DNS:a.example.com, URI:"http://example.com/a,DNS:b"`: a name that could be taken for the end of one is quoted as JSON.
 */
function namesOf(text: string): string[] {
  const names: string[] = [];
  const pattern =
    /(DNS|URI|email):(?:"((?:[^"\\]|\\.)*)"|([^",]*))(?:, |$)|[^,"]*(?:"(?:[^"\\]|\\.)*"[^,"]*)*(?:, |$)/gy;
  for (const match of text.matchAll(pattern)) {
    const [, type, quoted, plain] = match;
    if (type === undefined) continue;
    names.push(`${type}:${quoted === undefined ? plain : String(JSON.parse(`"${quoted}"`))}`);
  }
  return names;
}
