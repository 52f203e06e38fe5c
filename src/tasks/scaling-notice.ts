import type { Random } from '../core/random.ts';

/** How far a webhook knows the desired number of agents; plain JSON. */
export interface NoticeState {
  /** The number last taken by the other side; null before the first. */
  readonly toldAgents: number | null;
  /** The number that is to be told. */
  readonly agents: number;
  /** Grows with every number to be told, so that the other side can drop one that comes late. */
  readonly sequence: number;
  /** Attempts that failed since the last that did not. */
  readonly failures: number;
  readonly nextAttemptAtMs: number;
}

export const NEW_NOTICE: NoticeState = Object.freeze({
  toldAgents: null,
  agents: 0,
  sequence: 0,
  failures: 0,
  nextAttemptAtMs: 0,
});

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 5 * 60_000;
/** The most that chance adds to a delay, as a part of it. */
const JITTER = 0.2;

/** The number desired now. A new one is told at once, even while the last one could not be. */
export function desire(state: NoticeState, agents: number, nowMs: number): NoticeState {
  if (state.sequence > 0 && state.agents === agents) return state;
  return { ...state, agents, sequence: state.sequence + 1, failures: 0, nextAttemptAtMs: nowMs };
}

/** When the next attempt is due; null where the other side knows. */
export function attemptDueMs(state: NoticeState): number | null {
  return state.sequence === 0 || state.toldAgents === state.agents ? null : state.nextAttemptAtMs;
}

/** The other side took notice number `sequence`. */
export function taken(state: NoticeState, sequence: number, agents: number): NoticeState {
  // While it was under way another number may have become the desired one: that one is still to be told.
  return { ...state, toldAgents: agents, failures: sequence === state.sequence ? 0 : state.failures };
}

/** An attempt failed: the next comes after twice the wait, up to five minutes, for as long as it takes. */
export function notTaken(state: NoticeState, sequence: number, nowMs: number, random: Random): NoticeState {
  if (sequence !== state.sequence) return state;
  const delayMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(state.failures, 30));
  const nextAttemptAtMs = nowMs + Math.ceil(delayMs * (1 + JITTER * random.next()));
  return { ...state, failures: state.failures + 1, nextAttemptAtMs };
}
