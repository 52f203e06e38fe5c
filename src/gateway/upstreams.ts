import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { CompiledSession, RuleAction, UpstreamKey } from '../core/protocol/gateway.ts';
import type { CompiledUpstream } from '../core/protocol/upstream.ts';
import type { BreakerState, SyncAnswer, SyncRequest } from '../core/protocol/upstream-monitor.ts';
import { pause } from '../core/timer.ts';
import { hashOfKey } from '../traffic/upstream/balance.ts';
import {
  backoffMs,
  budgetAllows,
  isIdempotent,
  isRetriable,
  routeRetry,
  type TryEnd,
} from '../traffic/upstream/retry.ts';
import {
  cookieValue,
  nextSession,
  readSession,
  type SessionToken,
  type SignSession,
  sessionCookie,
  sessionHash,
  writeSession,
} from '../traffic/upstream/session.ts';
import type { UpstreamNews } from './control-link.ts';
import type { CallWish } from './endpoint-call.ts';
import type { CallOutcome, Exchange, Soon } from './exchange.ts';
import type { Attempt, NoAttempt, UpstreamStage } from './pipeline.ts';
import { type CallParts, Upstream } from './upstream.ts';
import type { UpstreamPeek } from './upstream-peek.ts';

/** What the upstreams of an isolate stand on. */
export interface UpstreamsParts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  readonly sign: SignSession;
  /** Asks the monitor now; ends in a bounded time, and never throws. */
  readonly askNow: () => Promise<void>;
}

/** An upstream that nobody called for so long is no longer asked for. */
const FORGET_AFTER_MS = 5 * 60_000;
/** Upstreams of which an isolate knows something; those called longest ago are forgotten first. */
const KEPT = 5_000;
/** How often one that waits for a place asks again: requests may not wait for each other's promises. */
const ASK_EVERY_MS = 5;
const NONE_TRIED: readonly string[] = [];

/** Everything an isolate knows of the upstreams it calls, and the stage that picks their endpoints. */
export class Upstreams implements UpstreamStage, UpstreamNews {
  private readonly parts: UpstreamsParts;
  private readonly callParts: CallParts;
  private readonly upstreams = new Map<UpstreamKey, Upstream>();
  /** Those whose breakers have something to tell. */
  private readonly telling = new Set<Upstream>();
  /** Upstreams whose open breakers keep requests out that could be probes. */
  private readonly wishes = new Set<UpstreamKey>();
  private urgent = false;
  /** An upstream is called that the monitor was not asked for yet. */
  private isUnasked = false;
  private askedMs = Number.NEGATIVE_INFINITY;
  private heardMs: number;

  constructor(parts: UpstreamsParts) {
    this.parts = parts;
    this.heardMs = parts.clock.now();
    this.callParts = {
      now: () => parts.clock.now(),
      chance: parts.chance,
      heardMs: () => this.heardMs,
      report: (upstream) => {
        this.telling.add(upstream);
        this.urgent = true;
      },
    };
  }

  /** What is known of an upstream, made where nothing is. */
  of(key: UpstreamKey, entry: CompiledUpstream): Upstream {
    const present = this.upstreams.get(key);
    if (present !== undefined) {
      if (present.compiled !== entry) present.configure(entry);
      return present;
    }
    if (this.upstreams.size >= KEPT) this.forgetOldest();
    const made = new Upstream(key, entry, this.callParts);
    this.upstreams.set(key, made);
    // The question under way at the monitor does not name it.
    if (made.isMonitored) this.isUnasked = true;
    return made;
  }

  begin(exchange: Exchange, key: UpstreamKey, entry: CompiledUpstream): Soon<Attempt | NoAttempt> {
    const upstream = this.of(key, entry);
    if (upstream.isUnknown || this.mayAskFirst(upstream)) return this.askThenBegin(exchange, upstream);
    const wish = upstream.wishesProbes;
    if (wish !== null && this.mayWish(upstream)) {
      // Where nothing may be called but with a probe, this request waits to be one.
      if (wish === 'all') return this.askThenBegin(exchange, upstream);
      exchange.waitUntil(this.parts.askNow());
    }
    return this.enter(exchange, upstream);
  }

  retryAfterMs(exchange: Exchange, entry: CompiledUpstream, outcome: CallOutcome, repeatable: boolean): number | null {
    this.askSoon(exchange);
    const { action, upstreamKey, calls, request } = exchange;
    const route = action?.retry ?? null;
    const retry = route === null ? entry.retry : routeRetry(route, entry.retry);
    if (retry === null || upstreamKey === null || !repeatable || calls.length > retry.attempts) return null;
    if (!isIdempotent(request.method) || !isRetriable(tryEndOf(outcome), retry)) return null;
    const upstream = this.of(upstreamKey, entry);
    // This request's own try has ended, or is about to: it is in flight all the same.
    if (!budgetAllows(upstream.repetitions(), Math.max(1, upstream.requestsInFlight), retry)) return null;
    const delayMs = backoffMs(calls.length, retry, this.parts.chance());
    upstream.grantRepetition(delayMs);
    return delayMs;
  }

  responseHeaders(exchange: Exchange, headers: Headers): void {
    const { action, upstream, upstreamKey, calls, target } = exchange;
    const session = sessionOf(action, upstream);
    const endpoint = calls.at(-1)?.endpoint;
    if (session === null || upstreamKey === null || endpoint === undefined) return;
    const nowMs = this.parts.clock.now();
    const present = this.sessionToken(exchange, session);
    const token = nextSession(present, sessionHash(upstreamKey), sessionHash(endpoint), session, nowMs);
    if (token === null) return;
    const text = writeSession(token, session.name, this.parts.sign);
    if (session.type === 'Header') headers.set(session.name, text);
    else {
      const isSecure = target.scheme === 'https';
      headers.append('set-cookie', sessionCookie(text, session, isSecure, token.issuedSeconds, nowMs));
    }
  }

  /** Which of a rule's upstreams a request's session is at: it stays there whatever the weights; null for none. */
  sessionUpstream(exchange: Exchange, keys: readonly (UpstreamKey | null)[]): UpstreamKey | null {
    const session = exchange.action?.sessionPersistence ?? null;
    const token = session === null ? null : this.sessionToken(exchange, session);
    if (token === null) return null;
    return keys.find((key) => key !== null && sessionHash(key) === token.upstream) ?? null;
  }

  /** What would become of the request, changing nothing that counts. */
  peek(exchange: Exchange, key: UpstreamKey, entry: CompiledUpstream): UpstreamPeek {
    const upstream = this.of(key, entry);
    return upstream.peek(this.wishOf(exchange, upstream));
  }

  versions(): SyncRequest['upstreams'] {
    const nowMs = this.parts.clock.now();
    const versions: Record<UpstreamKey, number> = {};
    this.isUnasked = false;
    for (const [key, upstream] of this.upstreams) {
      if (nowMs - upstream.usedMs > FORGET_AFTER_MS && upstream.requestsInFlight === 0) this.upstreams.delete(key);
      else if (upstream.isMonitored) {
        versions[key] = upstream.state?.version ?? 0;
        upstream.isAsked = true;
      }
    }
    return versions;
  }

  takeReports(): SyncRequest['reports'] {
    this.urgent = false;
    const reports = [];
    for (const upstream of this.telling) {
      const own = upstream.reports();
      if (own.length === 0) this.telling.delete(upstream);
      else reports.push(...own);
    }
    return reports;
  }

  takeWishes(): SyncRequest['probes'] {
    const wishes = [...this.wishes];
    this.wishes.clear();
    return wishes;
  }

  hasUrgentReports(): boolean {
    return this.urgent;
  }

  apply(states: SyncAnswer['upstreams']): void {
    this.heardMs = this.parts.clock.now();
    for (const [key, state] of Object.entries(states)) this.upstreams.get(key)?.hear(state);
  }

  /** Every breaker of what this isolate calls; '' for that of an upstream as a whole. */
  *breakers(): Iterable<{ namespace: string; name: string; endpoint: string; state: BreakerState }> {
    for (const { breaker, compiled, known } of this.upstreams.values()) {
      const { namespace, name } = compiled;
      if (breaker !== null) yield { namespace, name, endpoint: '', state: breaker.state };
      for (const { breaker: own, address } of known) {
        if (own !== null) yield { namespace, name, endpoint: address, state: own.state };
      }
    }
  }

  /** Upstreams that have calls under way. */
  *inFlight(): Iterable<{ namespace: string; name: string; inFlight: number }> {
    for (const { requestsInFlight, compiled } of this.upstreams.values()) {
      if (requestsInFlight > 0) yield { ...compiled, inFlight: requestsInFlight };
    }
  }

  /**
   * Others are to hear at once of a breaker that has turned here, and this isolate of one that turns elsewhere, whoever
   * comes here next.
   */
  private askSoon(exchange: Exchange): void {
    const nowMs = this.parts.clock.now();
    if (!this.urgent && (!this.isUnasked || nowMs - this.askedMs < LIMITS.gatewaySyncPauseMs)) return;
    this.askedMs = nowMs;
    exchange.waitUntil(this.parts.askNow());
  }

  /**
   * Whether the first call of an upstream waits for what others know of it: an isolate that has just started would else
   * call what all of them have found broken. Where many are called for the first time at once, not each of them waits.
   */
  private mayAskFirst(upstream: Upstream): boolean {
    if (upstream.isAsked || !upstream.isMonitored) return false;
    const nowMs = this.parts.clock.now();
    if (nowMs - this.askedMs < LIMITS.gatewaySyncPauseMs) return false;
    this.askedMs = nowMs;
    return true;
  }

  /** Probes are asked for once in a while, whatever the traffic. */
  private mayWish(upstream: Upstream): boolean {
    const nowMs = this.parts.clock.now();
    if (nowMs - upstream.wishedMs < LIMITS.gatewaySyncPauseMs) return false;
    upstream.wishedMs = nowMs;
    this.wishes.add(upstream.key);
    return true;
  }

  private async askThenBegin(exchange: Exchange, upstream: Upstream): Promise<Attempt | NoAttempt> {
    await this.parts.askNow();
    return await this.enter(exchange, upstream);
  }

  private enter(exchange: Exchange, upstream: Upstream): Soon<Attempt | NoAttempt> {
    const { gate } = upstream;
    if (needsEnd(upstream.compiled)) exchange.watchBody = true;
    if (gate === null) return upstream.begin(this.wishOf(exchange, upstream), false);
    if (exchange.calls.length > 0) {
      gate.reenter();
      return upstream.begin(this.wishOf(exchange, upstream), true);
    }
    const entered = gate.enter();
    if (entered === 'entered') return upstream.begin(this.wishOf(exchange, upstream), true);
    if (entered === 'full') return { refused: 'too many requests are under way', retryAfterSeconds: 1 };
    return this.queue(exchange, upstream, entered);
  }

  private async queue(exchange: Exchange, upstream: Upstream, ticket: number): Promise<Attempt | NoAttempt> {
    const { clock } = this.parts;
    const untilMs = clock.now() + (upstream.compiled.bulkhead?.queueTimeoutMs ?? 0);
    while (clock.now() < untilMs && !exchange.request.signal.aborted) {
      await pause(ASK_EVERY_MS);
      // The bulkhead may have been taken away meanwhile: then nobody waits.
      if (upstream.gate === null) return upstream.begin(this.wishOf(exchange, upstream), false);
      if (upstream.gate.ask(ticket)) return upstream.begin(this.wishOf(exchange, upstream), true);
    }
    upstream.gate?.giveUp(ticket);
    return { refused: 'too many requests are under way, and none ended in time', retryAfterSeconds: 1 };
  }

  private wishOf(exchange: Exchange, upstream: Upstream): CallWish {
    const { clientIp, place, calls, action } = exchange;
    const { loadBalancer } = upstream.compiled;
    const session = sessionOf(action, upstream.compiled);
    const token = session === null ? null : this.sessionToken(exchange, session);
    return {
      nowMs: this.parts.clock.now(),
      keyHash: loadBalancer.strategy === 'IpHash' && clientIp !== null ? hashOfKey(clientIp) : 0,
      session: token !== null && token.upstream === sessionHash(upstream.key) ? token.endpoint : null,
      zone: loadBalancer.zones.own === null ? null : (place[loadBalancer.zones.own] ?? null),
      tried: calls.length === 0 ? NONE_TRIED : calls.map(({ endpoint }) => endpoint),
    };
  }

  private sessionToken({ given }: Exchange, session: CompiledSession): SessionToken | null {
    const { type, name } = session;
    const header = given.get(type === 'Header' ? name : 'cookie');
    const text = header === null || type === 'Header' ? header : cookieValue(header, name);
    return text === null ? null : readSession(text, session, this.parts.sign, this.parts.clock.now());
  }

  private forgetOldest(): void {
    let oldest: Upstream | undefined;
    for (const upstream of this.upstreams.values()) {
      if (upstream.requestsInFlight === 0 && (oldest === undefined || upstream.usedMs < oldest.usedMs))
        oldest = upstream;
    }
    if (oldest !== undefined) this.upstreams.delete(oldest.key);
  }
}

/** A route's sessions come before its upstream's. */
function sessionOf(action: RuleAction | null, upstream: CompiledUpstream | null): CompiledSession | null {
  return action?.sessionPersistence ?? upstream?.sessionPersistence ?? null;
}

/** Whether what is under way counts for choices, so that the real end of a body is to be known. */
function needsEnd({ bulkhead, loadBalancer: { strategy } }: CompiledUpstream): boolean {
  return bulkhead !== null || strategy === 'LeastConnections' || strategy === 'PowerOfTwoChoices';
}

function tryEndOf({ status, fault }: CallOutcome): TryEnd {
  return { status, failure: fault === 'connect' ? 'ConnectFailure' : fault === 'timeout' ? 'Timeout' : null };
}
