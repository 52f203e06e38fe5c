import type { LimitRule } from '../../core/protocol/rate-limiter.ts';
import type { Algorithm } from './algorithm.ts';

/** What was in the bucket at a moment. */
export interface BucketState {
  /** Fractions count; below 0 is a debt. */
  tokens: number;
  atMs: number;
}

/** Sums of fractions come out a little low; a billionth of a token is nobody's. */
const ROUNDING = 1e-9;

/** Tokens come at an even rate, up to what the bucket holds: in T ms at most burst + T · limit / window pass. */
export const tokenBucket: Algorithm<BucketState> = {
  begin: (rule, nowMs) => ({ tokens: rule.burst, atMs: nowMs }),
  available(state, rule, nowMs) {
    return Math.floor(fill(state, rule, nowMs) + ROUNDING);
  },
  take(state, rule, units, nowMs) {
    fill(state, rule, nowMs);
    state.tokens -= units;
    return 0;
  },
  refund(state, rule, units, _mark, nowMs) {
    state.tokens = Math.min(rule.burst, fill(state, rule, nowMs) + units);
  },
  waitMs(state, rule, units, nowMs) {
    const missing = units - fill(state, rule, nowMs) - ROUNDING;
    if (missing <= 0) return 0;
    return units > rule.burst ? Number.POSITIVE_INFINITY : Math.ceil((missing * rule.windowMs) / rule.limit);
  },
  forgottenAtMs(state, rule) {
    return state.atMs + Math.ceil(((rule.burst - state.tokens) * rule.windowMs) / rule.limit);
  },
};

function fill(state: BucketState, rule: LimitRule, nowMs: number): number {
  const elapsedMs = nowMs - state.atMs;
  if (elapsedMs > 0) {
    state.tokens += (elapsedMs * rule.limit) / rule.windowMs;
    state.atMs = nowMs;
  }
  if (state.tokens > rule.burst) state.tokens = rule.burst;
  return state.tokens;
}
