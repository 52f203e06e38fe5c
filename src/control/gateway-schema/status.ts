import * as z from 'zod';
import { atomicList, controllerName, mapList } from './names.ts';
import { parentReference } from './references.ts';

const TYPE =
  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$';

/** A condition as Kubernetes has it (metav1.Condition), with the bounds the standard's schemas give. */
function condition() {
  return z.object({
    type: z.string().max(316).meta({ pattern: TYPE }).describe('The aspect the condition speaks of, in CamelCase.'),
    status: z.enum(['True', 'False', 'Unknown']),
    observedGeneration: z
      .int()
      .min(0)
      .meta({ format: 'int64' })
      .optional()
      .describe('The generation of the object that the condition speaks of.'),
    lastTransitionTime: z.string().meta({ format: 'date-time' }).describe('When the status last turned.'),
    reason: z
      .string()
      .min(1)
      .max(1_024)
      .meta({ pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' })
      .describe('One word in CamelCase, for machines.'),
    message: z.string().max(32_768).describe('A sentence for people.'),
  });
}

/** At most eight conditions, one an aspect. */
export function conditions() {
  return mapList(condition(), 'type').max(8).describe('What is known of the object, an entry an aspect.');
}

/** What a condition says until the controller has seen the object. */
export function pending(type: string) {
  return {
    type,
    status: 'Unknown' as const,
    reason: 'Pending',
    message: 'Waiting for controller',
    lastTransitionTime: '1970-01-01T00:00:00Z',
  };
}

/** The status of a route: what has become of it at each of its parents. */
export function routeStatus() {
  return z.object({
    parents: atomicList(
      z.object({
        parentRef: parentReference(),
        controllerName: controllerName().describe('Who says so.'),
        conditions: conditions().min(1),
      }),
    )
      .max(32)
      .describe('One entry for each parent that was found.'),
  });
}
