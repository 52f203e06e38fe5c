import * as z from 'zod';
import type { KindDeclaration } from '../declaration.ts';
import { GATEWAY_CLASS_RULES } from '../gateway-rules/gateway.ts';
import { ruleFaults, ruleTree } from '../gateway-rules/rule.ts';
import { controllerName, mapList } from '../gateway-schema/names.ts';
import { GATEWAY_GROUP, objectReference } from '../gateway-schema/references.ts';
import { conditions, pending } from '../gateway-schema/status.ts';

const RULES = ruleTree(GATEWAY_CLASS_RULES);

/** Which controller makes something of a Gateway: of those that say `orasi.io/gateway-controller`, this gateway does. */
export const gatewayclassKind: KindDeclaration = {
  info: {
    group: GATEWAY_GROUP,
    version: 'v1',
    olderVersions: ['v1beta1'],
    kind: 'GatewayClass',
    plural: 'gatewayclasses',
    singular: 'gatewayclass',
    shortNames: ['gc'],
    categories: ['gateway-api'],
    namespaced: false,
    statusSubresource: true,
    printerColumns: [
      { name: 'Controller', type: 'string', jsonPath: '.spec.controllerName' },
      { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      { name: 'Description', type: 'string', jsonPath: '.spec.description', priority: 1 },
    ],
  },
  schema: () =>
    z.object({
      spec: z.object({
        controllerName: controllerName().describe('It does not change.'),
        parametersRef: z.object(objectReference()).optional(),
        description: z.string().max(64).optional(),
      }),
      status: z
        .object({
          conditions: conditions().default([pending('Accepted')]),
          supportedFeatures: mapList(z.object({ name: z.string() }), 'name')
            .max(64)
            .optional()
            .describe('Names of the conformance features that are built.'),
        })
        .default({ conditions: [pending('Accepted')] }),
    }),
  strategy: { validate: (object, current) => ruleFaults(RULES, object, current) },
};
