import { decodeJwt, decodeProtectedHeader, errors, importJWK, type JWTHeaderParameters, jwtVerify } from 'jose';
import { fromBase64 } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { CompiledJwt, CompiledJwtProvider, Identity } from '../core/protocol/auth-policy.ts';
import type { JsonWebKeySets, KeySet, PublicKey } from './json-web-key-sets.ts';

/** Why a token is refused; the caller is told. */
export class TokenFault extends Error {}

/** Who a token is of, and which provider it was held against. */
export interface VerifiedToken {
  readonly provider: CompiledJwtProvider;
  readonly identity: Identity;
}

/** What verifying stands on. */
export interface TokenParts {
  readonly keySets: JsonWebKeySets;
  readonly clock: Clock;
  /** Opens a sealed secret. */
  readonly open: (sealed: string, context: string) => string;
}

/** A token that was right is believed for so long without another look at its signature; its times are looked at always. */
const BELIEVED_MS = 60_000;
const BELIEVED_TOKENS = 1_000;
/** Longer ones are looked at each time: of all policies together some megabytes are remembered. */
const BELIEVED_CHARS = 4_096;
/** Keys of one set that are tried where a token does not say by which it is signed. */
const TRIED_KEYS = 4;

/** What tokens of each algorithm are verified with (RFC 7518, section 3.1; RFC 8037). */
const KEY_OF: Readonly<Record<string, { readonly kty: string; readonly crv?: readonly string[] }>> = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: ['P-256'] },
  ES384: { kty: 'EC', crv: ['P-384'] },
  ES512: { kty: 'EC', crv: ['P-521'] },
  EdDSA: { kty: 'OKP', crv: ['Ed25519'] },
};

type VerifyKey = Awaited<ReturnType<typeof importJWK>>;

interface Believed {
  readonly verified: VerifiedToken;
  readonly atMs: number;
  readonly keys: KeySet | null;
}

/** Tokens that were right, of all policies of an isolate, by verifier and token; oldest first. */
const believedTokens = new Map<string, Believed>();
let verifiers = 0;

/** Verifies the tokens of one policy. */
export class TokenVerifier {
  readonly #jwt: CompiledJwt;
  readonly #parts: TokenParts;
  readonly #name: string;
  readonly #secrets = new Map<CompiledJwtProvider, Uint8Array>();
  /** Only keys that are there, never promises: those end with the request that made them. */
  readonly #imported = new WeakMap<PublicKey, Map<string, VerifyKey>>();

  constructor(jwt: CompiledJwt, parts: TokenParts) {
    this.#jwt = jwt;
    this.#parts = parts;
    verifiers += 1;
    this.#name = String(verifiers);
  }

  /**
   * Who a token speaks of.
   *
   * @throws TokenFault where the token is refused; KeysUnavailable where its issuer's keys cannot be had.
   */
  async verify(token: string, background: (work: Promise<unknown>) => void): Promise<VerifiedToken> {
    if (token.length > LIMITS.tokenChars) throw new TokenFault('is too long');
    const provider = this.#providerOf(token);
    const nowMs = this.#parts.clock.now();
    const { keys } = provider;
    let set: KeySet | null = null;
    if (keys.type === 'url') set = await this.#parts.keySets.get({ url: keys.url }, background);
    else if (keys.type === 'discovery') set = await this.#parts.keySets.get({ issuer: provider.issuer }, background);
    const believed = believedTokens.get(`${this.#name} ${token}`);
    if (believed !== undefined && believed.keys === set && nowMs - believed.atMs < BELIEVED_MS) {
      checkTimes(believed.verified.identity.claims, provider, nowMs);
      return believed.verified;
    }
    const verified = {
      provider,
      identity: identityOf(provider, await this.#claimsOf(token, provider, set, background)),
    };
    this.#remember(token, { verified, atMs: nowMs, keys: set });
    return verified;
  }

  #providerOf(token: string): CompiledJwtProvider {
    let issuer: unknown;
    try {
      issuer = decodeJwt(token).iss;
    } catch {
      throw new TokenFault('is no JSON Web Token');
    }
    const provider = this.#jwt.providers.find((candidate) => candidate.issuer === issuer);
    if (provider === undefined) throw new TokenFault('is of an issuer that is not known here');
    return provider;
  }

  async #claimsOf(
    token: string,
    provider: CompiledJwtProvider,
    set: KeySet | null,
    background: (work: Promise<unknown>) => void,
  ): Promise<Readonly<Record<string, unknown>>> {
    const header = headerOf(token);
    // Before a key is looked for: what is not signed in a way we take is no reason to ask an issuer for its keys.
    if (typeof header.alg !== 'string' || !provider.algorithms.includes(header.alg))
      throw new TokenFault('is signed in a way that is not taken');
    let candidates = await this.#candidates(provider, set, header);
    if (candidates.length === 0 && set !== null) {
      const newer = await this.#newerSet(provider, set, background);
      if (newer !== set) candidates = await this.#candidates(provider, newer, header);
    }
    if (candidates.length === 0) throw new TokenFault('is signed by a key that its issuer does not have');
    let last: unknown;
    for (const key of candidates.slice(0, TRIED_KEYS)) {
      try {
        return await this.#verifyBy(token, provider, key);
      } catch (error) {
        last = error;
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) break;
      }
    }
    throw faultOf(last);
  }

  #newerSet(provider: CompiledJwtProvider, set: KeySet, background: (work: Promise<unknown>) => void) {
    const { keys } = provider;
    const source = keys.type === 'url' ? { url: keys.url } : { issuer: provider.issuer };
    return this.#parts.keySets.get(source, background, set);
  }

  async #candidates(
    provider: CompiledJwtProvider,
    set: KeySet | null,
    { alg, kid }: JWTHeaderParameters,
  ): Promise<(VerifyKey | Uint8Array)[]> {
    const { keys } = provider;
    if (keys.type === 'secret') return [this.#secretOf(provider, keys)];
    const wanted = KEY_OF[alg];
    if (wanted === undefined) return [];
    const usable = (keys.type === 'inline' ? keys.keys : (set?.keys ?? [])).filter(
      (key) =>
        key.kty === wanted.kty &&
        (wanted.crv === undefined || (typeof key.crv === 'string' && wanted.crv.includes(key.crv))) &&
        (key.alg === undefined || key.alg === alg || (alg === 'EdDSA' && key.alg === 'Ed25519')) &&
        (key.use === undefined || key.use === 'sig') &&
        // A token that names its key is verified by that one, and by no other.
        (kid === undefined || key.kid === kid),
    );
    const imported: VerifyKey[] = [];
    for (const key of usable.slice(0, TRIED_KEYS)) {
      const ready = await this.#import(key, alg);
      if (ready !== null) imported.push(ready);
    }
    return imported;
  }

  async #import(key: PublicKey, alg: string): Promise<VerifyKey | null> {
    const present = this.#imported.get(key) ?? new Map<string, VerifyKey>();
    const known = present.get(alg);
    if (known !== undefined) return known;
    try {
      const { kty, crv, n, e, x, y } = key as Record<string, string>;
      const made = await importJWK({ kty, crv, n, e, x, y }, alg);
      present.set(alg, made);
      this.#imported.set(key, present);
      return made;
    } catch {
      return null;
    }
  }

  #secretOf(provider: CompiledJwtProvider, { sealed, context }: { sealed: string; context: string }): Uint8Array {
    const present = this.#secrets.get(provider);
    if (present !== undefined) return present;
    const secret = fromBase64(this.#parts.open(sealed, context));
    this.#secrets.set(provider, secret);
    return secret;
  }

  async #verifyBy(token: string, provider: CompiledJwtProvider, key: VerifyKey | Uint8Array) {
    const { issuer, audiences, algorithms, clockSkewSeconds, type } = provider;
    const nowMs = this.#parts.clock.now();
    const { payload } = await jwtVerify(token, key, {
      issuer,
      ...(audiences.length > 0 ? { audience: [...audiences] } : {}),
      algorithms: [...algorithms],
      clockTolerance: clockSkewSeconds,
      currentDate: new Date(nowMs),
      requiredClaims: ['exp'],
      ...(type === null ? {} : { typ: type }),
    });
    checkTimes(payload, provider, nowMs);
    return payload;
  }

  #remember(token: string, entry: Believed): void {
    if (token.length > BELIEVED_CHARS) return;
    believedTokens.set(`${this.#name} ${token}`, entry);
    if (believedTokens.size <= BELIEVED_TOKENS) return;
    const oldest = believedTokens.keys().next();
    if (!oldest.done) believedTokens.delete(oldest.value);
  }
}

/** A claim by its name, or by a path of names with dots between them. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let at: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}

/** Times that the believed are held to as well. Throws a `TokenFault`. */
function checkTimes(
  claims: Readonly<Record<string, unknown>>,
  { clockSkewSeconds, maxAgeSeconds }: CompiledJwtProvider,
  nowMs: number,
): void {
  const now = Math.floor(nowMs / 1_000);
  const { exp, nbf, iat } = claims;
  if (typeof exp !== 'number' || exp <= now - clockSkewSeconds) throw new TokenFault('has expired');
  if (typeof nbf === 'number' && nbf > now + clockSkewSeconds) throw new TokenFault('is not good yet');
  if (typeof iat === 'number' && iat > now + clockSkewSeconds) throw new TokenFault('was made in the future');
  if (maxAgeSeconds === null) return;
  if (typeof iat !== 'number' || iat + maxAgeSeconds <= now - clockSkewSeconds) throw new TokenFault('is too old');
}

function identityOf(provider: CompiledJwtProvider, claims: Readonly<Record<string, unknown>>): Identity {
  const user = textOf(claimAt(claims, provider.userClaim));
  const tenant = provider.tenantClaim === null ? null : textOf(claimAt(claims, provider.tenantClaim));
  // Two issuers may have users of one name.
  const id = `${provider.name}/${typeof claims.sub === 'string' ? claims.sub : (user ?? '')}`;
  return { method: 'jwt', id, apiKey: null, user, tenant, claims };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

function headerOf(token: string): JWTHeaderParameters {
  try {
    return decodeProtectedHeader(token) as JWTHeaderParameters;
  } catch {
    throw new TokenFault('is no JSON Web Token');
  }
}

function faultOf(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new TokenFault('has expired');
  if (error instanceof errors.JWTClaimValidationFailed) return new TokenFault(`has a wrong claim "${error.claim}"`);
  if (error instanceof errors.JWSSignatureVerificationFailed) return new TokenFault('has a wrong signature');
  return error instanceof errors.JOSEError ? new TokenFault('is not valid') : error;
}
