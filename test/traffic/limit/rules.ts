import type { CompiledLimit } from '../../../src/core/protocol/rate-limit.ts';
import type { LimitAsk } from '../../../src/core/protocol/rate-limiter.ts';

/** A limit with what a test says of it. */
export function limitOf(given: Partial<CompiledLimit> = {}): CompiledLimit {
  const limit = given.limit ?? 10;
  return {
    name: 'a',
    algorithm: 'slidingWindow',
    measure: 'requests',
    limit,
    windowMs: given.calendar === undefined ? 10_000 : 0,
    calendar: null,
    burst: limit,
    key: [],
    costHeader: null,
    defaultCost: 1,
    holdMs: 60_000,
    ...given,
  };
}

export function askFor(limit: CompiledLimit, given: Partial<LimitAsk> = {}): LimitAsk {
  return { rule: limit, key: 'k', need: 1, take: 1, lease: 0, holder: null, ...given };
}
