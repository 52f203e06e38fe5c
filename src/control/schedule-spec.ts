import { LIMITS } from '../core/limits.ts';
import { isBuiltInType, payloadFaults } from '../core/protocol/built-in-tasks.ts';
import { type NewTask, TASK_PRIORITIES } from '../core/protocol/tasks.ts';
import { type JsonValue, numberIn, objectIn, textsIn } from './json.ts';
import type { Resource } from './resource.ts';
import { MISSED_RUN_POLICIES, OVERLAP_POLICIES, type ScheduleRules } from './schedule.ts';
import { cronFault, isTimeZone } from './schedule-times.ts';
import { type Cause, invalidValue } from './status.ts';

/** The spec of a validated `TaskSchedule`. */
export interface CompiledSchedule {
  readonly queue: string;
  readonly rules: ScheduleRules;
  readonly successfulRunsHistoryLimit: number;
  readonly failedRunsHistoryLimit: number;
  /** The task for a time, under a key that makes it one. */
  task(dedupeKey: string, nowMs: number): NewTask;
}

/** A key is remembered this long: submitting once more what was submitted before comes at most a little later. */
const DEDUPE_SECONDS = 7 * 86_400;

export function compileSchedule(schedule: Resource): CompiledSchedule {
  const spec = objectIn(schedule.spec);
  const template = objectIn(spec.template);
  const deadline = numberIn(spec.startingDeadlineSeconds, undefined);
  const everySeconds = numberIn(spec.intervalSeconds, undefined);
  return {
    queue: String(spec.queue),
    rules: {
      rhythm:
        everySeconds === undefined
          ? { kind: 'cron', expression: String(spec.schedule), timeZone: String(spec.timeZone ?? 'UTC') }
          : {
              kind: 'interval',
              everyMs: everySeconds * 1_000,
              sinceMs: Date.parse(schedule.metadata.creationTimestamp),
            },
      suspend: spec.suspend === true,
      missedRunPolicy: MISSED_RUN_POLICIES.find((policy) => policy === spec.missedRunPolicy) ?? 'RunOnce',
      maxMissedRuns: numberIn(spec.maxMissedRuns, 10),
      overlapPolicy: OVERLAP_POLICIES.find((policy) => policy === spec.overlapPolicy) ?? 'Allow',
      startingDeadlineMs: deadline === undefined ? null : deadline * 1_000,
    },
    successfulRunsHistoryLimit: numberIn(spec.successfulRunsHistoryLimit, 3),
    failedRunsHistoryLimit: numberIn(spec.failedRunsHistoryLimit, 1),
    task(dedupeKey, nowMs) {
      const expiresAfter = numberIn(template.expiresAfterSeconds, undefined);
      return {
        type: String(template.type),
        payload: JSON.stringify(template.payload ?? null),
        priority: TASK_PRIORITIES.find((priority) => priority === template.priority) ?? 'Normal',
        dedupeKey,
        dedupeWindowSeconds: DEDUPE_SECONDS,
        requires: [...new Set(textsIn(template.requires))].sort(),
        expiresAtMs: expiresAfter === undefined ? undefined : nowMs + expiresAfter * 1_000,
        options: {
          maxRetries: numberIn(template.maxRetries, undefined),
          retryDelaySeconds: numberIn(template.retryDelaySeconds, undefined),
          timeoutSeconds: numberIn(template.timeoutSeconds, undefined),
          resultRetentionSeconds: numberIn(template.resultRetentionSeconds, undefined),
          groupKey: typeof template.groupKey === 'string' ? template.groupKey : undefined,
          metadata: { ...textValuesIn(template.metadata), schedule: schedule.metadata.name },
        },
      };
    },
  };
}

/** Faults of a schedule that its schema cannot express. */
export function scheduleFaults(schedule: Resource): Cause[] {
  const spec = objectIn(schedule.spec);
  const template = objectIn(spec.template);
  const causes: Cause[] = [];
  const timeZone = String(spec.timeZone ?? 'UTC');
  const zoneIsKnown = isTimeZone(timeZone);
  if (!zoneIsKnown) causes.push(invalidValue('spec.timeZone', timeZone, 'must be a time zone, like Europe/Berlin'));
  const hasCron = typeof spec.schedule === 'string';
  if (hasCron === (spec.intervalSeconds !== undefined)) {
    causes.push(
      invalidValue('spec.schedule', spec.schedule ?? null, 'must be there, or spec.intervalSeconds, and not both'),
    );
  } else if (hasCron && zoneIsKnown) {
    const fault = cronFault(String(spec.schedule), timeZone);
    if (fault !== undefined) causes.push(invalidValue('spec.schedule', spec.schedule ?? null, fault));
  }
  const payload = template.payload ?? null;
  const bytes = new TextEncoder().encode(JSON.stringify(payload)).length;
  if (bytes > LIMITS.taskPayloadBytes) {
    const message = `must be at most ${LIMITS.taskPayloadBytes} bytes of JSON`;
    causes.push(invalidValue('spec.template.payload', `${bytes} bytes`, message));
  }
  const metadata = template.metadata ?? {};
  if (JSON.stringify(metadata).length > LIMITS.taskMetadataChars) {
    const message = `must be at most ${LIMITS.taskMetadataChars} characters of JSON`;
    causes.push(invalidValue('spec.template.metadata', metadata, message));
  }
  const type = String(template.type);
  if (!isBuiltInType(type)) return causes;
  for (const { path, message } of payloadFaults(type, payload)) {
    causes.push(invalidValue(`spec.template.${path}`, payload, message));
  }
  if (textsIn(template.requires).length > 0) {
    const message = 'must be empty: the platform runs this type, and it has no capabilities';
    causes.push(invalidValue('spec.template.requires', template.requires ?? null, message));
  }
  return causes;
}

function textValuesIn(value: JsonValue | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(objectIn(value)).flatMap(([name, item]) => (typeof item === 'string' ? [[name, item]] : [])),
  );
}
