// Written by scripts/build-kinds.ts from ../cluster.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const clusterSchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      default: {},
      type: 'object',
      properties: {
        session: {
          default: {},
          type: 'object',
          properties: {
            ttlSeconds: {
              default: 90,
              description: 'How long a member lives without a word from it, unless it asks for another time.',
              type: 'integer',
              minimum: 1,
              maximum: 3600,
            },
            unhealthyAfterMissed: {
              default: 2,
              description: 'So many missed heartbeats, of the three a session has, and it gets no new work.',
              type: 'integer',
              minimum: 1,
              maximum: 2,
            },
            reconnectGraceSeconds: {
              default: 10,
              description: 'How long a member whose WebSocket closed may take to come back before it is gone.',
              type: 'integer',
              minimum: 0,
              maximum: 600,
            },
          },
        },
        election: {
          default: {},
          type: 'object',
          properties: {
            policy: {
              default: 'lease',
              description: 'lease: the cluster appoints the leader; majority: live members vote.',
              type: 'string',
              enum: ['lease', 'majority'],
            },
            automatic: {
              default: true,
              description: 'Whether a lost leader is replaced though nobody campaigns.',
              type: 'boolean',
            },
            leaseSeconds: {
              description: 'How long a leader leads without a word from it; otherwise until it is Unhealthy.',
              type: 'integer',
              minimum: 1,
              maximum: 3600,
            },
            threshold: {
              description: 'Votes a candidate needs; otherwise more than half of the live members.',
              type: 'integer',
              minimum: 1,
              maximum: 5000,
            },
            campaignTimeoutSeconds: {
              default: 30,
              description: 'A term ends without a winner after this long.',
              type: 'integer',
              minimum: 1,
              maximum: 3600,
            },
            electionTimeoutSeconds: {
              default: 60,
              description: 'Failed terms follow each other for this long; then there is a pause.',
              type: 'integer',
              minimum: 1,
              maximum: 86400,
            },
            retrySeconds: {
              default: 10,
              description: 'The first such pause; each next one is twice as long.',
              type: 'integer',
              minimum: 1,
              maximum: 3600,
            },
            preferredMembers: {
              default: [],
              'x-kubernetes-list-type': 'atomic',
              description: 'Who is preferred, first to last.',
              maxItems: 100,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 128 },
            },
            preferredZones: {
              default: [],
              'x-kubernetes-list-type': 'atomic',
              description: 'Then by zone; then whoever joined first. A sitting leader stays.',
              maxItems: 100,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 128 },
            },
          },
        },
        kv: {
          default: {},
          type: 'object',
          properties: {
            historyRevisions: {
              default: 10000,
              description: 'Revisions that a watch can resume from, at the least.',
              type: 'integer',
              minimum: 100,
              maximum: 1000000,
            },
            historyBytes: {
              default: 67108864,
              description: 'Bytes of that history; beyond them it is shorter.',
              type: 'integer',
              minimum: 1048576,
              maximum: 1073741824,
            },
            liveBytes: {
              default: 268435456,
              description: 'Bytes of the keys and values there are; a write beyond them is refused.',
              type: 'integer',
              minimum: 1048576,
              maximum: 2147483648,
            },
          },
        },
        discovery: {
          default: {},
          type: 'object',
          properties: {
            backend: {
              default: 'builtIn',
              description:
                'Which registry the services are in: the cluster itself, the list below, an etcd or a Consul.',
              type: 'string',
              enum: ['builtIn', 'static', 'etcd', 'consul'],
            },
            instances: {
              default: [],
              'x-kubernetes-list-type': 'atomic',
              description: 'What `static` has: always there, and healthy.',
              maxItems: 1000,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  id: { type: 'string', minLength: 1, maxLength: 128 },
                  service: { type: 'string', minLength: 1, maxLength: 128 },
                  address: { type: 'string', minLength: 1, maxLength: 253 },
                  port: { type: 'integer', minimum: 1, maximum: 65535 },
                  metadata: { default: {}, type: 'object', additionalProperties: { type: 'string', maxLength: 512 } },
                },
                required: ['id', 'service', 'address', 'port'],
              },
            },
            etcd: {
              type: 'object',
              properties: {
                endpoints: {
                  minItems: 1,
                  maxItems: 16,
                  type: 'array',
                  items: { type: 'string', minLength: 1, maxLength: 1024 },
                  'x-kubernetes-list-type': 'atomic',
                  description: 'Addresses of the members, tried in turn.',
                },
                prefix: {
                  description: 'Begins every key; ends in a slash.',
                  type: 'string',
                  minLength: 1,
                  maxLength: 256,
                },
              },
              required: ['endpoints'],
            },
            consul: {
              type: 'object',
              properties: {
                address: { type: 'string', minLength: 1, maxLength: 1024, description: 'Of the one agent.' },
              },
              required: ['address'],
            },
          },
        },
        locationHint: {
          description: 'Where the cluster is made, when first used; it never moves. Otherwise near who asks first.',
          type: 'string',
          enum: ['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'apac-ne', 'apac-se', 'oc', 'afr', 'me'],
        },
        jurisdiction: {
          description: 'Which the data of the cluster never leave. It does not change.',
          type: 'string',
          enum: ['eu', 'fedramp', 'fedramp-high', 'us'],
        },
      },
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
      },
    },
  },
};
