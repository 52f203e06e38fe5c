import { type TraceContext, traceparentOf } from '../observe/trace-context.ts';
import type { CanonicalRequest } from '../traffic/canonical.ts';
import { HOP_BY_HOP } from '../traffic/filters/own-headers.ts';
import { HeaderList } from './header-list.ts';

/** What the gateway calls itself in `Via` (RFC 9110, section 7.6.3). */
const PSEUDONYM = 'orasi-edge';

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

function isForwarding(written: string): boolean {
  // Servers that hand headers on as variables (CGI, WSGI) know no difference between `_` and `-`.
  const name = written.includes('_') ? written.replaceAll('_', '-') : written;
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
export function outgoingHeaders(incoming: HeaderList, said: Forwarding): HeaderList {
  const values = new Map<string, string>();
  for (const [name, value] of incoming.entries()) {
    if (!HOP_BY_HOP.has(name) && !isForwarding(name)) values.set(name, value);
  }
  const headers = new HeaderList(values);
  const connection = incoming.get('connection');
  if (connection !== null) for (const name of namedIn(connection)) headers.delete(name);
  // What opens a WebSocket is an upgrade, of the connection to the upstream too.
  if (isWebSocket(incoming)) values.set('upgrade', 'websocket');
  const { target, clientIp, peer, byTrustedProxy } = said;
  const host = target.port === null ? target.host : `${target.host}:${target.port}`;
  // What a trusted proxy says stays, since it has seen the client.
  const kept = (name: string) => (byTrustedProxy ? incoming.get(name) : null);
  if (peer !== null) values.set('x-forwarded-for', joined(kept('x-forwarded-for'), peer));
  if (clientIp !== null) values.set('x-real-ip', clientIp);
  values.set('x-forwarded-host', kept('x-forwarded-host') ?? host);
  values.set('x-forwarded-proto', kept('x-forwarded-proto') ?? target.scheme);
  const element = `${peer === null ? '' : `for=${forwardedNode(peer)};`}host=${quoted(host)};proto=${target.scheme}`;
  values.set('forwarded', joined(kept('forwarded'), element));
  values.set('via', joined(incoming.get('via'), `${said.protocol} ${PSEUDONYM}`));
  values.set('x-request-id', said.requestId);
  values.set('traceparent', traceparentOf(said.trace));
  // It belongs to the caller's trace, and goes with it.
  if (said.trace.parentSpanId === null) values.delete('tracestate');
  return headers;
}

/** Whether a request asks for a WebSocket (RFC 6455, section 4.2.1). */
function isWebSocket(incoming: HeaderList): boolean {
  return incoming.get('upgrade')?.toLowerCase() === 'websocket';
}

/** Leaves of an upstream's headers those that go to the client. */
export function cleanAnswer(answer: Headers): void {
  const gone: string[] = [];
  answer.forEach((value, name) => {
    if (!HOP_BY_HOP.has(name)) return;
    gone.push(name);
    if (name === 'connection') gone.push(...namedIn(value));
  });
  for (const name of gone) answer.delete(name);
}

/** How often a request has passed this gateway, or one that calls itself the same. */
export function passes(via: string | null): number {
  if (via === null) return 0;
  return via.split(',').filter((entry) => entry.trim().split(/\s+/)[1]?.toLowerCase() === PSEUDONYM).length;
}

/** Names in `Connection`; `close` and `keep-alive` are options and no headers, which does no harm. */
function namedIn(connection: string): string[] {
  return connection
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((name) => /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name));
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
export function givenRequestId(headers: Pick<Headers, 'get'>): string | null {
  const given = headers.get('x-request-id');
  return given !== null && REQUEST_ID.test(given) ? given : null;
}
