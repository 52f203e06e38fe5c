import { createHmac } from 'node:crypto';
import { derivedKey } from './secret-encryption.ts';

/** 128 bits in base64url. */
const SIGNATURE_CHARS = 22;

/**
 * Signs the tokens of sticky sessions: HMAC-SHA256 with a key that is derived from one that the deployment has, so
 * that what is signed here is of use nowhere else. Synchronous, since a request waits for it.
 */
export function sessionSigner(key: Uint8Array): (text: string) => string {
  const derived = derivedKey(key, 'session persistence v1');
  return (text) => createHmac('sha256', derived).update(text).digest('base64url').slice(0, SIGNATURE_CHARS);
}
