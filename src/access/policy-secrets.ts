import { createHmac } from 'node:crypto';
import { derivedKey, keyring } from './secret-encryption.ts';

/**
 * What a policy of the gateway has of secrets once it is compiled. Compiled policies lie in the bucket, so no secret may
 * be read there by who has the bucket alone: keys of consumers are kept as digests, what has to be known as it is, sealed.
 * Both by keys derived from ENCRYPTION_KEY, which the control plane and the gateway's isolates have.
 */
export interface PolicySecrets {
  /** Of an API key, in hex: a guess cannot be tried without ENCRYPTION_KEY. */
  digest(text: string): string;
  /** By every key of the ring, the present one first: what was compiled before a rotation is found too. */
  digests(text: string): readonly string[];
  /** The same text in the same context is sealed to the same text, so that compiling again changes no file. */
  seal(plain: string, context: string): string;
  /** Throws where the text is damaged, was sealed for another context, or its key is not in the ring. */
  open(sealed: string, context: string): string;
}

/** The secrets of policies by the keys of a deployment, the present one first. */
export function policySecrets(keys: readonly Uint8Array[]): PolicySecrets {
  const digestKeys = keys.map((key) => derivedKey(key, 'gateway api keys v1'));
  const sealKeys = keys.map((key) => derivedKey(key, 'gateway sealed secrets v1'));
  const nonceKey = derivedKey(keys[0], 'gateway nonces v1');
  // A nonce is a digest of what it is used for: it comes twice only where all else is the same as well (RFC 8452
  // stands on the same thought), and the key is used for nothing else.
  const ring = keyring(sealKeys, (length, plain, context) => {
    const digest = createHmac('sha256', nonceKey).update(`${context.length}:${context}${plain}`, 'utf8').digest();
    return new Uint8Array(digest.subarray(0, length));
  });
  const digestBy = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text, 'utf8').digest('hex');
  return {
    digest: (text) => digestBy(digestKeys[0], text),
    digests: (text) => digestKeys.map((key) => digestBy(key, text)),
    seal: ring.seal,
    open: ring.open,
  };
}
