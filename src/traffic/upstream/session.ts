import type { CompiledSession } from '../../core/protocol/gateway.ts';
import { hashText } from '../snapshot/key-hash.ts';

/** Which endpoint a client belongs to, as its cookie or header says. */
export interface SessionToken {
  /** Hashes of the upstream's key and of the endpoint's address. */
  readonly upstream: number;
  readonly endpoint: number;
  /** Seconds since the epoch. */
  readonly issuedSeconds: number;
  readonly seenSeconds: number;
}

/** HMAC-SHA256 of a text in base64url, cut to 128 bits; the key is the deployment's. */
export type SignSession = (text: string) => string;

const FORM = /^([0-9a-z]{1,7})\.([0-9a-z]{1,7})\.([0-9a-z]{1,8})\.([0-9a-z]{1,8})\.([A-Za-z0-9_-]{22})$/;

/** A token signed for a session of that name: one for another is not taken. */
export function writeSession(token: SessionToken, name: string, sign: SignSession): string {
  const { upstream, endpoint, issuedSeconds, seenSeconds } = token;
  const text = [upstream, endpoint, issuedSeconds, seenSeconds].map((part) => part.toString(36)).join('.');
  return `${text}.${sign(`session ${name} ${text}`)}`;
}

/** The token of a text; null where it is none of ours, or too old. */
export function readSession(
  text: string,
  session: CompiledSession,
  sign: SignSession,
  nowMs: number,
): SessionToken | null {
  const parts = FORM.exec(text);
  if (parts === null) return null;
  const signed = text.slice(0, text.lastIndexOf('.'));
  if (!equal(sign(`session ${session.name} ${signed}`), parts[5])) return null;
  const token = {
    upstream: Number.parseInt(parts[1], 36),
    endpoint: Number.parseInt(parts[2], 36),
    issuedSeconds: Number.parseInt(parts[3], 36),
    seenSeconds: Number.parseInt(parts[4], 36),
  };
  const { absoluteTimeoutMs, idleTimeoutMs } = session;
  if (absoluteTimeoutMs > 0 && nowMs >= token.issuedSeconds * 1_000 + absoluteTimeoutMs) return null;
  if (idleTimeoutMs > 0 && nowMs >= token.seenSeconds * 1_000 + idleTimeoutMs) return null;
  return token;
}

/**
 * The token that a client is to have after a request went to an endpoint; null where the one it has will do: it is of
 * that endpoint, and was renewed within half of the idle time.
 */
export function nextSession(
  present: SessionToken | null,
  upstreamHash: number,
  endpointHash: number,
  { idleTimeoutMs }: CompiledSession,
  nowMs: number,
): SessionToken | null {
  const nowSeconds = Math.floor(nowMs / 1_000);
  if (present === null || present.upstream !== upstreamHash || present.endpoint !== endpointHash) {
    return { upstream: upstreamHash, endpoint: endpointHash, issuedSeconds: nowSeconds, seenSeconds: nowSeconds };
  }
  if (idleTimeoutMs === 0 || nowMs - present.seenSeconds * 1_000 < idleTimeoutMs / 2) return null;
  return { ...present, seenSeconds: nowSeconds };
}

/** The value of a `Set-Cookie` header (RFC 6265). Scripts of the page do not see it. */
export function sessionCookie(
  value: string,
  session: CompiledSession,
  isSecure: boolean,
  issuedSeconds: number,
  nowMs: number,
) {
  const { name, cookieLifetime, absoluteTimeoutMs } = session;
  const leftSeconds = Math.max(0, Math.floor(issuedSeconds + absoluteTimeoutMs / 1_000 - nowMs / 1_000));
  const lasts = cookieLifetime === 'Permanent' ? `; Max-Age=${leftSeconds}` : '';
  return `${name}=${value}; Path=/${lasts}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
}

/** The value of a cookie in a `Cookie` header; null where it is not there. */
export function cookieValue(header: string, name: string): string | null {
  for (let at = 0; at < header.length; ) {
    const end = header.indexOf(';', at);
    const stop = end === -1 ? header.length : end;
    while (header.charCodeAt(at) === 0x20) at += 1;
    if (header.startsWith(name, at) && header.charCodeAt(at + name.length) === 0x3d) {
      return header.slice(at + name.length + 1, stop).trim();
    }
    at = stop + 1;
  }
  return null;
}

/** By which a token names an upstream or an endpoint. */
export function sessionHash(text: string): number {
  return hashText(text);
}

/** Takes as long wherever two texts of one length differ. */
function equal(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
