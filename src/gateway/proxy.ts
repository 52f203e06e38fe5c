import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { UpstreamKey } from '../core/protocol/gateway.ts';
import type { CompiledUpstream } from '../core/protocol/upstream.ts';
import type { Random } from '../core/random.ts';
import { pause } from '../core/timer.ts';
import { newSpanId, traceparentOf } from '../observe/trace-context.ts';
import { announcedBytes, keepCopy, noteEnd, watchBody } from './body.ts';
import { type SendToEndpoint, wasNotSent } from './endpoint.ts';
import type { CallFault, CallOutcome, Exchange } from './exchange.ts';
import { cleanAnswer } from './headers.ts';
import type { OpenSockets } from './open-sockets.ts';
import type { Attempt, UpstreamStage } from './pipeline.ts';
import { refuse } from './refusal.ts';

/** What calling upstreams stands on. */
export interface ProxyParts {
  readonly upstreams: UpstreamStage;
  readonly send: SendToEndpoint;
  readonly sockets: OpenSockets;
  readonly clock: Clock;
  readonly random: Random;
}

/** What is said to the client of a call that brought no answer. */
const FAULT_CODES = {
  connect: ['upstream_failed', 'the upstream broke the connection or took none'],
  refused: ['upstream_failed', 'the upstream may not be called'],
  timeout: ['upstream_timeout', 'the upstream has not answered in time'],
  cancelled: ['cancelled', 'the client went away'],
} as const;

const NOT_NOTED = { isWhole: false };

const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** One try: an answer, or why there is none. */
interface Tried {
  readonly attempt: Attempt;
  readonly outcome: CallOutcome;
  readonly answer: Response | null;
  /** Of a short body that has come whole; null where it is yet to come, or there is none. */
  readonly bytes: ArrayBuffer | null;
  /** Breaks the call off, also when its answer has begun. */
  readonly abort: AbortController;
}

/** Sends a request to its upstream, again where that is safe, and hands back the answer as it goes to the client. */
export class UpstreamProxy {
  readonly #parts: ProxyParts;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
  }

  async answer(exchange: Exchange, key: UpstreamKey, upstream: CompiledUpstream): Promise<Response> {
    const { upstreams, clock } = this.#parts;
    const timeouts = exchange.action?.timeouts;
    const requestMs = least(timeouts?.requestMs ?? 0, upstream.timeouts.requestMs);
    const deadlineMs = requestMs === 0 ? 0 : exchange.startedMs + requestMs;
    const repeatable = await keepCopy(exchange, requestMs);
    if (exchange.bodyFault !== null) return this.#bodyFault(exchange, exchange.bodyFault);
    let last: Tried | null = null;
    for (;;) {
      const begun = upstreams.begin(exchange, key, upstream);
      const attempt = begun instanceof Promise ? await begun : begun;
      if ('refused' in attempt) {
        if (last !== null) return this.#finish(exchange, last);
        return refuse(exchange, 'upstream', 'upstream_unavailable', attempt.refused, {
          retryAfterSeconds: attempt.retryAfterSeconds,
        });
      }
      // Only now is an earlier answer of no more use.
      if (last !== null) this.#giveUp(exchange, last);
      const tryMs = least(attempt.timeoutMs, timeouts?.backendRequestMs ?? 0);
      last = await this.#try(exchange, upstream, attempt, tryMs, deadlineMs);
      if (last.outcome.fault === 'cancelled' || exchange.bodyFault !== null) return this.#finish(exchange, last);
      const delayMs = upstreams.retryAfterMs(exchange, upstream, last.outcome, repeatable);
      if (delayMs === null) return this.#finish(exchange, last);
      if (deadlineMs !== 0 && clock.now() + delayMs >= deadlineMs) return this.#finish(exchange, last);
      if (delayMs > 0) await pause(delayMs);
    }
  }

  async #try(
    exchange: Exchange,
    upstream: CompiledUpstream,
    attempt: Attempt,
    tryMs: number,
    deadlineMs: number,
  ): Promise<Tried> {
    const { send, clock, random } = this.#parts;
    const startedMs = clock.now();
    if (exchange.sentMs === 0) exchange.sentMs = startedMs;
    const client = exchange.request.signal;
    const abort = new AbortController();
    let fault: CallFault = 'connect';
    const end = (why: CallFault) => {
      fault = why;
      abort.abort();
    };
    const leave = () => end('cancelled');
    client.addEventListener('abort', leave);
    if (client.aborted) leave();
    const timeoutMs = least(tryMs, deadlineMs === 0 ? 0 : Math.max(1, deadlineMs - startedMs));
    let timer = timeoutMs === 0 ? null : setTimeout(end, timeoutMs, 'timeout');
    let spanId: string | null = null;
    if (exchange.trace.sampled) {
      spanId = newSpanId(random);
      exchange.headers.set('traceparent', traceparentOf(exchange.trace, spanId));
    }
    let answer: Response | null = null;
    let bytes: ArrayBuffer | null = null;
    let headMs = 0;
    // Where nobody counts failures, the platform passes a body on by itself.
    const counts = upstream.circuitBreaker !== null || upstream.outlierDetection !== null;
    const upload = counts ? noteEnd(exchange) : NOT_NOTED;
    try {
      const head = await send(upstream, attempt.address, {
        method: exchange.request.method,
        pathAndQuery: exchange.upstreamPath + exchange.target.search,
        host: exchange.upstreamHost,
        clientHost: exchange.target.host,
        headers: exchange.headers,
        body: exchange.body,
        original: exchange.request,
        signal: abort.signal,
      });
      headMs = clock.now() - startedMs;
      if (isAnswer(head)) {
        if (head.body !== null && isShort(announcedBytes(head.headers))) {
          const { idleMs } = upstream.timeouts;
          // The time of the answer covers a short body as well, where that is no longer than bodies are waited for.
          if (idleMs > 0 && (timeoutMs === 0 || idleMs < timeoutMs)) {
            if (timer !== null) clearTimeout(timer);
            timer = setTimeout(end, idleMs, 'timeout');
          }
          bytes = await head.arrayBuffer();
        }
        answer = head;
      } else if (head.body !== null) await head.body.cancel();
    } catch (error) {
      if (wasNotSent(error)) fault = 'refused';
      headMs ||= clock.now() - startedMs;
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
    const outcome: CallOutcome =
      answer === null ? { status: null, fault, headMs } : { status: answer.status, fault: null, headMs };
    exchange.calls.push({ endpoint: attempt.address, startedMs, spanId, outcome });
    // A stream that the client breaks, or does not go on with, looks like an endpoint that fails: no breaker may open by it.
    const isStream = exchange.body !== null && !(exchange.body instanceof Uint8Array);
    const mayBeClients = outcome.status === null && isStream && !upload.isWhole;
    const isClients = exchange.bodyFault !== null || mayBeClients;
    attempt.answered(isClients ? { ...outcome, fault: 'cancelled' } : outcome);
    if (answer === null) attempt.end();
    return { attempt, outcome, answer, bytes, abort };
  }

  /** Lets go of an answer that nobody will see. */
  #giveUp(exchange: Exchange, { attempt, answer, bytes }: Tried): void {
    if (answer === null) return;
    attempt.end();
    const { body } = answer;
    if (body !== null && bytes === null) exchange.waitUntil(body.cancel().catch(() => undefined));
  }

  #finish(exchange: Exchange, tried: Tried): Response {
    const { outcome, answer } = tried;
    const { bodyFault } = exchange;
    if (bodyFault !== null) {
      this.#giveUp(exchange, tried);
      return this.#bodyFault(exchange, bodyFault);
    }
    if (answer === null) {
      const [code, detail] = FAULT_CODES[outcome.fault ?? 'connect'];
      return refuse(exchange, 'upstream', code, detail);
    }
    exchange.headMs = this.#parts.clock.now();
    if (answer.status === 101 && answer.webSocket !== null)
      return this.#passSocket(exchange, tried, answer, answer.webSocket);
    return this.#passOn(exchange, tried.attempt, answer, tried.bytes);
  }

  #bodyFault(exchange: Exchange, { code, detail }: NonNullable<Exchange['bodyFault']>): Response {
    return refuse(exchange, 'validation', code, detail);
  }

  /** The upstream's answer as one of our own, whose headers may be changed. */
  #passOn(exchange: Exchange, attempt: Attempt, answer: Response, bytes: ArrayBuffer | null): Response {
    const { status, statusText } = answer;
    const announced = announcedBytes(answer.headers);
    const { idleMs } = exchange.upstream?.timeouts ?? { idleMs: 0 };
    let body: ReadableStream<Uint8Array> | ArrayBuffer | null = null;
    if (bytes !== null || answer.body === null || WITHOUT_BODY.has(status)) {
      body = WITHOUT_BODY.has(status) ? null : bytes;
      exchange.responseBytes = body === null ? 0 : body.byteLength;
      exchange.bodyWhole = true;
      attempt.end();
    } else if (exchange.watchBody || idleMs > 0) {
      const watched = watchBody(answer.body, announced, idleMs, (passed) => {
        exchange.responseBytes = passed;
      });
      body = watched.body;
      exchange.bodyEnd = watched.ended.then((end) => {
        exchange.responseBytes = end.bytes;
        exchange.bodyWhole = end.whole;
        attempt.end();
      });
    } else {
      body = answer.body;
      exchange.responseBytes = announced;
      attempt.end();
    }
    const own = new Response(body, { status, statusText, headers: answer.headers, encodeBody: 'manual' });
    cleanAnswer(own.headers);
    return own;
  }

  #passSocket(exchange: Exchange, { attempt, abort }: Tried, { status, headers }: Response, socket: WebSocket) {
    const webSocket = this.#parts.sockets.open(exchange, attempt, socket, () => abort.abort());
    const own = new Response(null, { status, headers, webSocket });
    cleanAnswer(own.headers);
    return own;
  }
}

/** Whether it can be passed on: `Response` has no statuses of 600 and more, and no change of protocol but to a WebSocket. */
function isAnswer({ status, webSocket }: Response): boolean {
  return status === 101 ? webSocket !== null : status >= 200 && status <= 599;
}

/**
 * Whether a body is taken whole before the client hears of it: then one that breaks off or comes to a halt is a failed
 * call, and costs less than one that is passed on piece by piece.
 */
function isShort(bytes: number | null): boolean {
  return bytes !== null && bytes <= LIMITS.gatewayShortBodyBytes;
}

/** Of two times that are 0 where there is none. */
function least(a: number, b: number): number {
  if (a === 0 || b === 0) return a + b;
  return Math.min(a, b);
}
