import * as z from 'zod';

/** `status` of a kind of which nothing is known but conditions. */
export function conditionedStatus(): z.ZodType {
  return z.object(observedConditions()).optional();
}

/** The members of a status that has conditions. */
export function observedConditions() {
  return {
    observedGeneration: z.int().min(0).optional().describe('The generation the conditions speak of.'),
    conditions: conditionList(),
  };
}

/** `status.conditions` as every kind of ours has it (Kubernetes' `metav1.Condition`). */
export function conditionList(): z.ZodType {
  const condition = z.object({
    type: z.string().max(316).describe('The aspect the condition speaks of, in CamelCase.'),
    status: z.enum(['True', 'False', 'Unknown']),
    observedGeneration: z
      .int()
      .min(0)
      .optional()
      .describe('The generation of the object that the condition speaks of.'),
    lastTransitionTime: z.string().meta({ format: 'date-time' }).describe('When the status last turned.'),
    reason: z.string().max(1024).describe('One word in CamelCase, for machines.'),
    message: z.string().max(32768).describe('A sentence for people.'),
  });
  return z
    .array(condition)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe('What is known of the object, an entry an aspect.');
}
