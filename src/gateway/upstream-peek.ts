import type { BalanceStrategy } from '../core/protocol/upstream.ts';
import type { BreakerState, UpstreamState } from '../core/protocol/upstream-monitor.ts';
import { type BalanceContext, type BalanceMemory, choose } from '../traffic/upstream/balance.ts';
import type { Breaker } from '../traffic/upstream/breaker.ts';
import { isEjected } from '../traffic/upstream/outliers.ts';
import type { Choices } from '../traffic/upstream/standing.ts';
import type { CallWish } from './endpoint-call.ts';
import type { EndpointSet } from './endpoint-set.ts';
import type { Endpoint } from './upstream-endpoint.ts';
import { whyNobody, whyNot } from './why-not-called.ts';

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

/** What of an upstream decides who is called. */
interface Peeked {
  readonly strategy: BalanceStrategy;
  readonly breaker: Breaker | null;
  readonly endpoints: EndpointSet;
  readonly state: UpstreamState | null;
  readonly memory: BalanceMemory;
  readonly heardMs: number;
}

/** Who would be called now, changing nothing. */
export function peekUpstream(peeked: Peeked, wish: CallWish, context: BalanceContext): UpstreamPeek {
  const { strategy, breaker, endpoints, state, heardMs } = peeked;
  const { nowMs } = wish;
  const choices = endpoints.choicesFor(wish.zone, nowMs);
  const lets = breaker?.wouldAdmit(nowMs, heardMs) ?? true;
  const chosen = lets ? peekEndpoint(peeked, choices, wish, context) : null;
  // Where only breakers keep endpoints out, nobody's health is passed over.
  const isIll = ({ healthy, outlier }: Endpoint) => !healthy || isEjected(outlier, nowMs);
  return {
    chosen: chosen?.address ?? null,
    reason: chosen === null ? whyNobody(breaker, endpoints, nowMs).refused : null,
    strategy,
    breaker: breaker?.state ?? 'Closed',
    panic: chosen !== null && choices.panic && choices.candidates.some(isIll),
    stale: state !== null && state.stale !== null,
    endpoints: endpoints.known.map((endpoint) => {
      const health = state?.health[endpoint.address]?.reason ?? '';
      const reason = whyNot(endpoint, health, nowMs, heardMs);
      const { address, zone, weight, inFlight } = endpoint;
      const own = endpoint.breaker?.state ?? 'Closed';
      return { address, zone, weight, available: reason === null, reason, breaker: own, inFlight };
    }),
  };
}

function peekEndpoint(
  { strategy, endpoints, memory }: Peeked,
  { candidates }: Choices<Endpoint>,
  wish: CallWish,
  context: BalanceContext,
): Endpoint | null {
  const session = endpoints.ofSession(wish);
  if (session !== null || candidates.length === 0) return session;
  const turns = candidates.map(({ turn }) => turn);
  const endpoint = choose(strategy, candidates, { ...memory }, context);
  candidates.forEach((candidate, at) => {
    candidate.turn = turns[at];
  });
  return endpoint;
}
