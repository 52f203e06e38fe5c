import type { LimitRule } from '../../core/protocol/rate-limiter.ts';
import type { Algorithm } from './algorithm.ts';

/**
 * The window is counted in slots, and a slot counts whole for as long as any moment of it is within the window. So in no
 * window of the declared length, wherever it begins, does more than the limit pass; a log of every request would admit
 * the next one up to one slot earlier, which is a sixteenth of the window.
 */
export const SLOTS = 16;

/** Pairs of a slot's number (from the epoch) and what is counted in it, oldest first. */
export interface SlidingState {
  slots: [slot: number, used: number][];
}

/** At most the limit in every window of that length. What is lent counts at the latest moment it can be used. */
export const slidingWindow: Algorithm<SlidingState> = {
  begin: () => ({ slots: [] }),
  available(state, rule, nowMs) {
    drop(state, rule, nowMs);
    return rule.limit - used(state);
  },
  take(state, rule, units, nowMs, usedByMs) {
    drop(state, rule, nowMs);
    const slot = Math.floor(usedByMs / slotMs(rule));
    const { slots } = state;
    let at = slots.length;
    while (at > 0 && slots[at - 1][0] > slot) at -= 1;
    if (at > 0 && slots[at - 1][0] === slot) slots[at - 1][1] += units;
    else slots.splice(at, 0, [slot, units]);
    return slot;
  },
  refund(state, _rule, units, mark) {
    const present = state.slots.find(([slot]) => slot === mark);
    if (present !== undefined) present[1] = Math.max(0, present[1] - units);
  },
  waitMs(state, rule, units, nowMs) {
    drop(state, rule, nowMs);
    let over = used(state) + units - rule.limit;
    if (over <= 0) return 0;
    if (units > rule.limit) return Number.POSITIVE_INFINITY;
    for (const [slot, count] of state.slots) {
      over -= count;
      if (over <= 0) return Math.max(1, Math.ceil(goneAt(slot, rule) - nowMs));
    }
    return rule.windowMs;
  },
  forgottenAtMs(state, rule) {
    const last = state.slots.at(-1);
    return last === undefined ? 0 : Math.ceil(goneAt(last[0], rule));
  },
};

function slotMs(rule: LimitRule): number {
  return rule.windowMs / SLOTS;
}

/** When the last moment of a slot leaves the window. */
function goneAt(slot: number, rule: LimitRule): number {
  return (slot + 1) * slotMs(rule) + rule.windowMs;
}

function drop(state: SlidingState, rule: LimitRule, nowMs: number): void {
  const { slots } = state;
  let gone = 0;
  while (gone < slots.length && goneAt(slots[gone][0], rule) <= nowMs) gone += 1;
  if (gone > 0) slots.splice(0, gone);
}

function used(state: SlidingState): number {
  let sum = 0;
  for (const slot of state.slots) sum += slot[1];
  return sum;
}
