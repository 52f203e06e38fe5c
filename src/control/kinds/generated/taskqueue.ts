// Written by scripts/build-kinds.ts from ../taskqueue.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const taskqueueSchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      default: {},
      type: 'object',
      properties: {
        shards: {
          default: 1,
          description:
            'Objects that hold the queue. Order holds within each; fewer lose nothing, the old ones are emptied.',
          type: 'integer',
          minimum: 1,
          maximum: 64,
        },
        paused: { default: false, description: 'Gives no tasks out; takes them in.', type: 'boolean' },
        starvationSeconds: {
          default: 300,
          description: 'A task goes before one of the next higher priority that came this much later.',
          type: 'integer',
          minimum: 1,
          maximum: 86400,
        },
        retry: {
          description: 'Where a task does not say.',
          default: {},
          type: 'object',
          properties: {
            maxRetries: {
              default: 3,
              description: 'Attempts after the first.',
              type: 'integer',
              minimum: 0,
              maximum: 100,
            },
            delaySeconds: {
              default: 1,
              description: 'The wait before the first retry; it doubles with each further one.',
              type: 'number',
              minimum: 0.1,
              maximum: 86400,
            },
            maxDelaySeconds: {
              default: 300,
              description: 'The longest such wait.',
              type: 'number',
              minimum: 0.1,
              maximum: 86400,
            },
          },
        },
        leaseSeconds: {
          default: 300,
          description: 'How long an agent may be silent, where neither it nor the task says.',
          type: 'integer',
          minimum: 1,
          maximum: 86400,
        },
        timeoutSeconds: {
          description: 'The longest one attempt may take, whatever its heartbeats say, where the task does not say.',
          type: 'integer',
          minimum: 1,
          maximum: 86400,
        },
        resultRetentionSeconds: {
          default: 86400,
          description: 'How long results are kept where the task does not say; 0 keeps none.',
          type: 'integer',
          minimum: 0,
          maximum: 2592000,
        },
        deadLetterRetentionSeconds: {
          default: 1209600,
          description: 'How long a task that failed for good is kept, to be looked at and redriven.',
          type: 'integer',
          minimum: 0,
          maximum: 7776000,
        },
        dedupeWindowSeconds: {
          default: 3600,
          description: 'How long a dedupe key names its task where the task does not say.',
          type: 'integer',
          minimum: 1,
          maximum: 2592000,
        },
        limits: {
          description: 'How many run at a time, and how many begin in a second.',
          default: {},
          type: 'object',
          properties: {
            queue: {
              description: 'All tasks together.',
              type: 'object',
              properties: {
                concurrency: {
                  description: 'Tasks that run at a time.',
                  type: 'integer',
                  minimum: 1,
                  maximum: 1000000,
                },
                rate: {
                  type: 'object',
                  properties: {
                    perSecond: {
                      type: 'number',
                      minimum: 0.0001,
                      maximum: 1000000,
                      description: 'Tasks that begin in a second, on average.',
                    },
                    burst: {
                      description:
                        'Tasks that may begin at once after a pause; one for each shard where it is not said.',
                      type: 'integer',
                      minimum: 1,
                      maximum: 1000000,
                    },
                  },
                  required: ['perSecond'],
                },
              },
            },
            perType: {
              default: [],
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['type'],
              description: 'Tasks of a type; `*` is each type that is not named.',
              maxItems: 1000,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  type: { type: 'string', minLength: 1, maxLength: 200 },
                  concurrency: {
                    description: 'Tasks that run at a time.',
                    type: 'integer',
                    minimum: 1,
                    maximum: 1000000,
                  },
                  rate: {
                    type: 'object',
                    properties: {
                      perSecond: {
                        type: 'number',
                        minimum: 0.0001,
                        maximum: 1000000,
                        description: 'Tasks that begin in a second, on average.',
                      },
                      burst: {
                        description:
                          'Tasks that may begin at once after a pause; one for each shard where it is not said.',
                        type: 'integer',
                        minimum: 1,
                        maximum: 1000000,
                      },
                    },
                    required: ['perSecond'],
                  },
                },
                required: ['type'],
              },
            },
            perGroup: {
              default: [],
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['group'],
              description: 'Tasks of a group key; `*` is each group that is not named.',
              maxItems: 1000,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  group: { type: 'string', minLength: 1, maxLength: 200 },
                  concurrency: {
                    description: 'Tasks that run at a time.',
                    type: 'integer',
                    minimum: 1,
                    maximum: 1000000,
                  },
                  rate: {
                    type: 'object',
                    properties: {
                      perSecond: {
                        type: 'number',
                        minimum: 0.0001,
                        maximum: 1000000,
                        description: 'Tasks that begin in a second, on average.',
                      },
                      burst: {
                        description:
                          'Tasks that may begin at once after a pause; one for each shard where it is not said.',
                        type: 'integer',
                        minimum: 1,
                        maximum: 1000000,
                      },
                    },
                    required: ['perSecond'],
                  },
                },
                required: ['group'],
              },
            },
          },
        },
        scaling: {
          description: 'How many agents the queue wants; docs/scaling.md.',
          default: {},
          type: 'object',
          properties: {
            minAgents: { default: 0, type: 'integer', minimum: 0, maximum: 100000 },
            maxAgents: { default: 10, type: 'integer', minimum: 0, maximum: 100000 },
            slotsPerAgent: {
              default: 1,
              description: 'Tasks an agent runs at a time.',
              type: 'integer',
              minimum: 1,
              maximum: 10000,
            },
            targetWaitSeconds: {
              default: 60,
              description: 'How soon after it was due a task is to be started.',
              type: 'number',
              minimum: 1,
              maximum: 86400,
            },
            scaleDownWindowSeconds: {
              default: 300,
              description: 'The number falls only to the highest that was wanted within this window. It rises at once.',
              type: 'integer',
              minimum: 0,
              maximum: 86400,
            },
            tolerance: {
              default: 0.1,
              description: 'A change of less than this part of the present number is none.',
              type: 'number',
              minimum: 0,
              maximum: 1,
            },
            webhook: {
              type: 'object',
              properties: {
                url: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 2000,
                  description: 'Gets a POST when the number changes.',
                },
                secretName: {
                  type: 'string',
                  minLength: 1,
                  maxLength: 253,
                  description: 'A Secret of the namespace; its entry `key` signs what is sent.',
                },
              },
              required: ['url', 'secretName'],
            },
          },
        },
        balance: {
          description: 'How connected agents are chosen; docs/life-of-a-task.md.',
          default: {},
          type: 'object',
          properties: {
            strategy: {
              default: 'Hybrid',
              description: 'Each in turn, by unused CPU, the least load, or by what load leaves.',
              type: 'string',
              enum: ['RoundRobin', 'HealthBased', 'LoadBased', 'Hybrid'],
            },
            weights: {
              description: 'How much each part of the load of an agent counts; only their ratios matter.',
              default: {},
              type: 'object',
              properties: {
                cpu: { default: 0.4, type: 'number', minimum: 0, maximum: 1000 },
                memory: { default: 0.3, type: 'number', minimum: 0, maximum: 1000 },
                queue: { default: 0.3, type: 'number', minimum: 0, maximum: 1000 },
              },
            },
            degradedCpuPercent: {
              default: 80,
              description: 'An agent busier than this gets tasks where no other has room.',
              type: 'number',
              minimum: 1,
              maximum: 100,
            },
            sticky: {
              default: true,
              description: 'Tasks of a group go to the same agent while it is there and has room.',
              type: 'boolean',
            },
          },
        },
        groupWeights: {
          default: [],
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['group'],
          description: 'Groups of one priority take turns; one of weight 2 has two tasks where others have one.',
          maxItems: 1000,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              group: {
                type: 'string',
                minLength: 1,
                maxLength: 200,
                description: 'A group key, or `*` for each that is not named.',
              },
              weight: { type: 'integer', minimum: 1, maximum: 100, description: 'Tasks it has in a round.' },
            },
            required: ['group', 'weight'],
          },
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
