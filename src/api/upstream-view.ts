import * as z from 'zod';
import { BALANCE_STRATEGIES, type CompiledUpstream } from '../core/protocol/upstream.ts';
import type { EndpointHealth, SharedBreaker, UpstreamDescription } from '../core/protocol/upstream-monitor.ts';
import { aggregateHealth } from '../traffic/upstream/health.ts';

const Time = z.iso.datetime();
const Breaker = z.object({
  state: z.enum(['Closed', 'Open', 'HalfOpen']),
  since: Time,
  reason: z.string(),
  retryInMs: z.number().describe('While Open, until probes are let through.'),
});

/** An upstream as all isolates together know it; what each of them counts for itself is in the metrics. */
export const UpstreamView = z.object({
  name: z.string(),
  source: z.enum(['static', 'cluster', 'members', 'etcd', 'consul', 'serviceBinding', 'r2']),
  strategy: z.enum(BALANCE_STRATEGIES),
  health: z
    .enum(['Healthy', 'Degraded', 'Unhealthy'])
    .nullable()
    .describe('By the share of its endpoints that are healthy; null where none is checked.'),
  stale: z
    .object({ since: Time, reason: z.string() })
    .nullable()
    .describe('The registry does not answer: the endpoints are the last that it told.'),
  breaker: Breaker.nullable().describe('Null where it was never open, or closed long ago.'),
  endpoints: z.array(
    z.object({
      address: z.string(),
      weight: z.number(),
      zone: z.string().nullable(),
      draining: z.boolean(),
      health: z
        .object({
          healthy: z.boolean(),
          since: Time,
          reason: z.string(),
          checked: Time.nullable().describe('When it was asked last; null where its checker does not say.'),
        })
        .nullable()
        .describe('Null: not checked.'),
      breaker: Breaker.nullable(),
    }),
  ),
});

export function upstreamView(
  upstream: CompiledUpstream,
  state: UpstreamDescription | undefined,
): z.input<typeof UpstreamView> {
  const { name, source, loadBalancer } = upstream;
  const declared = source.type === 'discovery' ? (state?.endpoints ?? []) : upstream.endpoints;
  const endpoints = declared.map(({ address, weight, zone, draining }) => {
    const health = state?.health[address];
    return {
      ...{ address, weight, zone, draining },
      health: health === undefined ? null : healthView(health, state?.lastChecks[address]),
      breaker: breakerView(state?.breakers[address]),
    };
  });
  const checked = endpoints.filter(({ health }) => health !== null);
  const healthy = checked.filter(({ health }) => health?.healthy === true);
  return {
    name,
    source: source.type === 'discovery' ? source.backend : source.type,
    strategy: loadBalancer.strategy,
    health: checked.length === 0 ? null : aggregateHealth(healthy.length, checked.length),
    stale: state?.stale == null ? null : { since: time(state.stale.sinceMs), reason: state.stale.reason },
    breaker: breakerView(state?.breakers['']),
    endpoints,
  };
}

function healthView({ healthy, sinceMs, reason }: EndpointHealth, checkedMs: number | undefined) {
  return { healthy, since: time(sinceMs), reason, checked: checkedMs === undefined ? null : time(checkedMs) };
}

function breakerView(breaker: SharedBreaker | undefined): z.input<typeof Breaker> | null {
  if (breaker === undefined) return null;
  const { state, sinceMs, reason, retryInMs } = breaker;
  return { state, since: time(sinceMs), reason, retryInMs };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
