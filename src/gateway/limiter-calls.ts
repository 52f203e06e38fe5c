import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { LimitChange, RateLimiterCalls, TakeAnswer } from '../core/protocol/rate-limiter.ts';
import { pause, type Timer } from '../core/timer.ts';
import type { LimitCall, Limiter, Passage } from '../traffic/limit/limiter.ts';
import type { Exchange } from './exchange.ts';

/** What the objects of limits are reached by. */
export interface LimiterPorts {
  readonly clock: Clock;
  /** An object by its name; a stub that threw is broken, so each call takes a new one. */
  readonly limiter: (name: string) => Omit<RateLimiterCalls, 'firstUse'>;
  readonly timer: Timer;
}

/** What an isolate asks of the objects of limits, and tells them; none of it throws. */
export interface LimiterCalls {
  /** Asks what a passage waits for; its outcome is known when that ends. */
  ask(exchange: Exchange, passage: Passage): Promise<void>;
  /** Asks anew for what has run low of what was lent, after the answer. */
  refill(exchange: Exchange, passage: Passage): void;
  /** Has objects told what a passage left to tell: at once where they are asked each time, else with what others leave. */
  tellOf(exchange: Exchange, passage: Passage): void;
  /** An answer in time, or null: also where the call failed. */
  inTime<T>(call: Promise<T>): Promise<T | null>;
}

/** What was used beyond what was lent is told to the object this late at most. */
export const TELL_AFTER_MS = 1_000;
/** A flush that is this late died with the request that was to make it. */
const FLUSH_LOST_MS = 5_000;

/** The calls of one isolate; `limiter` decides what they say and takes up what they bring. */
export function createLimiterCalls(ports: LimiterPorts, limiter: Limiter): LimiterCalls {
  const { clock, timer } = ports;
  const flushAtMs = new Map<string, number>();

  const inTime = <T>(call: Promise<T>): Promise<T | null> =>
    new Promise((resolve) => {
      const callOff = timer(LIMITS.rateLimitAnswerMs, () => resolve(null));
      const answered = (answer: T | null): void => {
        callOff();
        resolve(answer);
      };
      call.then(answered, () => answered(null));
    });

  const take = async (exchange: Exchange, call: LimitCall): Promise<{ answer: TakeAnswer | null; sentMs: number }> => {
    const sentMs = clock.now();
    const answer = await inTime(ports.limiter(call.object).take(call.asks, call.changes));
    let leaseMs = 0;
    for (const { lent, leaseMs: ms } of answer?.verdicts ?? []) if (lent > 0) leaseMs = Math.max(leaseMs, ms);
    // What is not used in time goes back.
    if (leaseMs > 0) flushLater(exchange, call.object, leaseMs + TELL_AFTER_MS);
    return { answer, sentMs };
  };

  const tell = async (object: string, changes: readonly LimitChange[]): Promise<void> => {
    if (changes.length === 0) return;
    const told = await inTime(ports.limiter(object).change(changes));
    if (told === null) limiter.untold(object, changes, clock.now());
  };

  const flushLater = (exchange: Exchange, object: string, afterMs: number): void => {
    const nowMs = clock.now();
    const present = flushAtMs.get(object);
    if (present !== undefined && present <= nowMs + afterMs && nowMs < present + FLUSH_LOST_MS) return;
    flushAtMs.set(object, nowMs + afterMs);
    const flush = async (): Promise<void> => {
      await pause(afterMs, timer);
      flushAtMs.delete(object);
      await tell(object, limiter.flush(object, clock.now()));
    };
    exchange.waitUntil(flush());
  };

  const tellOf = (exchange: Exchange, passage: Passage): void => {
    for (const { demand, lease } of passage.steps) {
      if (!limiter.hasToTell(demand.object)) continue;
      if (lease === null) exchange.waitUntil(tell(demand.object, limiter.takePending(demand.object)));
      else flushLater(exchange, demand.object, TELL_AFTER_MS);
    }
  };

  const refill = (exchange: Exchange, passage: Passage): void => {
    for (const call of limiter.refills(passage, clock.now())) {
      const ask = async (): Promise<void> => {
        const { answer, sentMs } = await take(exchange, call);
        limiter.refilled(call, answer, sentMs, clock.now());
      };
      exchange.waitUntil(ask());
    }
  };

  const ask = async (exchange: Exchange, passage: Passage): Promise<void> => {
    await Promise.all(
      passage.calls.map(async (call) => {
        const { answer, sentMs } = await take(exchange, call);
        limiter.answered(passage, call, answer, sentMs, clock.now());
      }),
    );
  };

  return { ask, refill, tellOf, inTime };
}
