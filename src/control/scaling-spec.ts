import * as z from 'zod';
import { urlFault } from '../core/outbound.ts';
import { DEFAULT_SCALING, type ScalingPolicy } from '../core/protocol/scaling.ts';
import { isJsonObject, type JsonValue, numberIn, objectIn } from './json.ts';
import { type Cause, invalidValue } from './status.ts';

const usual = DEFAULT_SCALING;
const DAY_SECONDS = 86_400;

/** `spec.scaling` of a `TaskQueue`. */
export function scalingSchema() {
  return z
    .object({
      minAgents: z.int().min(0).max(100_000).default(usual.minAgents),
      maxAgents: z.int().min(0).max(100_000).default(usual.maxAgents),
      slotsPerAgent: z.int().min(1).max(10_000).default(usual.slotsPerAgent).describe('Tasks an agent runs at a time.'),
      targetWaitSeconds: z
        .number()
        .min(1)
        .max(DAY_SECONDS)
        .default(usual.targetWaitSeconds)
        .describe('How soon after it was due a task is to be started.'),
      scaleDownWindowSeconds: z
        .int()
        .min(0)
        .max(DAY_SECONDS)
        .default(usual.scaleDownWindowSeconds)
        .describe('The number falls only to the highest that was wanted within this window. It rises at once.'),
      tolerance: z
        .number()
        .min(0)
        .max(1)
        .default(usual.tolerance)
        .describe('A change of less than this part of the present number is none.'),
      webhook: z
        .object({
          url: z.string().min(1).max(2_000).describe('Gets a POST when the number changes.'),
          secretName: z
            .string()
            .min(1)
            .max(253)
            .describe('A Secret of the namespace; its entry `key` signs what is sent.'),
        })
        .optional(),
    })
    .prefault({})
    .describe('How many agents the queue wants; docs/scaling.md.');
}

export function compileScaling(value: JsonValue | undefined): ScalingPolicy {
  const spec = objectIn(value);
  const number = (name: Exclude<keyof ScalingPolicy, 'webhook'>) => numberIn(spec[name], usual[name]);
  return {
    minAgents: number('minAgents'),
    maxAgents: number('maxAgents'),
    slotsPerAgent: number('slotsPerAgent'),
    targetWaitSeconds: number('targetWaitSeconds'),
    scaleDownWindowSeconds: number('scaleDownWindowSeconds'),
    tolerance: number('tolerance'),
    webhook: isJsonObject(spec.webhook)
      ? { url: String(spec.webhook.url), secretName: String(spec.webhook.secretName) }
      : null,
  };
}

/** Faults that the schema cannot express. */
export function scalingFaults({ minAgents, maxAgents, webhook }: ScalingPolicy): Cause[] {
  const causes: Cause[] = [];
  if (maxAgents < minAgents) {
    causes.push(invalidValue('spec.scaling.maxAgents', maxAgents, 'must not be less than spec.scaling.minAgents'));
  }
  const fault = webhook === null ? null : urlFault(webhook.url);
  if (webhook !== null && fault !== null) causes.push(invalidValue('spec.scaling.webhook.url', webhook.url, fault));
  return causes;
}
