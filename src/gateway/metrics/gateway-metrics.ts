import type { CompiledBackend, RuleAction } from '../../core/protocol/gateway.ts';
import type { GaugeReading, SeriesDelta } from '../../core/protocol/metrics-hub.ts';
import type { CompiledUpstream } from '../../core/protocol/upstream.ts';
import { FAMILIES } from '../../observe/metrics/families.ts';
import type { Call, CallOutcome, Exchange, LimitDecision, Refusal } from '../exchange.ts';
import { ChangedSeries, Counter, Histogram } from './series.ts';

/** Durable Objects the gateway calls, by their class. */
export type CalledObject = 'MetricsHub' | 'RateLimiter' | 'UpstreamMonitor';

/** Where upstreams stand, read whenever a delta is made. */
export interface UpstreamReadings {
  breakers(): Iterable<{
    readonly namespace: string;
    readonly name: string;
    readonly endpoint: string;
    readonly state: string;
  }>;
  inFlight(): Iterable<{ readonly namespace: string; readonly name: string; readonly inFlight: number }>;
}

const STATUS_CLASSES = ['', '1xx', '2xx', '3xx', '4xx', '5xx'];
/** Endpoints of an upstream that are held ready; discovery may bring others for ever. */
const ENDPOINTS_HELD = 1_000;

/** What an isolate counts of its requests. */
export class GatewayMetrics {
  readonly #changes = new ChangedSeries();
  /** What is counted of a rule hangs on the compiled rule, so that nothing is looked up by text, and goes with it. */
  readonly #routes = new WeakMap<RuleAction, RouteSeries>();
  readonly #upstreams = new WeakMap<CompiledUpstream, Map<string, EndpointSeries>>();
  readonly #unmatched: RouteSeries;
  readonly #busy = new Set<RouteSeries>();
  readonly #objectCalls = new Map<CalledObject, Counter>();
  readonly #controlReads: Counter;
  readonly #storeReads: Counter;

  constructor() {
    this.#unmatched = new RouteSeries(this.#changes, '', '', '');
    this.#controlReads = new Counter(this.#changes, FAMILIES.controlReads, []);
    this.#storeReads = new Counter(this.#changes, FAMILIES.storeReads, []);
  }

  /** Whether there is anything to tell. */
  get hasChanged(): boolean {
    return this.#changes.size > 0;
  }

  /** A request has found its rule, and is under way until `finished`. */
  routed({ action }: Exchange): void {
    if (action === null) return;
    const route = this.#routeOf(action);
    if (route.inFlight === 0) this.#busy.add(route);
    route.inFlight += 1;
  }

  finished(exchange: Exchange): void {
    const { action, backend, calls, upstream, limits, refusal, startedMs, headMs, endedMs, mirrorsSkipped } = exchange;
    const route = action === null ? this.#unmatched : this.#routeOf(action);
    if (action !== null) {
      route.inFlight -= 1;
      if (route.inFlight === 0) this.#busy.delete(route);
    }
    route.answersBy(backend).add(exchange.status, (headMs > 0 ? headMs : endedMs) - startedMs);
    if (refusal !== null) route.refused(refusal);
    if (mirrorsSkipped > 0) route.mirrorsSkipped.add(mirrorsSkipped);
    for (const decision of limits) route.limited(decision);
    if (upstream === null || calls.length === 0) return;
    for (const call of calls) this.#endpointOf(upstream, call).add(call.outcome);
    if (calls.length > 1) this.#endpointOf(upstream, calls[0]).retries.add(calls.length - 1);
  }

  /** A request that never became an exchange. It took no time that could be measured. */
  turnedAway(refusal: Refusal, status: number): void {
    this.#unmatched.answersBy(null).add(status, 0);
    this.#unmatched.refused(refusal);
  }

  objectCall(object: CalledObject): void {
    let counter = this.#objectCalls.get(object);
    if (counter === undefined) {
      counter = new Counter(this.#changes, FAMILIES.objectCalls, [object]);
      this.#objectCalls.set(object, counter);
    }
    counter.add();
  }

  controlRead(): void {
    this.#controlReads.add();
  }

  storeRead(): void {
    this.#storeReads.add();
  }

  /** What has changed since it was last taken, at most so many series; the rest comes with the next. */
  takeSeries(most: number): SeriesDelta[] {
    return this.#changes.take(most);
  }

  /** Where everything stands that rises and falls. */
  gauges(upstreams: UpstreamReadings): GaugeReading[] {
    const gauges: GaugeReading[] = [];
    for (const { labels, inFlight } of this.#busy) {
      gauges.push({ family: FAMILIES.inFlight.name, labels, value: inFlight });
    }
    for (const { namespace, name, inFlight } of upstreams.inFlight()) {
      const labels = [namespace, `${namespace}/${name}`];
      gauges.push({ family: FAMILIES.upstreamInFlight.name, labels, value: inFlight });
    }
    for (const { namespace, name, endpoint, state } of upstreams.breakers()) {
      const labels = [namespace, `${namespace}/${name}`, endpoint, state];
      gauges.push({ family: FAMILIES.breakers.name, labels, value: 1 });
    }
    return gauges;
  }

  #routeOf(action: RuleAction): RouteSeries {
    const present = this.#routes.get(action);
    if (present !== undefined) return present;
    const { route, rule } = action;
    const made = new RouteSeries(this.#changes, route.namespace, route.name, rule.name ?? String(rule.index));
    this.#routes.set(action, made);
    return made;
  }

  #endpointOf(upstream: CompiledUpstream, { endpoint }: Call): EndpointSeries {
    let endpoints = this.#upstreams.get(upstream);
    if (endpoints === undefined) {
      endpoints = new Map();
      this.#upstreams.set(upstream, endpoints);
    }
    const present = endpoints.get(endpoint);
    if (present !== undefined) return present;
    if (endpoints.size >= ENDPOINTS_HELD) endpoints.clear();
    const made = new EndpointSeries(this.#changes, upstream, endpoint);
    endpoints.set(endpoint, made);
    return made;
  }
}

/** What is counted of one rule, or of the requests that have none. */
class RouteSeries {
  readonly labels: readonly string[];
  readonly mirrorsSkipped: Counter;
  inFlight = 0;
  readonly #changes: ChangedSeries;
  readonly #unsent: AnswerSeries;
  readonly #backends = new WeakMap<CompiledBackend, AnswerSeries>();
  readonly #refusals = new Map<string, Counter>();
  readonly #limits = new Map<string, Map<string, Counter[]>>();

  constructor(changes: ChangedSeries, namespace: string, route: string, rule: string) {
    this.#changes = changes;
    this.labels = [namespace, route, rule];
    this.mirrorsSkipped = new Counter(changes, FAMILIES.mirrorsSkipped, [namespace, route]);
    this.#unsent = new AnswerSeries(changes, this.labels, '');
  }

  answersBy(backend: CompiledBackend | null): AnswerSeries {
    if (backend === null) return this.#unsent;
    const present = this.#backends.get(backend);
    if (present !== undefined) return present;
    const made = new AnswerSeries(this.#changes, this.labels, backend.name);
    this.#backends.set(backend, made);
    return made;
  }

  refused({ stage, code }: Refusal): void {
    // Both are of closed sets, and each code is one stage's, but for few.
    const key = stage + code;
    let counter = this.#refusals.get(key);
    if (counter === undefined) {
      const [namespace, route] = this.labels;
      counter = new Counter(this.#changes, FAMILIES.refusals, [namespace, route, stage, code]);
      this.#refusals.set(key, counter);
    }
    counter.add();
  }

  limited({ policy, limit, allowed, asked, dryRun }: LimitDecision): void {
    let limits = this.#limits.get(policy);
    if (limits === undefined) {
      limits = new Map();
      this.#limits.set(policy, limits);
    }
    let counters = limits.get(limit);
    if (counters === undefined) {
      counters = DECISIONS.map(
        (decision) => new Counter(this.#changes, FAMILIES.limitDecisions, [this.labels[0], policy, limit, decision]),
      );
      limits.set(limit, counters);
    }
    if (asked) counters[allowed ? 0 : dryRun ? 2 : 1].add();
    else counters[3].add();
  }
}

const DECISIONS = ['allowed', 'refused', 'dry_run_refused', 'unasked'];

/** Answers to the requests of a rule that went to one upstream, or to none. */
class AnswerSeries {
  readonly #classes: readonly Counter[];
  readonly #duration: Histogram;

  constructor(changes: ChangedSeries, route: readonly string[], upstream: string) {
    this.#classes = STATUS_CLASSES.map(
      (statusClass) => new Counter(changes, FAMILIES.requests, [...route, upstream, statusClass]),
    );
    this.#duration = new Histogram(changes, FAMILIES.requestDuration, [...route, upstream]);
  }

  add(status: number, elapsedMs: number): void {
    this.#classes[classOf(status)].add();
    this.#duration.observe(elapsedMs / 1_000);
  }
}

const FAULTS = ['connect', 'timeout', 'cancelled', 'refused'] as const;

/** Calls of one endpoint. */
class EndpointSeries {
  readonly retries: Counter;
  readonly #classes: readonly Counter[];
  readonly #faults: Readonly<Record<(typeof FAULTS)[number], Counter>>;
  readonly #duration: Histogram;

  constructor(changes: ChangedSeries, { namespace, name }: CompiledUpstream, endpoint: string) {
    const upstream = [namespace, `${namespace}/${name}`];
    const calls = (outcome: string) => new Counter(changes, FAMILIES.upstreamCalls, [...upstream, endpoint, outcome]);
    this.retries = new Counter(changes, FAMILIES.retries, upstream);
    this.#classes = STATUS_CLASSES.map(calls);
    const [connect, timeout, cancelled, refused] = FAULTS.map(calls);
    this.#faults = { connect, timeout, cancelled, refused };
    this.#duration = new Histogram(changes, FAMILIES.upstreamDuration, [...upstream, endpoint]);
  }

  add({ status, fault, headMs }: CallOutcome): void {
    if (fault !== null) this.#faults[fault].add();
    else this.#classes[classOf(status ?? 0)].add();
    this.#duration.observe(headMs / 1_000);
  }
}

/** Index into STATUS_CLASSES; 0 is for what is no status. */
function classOf(status: number): number {
  return status >= 100 && status < 600 ? Math.floor(status / 100) : 0;
}
