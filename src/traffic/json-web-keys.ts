import { LIMITS } from '../core/limits.ts';

/** Members of a JSON Web Key that only its owner may have (RFC 7518, section 6). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const MIN_RSA_BITS = 2_048;

/** Why a value is no JSON Web Key Set (RFC 7517, section 5) of public keys, or null. */
export function jwksFault(set: unknown): string | null {
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
  if (!Array.isArray(keys)) return 'expected a JSON Web Key Set: { "keys": [ … ] }';
  if (keys.length === 0 || keys.length > LIMITS.keySetKeys) return `expected 1 to ${LIMITS.keySetKeys} keys`;
  for (const [at, key] of keys.entries()) {
    const fault = publicKeyFault(key);
    if (fault !== null) return `keys[${at}] ${fault}`;
  }
  return null;
}

/** Why a value is no public key that may verify tokens, or null. */
export function publicKeyFault(key: unknown): string | null {
  if (typeof key !== 'object' || key === null || Array.isArray(key)) return 'is no key';
  const { kty, n } = key as Readonly<Record<string, unknown>>;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'is no public key: expected kty RSA, EC or OKP';
  if (PRIVATE.some((name) => name in key)) return 'has the private part of a key, which is to be secret';
  if (kty === 'RSA' && typeof n === 'string' && n.length * 6 < MIN_RSA_BITS)
    return `has fewer than ${MIN_RSA_BITS} bits`;
  return null;
}
