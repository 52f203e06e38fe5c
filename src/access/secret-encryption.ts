import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto';

/**
 * Encryption of secrets at rest: AES-256-GCM with a nonce of its own for each text, the context (which object it is) as
 * additional data, so that a sealed text copied to another object does not open there. Calls are synchronous, as
 * the store's transactions are.
 *
 * A sealed text is `v1.<key id>.<nonce>.<ciphertext>.<tag>`, the last three in base64url. The key id is the
 * beginning of a hash of the key and says nothing about it.
 */
export interface Keyring {
  /** Of the key that seals. */
  readonly keyId: string;
  seal(plain: string, context: string): string;
  /** Throws where the text is damaged, was sealed for another context, or the key is not in the ring. */
  open(sealed: string, context: string): string;
}

const VERSION = 'v1';
const KEY_BYTES = 32;
/** GCM's own size: longer ones are hashed down to it. */
const NONCE_BYTES = 12;

/**
 * A ring of 32-byte keys: the first seals, all open. To rotate, put the new key first and keep the old one behind it.
 *
 * @param nonceOf so many bytes, which come twice only where the same is sealed: random ones, or made of what is sealed
 */
export function keyring(
  keys: readonly Uint8Array[],
  nonceOf: (length: number, plain: string, context: string) => Uint8Array,
): Keyring {
  if (keys.length === 0) throw new Error('an encryption keyring needs a key');
  for (const key of keys)
    if (key.length !== KEY_BYTES) throw new Error(`an encryption key has ${KEY_BYTES} bytes, not ${key.length}`);
  const byId = new Map(keys.map((key) => [keyIdOf(key), key]));
  const currentId = keyIdOf(keys[0]);
  return {
    keyId: currentId,
    seal(plain, context) {
      const nonce = nonceOf(NONCE_BYTES, plain, context);
      const cipher = createCipheriv('aes-256-gcm', keys[0], nonce);
      cipher.setAAD(Buffer.from(context, 'utf8'));
      const ciphertext = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      const parts = [nonce, ciphertext, cipher.getAuthTag()].map((part) => Buffer.from(part).toString('base64url'));
      return [VERSION, currentId, ...parts].join('.');
    },
    open(sealed, context) {
      const [version, keyId, nonce, ciphertext, tag] = sealed.split('.');
      if (version !== VERSION || tag === undefined) throw new Error('a sealed text of an unknown form');
      const key = byId.get(keyId);
      if (key === undefined) throw new Error(`the secret was sealed with key ${keyId}, which is not in ENCRYPTION_KEY`);
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'));
      decipher.setAAD(Buffer.from(context, 'utf8'));
      decipher.setAuthTag(Buffer.from(tag, 'base64url'));
      return Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]).toString('utf8');
    },
  };
}

function keyIdOf(key: Uint8Array): string {
  return createHash('sha256').update('orasi key id').update(key).digest('hex').slice(0, 8);
}

/**
 * The keys of a deployment. `ENCRYPTION_KEY` holds one or more keys of 32 bytes in base64, separated by commas,
 * the present one first. Without it the key is derived from the admin token (HKDF, SHA-256): good enough for a
 * machine of one's own, and there it changes with the token.
 */
export function keysFrom(vars: { readonly encryptionKey?: string; readonly adminToken?: string }): Uint8Array[] {
  if (vars.encryptionKey) {
    return vars.encryptionKey.split(',').map((text) => {
      const key = Buffer.from(text.trim(), 'base64');
      if (key.length !== KEY_BYTES)
        throw new Error(`ENCRYPTION_KEY: expected ${KEY_BYTES} bytes in base64, got ${key.length}`);
      return new Uint8Array(key);
    });
  }
  if (!vars.adminToken) throw new Error('set ENCRYPTION_KEY (32 bytes in base64), or ADMIN_TOKEN to derive a key from');
  return [derivedKey(vars.adminToken, 'secret encryption v1')];
}

/** A key of 32 bytes for one purpose (HKDF, SHA-256): what is made with it is of use for no other. */
export function derivedKey(from: string | Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', from, 'orasi-edge', purpose, KEY_BYTES));
}
