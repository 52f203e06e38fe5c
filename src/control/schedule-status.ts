import { type JsonObject, type JsonValue, objectIn, objectsIn } from './json.ts';

/** A task of a schedule that has not ended; without an id until the queue has it. */
export interface ActiveRun {
  readonly key: string;
  readonly scheduledMs: number;
  readonly taskId: string | undefined;
}

export interface EndedRun {
  readonly scheduledMs: number;
  readonly taskId: string;
  readonly status: string;
}

/** The status of a `TaskSchedule`: what the schedule remembers, and shows. */
export interface ScheduleStatus {
  readonly schedule: string | null;
  readonly decidedUntilMs: number | null;
  readonly lastScheduleMs: number | null;
  readonly skipped: { readonly atMs: number; readonly reason: string } | null;
  readonly lastRunRequest: string | null;
  readonly suspended: boolean;
  readonly active: readonly ActiveRun[];
  readonly history: readonly EndedRun[];
}

export function readStatus(value: JsonValue | undefined): ScheduleStatus {
  const status = objectIn(value);
  const skippedMs = timeIn(status.lastSkippedTime);
  return {
    schedule: textIn(status.schedule),
    decidedUntilMs: timeIn(status.decidedUntil),
    lastScheduleMs: timeIn(status.lastScheduleTime),
    skipped: skippedMs === null ? null : { atMs: skippedMs, reason: textIn(status.lastSkippedReason) ?? 'Missed' },
    lastRunRequest: textIn(status.lastRunRequest),
    suspended: status.suspended === true,
    active: objectsIn(status.active).map((run) => ({
      key: String(run.key),
      scheduledMs: timeIn(run.scheduledTime) ?? 0,
      taskId: textIn(run.taskId) ?? undefined,
    })),
    history: objectsIn(status.history).map((run) => ({
      scheduledMs: timeIn(run.scheduledTime) ?? 0,
      taskId: String(run.taskId),
      status: String(run.status),
    })),
  };
}

/** What a status says of the schedule, conditions apart; what there is nothing to say of is left out. */
export function writeStatus(status: ScheduleStatus, nextMs: number | null): JsonObject {
  const { schedule, skipped, lastRunRequest } = status;
  return {
    ...(schedule === null ? {} : { schedule }),
    ...timeField('decidedUntil', status.decidedUntilMs),
    ...timeField('lastScheduleTime', status.lastScheduleMs),
    ...timeField('nextScheduleTime', nextMs),
    ...timeField('lastSkippedTime', skipped?.atMs ?? null),
    ...(skipped === null ? {} : { lastSkippedReason: skipped.reason }),
    ...(lastRunRequest === null ? {} : { lastRunRequest }),
    suspended: status.suspended,
    active: status.active.map(({ key, scheduledMs, taskId }) => ({
      key,
      scheduledTime: timeText(scheduledMs),
      ...(taskId === undefined ? {} : { taskId }),
    })),
    history: status.history.map(({ scheduledMs, ...run }) => ({ scheduledTime: timeText(scheduledMs), ...run })),
  };
}

function timeField(name: string, ms: number | null): JsonObject {
  return ms === null ? {} : { [name]: timeText(ms) };
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function timeIn(value: JsonValue | undefined): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

function textIn(value: JsonValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}
