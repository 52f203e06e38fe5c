import type { CompiledUpstream } from '../core/protocol/upstream.ts';
import type { BreakerReport, UpstreamState } from '../core/protocol/upstream-monitor.ts';
import { type BalanceContext, choose } from '../traffic/upstream/balance.ts';
import { type Admission, Breaker } from '../traffic/upstream/breaker.ts';
import { Bulkhead } from '../traffic/upstream/bulkhead.ts';
import { FAILURE_LATENCY_MS } from '../traffic/upstream/latency.ts';
import { Repetitions } from '../traffic/upstream/repetitions.ts';
import { breakerReports, hearBreakers } from './breaker-reports.ts';
import { type AdmittedPlace, type CallOwner, type CallWish, EndpointCall } from './endpoint-call.ts';
import { EndpointSet } from './endpoint-set.ts';
import type { CallOutcome } from './exchange.ts';
import type { Attempt, NoAttempt } from './pipeline.ts';
import type { Endpoint } from './upstream-endpoint.ts';
import { peekUpstream, type UpstreamPeek } from './upstream-peek.ts';
import { whyNobody } from './why-not-called.ts';

/** What an isolate's upstreams share. */
export interface CallParts {
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
  /** When the monitor was last heard of. */
  readonly heardMs: () => number;
  /** A breaker has something to tell. */
  readonly report: (upstream: Upstream) => void;
}

/**
 * One upstream as this isolate sees it: who may be called, what is under way, what its breakers say. A choice costs the
 * strategy alone while nothing changes.
 */
export class Upstream implements CallOwner {
  readonly key: string;
  breaker: Breaker | null = null;
  usedMs: number;
  /** Whether the monitor has been asked for it. */
  isAsked = false;
  /** When probes were asked for last. */
  wishedMs = Number.NEGATIVE_INFINITY;
  private entry: CompiledUpstream;
  private readonly parts: CallParts;
  private readonly endpoints: EndpointSet;
  private present: UpstreamState | null = null;
  private bulkhead: Bulkhead | null = null;
  private readonly memory = { cursor: 0 };
  private inFlight = 0;
  private readonly repeated = new Repetitions();

  constructor(key: string, entry: CompiledUpstream, parts: CallParts) {
    this.key = key;
    this.parts = parts;
    this.entry = entry;
    this.endpoints = new EndpointSet(entry, parts.heardMs);
    this.usedMs = parts.now();
    // Isolates do not all begin with the first.
    this.memory.cursor = Math.floor(parts.chance() * 65_536);
    this.configure(entry);
  }

  get compiled(): CompiledUpstream {
    return this.entry;
  }

  get state(): UpstreamState | null {
    return this.present;
  }

  get requestsInFlight(): number {
    return this.inFlight;
  }

  /** Everything known of its endpoints, for explanations and metrics. */
  get known(): readonly Endpoint[] {
    return this.endpoints.known;
  }

  /** Whether something is to be asked of the monitor about it. */
  get isMonitored(): boolean {
    const { source, healthCheck, circuitBreaker } = this.entry;
    return source.type === 'discovery' || healthCheck !== null || circuitBreaker !== null;
  }

  /** Whether its endpoints come from discovery, and none has been heard of yet. */
  get isUnknown(): boolean {
    return this.entry.source.type === 'discovery' && this.present === null;
  }

  /** Whether a breaker keeps requests out that could be probes. */
  get wishesProbes(): 'all' | 'some' | null {
    const nowMs = this.parts.now();
    if (this.breaker?.wantsProbes(nowMs)) return 'all';
    return this.endpoints.wishesProbes(nowMs);
  }

  /** Takes up another entry; what was counted stays. */
  configure(entry: CompiledUpstream): void {
    this.entry = entry;
    const { circuitBreaker, bulkhead } = entry;
    if (circuitBreaker === null) this.breaker = null;
    else if (this.breaker === null) this.breaker = new Breaker(circuitBreaker);
    else this.breaker.configure(circuitBreaker);
    if (bulkhead === null) this.bulkhead = null;
    else if (this.bulkhead === null) this.bulkhead = new Bulkhead(bulkhead);
    else this.bulkhead.configure(bulkhead);
    this.endpoints.take(entry, this.present?.endpoints ?? null, this.parts.now());
  }

  /** Takes up what the monitor says. */
  hear(state: UpstreamState): void {
    // Answers may overtake each other; numbers rise with time.
    if (this.present !== null && state.version !== 0 && state.version < this.present.version) return;
    const nowMs = this.parts.now();
    this.present = state;
    this.endpoints.take(this.entry, state.endpoints, nowMs);
    hearBreakers(this.breaker, this.endpoints, state.breakers, nowMs);
    this.endpoints.hear(state.health, nowMs);
  }

  /** What its breakers have to tell. */
  reports(): BreakerReport[] {
    const { circuitBreaker } = this.entry;
    return circuitBreaker === null ? [] : breakerReports(this.key, circuitBreaker, this.breaker, this.endpoints);
  }

  /** The next call, once the bulkhead lets it in. */
  begin(wish: CallWish, bulkhead: boolean): Attempt | NoAttempt {
    const place = this.pick(wish);
    if (place === null) {
      if (bulkhead) this.bulkhead?.leave();
      return whyNobody(this.breaker, this.endpoints, this.parts.now());
    }
    this.inFlight += 1;
    if (wish.tried.length > 0) this.repeated.begin();
    return new EndpointCall(this, place, wish.tried.length > 0, bulkhead ? this.bulkhead : null);
  }

  /** Null where there is none: every request is let in. */
  get gate(): Bulkhead | null {
    return this.bulkhead;
  }

  /** Requests that are being repeated, or are about to be. */
  repetitions(): number {
    return this.repeated.count(this.parts.now());
  }

  /** A repetition will come after a pause. */
  grantRepetition(delayMs: number): void {
    this.repeated.grant(delayMs, this.parts.now());
  }

  /** The head of an answer came, or none. */
  answered(call: EndpointCall, outcome: CallOutcome): void {
    const { endpoint } = call;
    const nowMs = this.parts.now();
    if (call.isRetry) this.repeated.end();
    const isUnknown = outcome.fault === 'cancelled' || outcome.fault === 'refused';
    const hasFailed = !isUnknown && (outcome.status === null || outcome.status >= 500);
    const verdict = isUnknown ? 'unknown' : hasFailed ? 'failed' : 'succeeded';
    const why = outcome.status === null ? String(outcome.fault) : `status ${outcome.status}`;
    if (!isUnknown)
      endpoint.latency.measure(hasFailed ? Math.max(outcome.headMs, FAILURE_LATENCY_MS) : outcome.headMs, nowMs);
    this.end(this.breaker, call.admission, verdict, nowMs, why);
    if (call.endpointAdmission !== null) this.end(endpoint.breaker, call.endpointAdmission, verdict, nowMs, why);
    if (!isUnknown) this.endpoints.count(endpoint, outcome.status, nowMs);
  }

  /** The call's body has ended. */
  ended(): void {
    this.inFlight -= 1;
  }

  /** Who would be called now, changing nothing. */
  peek(wish: CallWish): UpstreamPeek {
    const { breaker, endpoints, present, memory } = this;
    const { strategy } = this.entry.loadBalancer;
    const peeked = { strategy, breaker, endpoints, state: present, memory, heardMs: this.parts.heardMs() };
    return peekUpstream(peeked, wish, this.context(wish));
  }

  private end(
    breaker: Breaker | null,
    admission: Exclude<Admission, null>,
    verdict: 'succeeded' | 'failed' | 'unknown',
    nowMs: number,
    why: string,
  ) {
    if (breaker === null) return;
    const before = breaker.state;
    breaker.ended(admission, verdict, nowMs, why);
    if (breaker.state !== before) this.endpoints.forgetChoices();
    if (breaker.state !== before || admission === 'probe') this.parts.report(this);
    // The next probe may follow at once.
    if (admission === 'probe' && verdict === 'succeeded') this.wishedMs = Number.NEGATIVE_INFINITY;
  }

  private pick(wish: CallWish): AdmittedPlace | null {
    const { nowMs } = wish;
    this.usedMs = nowMs;
    const admission: Admission =
      this.breaker === null
        ? 'request'
        : this.breaker.admit(nowMs, this.breaker.state === 'Closed' ? this.parts.chance() : 0, this.parts.heardMs());
    if (admission === null) return null;
    const session = this.endpoints.ofSession(wish);
    if (session !== null) {
      const endpointAdmission = this.admitEndpoint(session, nowMs);
      if (endpointAdmission !== null) return { endpoint: session, admission, endpointAdmission };
    }
    const found = this.balance(wish, nowMs);
    if (found !== null) return { ...found, admission };
    if (admission === 'probe') {
      // A probe of the upstream goes to an endpoint whose own breaker is open rather than to none.
      const endpoint = this.endpoints.known.find(({ draining, weight }) => !draining && weight > 0);
      if (endpoint !== undefined) return { endpoint, admission, endpointAdmission: null };
    }
    this.breaker?.ended(admission, 'unknown', nowMs, '');
    return null;
  }

  private balance(wish: CallWish, nowMs: number): { endpoint: Endpoint; endpointAdmission: Admission } | null {
    const { strategy } = this.entry.loadBalancer;
    let { candidates } = this.endpoints.choicesFor(wish.zone, nowMs);
    if (wish.tried.length > 0) {
      const untried = candidates.filter(({ address }) => !wish.tried.includes(address));
      if (untried.length > 0) candidates = untried;
    }
    let held: Endpoint | null = null;
    while (candidates.length > 0) {
      const endpoint = choose(strategy, candidates, this.memory, this.context(wish));
      const endpointAdmission = this.admitEndpoint(endpoint, nowMs);
      if (endpointAdmission !== null) return { endpoint, endpointAdmission };
      if (endpoint.breaker?.state === 'Closed') held ??= endpoint;
      else this.endpoints.forgetChoices();
      candidates = candidates.filter((candidate) => candidate !== endpoint);
    }
    // One that comes back gradually gets more than its share rather than that nobody is called.
    return held === null ? null : { endpoint: held, endpointAdmission: 'request' };
  }

  private admitEndpoint({ breaker }: Endpoint, nowMs: number): Admission {
    if (breaker === null) return 'request';
    return breaker.admit(nowMs, breaker.state === 'Closed' ? this.parts.chance() : 0, this.parts.heardMs());
  }

  private context({ keyHash, nowMs }: CallWish): BalanceContext {
    return {
      nowMs,
      slowStartMs: this.entry.loadBalancer.slowStartMs,
      keyHash,
      chance: this.parts.chance,
    };
  }
}
