import { Buffer } from 'node:buffer';
import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Tokens made by node:crypto alone, as RFC 7515 describes them: any header, any algorithm, right or wrong. */
export function tokenOf(
  header: Readonly<Record<string, unknown>>,
  claims: unknown,
  key: KeyObject | string | Uint8Array | null,
  alg = String(header.alg),
): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${key === null ? '' : signatureOf(alg, input, key).toString('base64url')}`;
}

function signatureOf(alg: string, input: string, key: KeyObject | string | Uint8Array): Buffer {
  const data = Buffer.from(input);
  const digest = `sha${alg.slice(2)}`;
  if (alg.startsWith('HS')) return createHmac(digest, key).update(data).digest();
  const signer = key as KeyObject;
  if (alg === 'EdDSA') return sign(null, data, signer);
  if (alg.startsWith('ES')) return sign(digest, data, { key: signer, dsaEncoding: 'ieee-p1363' });
  if (alg.startsWith('PS')) {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return sign(digest, data, { key: signer, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
  }
  return sign(digest, data, signer);
}

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;

/** A pair of keys for an algorithm, and the public one as a JSON Web Key. */
export function keyPair(alg: string, kid: string) {
  const pair =
    alg in CURVES
      ? generateKeyPairSync('ec', { namedCurve: CURVES[alg as keyof typeof CURVES] })
      : alg === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
  return { ...pair, jwk };
}

/** A server of key sets: what it answers can be changed, and what it was asked is counted. */
export interface Issuer {
  readonly origin: string;
  answer: (path: string) => { status?: number; headers?: Record<string, string>; body: string };
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { status, headers, body } = issuer.answer(request.url ?? '');
    response.writeHead(status ?? 200, { 'content-type': 'application/json', ...headers }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer: Issuer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: () => ({ body: '{"keys":[]}' }),
    asked,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return issuer;
}
