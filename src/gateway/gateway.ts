import type { AddressBlock } from '../core/address-blocks.ts';
import type { Clock } from '../core/clock.ts';
import type { ErrorCode } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { CompiledBackend, CompiledFilter, RuleAction } from '../core/protocol/gateway.ts';
import type { Random } from '../core/random.ts';
import type { Timer } from '../core/timer.ts';
import type { Log } from '../observe/log.ts';
import { takeUpTrace } from '../observe/trace-context.ts';
import type { CanonicalRequest, RequestFault } from '../traffic/canonical.ts';
import { upstreamEntryKey } from '../traffic/snapshot/keys.ts';
import { beginExchange } from './begin-exchange.ts';
import { keepCopy } from './body.ts';
import type { ControlLink } from './control-link.ts';
import type { SendToEndpoint } from './endpoint.ts';
import type { Exchange, Stage } from './exchange.ts';
import { findEntry, findPolicies } from './find-entries.ts';
import { findRule } from './find-rule.ts';
import { HeaderList } from './header-list.ts';
import { givenRequestId, passes } from './headers.ts';
import { chosenMirrors, sendMirror } from './mirror.ts';
import { createOpenSockets, type OpenSocketParts } from './open-sockets.ts';
import type { Stages } from './pipeline.ts';
import { UpstreamProxy } from './proxy.ts';
import { COSTLY_DETAIL, type RefusalOptions, type Refused, refuse } from './refusal.ts';
import { createReview } from './review.ts';
import {
  answerPreflight,
  applyRequestFilters,
  applyResponseFilters,
  corsOf,
  redirectOf,
  redirectTo,
  setCors,
} from './route-filters.ts';
import type { Snapshots } from './snapshot.ts';

/** What the platform gives with each request. */
export interface RequestContext {
  waitUntil(work: Promise<unknown>): void;
}

/** What the data plane stands on. */
export interface GatewayParts {
  readonly snapshots: Snapshots;
  readonly link: Pick<ControlLink, 'refresh'>;
  readonly stages: Stages;
  readonly send: SendToEndpoint;
  readonly socketPair: OpenSocketParts['socketPair'];
  readonly timer: Timer;
  readonly trustedProxies: readonly AddressBlock[];
  /** Of the traces that begin here, how many are sampled: from 0 to 1. */
  readonly traceShare: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The data plane: every request to a host that is not the management surface's. */
export class Gateway {
  readonly #parts: GatewayParts;
  readonly #proxy: UpstreamProxy;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    const { stages, send, clock, random } = parts;
    const sockets = createOpenSockets({ ...parts, review: createReview(parts), rateLimits: stages.rateLimits });
    this.#proxy = new UpstreamProxy({ upstreams: stages.upstreams, send, sockets, clock, random });
  }

  /** Answers a request whose target has no canonical form, before anything is looked up. */
  refuseTarget(request: Request, fault: RequestFault): Response {
    const { clock, random } = this.#parts;
    const requestId = givenRequestId(request.headers) ?? newId(clock, random);
    const { message, status } = fault;
    return this.#turnAway({ requestId, request, refusal: null }, 'canonical', 'bad_request', message, { status });
  }

  #turnAway(exchange: Refused, ...why: [Stage, ErrorCode, string, RefusalOptions?]): Response {
    const answer = refuse(exchange, ...why);
    answer.headers.set('x-request-id', exchange.requestId);
    if (exchange.refusal !== null) this.#parts.stages.observer.turnedAway(exchange.refusal, answer.status);
    return answer;
  }

  fetch(request: Request, target: CanonicalRequest, context: RequestContext): Promise<Response> {
    const answer = this.#serve(request, target, context);
    // Where the client leaves, the platform would stop here and now, and what the request holds (places, permits) be lost.
    context.waitUntil(answer);
    return answer;
  }

  async #serve(request: Request, target: CanonicalRequest, context: RequestContext): Promise<Response> {
    const { link, snapshots, clock, random, log, trustedProxies } = this.#parts;
    const startedMs = clock.now();
    const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
    const refreshed = link.refresh(waitUntil);
    if (refreshed !== null) await refreshed;
    const given = HeaderList.of(request.headers);
    const requestId = givenRequestId(given) ?? newId(clock, random);
    const entries = snapshots.reader();
    if (entries === null) {
      const why = 'no configuration could be read yet';
      return this.#turnAway({ requestId, request, refusal: null }, 'match', 'unavailable', why);
    }
    const trace = takeUpTrace(given.get('traceparent') ?? undefined, random, this.#parts.traceShare);
    const incoming = { request, given, target, entries, requestId, trace, waitUntil, startedMs };
    const exchange = beginExchange(incoming, trustedProxies);
    let answer: Response;
    try {
      answer = await this.#answer(exchange);
    } catch (error) {
      log.error('request failed', { error, requestId });
      this.#parts.stages.observer.failed(exchange, error);
      answer = refuse(exchange, 'upstream', 'internal', 'an unexpected error; it has been logged');
    }
    return this.#finish(exchange, answer);
  }

  /** The stages in their order; the first that answers ends it. */
  async #answer(exchange: Exchange): Promise<Response> {
    const { stages } = this.#parts;
    if (passes(exchange.given.get('via')) >= LIMITS.gatewayPasses) {
      return refuse(
        exchange,
        'canonical',
        'loop_detected',
        `the request has passed here ${LIMITS.gatewayPasses} times`,
      );
    }
    const coding = exchange.given.get('transfer-encoding');
    if (coding !== null && coding.trim().toLowerCase() !== 'chunked') {
      return refuse(exchange, 'canonical', 'bad_request', 'Transfer-Encoding may be chunked and nothing else');
    }
    const unmatched = await this.#match(exchange);
    if (unmatched !== null) return unmatched;
    const { action, rule } = exchange;
    if (action === null || rule === null) return noRoute(exchange);
    if (action.broken !== null) {
      const { status, message } = action.broken;
      return refuse(exchange, 'match', 'route_broken', message, { status });
    }
    if (action.policies.length > 0) {
      const policies = await findPolicies(exchange.entries, action);
      if ('missing' in policies) return refuse(exchange, 'match', 'route_broken', policies.missing);
      exchange.policies = policies;
    }

    let answer = stages.addresses(exchange);
    if (answer instanceof Promise) answer = await answer;
    if (answer !== null) return answer;
    answer = stages.validation(exchange);
    if (answer instanceof Promise) answer = await answer;
    if (answer !== null) return answer;
    const preflight = answerPreflight(exchange, corsOf(action));
    if (preflight !== null) return preflight;
    answer = stages.authentication(exchange);
    if (answer instanceof Promise) answer = await answer;
    if (answer !== null) return answer;
    answer = stages.authorisation(exchange);
    if (answer instanceof Promise) answer = await answer;
    if (answer !== null) return answer;
    answer = stages.rateLimits.before(exchange);
    if (answer instanceof Promise) answer = await answer;
    if (answer !== null) return answer;

    const redirect = redirectOf(action);
    if (redirect !== null) return redirectTo(exchange, redirect, rule.path);
    applyRequestFilters(exchange, action.filters, rule.path);
    await this.#mirror(exchange, action.filters);
    const backend = this.#sessionBackend(exchange, action) ?? this.#chooseBackend(action.backends);
    exchange.backend = backend;
    if (backend === null || backend.upstream === null) {
      const why = backend === null ? 'the rule has no backend' : `${backend.name} does not resolve`;
      return refuse(exchange, 'upstream', 'route_broken', why);
    }
    applyRequestFilters(exchange, backend.filters, rule.path);
    await this.#mirror(exchange, backend.filters);
    const upstream = await findEntry(exchange.entries, upstreamEntryKey(backend.upstream));
    if (upstream === null) return refuse(exchange, 'upstream', 'route_broken', `${backend.name} is not there`);
    exchange.upstreamKey = backend.upstream;
    exchange.upstream = upstream;
    const proxied = await this.#proxy.answer(exchange, backend.upstream, upstream);
    if (exchange.refusal === null) applyResponseFilters(proxied.headers, action, backend);
    return proxied;
  }

  /** Finds the rule; null where there is one. */
  async #match(exchange: Exchange): Promise<Response | null> {
    const found = await findRule(exchange);
    if (found === 'none') return noRoute(exchange);
    if (found === 'costly') return refuse(exchange, 'match', 'match_too_costly', COSTLY_DETAIL);
    this.#parts.stages.observer.routed(exchange);
    return null;
  }

  /** Sends copies to where the filters say, beside the request itself. Nothing that fails here is the request's. */
  async #mirror(exchange: Exchange, filters: readonly CompiledFilter[]): Promise<void> {
    const { stages, send, clock, random, log } = this.#parts;
    for (const { backend } of chosenMirrors(filters, random)) {
      const upstream =
        backend.upstream === null ? null : await findEntry(exchange.entries, upstreamEntryKey(backend.upstream));
      if (backend.upstream === null || upstream === null || !(await keepCopy(exchange))) {
        exchange.mirrorsSkipped += 1;
        continue;
      }
      const sent = sendMirror(exchange, backend.upstream, upstream, stages.upstreams, send, clock);
      exchange.waitUntil(
        sent.catch((error) => log.warn('a mirror not sent', { error, requestId: exchange.requestId })),
      );
    }
  }

  #sessionBackend(exchange: Exchange, { sessionPersistence, backends }: RuleAction): CompiledBackend | null {
    if (sessionPersistence === null) return null;
    const keys = backends.map(({ upstream }) => upstream);
    const key = this.#parts.stages.upstreams.sessionUpstream(exchange, keys);
    return key === null ? null : (backends.find(({ upstream }) => upstream === key) ?? null);
  }

  #chooseBackend(backends: readonly CompiledBackend[]): CompiledBackend | null {
    if (backends.length === 1 && backends[0].weight > 0) return backends[0];
    let total = 0;
    for (const backend of backends) total += backend.weight;
    let left = this.#parts.random.next() * total;
    for (const backend of backends) {
      left -= backend.weight;
      if (left < 0) return backend;
    }
    return null;
  }

  /** Headers that every answer gets, and the end of the exchange: with its body where that is watched. */
  #finish(exchange: Exchange, answer: Response): Response {
    const { stages, clock, log } = this.#parts;
    const { headers } = answer;
    exchange.status = answer.status;
    if (exchange.action !== null) {
      const cors = corsOf(exchange.action);
      if (cors !== null && answer.status !== 101) setCors(exchange, cors, headers);
      stages.upstreams.responseHeaders(exchange, headers);
      stages.rateLimits.after(exchange, headers, headers);
      stages.securityHeaders(exchange, headers);
    }
    headers.set('x-request-id', exchange.requestId);
    const end = () => {
      exchange.endedMs = clock.now();
      try {
        stages.rateLimits.finished(exchange);
        stages.observer.finished(exchange);
      } catch (error) {
        log.error('an exchange not counted', { error, requestId: exchange.requestId });
      }
    };
    if (exchange.bodyEnd === null) end();
    else exchange.waitUntil(exchange.bodyEnd.then(end));
    return answer;
  }
}

function noRoute(exchange: Exchange): Response {
  const { method, host, path } = exchange.target;
  return refuse(exchange, 'match', 'no_route', `no route for ${method} ${path} on host "${host}"`);
}
