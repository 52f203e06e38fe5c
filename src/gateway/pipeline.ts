import type { CompiledUpstream } from '../core/protocol/upstream.ts';
import type { CallOutcome, Check, Exchange, Soon } from './exchange.ts';

/**
 * What the owners of the gateway's parts put into the pipeline. In the order in which a request passes: addresses,
 * validation, (CORS preflight), authentication, authorisation, rate limits, (filters, backend by weight), upstream
 * calls, (response filters), response headers, finished. What stands in parentheses is the frame's own.
 * A check that has nothing to wait for returns a value and not a promise. To refuse it returns `refuse(…)` of refusal.ts.
 */
export interface Stages {
  readonly addresses: Check;
  readonly validation: Check;
  readonly authentication: Check;
  readonly authorisation: Check;
  readonly rateLimits: RateLimitStage;
  readonly upstreams: UpstreamStage;
  /** Adds headers of the security profile to an answer, whoever it is from. */
  readonly securityHeaders: (exchange: Exchange, headers: Headers) => void;
  readonly observer: Observer;
}

export interface RateLimitStage {
  readonly before: Check;
  /** With the answer's head: costs named by `answer`'s headers, and the limit headers onto `headers` (the same object where it is an upstream's answer). */
  after(exchange: Exchange, answer: Headers, headers: Headers): void;
  /** Once, when all is over: gives back concurrency, counts bytes. Called for every request whose `before` was called. */
  finished(exchange: Exchange): void;
}

/** An endpoint that may be called once, and the permissions to do so. */
export interface Permit {
  /** An origin without a slash at its end for `fetch`; the binding's name for others. */
  readonly address: string;
  readonly type: 'fetch' | 'service' | 'r2';
  /** Milliseconds until the answer's head; 0: no limit of its own. */
  readonly timeoutMs: number;
}

export type Choice =
  | { readonly permit: Permit }
  /** Answered 503 with that reason: `no_endpoint`, `breaker_open`, `bulkhead_full`. */
  | { readonly refused: 'no_endpoint' | 'breaker_open' | 'bulkhead_full'; readonly retryAfterSeconds: number };

export interface UpstreamStage {
  /**
   * Picks the endpoint of the next call: bulkhead, breaker, balancer, stickiness. `tried` are this request's earlier
   * calls. It waits only in the bulkhead's queue, and no longer than `signal` lets it.
   */
  choose(exchange: Exchange, upstream: CompiledUpstream, signal: AbortSignal): Soon<Choice>;
  /** The head of the answer came, or the call failed. Once for each permit. */
  answered(exchange: Exchange, permit: Permit, outcome: CallOutcome): void;
  /** The call is over with its body, or there is none. Once for each permit, after `answered`. */
  released(exchange: Exchange, permit: Permit): void;
  /**
   * Whether to call again after that outcome, and after how many milliseconds; null: not. `repeatable` says that the
   * request's body can be sent once more (there is none, or a copy); idempotence is looked at here.
   */
  retryAfterMs(exchange: Exchange, outcome: CallOutcome, answer: Headers | null, repeatable: boolean): number | null;
  /** Adds what upstreams need on the answer: the cookie of a sticky session. */
  responseHeaders(exchange: Exchange, headers: Headers): void;
}

export interface Observer {
  /** Once for each request, when its answer has ended (or was given up); counts, logs, exports the span. Must not throw. */
  finished(exchange: Exchange): void;
}
