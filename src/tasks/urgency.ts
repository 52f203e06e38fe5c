import { TASK_PRIORITIES } from '../core/protocol/tasks.ts';
import type { TaskKey } from './task-rows.ts';

/** What decides who goes first. */
export interface Urgency {
  /** The least goes first: the due time, later by the bound of starvation for each level below the highest. */
  readonly rankMs: number;
  readonly level: number;
  readonly sequence: number;
}

export function urgencyOf({ dueAtMs, sequence }: TaskKey, level: number, starvationMs: number): Urgency {
  return { rankMs: dueAtMs + starvationMs * (TASK_PRIORITIES.length - 1 - level), level, sequence };
}

/** Negative where `a` goes first. */
export function compareUrgency(a: Urgency, b: Urgency): number {
  return a.rankMs - b.rankMs || b.level - a.level || a.sequence - b.sequence;
}

/** Due before this, a task of level `other` goes before one of `level` that is due at `dueAtMs`. */
export function overtakenBeforeMs(dueAtMs: number, level: number, other: number, starvationMs: number): number {
  return dueAtMs + starvationMs * (other - level);
}
