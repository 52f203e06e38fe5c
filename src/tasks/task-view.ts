import * as z from 'zod';
import {
  type ClaimedTask,
  type HeartbeatAnswer,
  TASK_PRIORITIES,
  TASK_STATUSES,
  type TaskOptions,
  type TaskRecord,
} from '../core/protocol/tasks.ts';

const Options = {
  maxRetries: z.number().int().optional(),
  retryDelaySeconds: z.number().optional(),
  timeoutSeconds: z.number().optional(),
  resultRetentionSeconds: z.number().optional(),
  groupKey: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
};

export const TaskView = z.object({
  taskId: z.string(),
  type: z.string(),
  priority: z.enum(TASK_PRIORITIES),
  status: z.enum(TASK_STATUSES),
  attempts: z.number().int().describe('Attempts begun; a redriven task counts anew.'),
  submittedAt: z.iso.datetime(),
  dueAt: z.iso.datetime().describe('When it may run: its own time, or the end of the wait before a retry.'),
  expiresAt: z.iso.datetime().optional(),
  requires: z.array(z.string()),
  ...Options,
  payload: z.unknown().optional().describe('Kept while the task has not ended, and with one that failed.'),
  agentId: z.string().optional().describe('Who runs it.'),
  startedAt: z.iso.datetime().optional(),
  leaseExpiresAt: z.iso.datetime().optional(),
  cancelRequested: z.boolean().optional(),
  progress: z.unknown().optional(),
  finishedAt: z.iso.datetime().optional(),
  keptUntil: z.iso.datetime().optional().describe('When the result, or the dead letter, goes.'),
  result: z
    .object({
      success: z.boolean(),
      data: z.unknown().optional(),
      error: z.string().optional(),
      processingTimeMs: z.number().optional(),
    })
    .optional(),
  lastError: z.string().optional(),
  history: z.array(
    z.object({
      attempt: z.number().int(),
      agentId: z.string(),
      startedAt: z.iso.datetime(),
      endedAt: z.iso.datetime(),
      outcome: z.enum(['succeeded', 'failed', 'lapsed']),
      error: z.string().optional(),
    }),
  ),
});

export const ClaimView = z.object({
  taskId: z.string(),
  type: z.string(),
  priority: z.enum(TASK_PRIORITIES),
  payload: z.unknown(),
  attempt: z.number().int().describe('Counted from 1; a lapsed lease was one.'),
  leaseToken: z.string().describe('To be shown with every report and heartbeat.'),
  leaseExpiresAt: z.iso.datetime(),
  leaseRemainingMs: z.number().int().describe('For agents whose clock is wrong.'),
  submittedAt: z.iso.datetime(),
  ...Options,
});

export const HeartbeatView = z.object({
  taskId: z.string(),
  outcome: z.enum(['extended', 'stale', 'unknown']),
  leaseExpiresAt: z.iso.datetime().optional(),
  leaseRemainingMs: z.number().int().optional(),
  cancelled: z.boolean().optional().describe('Somebody wants the task stopped: stop, and report.'),
});

/** A task as it is shown; what is absent in the record is absent here. */
export function taskView(task: TaskRecord): z.input<typeof TaskView> {
  const { running, finished } = task;
  const lastError = task.finished?.error ?? task.history.findLast(({ error }) => error !== undefined)?.error;
  return {
    taskId: task.taskId,
    type: task.type,
    priority: task.priority,
    status: task.status,
    attempts: task.attempts,
    submittedAt: iso(task.submittedAtMs),
    dueAt: iso(task.dueAtMs),
    ...(task.expiresAtMs === null ? {} : { expiresAt: iso(task.expiresAtMs) }),
    requires: [...task.requires],
    ...optionsView(task.options),
    ...(task.payload === null ? {} : { payload: JSON.parse(task.payload) }),
    ...(running === null
      ? {}
      : {
          agentId: running.agentId,
          startedAt: iso(running.startedAtMs),
          leaseExpiresAt: iso(running.leaseExpiresAtMs),
          cancelRequested: running.cancelRequested,
          ...(running.progress === null ? {} : { progress: JSON.parse(running.progress) }),
        }),
    ...(finished === null
      ? {}
      : {
          finishedAt: iso(finished.atMs),
          keptUntil: iso(finished.keptUntilMs),
          result: {
            success: task.status === 'Completed',
            ...(finished.data === null ? {} : { data: JSON.parse(finished.data) }),
            ...(finished.error === null ? {} : { error: finished.error }),
            ...(finished.processingTimeMs === null ? {} : { processingTimeMs: finished.processingTimeMs }),
          },
        }),
    ...(lastError === undefined ? {} : { lastError }),
    history: task.history.map(({ startedAtMs, endedAtMs, ...attempt }) => ({
      ...attempt,
      startedAt: iso(startedAtMs),
      endedAt: iso(endedAtMs),
    })),
  };
}

export function claimView(task: ClaimedTask): z.input<typeof ClaimView> {
  const { payload, options, leaseExpiresAtMs, submittedAtMs, ...shown } = task;
  return {
    ...shown,
    payload: JSON.parse(payload),
    leaseExpiresAt: iso(leaseExpiresAtMs),
    submittedAt: iso(submittedAtMs),
    ...optionsView(options),
  };
}

export function heartbeatView(answer: HeartbeatAnswer): z.input<typeof HeartbeatView> {
  if (answer.outcome !== 'extended') return answer;
  const { leaseExpiresAtMs, ...shown } = answer;
  return { ...shown, leaseExpiresAt: iso(leaseExpiresAtMs) };
}

function optionsView({ metadata, ...options }: TaskOptions) {
  return metadata === undefined ? options : { ...options, metadata: { ...metadata } };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
