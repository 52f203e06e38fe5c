import type { UpstreamKey } from '../core/protocol/gateway.ts';
import type { CompiledUpstream } from '../core/protocol/upstream.ts';
import type { CallOutcome, Check, Exchange, Refusal, Soon } from './exchange.ts';

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

/** Rate limits, before a request is sent on and after. */
export interface RateLimitStage {
  readonly before: Check;
  /** With the answer's head: costs named by `answer`'s headers, and the limit headers onto `headers` (the same object where it is an upstream's answer). */
  after(exchange: Exchange, answer: Headers, headers: Headers): void;
  /** Of a WebSocket, now and then while it is open: what it holds is held on to, however long that takes. */
  stillOpen(exchange: Exchange): void;
  /** Once, when all is over: gives back concurrency, counts bytes. Called for every request whose `before` was called. */
  finished(exchange: Exchange): void;
}

/** One call of an endpoint that may be made, and what it holds until it has ended. */
export interface Attempt {
  /** An origin without a slash at its end; of a service binding or R2 the name of the binding. */
  readonly address: string;
  /** Milliseconds until the answer's head; 0: no limit of its own. */
  readonly timeoutMs: number;
  /** The head of the answer came, or the call failed. Called once. */
  answered(outcome: CallOutcome): void;
  /** The call is over with its body, or its WebSocket. Called once, after `answered`. */
  end(): void;
}

/** Nothing may be called: answered 503. */
export interface NoAttempt {
  /** For people: `every endpoint is unhealthy`. */
  readonly refused: string;
  readonly retryAfterSeconds: number;
}

/** Which endpoint is called, whether again, and what an answer has to carry for it. */
export interface UpstreamStage {
  /**
   * The next call: bulkhead, breaker, balancer, stickiness. `exchange.calls` are this request's earlier ones. It waits
   * in the bulkhead's queue, and for the state of an upstream that this isolate has not called before.
   */
  begin(exchange: Exchange, key: UpstreamKey, upstream: CompiledUpstream): Soon<Attempt | NoAttempt>;
  /**
   * Whether to call again after that outcome, and after how many milliseconds; null: not. `repeatable` says that the
   * request's body can be sent once more (there is none, or a copy); idempotence is looked at here.
   */
  retryAfterMs(
    exchange: Exchange,
    upstream: CompiledUpstream,
    outcome: CallOutcome,
    repeatable: boolean,
  ): number | null;
  /** Which of a rule's upstreams a request's session is at, whatever the weights; null for none. */
  sessionUpstream(exchange: Exchange, keys: readonly (UpstreamKey | null)[]): UpstreamKey | null;
  /** Adds what upstreams need on the answer: the cookie of a sticky session. */
  responseHeaders(exchange: Exchange, headers: Headers): void;
}

/** Who sees every request: metrics, log, trace. */
export interface Observer {
  /** Once for each request that has found its rule, at once. Must not throw. */
  routed(exchange: Exchange): void;
  /** A defect: what was thrown while a request was answered. Must not throw. */
  failed(exchange: Exchange, error: unknown): void;
  /** Of a request that never became an exchange: its target has no canonical form, or there is no configuration yet. */
  turnedAway(refusal: Refusal, status: number): void;
  /** Once for each request, when its answer has ended (or was given up); counts, logs, exports the span. Must not throw. */
  finished(exchange: Exchange): void;
}
