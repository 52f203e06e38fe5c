import type { LimitRule } from '../../core/protocol/rate-limiter.ts';

/**
 * How one algorithm counts. A state is changed in place by the functions that are given it, and is plain JSON. All of
 * them bear a clock that goes back: nothing is given twice for the same time.
 */
export interface Algorithm<State> {
  begin(rule: LimitRule, nowMs: number): State;
  /** Whole units that may be taken now; below 0 is a debt. */
  available(state: State, rule: LimitRule, nowMs: number): number;
  /**
   * Takes units, whether or not there are so many; what is lent counts as used at `usedByMs`, the latest moment at
   * which it can be. Returns a mark that a refund has to name.
   */
  take(state: State, rule: LimitRule, units: number, nowMs: number, usedByMs: number): number;
  /** Gives back units that were taken under a mark and not used; those whose time has passed are no more. */
  refund(state: State, rule: LimitRule, units: number, mark: number, nowMs: number): void;
  /** Milliseconds until `units` are available; Infinity where they never are. */
  waitMs(state: State, rule: LimitRule, units: number, nowMs: number): number;
  /** From when on the state says no more than a new one would. */
  forgottenAtMs(state: State, rule: LimitRule): number;
}
