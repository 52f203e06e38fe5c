import { latestTimes, nextTime, type Rhythm } from './schedule-times.ts';

/** What a schedule does about times that passed while nobody looked. */
export const MISSED_RUN_POLICIES = ['Skip', 'RunOnce', 'RunAll'] as const;
export type MissedRunPolicy = (typeof MISSED_RUN_POLICIES)[number];

/** What a schedule does when its time comes and a task of an earlier time has not ended. */
export const OVERLAP_POLICIES = ['Allow', 'Forbid', 'Replace'] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

/** The part of a schedule that decides when its tasks are submitted. */
export interface ScheduleRules {
  readonly rhythm: Rhythm;
  readonly suspend: boolean;
  readonly missedRunPolicy: MissedRunPolicy;
  /** Of `RunAll`: the latest so many times, and no more. */
  readonly maxMissedRuns: number;
  readonly overlapPolicy: OverlapPolicy;
  /** A time that is further past is not run any more; null for any. */
  readonly startingDeadlineMs: number | null;
}

/** What must be remembered from one decision to the next. */
export interface ScheduleState {
  /** The text of the rhythm that `decidedUntilMs` speaks of; null before the first decision. */
  readonly rhythm: string | null;
  /** All times up to this one are decided. */
  readonly decidedUntilMs: number;
  readonly suspended: boolean;
  /** Tasks of earlier times that have not ended. */
  readonly active: number;
}

export interface ScheduleDecision {
  /** The times to submit a task for, ascending. */
  readonly runs: readonly number[];
  /** Whether tasks that have not ended are to be cancelled first. */
  readonly replaces: boolean;
  /** The latest time that was passed over, and why; null where none was. */
  readonly skipped: { readonly atMs: number; readonly reason: 'Missed' | 'Overlap' } | null;
  readonly decidedUntilMs: number;
  /** When there is something to decide next; null for never. */
  readonly nextMs: number | null;
}

/** Tasks that have not ended, at most: each is in the status, and looked at every time. */
const MOST_ACTIVE = 100;
/** Under `Skip` a time is missed when it is noticed later than this, unless a deadline says otherwise. */
const ON_TIME_MS = 60_000;

/**
 * Decides which runs are due. It goes by what was decided before and by the time alone: looked at late, early or twice
 * it decides each time once. A rhythm that is new, or was changed or suspended, begins now: the times before were
 * never its own.
 */
export function decide(rules: ScheduleRules, state: ScheduleState, nowMs: number): ScheduleDecision {
  const { rhythm, missedRunPolicy, overlapPolicy } = rules;
  const next = nextTime(rhythm, nowMs);
  if (rules.suspend) return { ...NOTHING, decidedUntilMs: nowMs, nextMs: null };
  const isSame = state.rhythm === rhythmText(rhythm) && !state.suspended;
  const fromMs = isSame || state.rhythm === null ? state.decidedUntilMs : Math.max(state.decidedUntilMs, nowMs);
  const wanted = missedRunPolicy === 'RunAll' ? rules.maxMissedRuns : 1;
  const due = latestTimes(rhythm, fromMs, nowMs, wanted);
  const last = due.at(-1);
  if (last === undefined) return { ...NOTHING, decidedUntilMs: fromMs, nextMs: next };

  const latestMs = rules.startingDeadlineMs ?? (missedRunPolicy === 'Skip' ? ON_TIME_MS : Number.POSITIVE_INFINITY);
  const inTime = due.filter((atMs) => nowMs - atMs <= latestMs);
  const decided = { decidedUntilMs: last, nextMs: next };
  if (inTime.length === 0) return { ...NOTHING, ...decided, skipped: { atMs: last, reason: 'Missed' } };
  const room = overlapPolicy === 'Allow' ? Math.max(0, MOST_ACTIVE - state.active) : 1;
  const overlaps = room === 0 || (overlapPolicy === 'Forbid' && state.active > 0);
  if (overlaps) {
    return { ...NOTHING, ...decided, skipped: { atMs: last, reason: 'Overlap' } };
  }
  // Of several at once all but one would overlap, where that is not allowed.
  const runs = inTime.slice(-room);
  return { runs, replaces: overlapPolicy === 'Replace' && state.active > 0, skipped: null, ...decided };
}

const NOTHING = { runs: [], replaces: false, skipped: null } as const;

/** A rhythm as a text, which is another one where it is another rhythm. */
export function rhythmText(rhythm: Rhythm): string {
  return rhythm.kind === 'cron' ? `${rhythm.expression} ${rhythm.timeZone}` : `every ${rhythm.everyMs / 1_000} s`;
}
