import { expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { MetricsDelta } from '../../src/core/protocol/metrics-hub.ts';
import type { Exchange } from '../../src/gateway/exchange.ts';
import { GatewayMetrics } from '../../src/gateway/metrics/gateway-metrics.ts';
import { MetricsFlush } from '../../src/gateway/metrics/metrics-flush.ts';
import { createLogs } from '../../src/observe/log.ts';
import { action, backend, upstream } from './entries.ts';

const NO_UPSTREAMS = { breakers: () => [], inFlight: () => [] };
const ACTION = action([backend('api')]);
const UPSTREAM = upstream(['http://10.0.0.1']);

/** An exchange that is over, as far as it is counted. */
function exchange(more: Partial<Exchange> = {}): Exchange {
  const over: Partial<Exchange> = {
    action: ACTION,
    backend: ACTION.backends[0],
    upstream: UPSTREAM,
    calls: [{ endpoint: 'http://10.0.0.1', outcome: { status: 200, fault: null, headMs: 20 } }] as never,
    limits: [],
    refusal: null,
    mirrorsSkipped: 0,
    status: 200,
    startedMs: 1_000,
    headMs: 1_030,
    endedMs: 1_500,
  };
  return { ...over, ...more } as Exchange;
}

const counts = (metrics: GatewayMetrics): Record<string, number> =>
  Object.fromEntries(
    metrics
      .takeSeries(1_000)
      .map((series) => [
        `${series.family.replace('orasi_gateway_', '')}{${series.labels}}`,
        series.type === 'counter' ? series.add : series.counts.reduce((sum, count) => sum + count),
      ]),
  );

test('what happened to requests is counted by rule, upstream and endpoint', () => {
  const metrics = new GatewayMetrics();
  metrics.routed(exchange());
  metrics.finished(exchange());
  const failed = { status: null, fault: 'connect', headMs: 5 } as const;
  const retried = exchange({
    calls: [
      { endpoint: 'http://10.0.0.1', outcome: failed },
      { endpoint: 'http://10.0.0.2', outcome: { status: 503, fault: null, headMs: 40 } },
    ] as never,
    status: 503,
    mirrorsSkipped: 1,
  });
  metrics.routed(retried);
  metrics.finished(retried);
  const limited = exchange({
    calls: [],
    backend: null,
    upstream: null,
    status: 429,
    headMs: 0,
    refusal: { code: 'rate_limited', stage: 'rateLimit' },
    limits: [
      { policy: 'p', limit: 'minute', allowed: false, asked: true, dryRun: false },
      { policy: 'p', limit: 'day', allowed: false, asked: true, dryRun: true },
      { policy: 'p', limit: 'hour', allowed: true, asked: true, dryRun: false },
      { policy: 'p', limit: 'month', allowed: true, asked: false, dryRun: false },
    ],
  });
  metrics.routed(limited);
  metrics.finished(limited);
  expect(counts(metrics)).toEqual({
    'requests_total{default,route,0,default/api,2xx}': 1,
    'requests_total{default,route,0,default/api,5xx}': 1,
    'requests_total{default,route,0,,4xx}': 1,
    'request_duration_seconds{default,route,0,default/api}': 2,
    'request_duration_seconds{default,route,0,}': 1,
    'upstream_calls_total{default,default/upstream,http://10.0.0.1,2xx}': 1,
    'upstream_calls_total{default,default/upstream,http://10.0.0.1,connect}': 1,
    'upstream_calls_total{default,default/upstream,http://10.0.0.2,5xx}': 1,
    'upstream_call_duration_seconds{default,default/upstream,http://10.0.0.1}': 2,
    'upstream_call_duration_seconds{default,default/upstream,http://10.0.0.2}': 1,
    'retries_total{default,default/upstream}': 1,
    'mirrors_skipped_total{default,route}': 1,
    'refusals_total{default,route,rateLimit,rate_limited}': 1,
    'rate_limit_decisions_total{default,p,minute,refused}': 1,
    'rate_limit_decisions_total{default,p,day,dry_run_refused}': 1,
    'rate_limit_decisions_total{default,p,hour,allowed}': 1,
    'rate_limit_decisions_total{default,p,month,unasked}': 1,
  });
  expect(metrics.hasChanged).toBe(false);
});

test('a request is in flight from its rule to its end, and one without a rule is counted all the same', () => {
  const metrics = new GatewayMetrics();
  const unmatched = exchange({ action: null, backend: null, upstream: null, calls: [], status: 404 });
  metrics.finished(unmatched);
  metrics.routed(exchange());
  metrics.routed(exchange());
  metrics.finished(exchange());
  expect(metrics.gauges(NO_UPSTREAMS)).toEqual([
    { family: 'orasi_gateway_requests_in_flight', labels: ['default', 'route', '0'], value: 1 },
  ]);
  metrics.finished(exchange());
  expect(metrics.gauges(NO_UPSTREAMS)).toEqual([]);
  expect(counts(metrics)).toMatchObject({ 'requests_total{,,,,4xx}': 1 });
});

/** An isolate's flushes, with requests and time moved by hand. */
class Isolate {
  readonly clock = manualClock(0);
  readonly metrics = new GatewayMetrics();
  readonly taken: MetricsDelta[] = [];
  readonly logs: string[] = [];
  answers = true;
  /** What calls of the hub wait for. */
  hanging: Promise<void> | null = null;
  hang: () => void = () => undefined;
  readonly #waiting: { readonly atMs: number; readonly ring: () => void }[] = [];
  readonly #flush = new MetricsFlush({
    isolate: 'a',
    metrics: this.metrics,
    upstreams: NO_UPSTREAMS,
    hub: () => ({
      take: async (delta) => {
        this.taken.push(delta);
        if (this.hanging !== null) await this.hanging;
        if (!this.answers) throw new Error('the hub is away');
      },
    }),
    pause: (ms) => new Promise((ring) => this.#waiting.push({ atMs: this.clock.now() + ms, ring })),
    flushMs: 10_000,
    clock: this.clock,
    log: createLogs({ '*': 'info' }, (_level, line) => this.logs.push(line), this.clock)('gateway'),
  });

  request(): void {
    this.metrics.finished(exchange());
    this.#flush.soon(() => undefined);
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    for (const { ring } of this.#waiting.splice(0).filter(({ atMs, ring }) => {
      if (atMs <= this.clock.now()) return true;
      this.#waiting.push({ atMs, ring });
      return false;
    }))
      ring();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }

  /** What requests under way were about to do is not done any more. */
  loseRequests(): void {
    this.#waiting.length = 0;
  }

  get requests(): number[] {
    return this.taken.map(
      ({ series }) =>
        series.flatMap((one) => (one.family === 'orasi_gateway_requests_total' && 'add' in one ? [one.add] : []))[0] ??
        0,
    );
  }
}

test('what was counted is told once in ten seconds, and no later, though no request comes any more', async () => {
  const isolate = new Isolate();
  for (let second = 0; second < 35; second++) {
    isolate.request();
    await isolate.pass(1_000);
  }
  expect(isolate.requests).toEqual([10, 10, 10]);
  await isolate.pass(5_000);
  expect(isolate.requests).toEqual([10, 10, 10, 5]);
  expect(isolate.taken.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
});

test('a delta that was not confirmed comes again as it was, and what was counted since in the next', async () => {
  const isolate = new Isolate();
  isolate.answers = false;
  isolate.request();
  await isolate.pass(10_000);
  isolate.request();
  await isolate.pass(10_000);
  isolate.answers = true;
  isolate.request();
  await isolate.pass(10_000);
  isolate.request();
  await isolate.pass(10_000);
  expect(isolate.taken.map(({ sequence }) => sequence)).toEqual([1, 1, 1, 2]);
  expect(isolate.requests).toEqual([1, 1, 1, 3]);
});

test('a flush that dies with its request is made by a later one', async () => {
  const isolate = new Isolate();
  isolate.request();
  isolate.loseRequests();
  await isolate.pass(40_000);
  isolate.request();
  await isolate.pass(0);
  await isolate.pass(10_000);
  expect(isolate.requests).toEqual([2]);
});

test('a confirmation that comes late does not stand for a later delta', async () => {
  const isolate = new Isolate();
  const hanging = new Promise<void>((resolve) => {
    isolate.hang = resolve;
  });
  isolate.hanging = hanging;
  isolate.request();
  await isolate.pass(10_000);
  isolate.hanging = null;
  isolate.request();
  await isolate.pass(40_000);
  isolate.request();
  await isolate.pass(10_000);
  // The first delta is confirmed by its repetition; the second one was not taken.
  isolate.answers = false;
  isolate.request();
  await isolate.pass(10_000);
  isolate.hang();
  isolate.answers = true;
  await isolate.pass(0);
  isolate.request();
  await isolate.pass(10_000);
  const sequences = isolate.taken.map(({ sequence }) => sequence);
  expect(sequences.slice(-2)).toEqual([sequences.at(-1), sequences.at(-1)]);
});

test('a delta is not repeated for longer than hubs remember it', async () => {
  const isolate = new Isolate();
  isolate.answers = false;
  isolate.request();
  for (let ms = 0; ms < LIMITS.metricsRepeatMs + 20_000; ms += 10_000) {
    await isolate.pass(10_000);
    isolate.request();
  }
  isolate.answers = true;
  await isolate.pass(10_000);
  expect(isolate.taken.at(-1)?.sequence).toBe(2);
  expect(isolate.logs.some((line) => line.includes('metrics given up'))).toBe(true);
});
