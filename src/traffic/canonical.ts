import { LIMITS } from '../core/limits.ts';

/**
 * The one form of a request's address: what ADMIN_HOSTS, matching and policies look at is what is forwarded. RFC 3986
 * §6.2.2 (case, percent-encoding, dot segments), stricter where two readers of one text could differ.
 */
export interface CanonicalRequest {
  /** As sent; methods are told apart by case. */
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Lower case, without port and trailing dot: a name, an IPv4 address or an IPv6 address in its brackets. */
  readonly host: string;
  /** As sent; null where none was. */
  readonly port: number | null;
  /**
   * Begins with `/`, holds no dot segment, escapes only what has to be escaped, in upper case; `%2F` and empty segments
   * are as sent. `*` for `OPTIONS *`, which no rule's path matches.
   */
  readonly path: string;
  /** The query with its `?`, as sent; empty where there is none, or nothing in it. */
  readonly search: string;
}

/** Why a request has no canonical form; it is answered with `status` and goes nowhere. */
export interface RequestFault {
  readonly status: 400 | 414;
  /** Which part is at fault. */
  readonly part: 'host' | 'path' | 'target';
  readonly message: string;
}

/** The canonical form of a target, or why it has none. */
export type Canonical =
  | { readonly ok: true; readonly request: CanonicalRequest }
  | { readonly ok: false; readonly fault: RequestFault };

/**
 * The canonical form of a request as the runtime hands it over: `url` is the scheme, the Host header and the target one
 * behind the other, nothing in it resolved or checked (`http://a/b/p` may be host `a/b` and path `/p`).
 *
 * @param host the Host header; null where the request has none, as one made by another Worker
 */
export function canonicalRequest(method: string, url: string, host: string | null): Canonical {
  const scheme = url.startsWith('http://') ? 'http' : url.startsWith('https://') ? 'https' : null;
  if (scheme === null) return fault(400, 'target', 'the target is neither http nor https');
  if (url.length > LIMITS.requestTargetChars) {
    return fault(414, 'target', `the target is longer than ${LIMITS.requestTargetChars} characters`);
  }
  const begin = scheme.length + 3;
  // A parsed URL may spell the host otherwise than the header; both then have to mean the same.
  const verbatim = host !== null && url.startsWith(host, begin) && endsAuthority(url, begin + host.length);
  const end = verbatim ? begin + host.length : authorityEnd(url, begin);
  const authority = canonicalAuthority(url.slice(begin, end));
  if (authority === null) return fault(400, 'host', 'the host is not valid');
  if (host !== null && !verbatim && canonicalAuthority(host)?.host !== authority.host) {
    return fault(400, 'host', 'the Host header and the target name different hosts');
  }
  const hash = url.indexOf('#', end);
  const target = hash < 0 ? url.slice(end) : url.slice(end, hash);
  const mark = target.indexOf('?');
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const path = rawPath === '*' && method === 'OPTIONS' ? '*' : canonicalPath(rawPath === '' ? '/' : rawPath);
  if (typeof path !== 'string') return { ok: false, fault: path };
  const search = mark < 0 || mark === target.length - 1 ? '' : target.slice(mark);
  return { ok: true, request: { method, scheme, host: authority.host, port: authority.port, path, search } };
}

function fault(status: RequestFault['status'], part: RequestFault['part'], message: string): Canonical {
  return { ok: false, fault: { status, part, message } };
}

function authorityEnd(url: string, begin: number): number {
  let at = begin;
  while (!endsAuthority(url, at)) at++;
  return at;
}

function endsAuthority(url: string, at: number): boolean {
  return at >= url.length || '/?#*'.includes(url[at]);
}

/** Host and port of a Host header, canonical; null where it is none. */
export function canonicalAuthority(authority: string): { host: string; port: number | null } | null {
  const colon = authority.endsWith(']') ? -1 : authority.lastIndexOf(':');
  const name = colon < 0 ? authority : authority.slice(0, colon);
  const digits = colon < 0 ? '' : authority.slice(colon + 1);
  if (!/^\d{0,5}$/.test(digits) || Number(digits) > 65_535) return null;
  const host = canonicalHost(name);
  return host === null ? null : { host, port: digits === '' ? null : Number(digits) };
}

/**
 * A host name in lower case without its trailing dot, or an address. Names are what DNS has, with the underscore;
 * escapes and letters beyond ASCII are refused, since parsers of URLs turn them into other names.
 */
export function canonicalHost(name: string): string | null {
  if (name.startsWith('[')) return canonicalIpv6(name);
  const host = (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
  if (host.length > 253 || !/^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/.test(host)) return null;
  return host;
}

function canonicalIpv6(name: string): string | null {
  if (!/^\[[0-9A-Fa-f:.]{2,45}\]$/.test(name)) return null;
  // The parser of URLs writes the form of RFC 5952.
  return URL.parse(`http://${name}/`)?.hostname ?? null;
}

/** What is canonical as it stands: no escape, no segment that begins with a dot, nothing RFC 3986 has no place for. */
const NOT_PLAIN = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]|\/\./;
/**
 * Dot segments that are none yet: `..%2Fadmin` becomes one where escapes are undone first, `..;` where parameters are
 * cut off (Tomcat). Nobody needs them, and what matched would not be what such a server reaches.
 */
const HIDDEN_DOTS = /(?:\/|%2F)\.{1,2}(?:%2F|;|%3B|\/|$)/;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
const IN_PATH = /[A-Za-z0-9\-._~!$&'()*+,;=:@/]/;

/** A path in canonical form, or what is wrong with it. */
export function canonicalPath(raw: string): string | RequestFault {
  if (!raw.startsWith('/')) return badPath('does not begin with a slash');
  if (!NOT_PLAIN.test(raw)) return raw;
  const spelled = canonicalSpelling(raw);
  if (typeof spelled !== 'string') return spelled;
  const path = withoutDotSegments(spelled);
  return HIDDEN_DOTS.test(path) ? badPath('has a dot segment beside an escaped slash or before parameters') : path;
}

function badPath(why: string): RequestFault {
  return { status: 400, part: 'path', message: `the path ${why}` };
}

/** Every character either itself or its escape, whichever the canonical form has. */
function canonicalSpelling(raw: string): string | RequestFault {
  let out = '';
  let lead = 0;
  for (let at = 0; at < raw.length; at++) {
    const char = raw[at];
    if (char === '%') {
      const hex = raw.slice(at + 1, at + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return badPath('has a % without two hexadecimal digits');
      const byte = Number.parseInt(hex, 16);
      if (byte === 0) return badPath('has a NUL');
      // Some servers take it for a slash, as parsers of URLs do with the unescaped one.
      if (byte === 0x5c) return badPath('has a backslash');
      if (isOverlong(lead, byte)) return badPath('has an overlong UTF-8 sequence');
      lead = byte;
      at += 2;
      const meant = String.fromCharCode(byte);
      out += UNRESERVED.test(meant) ? meant : `%${hex.toUpperCase()}`;
      continue;
    }
    lead = 0;
    if (IN_PATH.test(char)) {
      out += char;
      continue;
    }
    if (char === '\\') return badPath('has a backslash');
    if (char <= ' ' || char === '\u007f') return badPath('has a space or a control character');
    const point = raw.codePointAt(at) ?? 0;
    if (point >= 0xd800 && point <= 0xdfff) return badPath('has half a character');
    out += encodeURIComponent(String.fromCodePoint(point));
    if (point > 0xffff) at++;
  }
  return out;
}

/** Two bytes that spell in UTF-8 what fewer bytes could: decoders that take it see a `.` or `/` that others do not. */
function isOverlong(lead: number, byte: number): boolean {
  if (byte < 0x80 || byte > 0xbf) return false;
  return lead === 0xc0 || lead === 0xc1 || (lead === 0xe0 && byte < 0xa0) || (lead === 0xf0 && byte < 0x90);
}

/** RFC 3986 §5.2.4. An empty segment is one like any other: `/a//../b` is `/a/b`. */
function withoutDotSegments(path: string): string {
  if (!path.includes('/.')) return path;
  const out: string[] = [];
  const segments = path.slice(1).split('/');
  segments.forEach((segment, i) => {
    const last = i === segments.length - 1;
    if (segment === '..') out.pop();
    if (segment !== '.' && segment !== '..') out.push(segment);
    else if (last) out.push('');
  });
  return `/${out.join('/')}`;
}

/** The segments of a canonical path: of `/a//b/` they are `a`, ``, `b` and ``; `/` has one, the empty one. */
export function pathSegments(path: string): string[] {
  return path === '*' ? [] : path.slice(1).split('/');
}
