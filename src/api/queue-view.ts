import * as z from 'zod';
import { QUEUE_STATES, type QueueStats, TASK_PRIORITIES, TASK_STATUSES } from '../core/protocol/tasks.ts';

const byPriority = z.object(Object.fromEntries(TASK_PRIORITIES.map((each) => [each, z.number().int()])));
const Limit = z.object({
  concurrency: z.number().int().nullable(),
  rate: z.object({ perSecond: z.number(), burst: z.number() }).nullable(),
});
const Limits = z.object({
  queue: Limit,
  perType: z.array(Limit.extend({ type: z.string() })),
  perGroup: z.array(Limit.extend({ group: z.string() })),
  shards: z.number().int(),
  maxRetries: z.number().int(),
  leaseSeconds: z.number(),
  resultRetentionSeconds: z.number(),
  deadLetterRetentionSeconds: z.number(),
  dedupeWindowSeconds: z.number(),
  starvationSeconds: z.number(),
});
export const QueueView = z.object({
  queue: z.string(),
  state: z.enum(QUEUE_STATES),
  depth: z.object(Object.fromEntries(TASK_STATUSES.map((status) => [status, byPriority]))),
  oldestAgeSeconds: z.number().describe('How long the oldest due task waits.'),
  submittedPerSecond: z.number(),
  finishedPerSecond: z.number(),
  waitingClaims: z.number().int(),
  rowsWritten: z.number().int().describe('Since the object last started.'),
  limits: Limits.describe('What is in force.'),
});

export function queueView(queue: string, { oldestAgeMs, limits, ...stats }: QueueStats): z.input<typeof QueueView> {
  const { perType, perGroup, ...others } = limits;
  return {
    queue,
    ...stats,
    oldestAgeSeconds: oldestAgeMs / 1_000,
    limits: { ...others, perType: [...perType], perGroup: [...perGroup] },
  };
}
