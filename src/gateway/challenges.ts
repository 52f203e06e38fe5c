import type { CompiledAuth, CompiledHmac } from '../core/protocol/auth-policy.ts';
import type { Exchange } from './exchange.ts';
import { refuse } from './refusal.ts';

/** The way by which a request was refused; null where it has no credentials. */
export type Scheme = 'mtls' | 'hmac' | 'jwt' | 'apiKey' | null;

/** 401 with a challenge for each way there is; 403 where a client certificate is the only one, which has none. */
export function refuseCaller(exchange: Exchange, auth: CompiledAuth, fault: string, scheme: Scheme): Response {
  const challenges = challengesOf(auth, fault, scheme);
  if (challenges.length === 0) return refuse(exchange, 'authentication', 'access_denied', fault);
  const headers: Record<string, string> = { 'www-authenticate': challenges.join(', ') };
  if (auth.hmac !== null) headers['accept-signature'] = acceptedSignature(auth.hmac);
  return refuse(exchange, 'authentication', 'unauthenticated', fault, { headers });
}

function challengesOf(auth: CompiledAuth, fault: string, scheme: Scheme): string[] {
  const realm = `realm="${auth.realm}"`;
  const challenges: string[] = [];
  // RFC 6750, section 3: without a token nothing is said of an error.
  const wrongToken =
    scheme === 'jwt' ? `, error="invalid_token", error_description="${fault.replace(/["\\]/g, "'")}"` : '';
  if (auth.jwt !== null) challenges.push(`Bearer ${realm}${wrongToken}`);
  if (auth.hmac !== null) challenges.push(`Signature ${realm}`);
  for (const place of auth.apiKey?.from ?? []) {
    // No scheme is registered for keys; one that comes as a Bearer token is one.
    const isBearer = place.type === 'header' && place.prefix.trim().toLowerCase() === 'bearer';
    if (!isBearer) challenges.push(`ApiKey ${realm}, in="${place.type}", name="${place.name}"`);
    else if (auth.jwt === null) challenges.push(`Bearer ${realm}`);
  }
  return challenges;
}

/** RFC 9421, section 5.1: what is asked to be signed. */
function acceptedSignature({ components }: CompiledHmac): string {
  const all = ['@method', '@authority', '@path', '@query', 'content-digest', ...components];
  const list = [...new Set(all)].map((name) => `"${name}"`).join(' ');
  return `sig=(${list});created;nonce;keyid;alg="hmac-sha256"`;
}
