import type { LimitRule } from '../../core/protocol/rate-limiter.ts';

/** Who is in flight, and until when that is believed of them. */
export interface InFlightState {
  holders: Record<string, number>;
}

/** How many are in flight. One that nobody ends is no longer counted after the rule's `holdMs`. */
export const concurrency = {
  begin: (): InFlightState => ({ holders: {} }),
  available(state: InFlightState, rule: LimitRule, nowMs: number): number {
    drop(state, nowMs);
    return rule.limit - Object.keys(state.holders).length;
  },
  /** A holder that comes twice is one. */
  enter(state: InFlightState, rule: LimitRule, holder: string, nowMs: number): void {
    state.holders[holder] = nowMs + rule.holdMs;
  },
  /** Who has left, or was forgotten, does not come back by it: what is told late must not count for nobody. */
  stay(state: InFlightState, rule: LimitRule, holder: string, nowMs: number): void {
    if (holder in state.holders) state.holders[holder] = nowMs + rule.holdMs;
  },
  leave(state: InFlightState, holder: string): void {
    delete state.holders[holder];
  },
  forgottenAtMs(state: InFlightState): number {
    return Math.max(0, ...Object.values(state.holders));
  },
};

function drop(state: InFlightState, nowMs: number): void {
  for (const holder in state.holders) if (state.holders[holder] <= nowMs) delete state.holders[holder];
}
