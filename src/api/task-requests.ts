import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import { type NewTask, TASK_PRIORITIES, TASK_STATUSES } from '../core/protocol/tasks.ts';
import {
  agentId,
  capabilities,
  leaseSeconds,
  leases,
  name,
  payload,
  results,
  seconds,
  types,
} from '../tasks/requests.ts';
import { HeartbeatView } from '../tasks/task-view.ts';
import { builtInFaults } from './built-in-tasks.ts';

const TaskRequest = z
  .strictObject({
    type: name(100),
    payload: payload.optional(),
    priority: z.enum(TASK_PRIORITIES).default('Normal'),
    runAt: z.iso.datetime({ offset: true }).optional(),
    delaySeconds: seconds(0).optional(),
    maxRetries: z
      .number()
      .int()
      .min(0)
      .max(100)
      .optional()
      .describe('Attempts after the first; 3 where it is not said.'),
    retryDelaySeconds: seconds(0.1, 300)
      .optional()
      .describe('The wait before the first retry; it doubles up to 5 minutes.'),
    timeoutSeconds: seconds(1, 86_400)
      .optional()
      .describe('The longest one attempt may take, whatever its heartbeats say.'),
    expiresAt: z.iso.datetime({ offset: true }).optional().describe('Not started by then, it fails.'),
    dedupeKey: name(200).optional(),
    dedupeWindowSeconds: seconds(1, 30 * 86_400)
      .optional()
      .describe('How long the key names this task; an hour where it is not said.'),
    groupKey: name(200)
      .optional()
      .describe('Tasks of a group are limited together, and groups of one priority take turns.'),
    requires: z.array(name(100)).max(20).default([]).describe('Capabilities an agent must have.'),
    resultRetentionSeconds: seconds(0, 30 * 86_400)
      .optional()
      .describe('How long the result is kept; 0 keeps none.'),
    metadata: z
      .record(z.string().max(100), z.string().max(1_000))
      .refine((metadata) => JSON.stringify(metadata).length <= LIMITS.taskMetadataChars, {
        message: `expected at most ${LIMITS.taskMetadataChars} characters of JSON`,
      })
      .optional(),
  })
  .refine(({ runAt, delaySeconds }) => runAt === undefined || delaySeconds === undefined, {
    path: ['delaySeconds'],
    message: 'expected runAt or delaySeconds, not both',
  })
  .superRefine((task, context) => {
    for (const { path, message } of builtInFaults(task))
      context.addIssue({ code: 'custom', path: path.split('.'), message });
  });
const Batch = z.strictObject({ tasks: z.array(TaskRequest).min(1).max(LIMITS.tasksPerCall) });
export const SubmitRequest = z.union([Batch, TaskRequest]);
export const Submitted = z.object({
  items: z.array(z.object({ taskId: z.string(), status: z.enum(TASK_STATUSES), duplicate: z.boolean().optional() })),
});

export const ClaimBody = z.strictObject({
  agentId,
  max: z.number().int().min(1).max(LIMITS.tasksPerCall).default(1),
  types: types.optional().describe('Any type that agents run where it is not said.'),
  capabilities: capabilities.default([]).describe('What the agent has; tasks may require some of it.'),
  leaseSeconds: leaseSeconds.optional().describe("The task's timeout, else 300, where it is not said."),
  waitSeconds: seconds(0, LIMITS.claimWaitSeconds).default(0).describe('How long to wait for a first task.'),
});

export const ReportBody = z.strictObject({ results });
export const Outcomes = z.object({
  items: z.array(z.object({ taskId: z.string(), outcome: z.enum(['accepted', 'duplicate', 'stale', 'unknown']) })),
});

export const HeartbeatBody = z.strictObject({
  leases,
  leaseSeconds: leaseSeconds
    .optional()
    .describe('The lease from now on; as long as it was claimed for where it is not said.'),
});
export const Heartbeats = z.object({ items: z.array(HeartbeatView) });

export const RedriveBody = z.strictObject({
  taskIds: z.array(name(100)).min(1).max(LIMITS.tasksPerCall).optional(),
  type: name(100).optional(),
  max: z.number().int().min(1).max(LIMITS.tasksPerCall).default(LIMITS.tasksPerCall),
});

export const Reasons = z.object({ items: z.array(z.object({ code: z.string(), message: z.string() })) });

/** A submitted task as queues take it. */
export function newTask(task: z.output<typeof TaskRequest>): NewTask {
  const { maxRetries, retryDelaySeconds, timeoutSeconds, resultRetentionSeconds, groupKey, metadata } = task;
  return {
    type: task.type,
    payload: task.payload ?? 'null',
    priority: task.priority,
    runAtMs: instant(task.runAt),
    delayMs: task.delaySeconds === undefined ? undefined : Math.round(task.delaySeconds * 1_000),
    expiresAtMs: instant(task.expiresAt),
    dedupeKey: task.dedupeKey,
    dedupeWindowSeconds: task.dedupeWindowSeconds,
    requires: [...new Set(task.requires)].sort(),
    options: { maxRetries, retryDelaySeconds, timeoutSeconds, resultRetentionSeconds, groupKey, metadata },
  };
}

function instant(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}
