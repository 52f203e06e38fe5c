import type { SqlRow } from '../core/object-database.ts';
import type { TaskAttempt, TaskOptions, TaskStatus } from '../core/protocol/tasks.ts';

/** Where a task's row is now. */
export interface TaskKey {
  readonly lane: number;
  readonly dueAtMs: number;
  readonly sequence: number;
}

/** A task that has not ended, as it is stored. Times are milliseconds since the Unix epoch. */
export interface StoredTask extends TaskKey {
  readonly firstDueAtMs: number;
  readonly submittedAtMs: number;
  readonly expiresAtMs: number | null;
  /** Attempts begun. */
  readonly attempt: number;
  readonly lease: StoredLease | null;
  readonly settledToken: string | null;
  readonly cancelRequested: boolean;
  readonly options: TaskOptions;
  readonly history: readonly TaskAttempt[];
  readonly progress: string | null;
  readonly payload: string;
}

export interface StoredLease {
  readonly token: string;
  readonly untilMs: number;
  /** What it was claimed for; a heartbeat extends by it. */
  readonly leaseMs: number;
  readonly agentId: string;
  readonly claimedAtMs: number;
}

/** A task that has ended. */
export interface FinishedTask {
  readonly lane: number;
  readonly sequence: number;
  readonly firstDueAtMs: number;
  readonly status: TaskStatus;
  readonly expiresAtMs: number;
  readonly leaseToken: string | null;
  readonly body: FinishedBody;
}

export interface FinishedBody {
  readonly submittedAtMs: number;
  readonly dueAtMs: number;
  readonly atMs: number;
  readonly attempts: number;
  readonly history: readonly TaskAttempt[];
  readonly options: TaskOptions;
  readonly data: string | null;
  readonly error: string | null;
  readonly processingTimeMs: number | null;
  /** Kept with what failed alone, so that it can run again. */
  readonly payload: string | null;
}

export interface StoredLane {
  readonly id: number;
  readonly type: string;
  /** The place of its priority among `TASK_PRIORITIES`. */
  readonly level: number;
  readonly requires: readonly string[];
  /** Null for tasks that say no group. */
  readonly group: string | null;
}

/** Ended tasks of one lane and status. */
export interface FinishedCount {
  readonly lane: number;
  readonly status: TaskStatus;
  readonly count: number;
}

export function keyOf(row: SqlRow): TaskKey {
  return { lane: Number(row.lane), dueAtMs: Number(row.due_at), sequence: Number(row.sequence) };
}

export function laneOf(row: SqlRow): StoredLane {
  return {
    id: Number(row.id),
    type: String(row.type),
    level: Number(row.level),
    requires: JSON.parse(String(row.requires)) as string[],
    group: textOrNull(row.group_key),
  };
}

export function taskOf(row: SqlRow): StoredTask {
  return {
    ...keyOf(row),
    firstDueAtMs: Number(row.first_due_at),
    submittedAtMs: Number(row.submitted_at),
    expiresAtMs: numberOrNull(row.expires_at),
    attempt: Number(row.attempt),
    lease:
      row.lease_until === null
        ? null
        : {
            token: String(row.lease_token),
            untilMs: Number(row.lease_until),
            leaseMs: Number(row.lease_ms),
            agentId: String(row.agent_id),
            claimedAtMs: Number(row.claimed_at),
          },
    settledToken: textOrNull(row.settled_token),
    cancelRequested: Number(row.cancel_requested) === 1,
    options: JSON.parse(String(row.options)) as TaskOptions,
    history: row.history === null ? [] : (JSON.parse(String(row.history)) as TaskAttempt[]),
    progress: textOrNull(row.progress),
    payload: String(row.payload),
  };
}

export function finishedOf(row: SqlRow): FinishedTask {
  return {
    lane: Number(row.lane),
    sequence: Number(row.sequence),
    firstDueAtMs: Number(row.first_due_at),
    status: String(row.status) as TaskStatus,
    expiresAtMs: Number(row.expires_at),
    leaseToken: textOrNull(row.lease_token),
    body: JSON.parse(String(row.body)) as FinishedBody,
  };
}

export function historyText(history: readonly TaskAttempt[]): string | null {
  return history.length === 0 ? null : JSON.stringify(history);
}

export function numberOrNull(value: unknown): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
