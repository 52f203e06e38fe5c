import type { LimitRule } from '../../core/protocol/rate-limiter.ts';
import type { Algorithm } from './algorithm.ts';

/** What passed in the window that began at `startMs`. */
export interface WindowState {
  startMs: number;
  used: number;
}

/**
 * Windows follow each other: those of a length from the epoch on, or the days or months of UTC. In each at most the
 * limit passes; around the end of one, twice the limit may pass within a shorter time than a window.
 */
export const fixedWindow: Algorithm<WindowState> = {
  begin: (rule, nowMs) => ({ startMs: windowOf(rule, nowMs).startMs, used: 0 }),
  available(state, rule, nowMs) {
    turn(state, rule, nowMs);
    return rule.limit - state.used;
  },
  take(state, rule, units, nowMs) {
    turn(state, rule, nowMs);
    state.used += units;
    return state.startMs;
  },
  refund(state, rule, units, mark, nowMs) {
    turn(state, rule, nowMs);
    if (mark === state.startMs) state.used = Math.max(0, state.used - units);
  },
  waitMs(state, rule, units, nowMs) {
    turn(state, rule, nowMs);
    if (state.used + units <= rule.limit) return 0;
    return units > rule.limit ? Number.POSITIVE_INFINITY : endOf(state, rule) - nowMs;
  },
  forgottenAtMs: (state, rule) => endOf(state, rule),
};

/** The window of a moment: from `startMs` until before `endMs`. */
export function windowOf(
  rule: Pick<LimitRule, 'calendar' | 'windowMs'>,
  nowMs: number,
): { startMs: number; endMs: number } {
  const { calendar, windowMs } = rule;
  if (calendar === null) {
    const startMs = Math.floor(nowMs / windowMs) * windowMs;
    return { startMs, endMs: startMs + windowMs };
  }
  const date = new Date(nowMs);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  return calendar === 'day'
    ? { startMs: Date.UTC(year, month, day), endMs: Date.UTC(year, month, day + 1) }
    : { startMs: Date.UTC(year, month, 1), endMs: Date.UTC(year, month + 1, 1) };
}

/** A clock that goes back stays in the window it had reached. */
function turn(state: WindowState, rule: LimitRule, nowMs: number): void {
  if (nowMs < state.startMs) return;
  const { startMs } = windowOf(rule, nowMs);
  if (startMs === state.startMs) return;
  state.startMs = startMs;
  state.used = 0;
}

function endOf(state: WindowState, rule: LimitRule): number {
  return windowOf(rule, state.startMs).endMs;
}
