// Written by scripts/build-kinds.ts from ../routematchpolicy.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const routematchpolicySchema: StructuralSchema = {
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
          description: 'HTTPRoutes, or rules of them by sectionName.',
        },
        priority: {
          description: "Before the standard's order on the same host: the highest first, 0 where none is given.",
          type: 'integer',
          minimum: -1000,
          maximum: 1000,
        },
        countries: {
          description: 'Where the client is: ISO 3166-1 alpha-2; T1 is Tor.',
          minItems: 1,
          maxItems: 300,
          type: 'array',
          items: { type: 'string', pattern: '^[A-Z][A-Z0-9]$' },
          'x-kubernetes-list-type': 'set',
        },
        continents: {
          minItems: 1,
          maxItems: 7,
          type: 'array',
          items: { type: 'string', enum: ['AF', 'AN', 'AS', 'EU', 'NA', 'OC', 'SA'] },
          'x-kubernetes-list-type': 'set',
        },
        colos: {
          description: "Cloudflare's place that the request came to, by its airport.",
          minItems: 1,
          maxItems: 512,
          type: 'array',
          items: { type: 'string', pattern: '^[A-Z]{3}$' },
          'x-kubernetes-list-type': 'set',
        },
        tenant: {
          description: 'Whom the request is for; what a client says of itself proves nothing: see AuthPolicy.',
          type: 'object',
          properties: {
            from: {
              type: 'object',
              properties: {
                type: { type: 'string', enum: ['header', 'query', 'pathSegment', 'hostLabel'] },
                name: {
                  description: 'Of a header or query parameter.',
                  type: 'string',
                  minLength: 1,
                  maxLength: 256,
                  pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                },
                index: {
                  description:
                    'Of a path segment or host label, from 0: of /v2/users segment 0 is v2, of a.example.com label 0 is a.',
                  type: 'integer',
                  minimum: 0,
                  maximum: 31,
                },
              },
              required: ['type'],
            },
            values: {
              minItems: 1,
              maxItems: 64,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 256 },
              'x-kubernetes-list-type': 'set',
            },
          },
          required: ['from', 'values'],
        },
        clientCertificate: {
          type: 'object',
          properties: {
            verified: {
              description: 'Whether a certificate of the client was presented and verified.',
              type: 'boolean',
            },
            fingerprintsSha256: {
              description: 'In hex; of a verified certificate.',
              minItems: 1,
              maxItems: 64,
              type: 'array',
              items: { type: 'string', pattern: '^([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$' },
              'x-kubernetes-list-type': 'set',
            },
            subjects: {
              description: 'Distinguished names as the platform writes them (RFC 2253).',
              minItems: 1,
              maxItems: 64,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 256 },
              'x-kubernetes-list-type': 'set',
            },
          },
        },
        apiVersion: {
          description: 'Which version of an API is asked for.',
          type: 'object',
          properties: {
            from: {
              type: 'object',
              properties: {
                type: { type: 'string', enum: ['header', 'query', 'pathSegment', 'mediaType'] },
                name: {
                  description: 'Of a header or query parameter.',
                  type: 'string',
                  minLength: 1,
                  maxLength: 256,
                  pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                },
                index: {
                  description:
                    'Of a path segment or host label, from 0: of /v2/users segment 0 is v2, of a.example.com label 0 is a.',
                  type: 'integer',
                  minimum: 0,
                  maximum: 31,
                },
              },
              required: ['type'],
            },
            values: {
              minItems: 1,
              maxItems: 64,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 256 },
              'x-kubernetes-list-type': 'set',
            },
          },
          required: ['from', 'values'],
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
