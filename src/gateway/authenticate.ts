import { Buffer } from 'node:buffer';
import { CertificateFault, certificateIdentity, isPresented } from '../access/client-certificate.ts';
import { digestMatches, isSigned, SignatureFault, verifySignature } from '../access/http-signature.ts';
import { type JsonWebKeySets, KeysUnavailable } from '../access/json-web-key-sets.ts';
import { TokenFault, TokenVerifier } from '../access/json-web-token.ts';
import { parseToken } from '../access/keys.ts';
import type { PolicySecrets } from '../access/policy-secrets.ts';
import type { Clock } from '../core/clock.ts';
import type { ErrorCode } from '../core/errors.ts';
import {
  ANONYMOUS,
  type CompiledApiKeys,
  type CompiledAuth,
  type CompiledHmac,
  type CompiledHmacKey,
  type CompiledJwtProvider,
  type CredentialPlace,
  type Identity,
} from '../core/protocol/auth-policy.ts';
import type { Log } from '../observe/log.ts';
import { announcedBytes } from './body.ts';
import { refuseCaller, type Scheme } from './challenges.ts';
import { credentialAt, removeCredential } from './credentials.ts';
import type { Check, Exchange, Soon } from './exchange.ts';
import { addIdentityHeaders, removeIdentityHeaders } from './identity-headers.ts';
import { mayHaveBody, NO_BODY, readBody } from './read-body.ts';
import { refuse } from './refusal.ts';

/** What authentication asks of others. */
export interface AuthenticationParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: PolicySecrets;
  readonly keySets: JsonWebKeySets;
  /** Whose key of the platform a token is; null where it opens nothing. Looked up, at most some seconds old. */
  platformKey(token: string): Promise<PlatformKey | null>;
  /** Whether a nonce of a namespace is used for the first time; remembered until then. Throws where nobody can say. */
  firstUse(namespaceUid: string, nonce: string, expiresAtMs: number): Promise<boolean>;
}

/** A key of the management surface that an AuthPolicy may take too. */
export interface PlatformKey {
  readonly name: string;
  readonly role: string;
  /** Null: of all namespaces. */
  readonly namespaceUid: string | null;
}

/** Says who is calling, by the policy in force; refuses whose credentials are not right. */
export function createAuthentication(parts: AuthenticationParts): Check {
  const verifiers = new WeakMap<CompiledAuth, TokenVerifier>();
  const verifierOf = (auth: CompiledAuth): TokenVerifier | null => {
    if (auth.jwt === null) return null;
    const present = verifiers.get(auth);
    if (present !== undefined) return present;
    const made = new TokenVerifier(auth.jwt, {
      keySets: parts.keySets,
      clock: parts.clock,
      open: (sealed, context) => parts.secrets.open(sealed, context),
    });
    verifiers.set(auth, made);
    return made;
  };
  return (exchange) => {
    const policy = exchange.policies.auth;
    if (policy === null) return null;
    const auth = policy.spec;
    // Whoever it is, nobody says by a header of the request who he is.
    removeIdentityHeaders(exchange, auth);
    return answerOf(exchange, auth, decide(exchange, auth, policy.namespaceUid, parts, verifierOf(auth)), parts);
  };
}

/** Who it is, or why it is nobody. */
type Outcome =
  | { readonly identity: Identity; readonly place: CredentialPlace | null; readonly provider?: CompiledJwtProvider }
  | { readonly fault: string; readonly scheme: Scheme; readonly code?: ErrorCode };

/** The first of mtls, hmac, jwt and API key whose credentials are there decides, for good or ill. */
function decide(
  exchange: Exchange,
  auth: CompiledAuth,
  namespaceUid: string,
  parts: AuthenticationParts,
  verifier: TokenVerifier | null,
): Soon<Outcome> {
  const { mtls, hmac, jwt, apiKey } = auth;
  const given = credentialsGiven(exchange, auth);
  const certificate = exchange.place.tlsClientAuth;
  if (given?.way === 'mtls' && mtls !== null && isPresented(certificate)) {
    try {
      return { identity: certificateIdentity(certificate, mtls), place: null };
    } catch (error) {
      if (error instanceof CertificateFault)
        return { fault: `the client certificate ${error.message}`, scheme: 'mtls' };
      throw error;
    }
  }
  if (given?.way === 'hmac' && hmac !== null) return bySignature(exchange, hmac, namespaceUid, parts);
  const text = given?.place == null ? null : credentialAt(exchange, given.place);
  if (given?.place != null && text !== null) {
    if (given.way === 'jwt' && verifier !== null) return byToken(text, given.place, verifier, exchange);
    if (apiKey !== null) return byKey(text, given.place, apiKey, namespaceUid, parts);
  }
  if (auth.anonymous || (mtls === null && hmac === null && jwt === null && apiKey === null))
    return { identity: ANONYMOUS, place: null };
  return { fault: 'the request has no credentials', scheme: null };
}

/** Which credentials a request has, and where, without a look whether they are right: what `decide` would decide by. */
export function credentialsGiven(
  exchange: Pick<Exchange, 'given' | 'target' | 'place'>,
  { mtls, hmac, jwt, apiKey }: CompiledAuth,
): { readonly way: Exclude<Identity['method'], 'anonymous'>; readonly place: CredentialPlace | null } | null {
  if (mtls !== null && isPresented(exchange.place.tlsClientAuth)) return { way: 'mtls', place: null };
  if (hmac !== null && isSigned(exchange.given)) return { way: 'hmac', place: null };
  for (const place of jwt?.from ?? []) {
    const token = credentialAt(exchange, place);
    if (token !== null && mayBeToken(token, apiKey)) return { way: 'jwt', place };
  }
  for (const place of apiKey?.from ?? []) if (credentialAt(exchange, place) !== null) return { way: 'apiKey', place };
  return null;
}

/** Where keys are taken too, `Bearer` may bring either; a token has two dots. */
function mayBeToken(text: string, apiKey: CompiledApiKeys | null): boolean {
  return apiKey === null || text.split('.').length === 3;
}

function byKey(
  key: string,
  place: CredentialPlace,
  apiKeys: CompiledApiKeys,
  namespaceUid: string,
  parts: AuthenticationParts,
): Soon<Outcome> {
  const wrong: Outcome = { fault: 'the API key is not right', scheme: 'apiKey' };
  if (apiKeys.platformRoles !== null && parseToken(key) !== undefined) {
    const { platformRoles } = apiKeys;
    return parts.platformKey(key).then((subject) => {
      if (subject === null || !platformRoles.includes(subject.role)) return wrong;
      if (subject.namespaceUid !== null && subject.namespaceUid !== namespaceUid) return wrong;
      const { name } = subject;
      return { identity: { method: 'apiKey', id: name, apiKey: name, user: name, tenant: null, claims: {} }, place };
    });
  }
  const identity = consumerOf(key, apiKeys, parts.secrets);
  return identity === null ? wrong : { identity, place };
}

/** Keys of a policy that were right in this isolate, so that they are not digested again. They go with the policy. */
const rightKeys = new WeakMap<CompiledApiKeys, Map<string, Identity>>();
const RIGHT_KEYS = 1_000;

/**
 * Whose a key is. It is found by a digest that nobody outside can compute, and then by itself: a table compares texts
 * only where their whole hashes agree, so the time of neither look-up tells how much of a guess is right.
 */
function consumerOf(key: string, apiKeys: CompiledApiKeys, secrets: PolicySecrets): Identity | null {
  const known = rightKeys.get(apiKeys) ?? new Map<string, Identity>();
  const present = known.get(key);
  if (present !== undefined) return present;
  for (const digest of secrets.digests(key)) {
    if (!Object.hasOwn(apiKeys.consumers, digest)) continue;
    const { keyId, user, tenant } = apiKeys.consumers[digest];
    const identity: Identity = { method: 'apiKey', id: keyId, apiKey: keyId, user, tenant, claims: {} };
    if (known.size >= RIGHT_KEYS) known.clear();
    known.set(key, identity);
    rightKeys.set(apiKeys, known);
    return identity;
  }
  return null;
}

async function byToken(
  token: string,
  place: CredentialPlace,
  verifier: TokenVerifier,
  exchange: Exchange,
): Promise<Outcome> {
  try {
    const { identity, provider } = await verifier.verify(token, exchange.waitUntil);
    return { identity, place, provider };
  } catch (error) {
    if (error instanceof TokenFault) return { fault: `the token ${error.message}`, scheme: 'jwt' };
    if (error instanceof KeysUnavailable) return { fault: error.message, scheme: 'jwt', code: 'unavailable' };
    throw error;
  }
}

/** Secrets that this isolate has opened; they go with their policy. */
const openedSecrets = new WeakMap<CompiledHmacKey, Uint8Array>();

function opened(key: CompiledHmacKey, secrets: PolicySecrets): Uint8Array {
  const present = openedSecrets.get(key);
  if (present !== undefined) return present;
  const secret = new Uint8Array(Buffer.from(secrets.open(key.sealed, key.context), 'base64'));
  openedSecrets.set(key, secret);
  return secret;
}

function bodyFault(exchange: Exchange): Outcome {
  const { code, detail } = exchange.bodyFault ?? NO_BODY;
  return { fault: detail, scheme: 'hmac', code };
}

async function bySignature(
  exchange: Exchange,
  hmac: CompiledHmac,
  namespaceUid: string,
  parts: AuthenticationParts,
): Promise<Outcome> {
  const { target, given } = exchange;
  const authority = target.port === null ? target.host : `${target.host}:${target.port}`;
  try {
    const secretOf = (keyId: string) =>
      Object.hasOwn(hmac.keys, keyId) ? opened(hmac.keys[keyId], parts.secrets) : null;
    let hasBody = mayHaveBody(exchange);
    if (hasBody && announcedBytes(given) === null) {
      // Whether there is one at all shows when it is read.
      const body = await readBody(exchange, hmac.maxBodyBytes);
      if (body === null) return bodyFault(exchange);
      hasBody = body.byteLength > 0;
    }
    const signed = { ...target, authority, headers: given, hasBody };
    // What was signed for one moment was signed for all that the request opened then.
    const signedMs = exchange.openedMs ?? parts.clock.now();
    const { keyId, nonce, expiresAtMs } = verifySignature(signed, hmac, secretOf, signedMs);
    if (hasBody) {
      const body = await readBody(exchange, hmac.maxBodyBytes);
      if (body === null) return bodyFault(exchange);
      if (!digestMatches(given, body)) throw new SignatureFault('Content-Digest is not that of the body');
    }
    let isFirst: boolean;
    try {
      isFirst = exchange.openedMs !== null || (await parts.firstUse(namespaceUid, `${keyId} ${nonce}`, expiresAtMs));
    } catch (error) {
      // Who cannot tell whether it is a repetition lets none through.
      parts.log.error('nonces cannot be looked up', { error });
      return { fault: 'signatures cannot be checked now', scheme: 'hmac', code: 'unavailable' };
    }
    if (!isFirst) throw new SignatureFault('the nonce was used before');
    const { user, tenant } = hmac.keys[keyId];
    return { identity: { method: 'hmac', id: keyId, apiKey: keyId, user, tenant, claims: {} }, place: null };
  } catch (error) {
    if (error instanceof SignatureFault) return { fault: `the signature is refused: ${error.message}`, scheme: 'hmac' };
    throw error;
  }
}

function answerOf(
  exchange: Exchange,
  auth: CompiledAuth,
  outcome: Soon<Outcome>,
  parts: AuthenticationParts,
): Soon<Response | null> {
  if (outcome instanceof Promise) return outcome.then((ended) => conclude(exchange, auth, ended, parts));
  return conclude(exchange, auth, outcome, parts);
}

function conclude(
  exchange: Exchange,
  auth: CompiledAuth,
  outcome: Outcome,
  parts: AuthenticationParts,
): Response | null {
  if ('fault' in outcome) {
    if (outcome.code === 'unavailable') {
      parts.log.warn('keys of an issuer cannot be had', { policy: exchange.policies.auth?.name, fault: outcome.fault });
      const detail = 'the credentials cannot be checked now';
      return refuse(exchange, 'authentication', 'unavailable', detail, { retryAfterSeconds: 10 });
    }
    if (outcome.code !== undefined) return refuse(exchange, 'authentication', outcome.code, outcome.fault);
    return refuseCaller(exchange, auth, outcome.fault, outcome.scheme);
  }
  exchange.identity = outcome.identity;
  removeCredentials(exchange, auth, outcome.place);
  addIdentityHeaders(exchange, auth, outcome.provider);
  return null;
}

/** What the upstream is not to see: credentials of ways that are not forwarded, right or not. */
function removeCredentials(exchange: Exchange, auth: CompiledAuth, decided: CredentialPlace | null): void {
  const { apiKey, jwt, hmac } = auth;
  const keeps = (place: CredentialPlace) =>
    jwt?.forward === true && exchange.identity.method === 'jwt' && decided !== null && isSamePlace(place, decided);
  if (apiKey !== null && !apiKey.forward)
    for (const place of apiKey.from) if (!keeps(place)) removeCredential(exchange, place);
  if (jwt !== null && !jwt.forward) for (const place of jwt.from) removeCredential(exchange, place);
  if (hmac !== null && !hmac.forward) {
    exchange.headers.delete('signature');
    exchange.headers.delete('signature-input');
  }
}

function isSamePlace(a: CredentialPlace, b: CredentialPlace): boolean {
  return a.type === b.type && a.name === b.name;
}
