import type { CompiledBreaker } from '../core/protocol/upstream.ts';
import type { BreakerReport, UpstreamState } from '../core/protocol/upstream-monitor.ts';
import type { Breaker } from '../traffic/upstream/breaker.ts';
import type { EndpointSet } from './endpoint-set.ts';

/** Takes up what all isolates share of an upstream's breakers; `own` is the upstream's as a whole. */
export function hearBreakers(
  own: Breaker | null,
  endpoints: EndpointSet,
  shared: UpstreamState['breakers'],
  nowMs: number,
): void {
  for (const [address, state] of Object.entries(shared)) {
    const breaker = address === '' ? own : (endpoints.at(address)?.breaker ?? null);
    breaker?.hear(state, nowMs);
  }
  own?.hearNothing(shared[''], nowMs);
  for (const { breaker, address } of endpoints.known) breaker?.hearNothing(shared[address], nowMs);
}

/** What an upstream's breakers have to tell the others; each event is taken as told. */
export function breakerReports(
  upstream: string,
  { recoveryMs, halfOpenMaxRequests }: CompiledBreaker,
  own: Breaker | null,
  endpoints: EndpointSet,
): BreakerReport[] {
  const reports: BreakerReport[] = [];
  const add = (breaker: Breaker | null, address: string) => {
    const event = breaker?.untoldEvent() ?? null;
    if (breaker === null || event === null) return;
    breaker.told(event);
    reports.push({
      upstream,
      address,
      event: event.event,
      successes: event.event === 'probed' ? event.successes : 0,
      round: breaker.knownRound,
      recoveryMs,
      halfOpenMaxRequests,
      reason: event.event === 'probed' ? '' : event.reason,
    });
  };
  add(own, '');
  for (const endpoint of endpoints.known) add(endpoint.breaker, endpoint.address);
  return reports;
}
