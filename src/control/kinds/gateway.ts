import * as z from 'zod';
import type { KindDeclaration } from '../declaration.ts';
import { GATEWAY_RULES } from '../gateway-rules/gateway.ts';
import { ruleFaults, ruleTree } from '../gateway-rules/rule.ts';
import {
  atomicList,
  groupName,
  hostname,
  int32,
  kindName,
  mapList,
  objectName,
  portNumber,
  sectionName,
} from '../gateway-schema/names.ts';
import { GATEWAY_GROUP, localReference, objectReference, secretReference } from '../gateway-schema/references.ts';
import { conditions, pending } from '../gateway-schema/status.ts';

const SUBDOMAIN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';

/** As the standard has it: only its first and last alternatives are anchored. */
const ADDRESS_TYPE = `^Hostname|IPAddress|NamedAddress|${SUBDOMAIN}\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$`;
const PROTOCOL = `^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|${SUBDOMAIN}\\/[A-Za-z0-9]+$`;

const PENDING = [pending('Accepted'), pending('Programmed')];

const RULES = ruleTree(GATEWAY_RULES);

/** Where requests come in: the standard's kind, with the fields of its experimental channel (v1.5.1). */
export const gatewayKind: KindDeclaration = {
  info: {
    group: GATEWAY_GROUP,
    version: 'v1',
    olderVersions: ['v1beta1'],
    kind: 'Gateway',
    plural: 'gateways',
    singular: 'gateway',
    shortNames: ['gtw'],
    categories: ['gateway-api'],
    namespaced: true,
    statusSubresource: true,
    printerColumns: [
      { name: 'Class', type: 'string', jsonPath: '.spec.gatewayClassName' },
      { name: 'Address', type: 'string', jsonPath: '.status.addresses[*].value' },
      { name: 'Programmed', type: 'string', jsonPath: '.status.conditions[?(@.type=="Programmed")].status' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  },
  schema: () =>
    z.object({
      spec: z.object({
        gatewayClassName: objectName().describe('orasi, unless another class names our controller.'),
        listeners: mapList(listener(), 'name').min(1).max(64),
        addresses: atomicList(z.object({ type: addressType(), value: z.string().max(253).optional() }))
          .max(16)
          .optional()
          .describe("Addresses are the platform's: one that is asked for is not given."),
        infrastructure: z
          .object({
            labels: z
              .record(
                z.string(),
                z.string().min(0).max(63).meta({ pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$' }),
              )
              .meta({ maxProperties: 8 })
              .optional(),
            annotations: z.record(z.string(), z.string().min(0).max(4_096)).meta({ maxProperties: 8 }).optional(),
            parametersRef: z.object(localReference()).optional(),
          })
          .optional(),
        allowedListeners: z
          .object({
            namespaces: z
              .object({
                from: z.enum(['All', 'Selector', 'Same', 'None']).default('None'),
                selector: labelSelector().optional(),
              })
              .default({ from: 'None' }),
          })
          .optional()
          .describe('Whose ListenerSets attach; that kind is not served.'),
        tls: z
          .object({
            backend: z.object({ clientCertificateRef: z.object(secretReference()).optional() }).optional(),
            frontend: z
              .object({
                default: frontendTls(),
                perPort: mapList(z.object({ port: portNumber(), tls: frontendTls() }), 'port')
                  .max(64)
                  .optional(),
              })
              .optional(),
          })
          .optional(),
        defaultScope: z.enum(['All', 'None']).optional().describe('Whether routes that name no Gateway attach.'),
      }),
      status: z
        .object({
          addresses: atomicList(z.object({ type: addressType(), value: z.string().min(1).max(253) }))
            .max(16)
            .optional(),
          conditions: conditions().default(PENDING),
          listeners: mapList(
            z.object({
              name: sectionName(),
              supportedKinds: atomicList(routeKind()).max(8).optional(),
              attachedRoutes: int32().describe('Routes that are accepted here.'),
              conditions: conditions(),
            }),
            'name',
          )
            .max(64)
            .optional(),
          attachedListenerSets: int32().optional(),
        })
        .default({ conditions: PENDING }),
    }),
  strategy: { validate: (object, current) => ruleFaults(RULES, object, current) },
};

function listener() {
  return z.object({
    name: sectionName().describe('By which routes attach to it.'),
    hostname: hostname().optional().describe('Requests for other hosts are not its; any where it is not said.'),
    port: portNumber(),
    protocol: z
      .string()
      .min(1)
      .max(255)
      .meta({ pattern: PROTOCOL })
      .describe('HTTP or HTTPS; others are not accepted.'),
    tls: z
      .object({
        mode: z.enum(['Terminate', 'Passthrough']).default('Terminate'),
        certificateRefs: atomicList(z.object(secretReference()))
          .max(64)
          .optional()
          .describe('Checked here, presented by Cloudflare.'),
        options: z.record(z.string(), z.string().min(0).max(4_096)).meta({ maxProperties: 16 }).optional(),
      })
      .optional(),
    allowedRoutes: z
      .object({
        namespaces: z
          .object({
            from: z.enum(['All', 'Selector', 'Same']).default('Same'),
            selector: labelSelector().optional(),
          })
          .default({ from: 'Same' }),
        kinds: atomicList(routeKind()).max(8).optional(),
      })
      .default({ namespaces: { from: 'Same' } })
      .describe('Which routes may attach.'),
  });
}

function routeKind() {
  return z.object({ group: groupName().default(GATEWAY_GROUP), kind: kindName() });
}

function addressType() {
  return z.string().min(1).max(253).meta({ pattern: ADDRESS_TYPE }).default('IPAddress');
}

/** Kubernetes' own (metav1.LabelSelector). */
function labelSelector() {
  return z
    .object({
      matchLabels: z.record(z.string(), z.string()).optional(),
      matchExpressions: atomicList(
        z.object({ key: z.string(), operator: z.string(), values: atomicList(z.string()).optional() }),
      ).optional(),
    })
    .meta({ 'x-kubernetes-map-type': 'atomic' });
}

function frontendTls() {
  return z.object({
    validation: z
      .object({
        caCertificateRefs: atomicList(z.object(objectReference())).min(1).max(8),
        mode: z.enum(['AllowValidOnly', 'AllowInsecureFallback']).default('AllowValidOnly'),
      })
      .optional(),
  });
}
