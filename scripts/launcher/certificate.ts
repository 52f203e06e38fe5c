import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface Certificate {
  readonly key: string;
  readonly certificate: string;
  /** The authority that signed it, in PEM: what a client has to trust. */
  readonly authority: string;
  readonly authorityPath: string;
}

const DAYS = 397;
const RENEW_BEFORE_DAYS = 14;
const DAY_MS = 86_400_000;
const NAMES = ['localhost', '*.localhost'];
const ADDRESSES = ['127.0.0.1', '::1'];

/**
 * A certificate for localhost with an authority of its own, kept in a folder so that a client has to be told to
 * trust it once. The authority's key is thrown away: it can sign nothing else.
 */
export async function localCertificate(folder: string): Promise<Certificate> {
  mkdirSync(folder, { recursive: true });
  const paths = {
    key: join(folder, 'key.pem'),
    certificate: join(folder, 'certificate.pem'),
    authority: join(folder, 'ca.pem'),
  };
  if (!Object.values(paths).every((path) => existsSync(path)) || expiresSoon(readFileSync(paths.certificate, 'utf8'))) {
    const made = await makeCertificate();
    writeFileSync(paths.key, made.key, { mode: 0o600 });
    writeFileSync(paths.authority, made.authority);
    writeFileSync(paths.certificate, made.certificate);
  }
  return {
    key: readFileSync(paths.key, 'utf8'),
    certificate: readFileSync(paths.certificate, 'utf8'),
    authority: readFileSync(paths.authority, 'utf8'),
    authorityPath: paths.authority,
  };
}

async function makeCertificate(): Promise<{ key: string; certificate: string; authority: string }> {
  // A minute back, for a client whose clock is a little behind.
  const notBeforeDate = new Date(Date.now() - 60_000);
  const validity = {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate,
    notAfterDate: new Date(Date.now() + DAYS * DAY_MS),
  } as const;
  const authority = await generate([{ name: 'commonName', value: 'Orasi Edge local authority' }], {
    ...validity,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...validity,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...NAMES.map((value) => ({ type: 2 as const, value })),
          ...ADDRESSES.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { key: leaf.private, certificate: leaf.cert, authority: authority.cert };
}

function expiresSoon(certificate: string): boolean {
  return new X509Certificate(certificate).validToDate.getTime() < Date.now() + RENEW_BEFORE_DAYS * DAY_MS;
}
