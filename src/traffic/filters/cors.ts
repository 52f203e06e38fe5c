import type { CompiledCors } from '../../core/protocol/gateway.ts';

/**
 * The standard's CORS filter, by the Fetch standard's protocol (https://fetch.spec.whatwg.org/#http-cors-protocol).
 * With credentials a browser takes no `*`, so what a `*` allows is then said by name.
 */

/** Whether a request asks beforehand what another one may do. */
export function isPreflight(method: string, origin: string | null, requestedMethod: string | null): boolean {
  return method === 'OPTIONS' && origin !== null && requestedMethod !== null;
}

/** An allowed origin as a pattern: `*` stands for any characters of a host, to the left. */
export function isAllowedOrigin(cors: CompiledCors, origin: string): boolean {
  return cors.allowOrigins.some((pattern) => originMatches(pattern, origin));
}

/** Whether an origin is one that a pattern allows. What is no origin (it has a path, a user, …) is never. */
export function originMatches(pattern: string, origin: string): boolean {
  if (pattern === '*') return true;
  const given = splitOrigin(origin);
  const allowed = splitOrigin(pattern);
  if (given === null || allowed === null) return false;
  if (given.scheme !== allowed.scheme || given.port !== allowed.port) return false;
  if (!allowed.host.startsWith('*')) return given.host === allowed.host;
  const rest = allowed.host.slice(1);
  return given.host.length > rest.length && given.host.endsWith(rest);
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' };

function splitOrigin(origin: string): { scheme: string; host: string; port: string } | null {
  const parts = /^([a-z][a-z0-9+.-]*):\/\/(\[[^\]]*\]|[^:/?#]+)(?::(\d+))?$/.exec(origin.toLowerCase());
  if (parts === null) return null;
  return { scheme: parts[1], host: parts[2], port: parts[3] ?? DEFAULT_PORTS[parts[1]] ?? '' };
}

/** What a preflight asks for. */
export interface Preflight {
  readonly origin: string;
  readonly method: string;
  /** As sent; null where it asks for none. */
  readonly headers: string | null;
}

/** Headers of the answer to a preflight (204); for another origin none that allows anything. */
export function preflightHeaders(cors: CompiledCors, asked: Preflight): [name: string, value: string][] {
  const headers: [string, string][] = [
    ['vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'],
  ];
  if (!isAllowedOrigin(cors, asked.origin)) return headers;
  headers.push(['access-control-allow-origin', allowedOrigin(cors, asked.origin)]);
  if (cors.allowCredentials) headers.push(['access-control-allow-credentials', 'true']);
  const methods = namedOrAsked(cors.allowMethods, cors.allowCredentials, asked.method);
  if (methods !== '') headers.push(['access-control-allow-methods', methods]);
  const names = namedOrAsked(cors.allowHeaders, cors.allowCredentials, asked.headers ?? '');
  if (names !== '') headers.push(['access-control-allow-headers', names]);
  headers.push(['access-control-max-age', String(cors.maxAgeSeconds)]);
  return headers;
}

/** Headers of the answer to a request of another origin that is not a preflight; they replace an upstream's own. */
export function corsHeaders(cors: CompiledCors, origin: string | null): [name: string, value: string][] {
  if (origin === null || !isAllowedOrigin(cors, origin)) return [];
  const headers: [string, string][] = [['access-control-allow-origin', allowedOrigin(cors, origin)]];
  if (cors.allowCredentials) headers.push(['access-control-allow-credentials', 'true']);
  const exposed = cors.exposeHeaders.filter((name) => name !== '*' || !cors.allowCredentials);
  if (exposed.length > 0) headers.push(['access-control-expose-headers', exposed.join(', ')]);
  return headers;
}

function allowedOrigin(cors: CompiledCors, origin: string): string {
  return cors.allowOrigins.includes('*') && !cors.allowCredentials ? '*' : origin;
}

function namedOrAsked(allowed: readonly string[], withCredentials: boolean, asked: string): string {
  if (!allowed.includes('*')) return allowed.join(', ');
  return withCredentials ? asked : '*';
}
