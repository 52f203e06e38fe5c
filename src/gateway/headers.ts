import { type TraceContext, traceparentOf } from '../observe/trace-context.ts';
import type { CanonicalRequest } from '../traffic/canonical.ts';

/** What the gateway calls itself in `Via` (RFC 9110, section 7.6.3). */
const PSEUDONYM = 'orasi-edge';

/** Of one connection and never passed on (RFC 9110, section 7.6.1), beside what `Connection` names. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // Obsolete, and asks the server to change its protocol.
  'http2-settings',
]);

/** What a client could say of itself or of its address, and upstreams would believe; the gateway says it itself, or nobody does. */
const FORWARDING: ReadonlySet<string> = new Set([
  'forwarded',
  'via',
  'client-ip',
  'fastly-client-ip',
  'front-end-https',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-forwarded',
  'x-original-forwarded-for',
  'x-original-host',
  'x-original-url',
  'x-real-ip',
  'x-request-id',
  'x-rewrite-url',
  'traceparent',
]);

/** Of the headers that Cloudflare adds, those an upstream can check by itself. */
const SIGNED_BY_CLOUDFLARE = 'cf-access-jwt-assertion';

function isForwarding(name: string): boolean {
  if (name.startsWith('x-forwarded-')) return true;
  if (name.startsWith('cf-')) return name !== SIGNED_BY_CLOUDFLARE;
  return FORWARDING.has(name);
}

/** What the gateway itself says of a request to its upstream. */
export interface Forwarding {
  readonly target: CanonicalRequest;
  readonly clientIp: string | null;
  /** The peer, which is not the client where that stands behind trusted proxies. */
  readonly peer: string | null;
  readonly byTrustedProxy: boolean;
  readonly requestId: string;
  readonly trace: TraceContext;
  /** `1.1`, `2`, as `Via` has it. */
  readonly protocol: string;
}

/** The headers of a request as they go to an upstream: without those of the connection, with what we say of the client. */
export function outgoingHeaders(incoming: Headers, said: Forwarding): Headers {
  const headers = new Headers(incoming);
  for (const name of incoming.keys()) if (HOP_BY_HOP.has(name) || isForwarding(name)) headers.delete(name);
  removeNamed(headers, incoming.get('connection'));
  const { target, clientIp, peer, byTrustedProxy } = said;
  const host = target.port === null ? target.host : `${target.host}:${target.port}`;
  // What a trusted proxy says stays, since it has seen the client.
  const kept = (name: string) => (byTrustedProxy ? incoming.get(name) : null);
  if (peer !== null) headers.set('x-forwarded-for', joined(kept('x-forwarded-for'), peer));
  if (clientIp !== null) headers.set('x-real-ip', clientIp);
  headers.set('x-forwarded-host', kept('x-forwarded-host') ?? host);
  headers.set('x-forwarded-proto', kept('x-forwarded-proto') ?? target.scheme);
  const element = `${peer === null ? '' : `for=${forwardedNode(peer)};`}host=${quoted(host)};proto=${target.scheme}`;
  headers.set('forwarded', joined(kept('forwarded'), element));
  headers.set('via', joined(incoming.get('via'), `${said.protocol} ${PSEUDONYM}`));
  headers.set('x-request-id', said.requestId);
  headers.set('traceparent', traceparentOf(said.trace));
  // It belongs to the caller's trace, and goes with it.
  if (said.trace.parentSpanId === null) headers.delete('tracestate');
  return headers;
}

/** The headers of an upstream's answer as they go to the client. */
export function answerHeaders(answer: Headers): Headers {
  const headers = new Headers(answer);
  for (const name of HOP_BY_HOP) headers.delete(name);
  removeNamed(headers, answer.get('connection'));
  return headers;
}

/** How often a request has passed this gateway, or one that calls itself the same. */
export function passes(via: string | null): number {
  if (via === null) return 0;
  return via.split(',').filter((entry) => entry.trim().split(/\s+/)[1]?.toLowerCase() === PSEUDONYM).length;
}

function removeNamed(headers: Headers, connection: string | null): void {
  if (connection === null) return;
  for (const part of connection.split(',')) {
    const name = part.trim().toLowerCase();
    // `close` and `keep-alive` are options and no headers; a name that is none would throw.
    if (/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) headers.delete(name);
  }
}

function joined(before: string | null, added: string): string {
  return before === null || before === '' ? added : `${before}, ${added}`;
}

/** A node of `Forwarded` (RFC 7239, section 6): IPv6 in brackets and quotes. */
function forwardedNode(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address;
}

/** A value of `Forwarded`, which has to be quoted where it has a colon. */
function quoted(value: string): string {
  return /^[\w.-]+$/.test(value) ? value : `"${value}"`;
}

/** The longest caller-given request id that is taken up. */
const REQUEST_ID = /^[\w.-]{1,128}$/;

/** The id a caller gave its request, where it is one. */
export function givenRequestId(headers: Headers): string | null {
  const given = headers.get('x-request-id');
  return given !== null && REQUEST_ID.test(given) ? given : null;
}
