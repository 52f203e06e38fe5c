import { ANONYMOUS } from '../core/protocol/auth-policy.ts';
import { NO_VARIABLES } from '../traffic/match/path-expression.ts';
import { announcedBytes } from './body.ts';
import type { Exchange, PoliciesInForce } from './exchange.ts';

/** What of an exchange is known when it begins. */
export type ExchangeStart = Pick<
  Exchange,
  | 'request'
  | 'given'
  | 'target'
  | 'entries'
  | 'clientIp'
  | 'place'
  | 'requestId'
  | 'trace'
  | 'headers'
  | 'waitUntil'
  | 'startedMs'
>;

const NO_POLICIES: PoliciesInForce = { auth: null, security: null, rateLimits: [] };

/** An exchange at its beginning. Every member is named, so that all exchanges have one shape. */
export function newExchange(start: ExchangeStart): Exchange {
  const { request, target } = start;
  return {
    request,
    given: start.given,
    target,
    entries: start.entries,
    clientIp: start.clientIp,
    place: start.place,
    requestId: start.requestId,
    trace: start.trace,
    waitUntil: start.waitUntil,
    startedMs: start.startedMs,
    openedMs: null,
    rule: null,
    action: null,
    policies: NO_POLICIES,
    pathVariables: NO_VARIABLES,
    identity: ANONYMOUS,
    headers: start.headers,
    body: request.body as ReadableStream<Uint8Array> | null,
    bodyFault: null,
    upstreamPath: target.path,
    upstreamHost: null,
    backend: null,
    upstreamKey: null,
    upstream: null,
    watchBody: false,
    bodyEnd: null,
    heldLimits: null,
    cost: 1,
    calls: [],
    limits: [],
    refusal: null,
    mirrorsSkipped: 0,
    sentMs: 0,
    headMs: 0,
    endedMs: 0,
    status: 0,
    requestBytes: request.body === null ? 0 : announcedBytes(start.given),
    responseBytes: null,
    bodyWhole: null,
  };
}
