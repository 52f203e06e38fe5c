// Written by scripts/build-kinds.ts from ../ratelimitpolicy.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const ratelimitpolicySchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        targetRefs: {
          minItems: 1,
          maxItems: 16,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              group: {
                type: 'string',
                maxLength: 253,
                pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
              },
              kind: { type: 'string', minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' },
              name: { type: 'string', minLength: 1, maxLength: 253 },
              sectionName: {
                description: 'A rule of a route, a listener of a Gateway; all where it is not said.',
                type: 'string',
                minLength: 1,
                maxLength: 253,
                pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
              },
            },
            required: ['group', 'kind', 'name'],
          },
          'x-kubernetes-list-type': 'atomic',
          description:
            "What the policy is attached to, in its own namespace. A rule's policy goes before its route's, that before the Upstream's, and that before the Gateway's.",
        },
        mode: {
          default: 'leased',
          description:
            'Who counts: the platform where it is, one object, or isolates out of what that object lends them.',
          type: 'string',
          enum: ['edge', 'exact', 'leased'],
        },
        tier: {
          description:
            'With mode edge: the binding of [[ratelimits]] in wrangler.toml, whose figures the limits repeat.',
          type: 'string',
          minLength: 1,
          maxLength: 63,
        },
        limits: {
          minItems: 1,
          maxItems: 16,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: {
                type: 'string',
                minLength: 1,
                maxLength: 63,
                pattern: '^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$',
                description: 'Names the limit in headers, metrics and logs.',
              },
              algorithm: {
                type: 'string',
                enum: ['tokenBucket', 'slidingWindow', 'fixedWindow', 'concurrency'],
                description: 'How passing is counted; concurrency: how many are in flight.',
              },
              measure: {
                default: 'requests',
                description: 'What is counted; bytes are those of the bodies, both ways.',
                type: 'string',
                enum: ['requests', 'cost', 'bytes'],
              },
              limit: {
                type: 'integer',
                minimum: 1,
                maximum: 999999999999999,
                description: 'How much passes in a window, or is in flight.',
              },
              windowSeconds: {
                description: 'The window; of a token bucket, the time in which an empty one is given `limit` tokens.',
                type: 'integer',
                minimum: 1,
                maximum: 2678400,
              },
              period: {
                description: 'A window of the calendar, in UTC; with fixedWindow.',
                type: 'string',
                enum: ['day', 'month'],
              },
              burst: {
                description: 'Tokens that a bucket holds; `limit` where it is not said.',
                type: 'integer',
                minimum: 1,
                maximum: 999999999999999,
              },
              key: {
                default: [],
                'x-kubernetes-list-type': 'atomic',
                description:
                  'What callers are told apart by, all of it together; all share the limit where it is empty.',
                maxItems: 8,
                type: 'array',
                items: {
                  type: 'object',
                  properties: {
                    type: { type: 'string', enum: ['ip', 'apiKey', 'user', 'tenant', 'header', 'pathVariable'] },
                    name: {
                      description:
                        "Of the header, or of the path variable: a segment of `path`, else a group of the route's expression.",
                      type: 'string',
                      minLength: 1,
                      maxLength: 256,
                    },
                    path: {
                      description: 'The beginning of the path with its variables in braces: /users/{id}.',
                      type: 'string',
                      minLength: 2,
                      maxLength: 1024,
                      pattern: '^\\/',
                    },
                  },
                  required: ['type'],
                },
              },
              costHeader: {
                description: "The header of the upstream's answer that has the request's cost; with measure cost.",
                type: 'string',
                minLength: 1,
                maxLength: 256,
                pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
              },
              defaultCost: {
                default: 1,
                description: 'The cost of an answer without that header.',
                type: 'integer',
                minimum: 0,
                maximum: 1000000,
              },
              timeoutSeconds: {
                default: 300,
                description: 'With concurrency: a request counts no longer, even where nobody said that it ended.',
                type: 'integer',
                minimum: 1,
                maximum: 86400,
              },
            },
            required: ['name', 'algorithm', 'limit'],
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          description: 'All of them must allow a request; where one does not, nothing is taken from the others.',
        },
        dryRun: { default: false, description: 'Counts, and refuses nothing.', type: 'boolean' },
        onFailure: {
          default: 'open',
          description: 'Whether requests pass while the limits cannot be asked.',
          type: 'string',
          enum: ['open', 'closed'],
        },
        shards: {
          default: 1,
          description: 'Objects that the keys are divided over; one answers some thousand calls a second.',
          type: 'integer',
          minimum: 1,
          maximum: 64,
        },
      },
      required: ['targetRefs', 'limits'],
    },
    status: {
      type: 'object',
      properties: {
        observedGeneration: { description: 'The generation the conditions speak of.', type: 'integer', minimum: 0 },
        conditions: {
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type'],
          description: 'What is known of the object, an entry an aspect.',
          type: 'array',
          items: {
            type: 'object',
            properties: {
              type: {
                type: 'string',
                maxLength: 316,
                description: 'The aspect the condition speaks of, in CamelCase.',
              },
              status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
              observedGeneration: {
                description: 'The generation of the object that the condition speaks of.',
                type: 'integer',
                minimum: 0,
              },
              lastTransitionTime: { type: 'string', format: 'date-time', description: 'When the status last turned.' },
              reason: { type: 'string', maxLength: 1024, description: 'One word in CamelCase, for machines.' },
              message: { type: 'string', maxLength: 32768, description: 'A sentence for people.' },
            },
            required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
          },
        },
        ancestors: {
          description: 'What came of each target.',
          maxItems: 16,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              ancestorRef: {
                type: 'object',
                properties: {
                  group: {
                    type: 'string',
                    maxLength: 253,
                    pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                  },
                  kind: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 63,
                    pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$',
                  },
                  namespace: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 63,
                    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
                  },
                  name: { type: 'string', minLength: 1, maxLength: 253 },
                  sectionName: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 253,
                    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                  },
                },
                required: ['name'],
              },
              controllerName: {
                type: 'string',
                minLength: 1,
                maxLength: 253,
                pattern:
                  "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$",
              },
              conditions: {
                'x-kubernetes-list-type': 'map',
                'x-kubernetes-list-map-keys': ['type'],
                description: 'What is known of the object, an entry an aspect.',
                type: 'array',
                items: {
                  type: 'object',
                  properties: {
                    type: {
                      type: 'string',
                      maxLength: 316,
                      description: 'The aspect the condition speaks of, in CamelCase.',
                    },
                    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
                    observedGeneration: {
                      description: 'The generation of the object that the condition speaks of.',
                      type: 'integer',
                      minimum: 0,
                    },
                    lastTransitionTime: {
                      type: 'string',
                      format: 'date-time',
                      description: 'When the status last turned.',
                    },
                    reason: { type: 'string', maxLength: 1024, description: 'One word in CamelCase, for machines.' },
                    message: { type: 'string', maxLength: 32768, description: 'A sentence for people.' },
                  },
                  required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
                },
              },
            },
            required: ['ancestorRef', 'controllerName'],
          },
          'x-kubernetes-list-type': 'atomic',
        },
      },
    },
  },
  required: ['spec'],
};
