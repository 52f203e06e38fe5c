import { createHmac, hkdfSync } from 'node:crypto';

/** 128 bits in base64url. */
const SIGNATURE_CHARS = 22;

/**
 * Signs the tokens of sticky sessions: HMAC-SHA256 with a key that is derived from one that the deployment has (HKDF), so
 * that what is signed here is of use nowhere else. Synchronous, since a request waits for it.
 */
export function sessionSigner(key: Uint8Array): (text: string) => string {
  const derived = new Uint8Array(hkdfSync('sha256', key, 'orasi-edge', 'session persistence v1', 32));
  return (text) => createHmac('sha256', derived).update(text).digest('base64url').slice(0, SIGNATURE_CHARS);
}
