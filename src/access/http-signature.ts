import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { byteSequence } from './byte-sequence.ts';

/** What is read of headers: `Headers` has it. */
export interface HeaderFields {
  get(name: string): string | null;
  has(name: string): boolean;
}

/**
 * HTTP Message Signatures (RFC 9421) by hmac-sha256, over a request and the digest of its body (RFC 9530). Of the
 * specification there is what a client needs that signs whole requests: derived components and header fields without
 * parameters; anything else is refused rather than read in a way the signer did not mean.
 */
export interface SignedRequest {
  readonly method: string;
  readonly scheme: string;
  /** In lower case, with a port that is not the scheme's own. */
  readonly authority: string;
  /** In the form that is matched and forwarded. */
  readonly path: string;
  /** With its question mark; empty where there is none. */
  readonly search: string;
  readonly headers: HeaderFields;
  /** Whether a body comes, which then has to be signed too. */
  readonly hasBody: boolean;
}

/** What a signature has to cover, and how old it may be. */
export interface SignatureRules {
  /** Header fields and derived components that must be signed besides those that always must. */
  readonly components: readonly string[];
  readonly maxAgeSeconds: number;
  readonly clockSkewSeconds: number;
}

/** A signature that was made with the secret of its key. What is signed of the body is yet to be compared with it. */
export interface VerifiedSignature {
  readonly keyId: string;
  readonly nonce: string;
  /** After which the signature is refused for its age, and its nonce may be forgotten. */
  readonly expiresAtMs: number;
}

/** Why a signature is refused; the caller is told. */
export class SignatureFault extends Error {}

/** Bounds of what is read: a signature is a few hundred characters. */
const MAX_FIELD_CHARS = 8_192;
const MAX_COMPONENTS = 64;
const NONCE = /^[!-~]{8,128}$/;

/** Whether a request has a signature at all. */
export function isSigned(headers: HeaderFields): boolean {
  return headers.has('signature-input') || headers.has('signature');
}

/**
 * Verifies the signature of a request.
 *
 * @param secretOf the secret of a key, null where there is no such key
 * @throws SignatureFault
 */
export function verifySignature(
  request: SignedRequest,
  rules: SignatureRules,
  secretOf: (keyId: string) => Uint8Array | null,
  nowMs: number,
): VerifiedSignature {
  const inputs = fieldMembers(request.headers, 'signature-input');
  const signatures = fieldMembers(request.headers, 'signature');
  if (inputs.size !== 1 || signatures.size !== 1) throw new SignatureFault('expected one signature');
  const [[label, input]] = [...inputs];
  const given = signatures.get(label);
  const signature = given === undefined ? null : byteSequence(given);
  if (signature === null) throw new SignatureFault(`there is no signature "${label}"`);
  const { components, parameters } = innerList(input);
  checkCovered(request, components, rules);
  const { created, expires, keyId, nonce } = readParameters(parameters);
  checkTimes(created, expires, rules, nowMs);
  const base = signatureBase(request, components, input);
  const secret = secretOf(keyId);
  // With a key that nobody has the work is the same: the time is not to tell which keys there are.
  const expected = createHmac('sha256', secret ?? 'no such key')
    .update(base, 'utf8')
    .digest();
  const matches = expected.length === signature.length && timingSafeEqual(expected, signature);
  if (secret === null || !matches) throw new SignatureFault('the signature is not right');
  const lastSeconds = created + rules.maxAgeSeconds + rules.clockSkewSeconds;
  return { keyId, nonce, expiresAtMs: lastSeconds * 1_000 };
}

/** Whether `Content-Digest` is that of the body, by every algorithm known of those it names, and by one at least. */
export function digestMatches(headers: HeaderFields, body: Uint8Array): boolean {
  let members: ReadonlyMap<string, string>;
  try {
    members = fieldMembers(headers, 'content-digest');
  } catch {
    return false;
  }
  let known = 0;
  for (const [name, value] of members) {
    const algorithm = name === 'sha-256' ? 'sha256' : name === 'sha-512' ? 'sha512' : null;
    if (algorithm === null) continue;
    known += 1;
    const expected = createHash(algorithm).update(body).digest();
    const given = byteSequence(value);
    if (given === null || given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
  }
  return known > 0;
}

/** The text that is signed (RFC 9421, section 2.5). */
function signatureBase(request: SignedRequest, components: readonly string[], input: string): string {
  const lines = components.map((name) => `"${name}": ${componentValue(request, name)}`);
  return [...lines, `"@signature-params": ${input}`].join('\n');
}

function componentValue(request: SignedRequest, name: string): string {
  const { method, scheme, authority, path, search, headers } = request;
  switch (name) {
    case '@method':
      return method;
    case '@scheme':
      return scheme;
    case '@authority':
      return authority;
    case '@path':
      return path;
    case '@query':
      return search === '' ? '?' : search;
    case '@request-target':
      return `${path}${search}`;
    case '@target-uri':
      return `${scheme}://${authority}${path}${search}`;
  }
  if (name.startsWith('@')) throw new SignatureFault(`component "${name}" is not known`);
  const value = headers.get(name);
  if (value === null) throw new SignatureFault(`the request has no "${name}", which is signed`);
  return value.trim();
}

/** What decides where a request goes and what it does must be signed, or somebody on the way could change it. */
function checkCovered(request: SignedRequest, components: readonly string[], rules: SignatureRules): void {
  const has = (name: string) => components.includes(name);
  const missing: string[] = [];
  const wholeTarget = has('@target-uri');
  if (!has('@method')) missing.push('@method');
  if (!wholeTarget && !has('@authority')) missing.push('@authority');
  if (!wholeTarget && !has('@request-target')) {
    if (!has('@path')) missing.push('@path');
    if (request.search !== '' && !has('@query')) missing.push('@query');
  }
  if (request.hasBody && !has('content-digest')) missing.push('content-digest');
  for (const name of rules.components) if (!has(name)) missing.push(name);
  if (missing.length > 0) throw new SignatureFault(`must be signed too: ${missing.join(', ')}`);
  if (new Set(components).size !== components.length) throw new SignatureFault('a component is signed twice');
}

function checkTimes(created: number, expires: number | null, rules: SignatureRules, nowMs: number): void {
  const { maxAgeSeconds, clockSkewSeconds } = rules;
  const now = Math.floor(nowMs / 1_000);
  if (created > now + clockSkewSeconds) throw new SignatureFault('was made in the future');
  if (created + maxAgeSeconds + clockSkewSeconds <= now) throw new SignatureFault('is too old');
  if (expires !== null && expires + clockSkewSeconds <= now) throw new SignatureFault('has expired');
}

function readParameters(parameters: ReadonlyMap<string, string | number>) {
  const created = parameters.get('created');
  const expires = parameters.get('expires') ?? null;
  const keyId = parameters.get('keyid');
  const nonce = parameters.get('nonce');
  const alg = parameters.get('alg') ?? 'hmac-sha256';
  if (typeof created !== 'number') throw new SignatureFault('needs the parameter created');
  if (expires !== null && typeof expires !== 'number') throw new SignatureFault('has a wrong parameter expires');
  if (typeof keyId !== 'string' || keyId === '') throw new SignatureFault('needs the parameter keyid');
  if (typeof nonce !== 'string' || !NONCE.test(nonce))
    throw new SignatureFault('needs the parameter nonce, of 8 to 128 visible characters');
  if (alg !== 'hmac-sha256') throw new SignatureFault('expected alg hmac-sha256');
  return { created, expires, keyId, nonce };
}

/**
 * The members of a dictionary (RFC 8941, section 3.2) by their names, each as it stands. Two members of one name are
 * refused, where the specification takes the last: nobody signs twice by mistake.
 */
function fieldMembers(headers: HeaderFields, name: string): Map<string, string> {
  const text = headers.get(name);
  const members = new Map<string, string>();
  if (text === null) return members;
  if (text.length > MAX_FIELD_CHARS) throw new SignatureFault(`${name} is too long`);
  for (const part of topLevelParts(text)) {
    const match = /^([a-z*][a-z0-9_\-.*]*)=(.+)$/.exec(part);
    if (match === null || members.has(match[1])) throw new SignatureFault(`${name} is not as RFC 8941 has it`);
    members.set(match[1], match[2]);
  }
  return members;
}

/** Cut at commas outside of quotes and parentheses. */
function topLevelParts(text: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quoted) {
      if (char === '\\') at += 1;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === ',' && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return [...parts, text.slice(from).trim()];
}

/** `("@method" "content-digest");created=1618884473;keyid="a"` */
function innerList(text: string): { components: string[]; parameters: Map<string, string | number> } {
  const match = /^\(([^()]*)\)((?:;.*)?)$/.exec(text);
  if (match === null) throw new SignatureFault('signature-input is not as RFC 9421 has it');
  const items = match[1].trim() === '' ? [] : match[1].trim().split(/ +/);
  if (items.length > MAX_COMPONENTS) throw new SignatureFault('signs too many components');
  const components = items.map((item) => {
    const name = /^"(@?[a-z0-9!#$%&'*+.^_`|~-]+)"$/.exec(item);
    if (name === null) throw new SignatureFault(`component ${item} is not taken: names without parameters are`);
    return name[1];
  });
  return { components, parameters: parametersOf(match[2]) };
}

function parametersOf(text: string): Map<string, string | number> {
  const parameters = new Map<string, string | number>();
  const pattern = /;\s*([a-z*][a-z0-9_\-.*]*)=(?:"((?:[^"\\]|\\["\\])*)"|(-?\d{1,15}))/y;
  while (pattern.lastIndex < text.length) {
    const from = pattern.lastIndex;
    const match = pattern.exec(text);
    if (match === null || parameters.has(match[1]))
      throw new SignatureFault(`has wrong parameters: ${text.slice(from)}`);
    const [, name, quoted, number] = match;
    parameters.set(name, number === undefined ? quoted.replaceAll(/\\(["\\])/g, '$1') : Number(number));
  }
  return parameters;
}
