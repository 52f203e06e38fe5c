import { Buffer } from 'node:buffer';
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { objectIn } from './json.ts';
import type { Resource } from './resource.ts';

/** What a listener's Secret holds. TLS itself is ended by Cloudflare: the certificate is watched here, not used. */
export interface ListenerCertificate {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** The next moment at which time alone changes the verdict, as an authority may begin or end before the leaf; null: none. */
  readonly turnsMs: number | null;
  /** Of subjectAltName, DNS names only. */
  readonly names: readonly string[];
  /** Lower-case hex: tells whether it was changed. */
  readonly fingerprintSha256: string;
}

/** In the words of the Gateway API: what is wrong goes into the listener's `ResolvedRefs` with this reason. */
export type CertificateVerdict =
  | { readonly certificate: ListenerCertificate; readonly fault: null }
  | {
      readonly certificate: ListenerCertificate | null;
      readonly fault: { readonly reason: 'InvalidCertificateRef'; readonly message: string };
    };

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
/** A leaf, and as many authorities as anybody has between it and a root. */
const MAX_CHAIN = 10;
const MAX_CHARS = 256 * 1024;

/**
 * Looks at a Secret of type `kubernetes.io/tls`: that certificate and key can be read, belong together, are followed by
 * the authorities that signed them in their order, name the listener's host, and hold at `nowMs`.
 *
 * @param hostname the listener's, with a wildcard or not; null where it has none
 */
export function checkListenerCertificate(secret: Resource, hostname: string | null, nowMs: number): CertificateVerdict {
  if (secret.type !== 'kubernetes.io/tls')
    return refused(null, `the Secret is of type ${secret.type}, not kubernetes.io/tls`);
  const data = objectIn(secret.data);
  const [chainText, keyText] = [textOf(data['tls.crt']), textOf(data['tls.key'])];
  if (chainText === null || keyText === null) return refused(null, 'the Secret needs the entries tls.crt and tls.key');
  const chain = chainOf(chainText);
  if (chain === null) return refused(null, 'tls.crt cannot be read: certificates in PEM are expected, the leaf first');
  const [leaf] = chain;
  const certificate = certificateOf(chain, nowMs);
  const key = keyOf(keyText);
  if (key === null)
    return refused(certificate, 'tls.key cannot be read: a private key in PEM without a passphrase is expected');
  if (!isKeyOf(key, leaf)) return refused(certificate, 'tls.key is not the key of the certificate');
  const broken = chainFault(chain, nowMs);
  if (broken !== null) return refused(certificate, broken);
  if (hostname !== null && !covers(certificate.names, hostname))
    return refused(certificate, `the certificate names ${certificate.names.join(', ') || 'no host'}, not ${hostname}`);
  return { certificate, fault: null };
}

function refused(certificate: ListenerCertificate | null, message: string): CertificateVerdict {
  return { certificate, fault: { reason: 'InvalidCertificateRef', message } };
}

/** Each certificate must have been signed by the next, which must be an authority's; and all must hold. */
function chainFault(chain: readonly X509Certificate[], nowMs: number): string | null {
  for (const [at, certificate] of chain.entries()) {
    const what = at === 0 ? 'the certificate' : `certificate ${at + 1} of the chain`;
    if (Date.parse(certificate.validTo) <= nowMs) return `${what} has expired on ${certificate.validTo}`;
    if (Date.parse(certificate.validFrom) > nowMs) return `${what} does not hold before ${certificate.validFrom}`;
    const next = chain[at + 1];
    if (next === undefined) continue;
    if (!next.ca) return `certificate ${at + 2} of the chain is no authority's`;
    if (certificate.issuer !== next.subject || !certificate.verify(next.publicKey))
      return `${what} is not signed by the one that follows it`;
  }
  return null;
}

/** A wildcard in a certificate stands for one label (RFC 6125, section 6.4.3), one of a listener for any number. */
function covers(names: readonly string[], hostname: string): boolean {
  const host = hostname.toLowerCase();
  const parent = host.slice(host.indexOf('.') + 1);
  return names.some((name) => name === host || (!host.startsWith('*.') && name === `*.${parent}`));
}

function certificateOf(chain: readonly X509Certificate[], nowMs: number): ListenerCertificate {
  const [leaf] = chain;
  const turns = chain
    .flatMap(({ validFrom, validTo }) => [Date.parse(validFrom), Date.parse(validTo)])
    .filter((turn) => turn > nowMs);
  const names = [...(leaf.subjectAltName ?? '').matchAll(/(?:^|, )DNS:([^,"\s]+)/g)].map(([, name]) =>
    name.toLowerCase(),
  );
  return {
    notBeforeMs: Date.parse(leaf.validFrom),
    notAfterMs: Date.parse(leaf.validTo),
    turnsMs: turns.length === 0 ? null : Math.min(...turns),
    names,
    fingerprintSha256: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

function chainOf(text: string): readonly X509Certificate[] | null {
  const blocks = text.length > MAX_CHARS ? [] : (text.match(BLOCK) ?? []);
  if (blocks.length === 0 || blocks.length > MAX_CHAIN) return null;
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return null;
  }
}

function keyOf(text: string): KeyObject | null {
  try {
    return createPrivateKey(text);
  } catch {
    return null;
  }
}

/** By their public parts: on the pinned workerd `checkPrivateKey` is false of every key. */
function isKeyOf(key: KeyObject, { publicKey }: X509Certificate): boolean {
  const format = { type: 'spki', format: 'der' } as const;
  return createPublicKey(key).export(format).equals(publicKey.export(format));
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : null;
}
