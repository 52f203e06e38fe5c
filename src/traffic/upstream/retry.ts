import type { CompiledRetry } from '../../core/protocol/gateway.ts';
import type { CompiledUpstreamRetry, RetryCondition } from '../../core/protocol/upstream.ts';
import { isGatewayError } from './outliers.ts';

/** Methods that may be sent twice (RFC 9110, section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Whether a method may be sent twice with the effect of once (RFC 9110, section 9.2.2). */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/** How a try ended, as far as retries care. */
export interface TryEnd {
  /** Null where no answer came. */
  readonly status: number | null;
  readonly failure: 'ConnectFailure' | 'Timeout' | null;
}

/** Whether what a try came to is worth another. */
export function isRetriable({ status, failure }: TryEnd, { on, statuses }: CompiledUpstreamRetry): boolean {
  if (failure !== null) return on.includes(failure) || on.includes('5xx');
  if (status === null) return false;
  if (statuses.includes(status)) return true;
  return (on.includes('5xx') && status >= 500) || (on.includes('GatewayError') && isGatewayError(status));
}

/** A pause of full jitter: by chance from 0 to the bound, which doubles with each repetition (from 1). */
export function backoffMs(repetition: number, { backoffMs, maxBackoffMs }: CompiledUpstreamRetry, chance: number) {
  return Math.round(chance * Math.min(maxBackoffMs, backoffMs * 2 ** (repetition - 1)));
}

/** Whether one more repetition may be under way beside `retrying` others, of `inFlight` requests. */
export function budgetAllows(retrying: number, inFlight: number, { budget }: CompiledUpstreamRetry): boolean {
  return retrying < Math.max(budget.minimum, Math.floor(budget.share * inFlight));
}

const CONNECTION: readonly RetryCondition[] = ['ConnectFailure'];

/** A route's retries with what the standard leaves to the implementation; the upstream's budget holds for them too. */
export function routeRetry(route: CompiledRetry, upstream: CompiledUpstreamRetry | null): CompiledUpstreamRetry {
  return {
    attempts: route.attempts,
    on: CONNECTION,
    statuses: route.codes,
    backoffMs: route.backoffMs,
    maxBackoffMs: Math.max(route.backoffMs, upstream?.maxBackoffMs ?? 10_000),
    budget: upstream?.budget ?? { share: 0.2, minimum: 3 },
  };
}
