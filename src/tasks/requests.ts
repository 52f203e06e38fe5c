import * as z from 'zod';
import { LIMITS } from '../core/limits.ts';
import { isBuiltInType, PLATFORM_AGENT } from '../core/protocol/built-in-tasks.ts';

/** What agents say, as every door takes it: over HTTP and over the WebSocket they hold. */

const YEAR_SECONDS = 366 * 86_400;

export const seconds = (min: number, max = YEAR_SECONDS) => z.number().min(min).max(max);
/** A text that storage gives back as it was. */
export const name = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((text) => text.isWellFormed(), 'expected whole characters: half of a surrogate pair is none');

/** JSON, kept as its text. */
export const payload = z.unknown().transform((value, context) => {
  // Neither who claims it could be answered, nor who claims or lists others beside it.
  if (isDeeper(value, LIMITS.jsonDepth)) {
    context.addIssue({ code: 'custom', message: `expected at most ${LIMITS.jsonDepth} levels of lists and objects` });
    return z.NEVER;
  }
  const text = JSON.stringify(value ?? null);
  if (text.length * 3 <= LIMITS.taskPayloadBytes || new TextEncoder().encode(text).length <= LIMITS.taskPayloadBytes)
    return text;
  context.addIssue({ code: 'custom', message: `expected at most ${LIMITS.taskPayloadBytes} bytes of JSON` });
  return z.NEVER;
});

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}

/** What an agent calls itself. */
export const agentId = name(200).refine(
  (text) => text !== PLATFORM_AGENT,
  'the platform’s own workers are called that',
);
export const leaseSeconds = seconds(1, 86_400);
/** Types of tasks that an agent takes. */
export const types = z
  .array(name(100).refine((type) => !isBuiltInType(type), 'the platform runs tasks of this type itself'))
  .min(1)
  .max(100);
export const capabilities = z.array(name(100)).max(100);

export const results = z
  .array(
    z.strictObject({
      taskId: name(100),
      leaseToken: name(100),
      success: z.boolean(),
      data: payload.optional(),
      error: z.string().max(4_000).optional(),
      retryable: z.boolean().default(true),
      processingTimeMs: z.number().min(0).optional(),
    }),
  )
  .min(1)
  .max(LIMITS.tasksPerCall);

export const leases = z
  .array(z.strictObject({ taskId: name(100), leaseToken: name(100), progress: payload.optional() }))
  .min(1)
  .max(LIMITS.tasksPerCall);
