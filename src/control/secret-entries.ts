import { Buffer } from 'node:buffer';
import type { CompiledConsumer, CompiledHmacKey } from '../core/protocol/auth-policy.ts';
import { objectIn } from './json.ts';
import type { Resource } from './resource.ts';

/** What the compiler of policies needs to know of secrets. */
export interface SecretSource {
  /** A Secret of the policy's namespace, opened. */
  secret(name: string): Resource | undefined;
  /** As `src/access/policy-secrets.ts` has them: a compiled policy has no secret that can be read. */
  digest(text: string): string;
  seal(plain: string, context: string): string;
}

/** Of a key that somebody chose: shorter ones are guessed. */
export const MIN_API_KEY_CHARS = 16;
export const MIN_HMAC_BYTES = 16;
/** RFC 7518, section 3.2: at least as long as the digest. */
const MIN_HS_BYTES: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };

/** The entries of a Secret; none where it is not there. */
export function entriesOfSecret(name: string, source: SecretSource): [entry: string, bytes: Buffer][] {
  const data = objectIn(source.secret(name)?.data);
  return Object.entries(data).map(([entry, value]) => [entry, Buffer.from(String(value), 'base64')]);
}

/** An entry of a Secret; undefined where there is none. */
export function entryOfSecret(name: string, entry: string, source: SecretSource): Buffer | undefined {
  const value = objectIn(source.secret(name)?.data)[entry];
  return typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
}

/** The API key that an entry holds, or null where it is none: visible characters of ASCII, enough of them. */
export function apiKeyIn(bytes: Buffer): string | null {
  // A file's last newline is nobody's intention.
  const key = bytes.toString('utf8').replace(/\r?\n$/, '');
  return /^[!-~]+$/.test(key) && key.length >= MIN_API_KEY_CHARS ? key : null;
}

/** How many bytes a secret must have for tokens that may be signed in these ways. */
export function leastSecretBytes(algorithms: readonly string[]): number {
  return Math.max(...algorithms.map((algorithm) => MIN_HS_BYTES[algorithm] ?? 0));
}

/** Whom an entry with an API key stands for. */
export function consumerOf(secret: string, entry: string, tenant: string | null): CompiledConsumer {
  return { keyId: `${secret}/${entry}`, user: entry, tenant };
}

/** An entry that requests are signed with, sealed for its place: whose it is, in the policy and in the Secret. */
export function hmacKeyOf(
  { secret, entry, bytes, tenant }: { secret: string; entry: string; bytes: Buffer; tenant: string | null },
  place: string,
  source: SecretSource,
): CompiledHmacKey {
  return { sealed: source.seal(bytes.toString('base64'), place), context: place, secret, user: entry, tenant };
}
