import type {
  CompiledBackend,
  CompiledCors,
  CompiledFilter,
  CompiledRedirect,
  HeaderChanges,
  PathMatch,
  RuleAction,
} from '../core/protocol/gateway.ts';
import { redirectLocation, rewrittenPath } from '../traffic/filters/address.ts';
import { corsHeaders, isPreflight, preflightHeaders } from '../traffic/filters/cors.ts';
import { changeHeaders } from '../traffic/filters/headers.ts';
import { RESERVED_HEADERS } from '../traffic/filters/own-headers.ts';
import type { Exchange } from './exchange.ts';
import type { HeaderList } from './header-list.ts';

/** The CORS filter of a rule; null where it has none. */
export function corsOf(action: RuleAction): CompiledCors | null {
  for (const filter of action.filters) if (filter.type === 'CORS') return filter.cors;
  return null;
}

/** The redirect of a rule; null where it has none. */
export function redirectOf(action: RuleAction): CompiledRedirect | null {
  for (const filter of action.filters) if (filter.type === 'RequestRedirect') return filter.redirect;
  return null;
}

/** The answer of a redirect. `matched` is the path of the match that was found, which a prefix is replaced by. */
export function redirectTo({ target }: Exchange, redirect: CompiledRedirect, matched: PathMatch): Response {
  const location = redirectLocation(target, redirect, matched);
  return new Response(null, { status: redirect.statusCode, headers: { location } });
}

/** The answer to a CORS preflight; null where the request is none, or no filter speaks for it. */
export function answerPreflight(exchange: Exchange, cors: CompiledCors | null): Response | null {
  if (cors === null) return null;
  const { given: headers } = exchange;
  const { method } = exchange.request;
  const origin = headers.get('origin');
  const asked = headers.get('access-control-request-method');
  if (!isPreflight(method, origin, asked) || origin === null || asked === null) return null;
  const preflight = { origin, method: asked, headers: headers.get('access-control-request-headers') };
  return new Response(null, { status: 204, headers: preflightHeaders(cors, preflight) });
}

/** The filter's word on other origins takes the place of the upstream's. */
export function setCors(exchange: Exchange, cors: CompiledCors, headers: Headers): void {
  // What has not been sent is a preflight that is answered already, or a refusal.
  if (exchange.request.method === 'OPTIONS' && exchange.sentMs === 0 && exchange.refusal === null) return;
  const origin = exchange.given.get('origin');
  for (const name of CORS_ANSWER_HEADERS) headers.delete(name);
  for (const [name, value] of corsHeaders(cors, origin)) headers.set(name, value);
  headers.append('vary', 'Origin');
}

const CORS_ANSWER_HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
];

/** What nobody may change is refused where it is declared; an entry of an older version may name it still. */
function changeRequestHeaders(headers: HeaderList, { remove, set, add }: HeaderChanges): void {
  changeHeaders(headers, {
    remove: remove.filter(isChangeable),
    set: set.filter(({ name }) => isChangeable(name)),
    add: add.filter(({ name }) => isChangeable(name)),
  });
}

function isChangeable(name: string): boolean {
  return !RESERVED_HEADERS.has(name.toLowerCase());
}

/**
 * Changes what goes to the upstream as filters say, in their order. `matched` is the path of the match that was found.
 */
export function applyRequestFilters(exchange: Exchange, filters: readonly CompiledFilter[], matched: PathMatch): void {
  for (const filter of filters) {
    if (filter.type === 'RequestHeaderModifier') changeRequestHeaders(exchange.headers, filter.headers);
    else if (filter.type === 'URLRewrite') {
      exchange.upstreamPath = rewrittenPath(exchange.upstreamPath, filter.rewrite, matched);
      exchange.upstreamHost = filter.rewrite.hostname ?? exchange.upstreamHost;
    }
  }
}

/** Changes an upstream's answer: the backend's filters stand nearer to it than the rule's. */
export function applyResponseFilters(headers: Headers, action: RuleAction, backend: CompiledBackend): void {
  for (const filter of backend.filters)
    if (filter.type === 'ResponseHeaderModifier') changeHeaders(headers, filter.headers);
  for (const filter of action.filters)
    if (filter.type === 'ResponseHeaderModifier') changeHeaders(headers, filter.headers);
}
