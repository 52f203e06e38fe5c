// Written by scripts/build-kinds.ts from ../securitypolicy.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const securitypolicySchema: StructuralSchema = {
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
        profile: {
          default: 'none',
          description: 'Security headers of answers: docs/gateway-security.md lists them.',
          type: 'string',
          enum: ['none', 'api', 'web', 'strict'],
        },
        responseHeaders: {
          default: {},
          type: 'object',
          properties: {
            set: {
              default: [],
              description: "Over the profile's and the upstream's.",
              maxItems: 32,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  name: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 256,
                    pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                  },
                  value: { type: 'string', minLength: 1, maxLength: 4096, pattern: '^[!-~]+([\\t ]?[!-~]+)*$' },
                },
                required: ['name', 'value'],
              },
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
            },
            omit: {
              default: [],
              'x-kubernetes-list-type': 'set',
              description: "Of the profile's, those that are not wanted.",
              maxItems: 32,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" },
            },
            remove: {
              default: [],
              'x-kubernetes-list-type': 'set',
              description: "Of the upstream's, those that nobody is to see.",
              maxItems: 32,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" },
            },
          },
        },
        addresses: {
          description: 'Of clients: blocks in CIDR notation.',
          default: {},
          type: 'object',
          properties: {
            allow: {
              default: [],
              'x-kubernetes-list-type': 'atomic',
              description: 'Where there are any, requests from elsewhere are refused.',
              maxItems: 1000,
              type: 'array',
              items: { type: 'string', minLength: 2, maxLength: 64 },
            },
            deny: {
              default: [],
              'x-kubernetes-list-type': 'atomic',
              description: 'Refused in any case.',
              maxItems: 1000,
              type: 'array',
              items: { type: 'string', minLength: 2, maxLength: 64 },
            },
          },
        },
        request: {
          default: {},
          type: 'object',
          properties: {
            methods: {
              description: 'All others are answered 405.',
              maxItems: 32,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 32, pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" },
              'x-kubernetes-list-type': 'atomic',
            },
            maxUrlBytes: { description: 'Path and query; beyond it 414.', type: 'integer', minimum: 1, maximum: 65536 },
            maxHeaderBytes: {
              description: 'Names and values; beyond it 431.',
              type: 'integer',
              minimum: 1,
              maximum: 131072,
            },
            maxHeaders: { type: 'integer', minimum: 1, maximum: 1000 },
            maxBodyBytes: {
              description: 'Held while a body streams, also where no length was announced; beyond it 413.',
              type: 'integer',
              minimum: 0,
              maximum: 5368709120,
            },
            contentTypes: {
              description: 'Of bodies: `application/json`, `image/*`; others are answered 415.',
              maxItems: 64,
              type: 'array',
              items: {
                type: 'string',
                minLength: 3,
                maxLength: 128,
                pattern: '^[A-Za-z0-9!#$&^_.+-]+/(\\*|[A-Za-z0-9!#$&^_.+-]+)$',
              },
              'x-kubernetes-list-type': 'atomic',
            },
            requiredHeaders: {
              default: [],
              'x-kubernetes-list-type': 'set',
              maxItems: 32,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" },
            },
            jsonSchema: {
              'x-kubernetes-preserve-unknown-fields': true,
              description: 'That JSON bodies must satisfy.',
              type: 'object',
            },
            jsonSchemaMaxBytes: {
              default: 65536,
              description: 'Bodies that are held against the schema are read whole; longer ones are answered 413.',
              type: 'integer',
              minimum: 1,
              maximum: 1048576,
            },
          },
        },
        webSocket: {
          description: 'Who may open WebSockets.',
          type: 'object',
          properties: {
            origins: {
              minItems: 1,
              maxItems: 64,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 512 },
              'x-kubernetes-list-type': 'atomic',
              description:
                '`https://app.example.com`, `https://*.example.com`; a request without an origin is refused too.',
            },
          },
          required: ['origins'],
        },
      },
      required: ['targetRefs'],
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
