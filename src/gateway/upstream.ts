import type { BalanceStrategy, CompiledEndpoint, CompiledUpstream } from '../core/protocol/upstream.ts';
import type { BreakerReport, BreakerState, UpstreamState } from '../core/protocol/upstream-monitor.ts';
import { type BalanceContext, choose } from '../traffic/upstream/balance.ts';
import { type Admission, Breaker } from '../traffic/upstream/breaker.ts';
import { Bulkhead } from '../traffic/upstream/bulkhead.ts';
import { FAILURE_LATENCY_MS } from '../traffic/upstream/latency.ts';
import { countCall, eject, endInterval, isEjected, mayEject } from '../traffic/upstream/outliers.ts';
import { type Choices, choicesOf, nextStandingMs } from '../traffic/upstream/standing.ts';
import { type AdmittedPlace, type CallOwner, EndpointCall } from './endpoint-call.ts';
import type { CallOutcome } from './exchange.ts';
import type { Attempt, NoAttempt } from './pipeline.ts';
import { Endpoint } from './upstream-endpoint.ts';
import { whyNobody, whyNot } from './why-not-called.ts';

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

/** What of a request its endpoint depends on. */
export interface CallWish {
  /** When it is chosen. */
  readonly nowMs: number;
  /** What IpHash hashes; 0 where no address is known. */
  readonly keyHash: number;
  /** The endpoint of its session; null where it has none here. */
  readonly session: number | null;
  /** By which its own zone is known; null where nothing is. */
  readonly zone: string | null;
  /** Endpoints that were tried before. */
  readonly tried: readonly string[];
}

/** What would become of a request, and why: for explanations. */
export interface UpstreamPeek {
  /** Null where nobody would be called; then `reason` says why. */
  readonly chosen: string | null;
  readonly reason: string | null;
  readonly strategy: BalanceStrategy;
  readonly breaker: BreakerState;
  /** So few endpoints are available that those which are ill are called as well. */
  readonly panic: boolean;
  readonly stale: boolean;
  readonly endpoints: readonly {
    readonly address: string;
    readonly zone: string | null;
    readonly weight: number;
    readonly available: boolean;
    /** Why it is not. */
    readonly reason: string | null;
    readonly breaker: BreakerState;
    /** Of this isolate. */
    readonly inFlight: number;
  }[];
}

/** Zones kept at a time: of each the candidates are remembered until something changes. */
const ZONES_KEPT = 64;
/** How long a request may take from its grant of a repetition to the repetition, beyond the pause. */
const GRANT_SLACK_MS = 1_000;

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
  private endpoints: Endpoint[] = [];
  private byAddress = new Map<string, Endpoint>();
  private present: UpstreamState | null = null;
  private bulkhead: Bulkhead | null = null;
  private readonly memory = { cursor: 0 };
  private readonly choices = new Map<string | null, Choices<Endpoint>>();
  private choicesUntilMs = Number.NEGATIVE_INFINITY;
  /** Whether an endpoint's breaker was not Closed when the choices were made. */
  private hasOpen = false;
  private intervalEndMs = 0;
  private inFlight = 0;
  private retrying = 0;
  private readonly grantedUntilMs: number[] = [];

  constructor(key: string, entry: CompiledUpstream, parts: CallParts) {
    this.key = key;
    this.parts = parts;
    this.entry = entry;
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
    return this.endpoints;
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
    if (!this.hasOpen || !this.endpoints.some(({ breaker }) => breaker?.wantsProbes(nowMs))) return null;
    return this.choicesFor(null, nowMs).breakersOpen ? 'all' : 'some';
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
    this.takeEndpoints();
  }

  /** Takes up what the monitor says. */
  hear(state: UpstreamState): void {
    // Answers may overtake each other; numbers rise with time.
    if (this.present !== null && state.version !== 0 && state.version < this.present.version) return;
    const nowMs = this.parts.now();
    this.present = state;
    this.takeEndpoints();
    for (const endpoint of this.endpoints) {
      const healthy = state.health[endpoint.address]?.healthy ?? true;
      if (healthy && !endpoint.healthy) endpoint.sinceMs = nowMs;
      endpoint.healthy = healthy;
    }
    for (const [address, shared] of Object.entries(state.breakers)) {
      const breaker = address === '' ? this.breaker : (this.byAddress.get(address)?.breaker ?? null);
      breaker?.hear(shared, nowMs);
    }
    this.breaker?.hearNothing(state.breakers[''], nowMs);
    for (const { breaker, address } of this.endpoints) breaker?.hearNothing(state.breakers[address], nowMs);
    this.forgetChoices();
  }

  /** What its breakers have to tell. */
  reports(): BreakerReport[] {
    const reports: BreakerReport[] = [];
    const { circuitBreaker } = this.entry;
    if (circuitBreaker === null) return reports;
    const add = (breaker: Breaker | null, endpoint: string) => {
      const event = breaker?.untoldEvent() ?? null;
      if (breaker === null || event === null) return;
      breaker.told(event);
      reports.push({
        upstream: this.key,
        endpoint,
        event: event.event,
        successes: event.event === 'probed' ? event.successes : 0,
        round: breaker.knownRound,
        recoveryMs: circuitBreaker.recoveryMs,
        halfOpenMaxRequests: circuitBreaker.halfOpenMaxRequests,
        reason: event.event === 'probed' ? '' : event.reason,
      });
    };
    add(this.breaker, '');
    for (const endpoint of this.endpoints) add(endpoint.breaker, endpoint.address);
    return reports;
  }

  /** The next call, once the bulkhead lets it in. */
  begin(wish: CallWish, bulkhead: boolean): Attempt | NoAttempt {
    const place = this.pick(wish);
    if (place === null) {
      if (bulkhead) this.bulkhead?.leave();
      return this.refusal();
    }
    this.inFlight += 1;
    if (wish.tried.length > 0) {
      this.grantedUntilMs.shift();
      this.retrying += 1;
    }
    return new EndpointCall(this, place, wish.tried.length > 0, bulkhead ? this.bulkhead : null);
  }

  /** Null where there is none: every request is let in. */
  get gate(): Bulkhead | null {
    return this.bulkhead;
  }

  /** Requests that are being repeated, or are about to be. */
  repetitions(): number {
    const nowMs = this.parts.now();
    while (this.grantedUntilMs.length > 0 && this.grantedUntilMs[0] <= nowMs) this.grantedUntilMs.shift();
    return this.retrying + this.grantedUntilMs.length;
  }

  /** A repetition will come after a pause. */
  grantRepetition(delayMs: number): void {
    this.grantedUntilMs.push(this.parts.now() + delayMs + GRANT_SLACK_MS);
  }

  /** The head of an answer came, or none. */
  answered(call: EndpointCall, outcome: CallOutcome): void {
    const { endpoint } = call;
    const nowMs = this.parts.now();
    if (call.isRetry) this.retrying -= 1;
    const isUnknown = outcome.fault === 'cancelled' || outcome.fault === 'refused';
    const hasFailed = !isUnknown && (outcome.status === null || outcome.status >= 500);
    const verdict = isUnknown ? 'unknown' : hasFailed ? 'failed' : 'succeeded';
    const why = outcome.status === null ? String(outcome.fault) : `status ${outcome.status}`;
    if (!isUnknown)
      endpoint.latency.measure(hasFailed ? Math.max(outcome.headMs, FAILURE_LATENCY_MS) : outcome.headMs, nowMs);
    this.end(this.breaker, call.admission, verdict, nowMs, why);
    if (call.endpointAdmission !== null) this.end(endpoint.breaker, call.endpointAdmission, verdict, nowMs, why);
    if (!isUnknown) this.watchOutlier(endpoint, outcome.status, nowMs);
  }

  /** The call's body has ended. */
  ended(): void {
    this.inFlight -= 1;
  }

  /** Who would be called now, changing nothing. */
  peek(wish: CallWish): UpstreamPeek {
    const { nowMs } = wish;
    const heardMs = this.parts.heardMs();
    const choices = this.choicesFor(wish.zone, nowMs);
    const lets = this.breaker?.wouldAdmit(nowMs, heardMs) ?? true;
    const chosen = lets ? this.peekEndpoint(wish, choices) : null;
    // Where only breakers keep endpoints out, nobody's health is passed over.
    const isIll = ({ healthy, outlier }: Endpoint) => !healthy || isEjected(outlier, nowMs);
    return {
      chosen: chosen?.address ?? null,
      reason: chosen === null ? this.refusal().refused : null,
      strategy: this.entry.loadBalancer.strategy,
      breaker: this.breaker?.state ?? 'Closed',
      panic: chosen !== null && choices.panic && choices.candidates.some(isIll),
      stale: this.present !== null && this.present.stale !== null,
      endpoints: this.endpoints.map((endpoint) => {
        const health = this.present?.health[endpoint.address]?.reason ?? '';
        const reason = whyNot(endpoint, health, nowMs, heardMs);
        const { address, zone, weight, inFlight, breaker } = endpoint;
        return {
          address,
          zone,
          weight,
          available: reason === null,
          reason,
          breaker: breaker?.state ?? 'Closed',
          inFlight,
        };
      }),
    };
  }

  private peekEndpoint(wish: CallWish, { candidates }: Choices<Endpoint>): Endpoint | null {
    const session = this.sessionEndpoint(wish);
    if (session !== null || candidates.length === 0) return session;
    const turns = candidates.map(({ turn }) => turn);
    const endpoint = choose(this.entry.loadBalancer.strategy, candidates, { ...this.memory }, this.context(wish));
    candidates.forEach((candidate, at) => {
      candidate.turn = turns[at];
    });
    return endpoint;
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
    if (breaker.state !== before) this.forgetChoices();
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
    const session = this.sessionEndpoint(wish);
    if (session !== null) {
      const endpointAdmission = this.admitEndpoint(session, nowMs);
      if (endpointAdmission !== null) return { endpoint: session, admission, endpointAdmission };
    }
    const found = this.balance(wish, nowMs);
    if (found !== null) return { ...found, admission };
    if (admission === 'probe') {
      // A probe of the upstream goes to an endpoint whose own breaker is open rather than to none.
      const endpoint = this.endpoints.find(({ draining, weight }) => !draining && weight > 0);
      if (endpoint !== undefined) return { endpoint, admission, endpointAdmission: null };
    }
    this.breaker?.ended(admission, 'unknown', nowMs, '');
    return null;
  }

  private balance(wish: CallWish, nowMs: number): { endpoint: Endpoint; endpointAdmission: Admission } | null {
    const { strategy } = this.entry.loadBalancer;
    let { candidates } = this.choicesFor(wish.zone, nowMs);
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
      else this.forgetChoices();
      candidates = candidates.filter((candidate) => candidate !== endpoint);
    }
    // One that comes back gradually gets more than its share rather than that nobody is called.
    return held === null ? null : { endpoint: held, endpointAdmission: 'request' };
  }

  private admitEndpoint({ breaker }: Endpoint, nowMs: number): Admission {
    if (breaker === null) return 'request';
    return breaker.admit(nowMs, breaker.state === 'Closed' ? this.parts.chance() : 0, this.parts.heardMs());
  }

  /** The endpoint of a session, where it may be called still: also while it drains. */
  private sessionEndpoint({ session, tried, nowMs }: CallWish): Endpoint | null {
    if (session === null) return null;
    const endpoint = this.endpoints.find(({ hash }) => hash === session);
    if (endpoint === undefined || tried.includes(endpoint.address)) return null;
    const lets = endpoint.breaker?.wouldAdmit(nowMs, this.parts.heardMs()) ?? true;
    return endpoint.healthy && lets && !isEjected(endpoint.outlier, nowMs) ? endpoint : null;
  }

  private choicesFor(zone: string | null, nowMs: number): Choices<Endpoint> {
    if (nowMs >= this.choicesUntilMs) {
      this.choices.clear();
      this.choicesUntilMs = nextStandingMs(this.endpoints, nowMs);
      this.hasOpen = this.endpoints.some(({ breaker }) => breaker !== null && breaker.state !== 'Closed');
    }
    const present = this.choices.get(zone);
    if (present !== undefined) return present;
    if (this.choices.size >= ZONES_KEPT) this.choices.clear();
    const made = choicesOf(this.endpoints, this.entry.loadBalancer, zone, nowMs, this.parts.heardMs());
    this.choices.set(zone, made);
    return made;
  }

  private forgetChoices(): void {
    this.choicesUntilMs = Number.NEGATIVE_INFINITY;
  }

  private context({ keyHash, nowMs }: CallWish): BalanceContext {
    return {
      nowMs,
      slowStartMs: this.entry.loadBalancer.slowStartMs,
      keyHash,
      chance: this.parts.chance,
    };
  }

  private watchOutlier(endpoint: Endpoint, status: number | null, nowMs: number): void {
    const settings = this.entry.outlierDetection;
    if (settings === null) return;
    const tryEject = (worst: Endpoint) => {
      const ejected = this.endpoints.filter(({ outlier }) => isEjected(outlier, nowMs)).length;
      if (isEjected(worst.outlier, nowMs) || !mayEject(ejected, this.endpoints.length, settings)) return;
      eject(worst.outlier, settings, nowMs);
      this.forgetChoices();
    };
    if (countCall(endpoint.outlier, status, settings)) tryEject(endpoint);
    if (nowMs < this.intervalEndMs) return;
    if (this.intervalEndMs > 0) for (const worst of endInterval(this.endpoints, settings, nowMs)) tryEject(worst);
    this.intervalEndMs = nowMs + settings.intervalMs;
  }

  /** The endpoints there are now; those that stay keep what was counted of them. */
  private takeEndpoints(): void {
    const nowMs = this.parts.now();
    const before = this.byAddress;
    const isFirst = before.size === 0;
    this.byAddress = new Map();
    this.endpoints = [];
    for (const declared of this.declared()) {
      // All that come together begin together: slow start is for one that comes later.
      const endpoint =
        before.get(declared.address) ?? new Endpoint(declared, isFirst ? Number.NEGATIVE_INFINITY : nowMs);
      endpoint.configure(declared, this.entry.circuitBreaker);
      this.byAddress.set(declared.address, endpoint);
      this.endpoints.push(endpoint);
    }
    this.forgetChoices();
  }

  private declared(): readonly CompiledEndpoint[] {
    const { source, endpoints } = this.entry;
    if (source.type === 'static') return endpoints;
    if (source.type === 'discovery') return this.present?.endpoints ?? [];
    const address = source.binding ?? 'BUCKET';
    return [{ address, weight: 1, zone: null, draining: false }];
  }

  private refusal(): NoAttempt {
    const nowMs = this.parts.now();
    const hasCandidates = this.choicesFor(null, nowMs).candidates.length > 0;
    return whyNobody(this.breaker, this.endpoints, hasCandidates, nowMs);
  }
}
