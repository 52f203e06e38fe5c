import * as z from 'zod';
import type { KindDeclaration } from '../declaration.ts';
import { HTTP_ROUTE_RULES } from '../gateway-rules/http-route.ts';
import { ruleFaults, ruleTree } from '../gateway-rules/rule.ts';
import { filter, METHODS, sessionPersistence } from '../gateway-schema/filters.ts';
import {
  atomicList,
  duration,
  fieldName,
  fieldValue,
  hostname,
  int32,
  mapList,
  sectionName,
} from '../gateway-schema/names.ts';
import { backendReference, GATEWAY_GROUP, parentReference } from '../gateway-schema/references.ts';
import { routeStatus } from '../gateway-schema/status.ts';

const ROOT = { type: 'PathPrefix' as const, value: '/' };

const RULES = ruleTree(HTTP_ROUTE_RULES);

/** Which requests go where: the standard's kind, with the fields of its experimental channel (v1.5.1). */
export const httprouteKind: KindDeclaration = {
  info: {
    group: GATEWAY_GROUP,
    version: 'v1',
    olderVersions: ['v1beta1'],
    kind: 'HTTPRoute',
    plural: 'httproutes',
    singular: 'httproute',
    shortNames: [],
    categories: ['gateway-api'],
    namespaced: true,
    statusSubresource: true,
    printerColumns: [
      { name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
      { name: 'Accepted', type: 'string', jsonPath: parentCondition('Accepted', 'status'), priority: 1 },
      { name: 'Reason', type: 'string', jsonPath: parentCondition('Accepted', 'reason'), priority: 1 },
      { name: 'ResolvedRefs', type: 'string', jsonPath: parentCondition('ResolvedRefs', 'status'), priority: 1 },
      { name: 'Programmed', type: 'string', jsonPath: parentCondition('Programmed', 'status'), priority: 1 },
    ],
  },
  schema: () =>
    z.object({
      spec: z.object({
        parentRefs: atomicList(parentReference()).max(32).optional().describe('The Gateways it attaches to.'),
        useDefaultGateways: z.enum(['All', 'None']).optional().describe('Attaches to Gateways that ask for it.'),
        hostnames: atomicList(hostname())
          .max(16)
          .optional()
          .describe("For which hosts; the listener's where none is said. Each belongs to one namespace."),
        rules: atomicList(rule())
          .min(1)
          .max(16)
          .default([{ matches: [{ path: ROOT }] }]),
      }),
      status: routeStatus().optional(),
    }),
  strategy: { validate: (object, current) => ruleFaults(RULES, object, current) },
};

/** Of the first parent, which for most routes is the only one. */
function parentCondition(type: string, member: 'status' | 'reason'): string {
  return `.status.parents[*].conditions[?(@.type=="${type}")].${member}`;
}

function rule() {
  return z.object({
    name: sectionName().optional().describe('By which policies attach to it.'),
    matches: atomicList(match())
      .max(64)
      .default([{ path: ROOT }])
      .describe('One of these has to match; all of its members.'),
    filters: atomicList(filter()).max(16).optional(),
    backendRefs: atomicList(
      z.object({
        ...backendReference(),
        weight: int32(0, 1_000_000).default(1).describe('Its share of the requests, of the sum of all.'),
        filters: atomicList(filter()).max(16).optional(),
      }),
    )
      .max(16)
      .optional()
      .describe('Where requests go. Without one, and without a redirect, they are answered 500.'),
    timeouts: z
      .object({
        request: duration().optional().describe('Until the answer begins, retries included; 0s: as long as it takes.'),
        backendRequest: duration().optional().describe('Of each try.'),
      })
      .optional(),
    retry: z
      .object({
        codes: atomicList(z.int().min(400).max(599)).optional().describe('Statuses after which it is tried again.'),
        attempts: z.int().optional().describe('Tries after the first.'),
        backoff: duration().optional().describe('The least wait before the first of them.'),
      })
      .optional(),
    sessionPersistence: sessionPersistence().optional(),
  });
}

function match() {
  return z.object({
    path: z
      .object({
        type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']).default('PathPrefix'),
        value: z.string().max(1_024).default('/'),
      })
      .default(ROOT)
      .describe('A prefix ends where a segment of the path does; a regular expression matches the whole path.'),
    headers: mapList(valueMatch(fieldValue()), 'name').max(16).optional(),
    queryParams: mapList(valueMatch(z.string().min(1).max(1_024)), 'name')
      .max(16)
      .optional(),
    method: z.enum(METHODS).optional(),
  });
}

function valueMatch(value: z.ZodType) {
  return z.object({ name: fieldName(), type: z.enum(['Exact', 'RegularExpression']).default('Exact'), value });
}
