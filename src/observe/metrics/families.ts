/** A family of series: what Prometheus calls a metric. */
export interface MetricFamily {
  /** As it is exposed; a counter's ends in `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, rising; what is above the last is counted beside them. */
  readonly buckets: readonly number[];
}

/** Seconds: a cache's answer to a time-out. One set for all, so that they can be laid over each other. */
const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const ROUTE = ['namespace', 'route', 'rule'];
const ENDPOINT = ['namespace', 'upstream', 'endpoint'];

const counter = (name: string, help: string, labels: readonly string[]): MetricFamily => ({
  name,
  type: 'counter',
  help,
  labels,
  buckets: [],
});
const gauge = (name: string, help: string, labels: readonly string[]): MetricFamily => ({
  name,
  type: 'gauge',
  help,
  labels,
  buckets: [],
});
const histogram = (name: string, help: string, labels: readonly string[]): MetricFamily => ({
  name,
  type: 'histogram',
  help,
  labels,
  buckets: LATENCY_BUCKETS,
});

/**
 * Every family the gateway has. No label holds what a client can choose freely (a path, a host, an address), so their
 * number is bounded by what is declared.
 */
export const FAMILIES = {
  requests: counter('orasi_gateway_requests_total', 'Requests answered, by the rule they went by.', [
    ...ROUTE,
    'upstream',
    'status_class',
  ]),
  requestDuration: histogram(
    'orasi_gateway_request_duration_seconds',
    "From a request's arrival to the head of its answer.",
    [...ROUTE, 'upstream'],
  ),
  inFlight: gauge('orasi_gateway_requests_in_flight', 'Requests under way in isolates heard of lately.', ROUTE),
  refusals: counter(
    'orasi_gateway_refusals_total',
    'Requests that the gateway answered itself, by the stage that did and the code of its answer.',
    ['namespace', 'route', 'stage', 'code'],
  ),
  upstreamCalls: counter(
    'orasi_gateway_upstream_calls_total',
    'Calls of endpoints, by the class of the status, or by what failed.',
    [...ENDPOINT, 'outcome'],
  ),
  upstreamDuration: histogram(
    'orasi_gateway_upstream_call_duration_seconds',
    'From a call of an endpoint to the head of its answer, or to its failure.',
    ENDPOINT,
  ),
  upstreamInFlight: gauge(
    'orasi_gateway_upstream_calls_in_flight',
    'Calls of an upstream under way in isolates heard of lately.',
    ['namespace', 'upstream'],
  ),
  retries: counter('orasi_gateway_retries_total', 'Calls beyond the first one of a request.', [
    'namespace',
    'upstream',
  ]),
  breakers: gauge(
    'orasi_gateway_breaker_isolates',
    'Isolates heard of lately whose breaker is in this state; without an endpoint the whole upstream is meant.',
    [...ENDPOINT, 'state'],
  ),
  limitDecisions: counter(
    'orasi_gateway_rate_limit_decisions_total',
    'What rate limits said of requests; dry_run_refused were let through all the same, of unasked nobody could be asked.',
    ['namespace', 'policy', 'limit', 'decision'],
  ),
  mirrorsSkipped: counter(
    'orasi_gateway_mirrors_skipped_total',
    'Requests not mirrored, since their body was too long to be copied.',
    ['namespace', 'route'],
  ),
  controlReads: counter('orasi_gateway_control_reads_total', 'Reads of configuration and upstream states.', []),
  objectCalls: counter('orasi_gateway_object_calls_total', 'Calls of Durable Objects by their class.', ['object']),
  storeReads: counter('orasi_gateway_store_reads_total', 'Reads of published configuration from the bucket.', []),
  certificateExpiry: gauge(
    'orasi_gateway_certificate_expiry_timestamp_seconds',
    'When the certificate of a listener ends, in seconds since the epoch.',
    ['namespace', 'gateway', 'listener'],
  ),
  checkDelay: gauge(
    'orasi_gateway_health_check_delay_seconds',
    'By how much checks of an upstream come later than its interval, of the endpoint that is worst off.',
    ['namespace', 'upstream'],
  ),
  isolates: gauge('orasi_gateway_isolates', 'Isolates heard of lately.', []),
  seriesFolded: counter(
    'orasi_gateway_metrics_folded_total',
    'Counts whose labels were given up, since there are more series than are kept.',
    ['family'],
  ),
} as const satisfies Record<string, MetricFamily>;

const BY_NAME: ReadonlyMap<string, MetricFamily> = new Map(
  Object.values(FAMILIES).map((family) => [family.name, family]),
);

/** The family of that name; undefined for one of another version of the Worker. */
export function familyOf(name: string): MetricFamily | undefined {
  return BY_NAME.get(name);
}
