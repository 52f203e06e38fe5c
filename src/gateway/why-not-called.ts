import type { Breaker } from '../traffic/upstream/breaker.ts';
import { isEjected } from '../traffic/upstream/outliers.ts';
import type { Standing } from '../traffic/upstream/standing.ts';
import type { EndpointSet } from './endpoint-set.ts';
import type { NoAttempt } from './pipeline.ts';

/** Why an endpoint gets no new requests, for people, or null where it may get some. `health` is what checks say of it. */
export function whyNot(endpoint: Standing, health: string, nowMs: number, heardMs: number): string | null {
  const { draining, weight, healthy, outlier, breaker } = endpoint;
  if (draining) return 'it is draining';
  if (weight === 0) return 'its weight is 0';
  if (breaker !== null && !breaker.wouldAdmit(nowMs, heardMs))
    return `its breaker is ${breaker.state}: ${breaker.reason}`;
  if (isEjected(outlier, nowMs)) return 'it is ejected as an outlier';
  return healthy ? null : `it is unhealthy: ${health}`;
}

/** Why no endpoint of an upstream is called, and when it is worth while to come again. `breaker` is the upstream's own. */
export function whyNobody(breaker: Breaker | null, endpoints: EndpointSet, nowMs: number): NoAttempt {
  if (breaker !== null && breaker.state !== 'Closed') {
    return { refused: `the circuit breaker is open: ${breaker.reason}`, ...after(breaker.retryInMs(nowMs)) };
  }
  if (breaker !== null && endpoints.choicesFor(null, nowMs).candidates.length > 0) {
    return {
      refused: 'the circuit breaker has just closed, and lets a part of the requests through',
      ...after(1_000),
    };
  }
  const serving = endpoints.known.filter(({ draining, weight }) => !draining && weight > 0);
  if (serving.length === 0) {
    const refused = endpoints.known.length === 0 ? 'there is no endpoint' : 'every endpoint is draining';
    return { refused, ...after(1_000) };
  }
  const open = serving.filter((endpoint) => endpoint.breaker !== null && endpoint.breaker.state !== 'Closed');
  if (open.length === serving.length) {
    const soonest = Math.min(...open.map((endpoint) => endpoint.breaker?.retryInMs(nowMs) ?? 0));
    return { refused: 'the circuit breaker of every endpoint is open', ...after(soonest) };
  }
  return { refused: 'no endpoint is available', ...after(1_000) };
}

function after(ms: number): { retryAfterSeconds: number } {
  return { retryAfterSeconds: Math.max(1, Math.ceil(ms / 1_000)) };
}
