// Written by scripts/build-kinds.ts from ../upstream.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const upstreamSchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        endpoints: {
          'x-kubernetes-list-type': 'atomic',
          minItems: 1,
          maxItems: 1000,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              address: {
                type: 'string',
                minLength: 1,
                maxLength: 1024,
                description: 'An origin: `https://10.0.0.1:8443`.',
              },
              weight: {
                default: 1,
                description: 'Its share beside the others; 0 gets nothing.',
                type: 'integer',
                minimum: 0,
                maximum: 1000000,
              },
              zone: { type: 'string', minLength: 1, maxLength: 128 },
              draining: {
                default: false,
                description: 'Gets no new requests but those of sessions that it has.',
                type: 'boolean',
              },
            },
            required: ['address'],
          },
        },
        discovery: {
          description: 'Endpoints are the instances of a service.',
          type: 'object',
          properties: {
            backend: {
              default: 'cluster',
              description: 'A service of a cluster, the members of a cluster, or a service in a registry named here.',
              type: 'string',
              enum: ['cluster', 'members', 'etcd', 'consul'],
            },
            cluster: { default: 'default', type: 'string', minLength: 1, maxLength: 63 },
            service: { description: 'Of all but `members`.', type: 'string', minLength: 1, maxLength: 128 },
            etcd: {
              type: 'object',
              properties: {
                endpoints: {
                  minItems: 1,
                  maxItems: 16,
                  type: 'array',
                  items: { type: 'string', minLength: 1, maxLength: 1024 },
                  'x-kubernetes-list-type': 'atomic',
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
              properties: { address: { type: 'string', minLength: 1, maxLength: 1024 } },
              required: ['address'],
            },
            secretName: {
              description:
                'A Secret of the namespace: its entry `token` for Consul, `username` and `password` for etcd.',
              type: 'string',
              minLength: 1,
              maxLength: 253,
            },
            scheme: {
              default: 'http',
              description: 'Where the instance’s metadata `scheme` does not say.',
              type: 'string',
              enum: ['http', 'https'],
            },
            intervalSeconds: {
              default: 5,
              description: 'How often the registry is asked.',
              type: 'number',
              minimum: 1,
              maximum: 3600,
            },
          },
        },
        serviceBinding: {
          description: 'Another Worker of the account.',
          type: 'object',
          properties: {
            name: {
              type: 'string',
              minLength: 1,
              maxLength: 128,
              description: 'Of a binding that UPSTREAM_BINDINGS names.',
            },
          },
          required: ['name'],
        },
        r2: {
          description: 'Objects of a bucket, to be read.',
          type: 'object',
          properties: {
            bucket: {
              description:
                'A binding that UPSTREAM_BINDINGS names; else the platform’s bucket under `public/{uid of the namespace}/`.',
              type: 'string',
              minLength: 1,
              maxLength: 128,
            },
            prefix: {
              default: '',
              description: 'Stands before the path of a request.',
              type: 'string',
              maxLength: 512,
            },
            indexDocument: {
              default: 'index.html',
              description: 'Read for a path that ends in `/`.',
              type: 'string',
              maxLength: 255,
            },
          },
        },
        loadBalancer: {
          default: {},
          type: 'object',
          properties: {
            strategy: {
              default: 'RoundRobin',
              type: 'string',
              enum: ['RoundRobin', 'LeastConnections', 'WeightedRoundRobin', 'IpHash', 'Random', 'PowerOfTwoChoices'],
            },
            slowStartSeconds: {
              default: 0,
              description: 'An endpoint that is new comes to its share over this time.',
              type: 'number',
              minimum: 0,
              maximum: 86400,
            },
            panicThresholdPercent: {
              default: 50,
              description:
                'Where fewer endpoints than this are available, all are called but those whose breaker is open; 0: never.',
              type: 'number',
              minimum: 0,
              maximum: 100,
            },
            zones: {
              type: 'object',
              properties: {
                own: {
                  description: 'Which zone is the request’s own.',
                  type: 'string',
                  enum: ['colo', 'country', 'continent'],
                },
                preferred: {
                  default: [],
                  'x-kubernetes-list-type': 'atomic',
                  description: 'First to last.',
                  maxItems: 32,
                  type: 'array',
                  items: { type: 'string', minLength: 1, maxLength: 128 },
                },
                minimumAvailablePercent: {
                  default: 50,
                  description: 'A zone is kept to while so many of its endpoints are available.',
                  type: 'number',
                  minimum: 0,
                  maximum: 100,
                },
              },
            },
          },
        },
        healthCheck: {
          description: 'Each endpoint is asked on a schedule. Without it none is.',
          type: 'object',
          properties: {
            path: { default: '/health', type: 'string', minLength: 1, maxLength: 1024 },
            method: { default: 'GET', type: 'string', enum: ['GET', 'HEAD'] },
            host: {
              description: 'Told as X-Forwarded-Host; the platform sends the endpoint’s own Host.',
              type: 'string',
              minLength: 1,
              maxLength: 253,
            },
            intervalSeconds: { default: 10, type: 'number', minimum: 1, maximum: 3600 },
            timeoutSeconds: { default: 5, type: 'number', minimum: 0.1, maximum: 60 },
            unhealthyThreshold: {
              default: 3,
              description: 'Failures in a row.',
              type: 'integer',
              minimum: 1,
              maximum: 100,
            },
            healthyThreshold: {
              default: 2,
              description: 'Successes in a row.',
              type: 'integer',
              minimum: 1,
              maximum: 100,
            },
            expectedStatuses: {
              default: [{ from: 200, to: 299 }],
              'x-kubernetes-list-type': 'atomic',
              minItems: 1,
              maxItems: 16,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  from: { type: 'integer', minimum: 100, maximum: 599 },
                  to: { type: 'integer', minimum: 100, maximum: 599 },
                },
                required: ['from', 'to'],
              },
            },
            expectedBody: {
              description: 'Is to be found in the first 64 KiB of the body.',
              type: 'string',
              minLength: 1,
              maxLength: 1024,
            },
          },
        },
        circuitBreaker: {
          type: 'object',
          properties: {
            failureThreshold: {
              default: 5,
              description: 'Failures in a row that open it; 0: they do not.',
              type: 'integer',
              minimum: 0,
              maximum: 100000,
            },
            errorRatio: {
              description: 'Opens it too where so many of the requests of a window fail.',
              type: 'object',
              properties: {
                percent: { default: 50, type: 'number', minimum: 0, exclusiveMinimum: true, maximum: 100 },
                minimumRequests: { default: 20, type: 'integer', minimum: 1, maximum: 1000000 },
                windowSeconds: { default: 10, type: 'number', minimum: 1, maximum: 600 },
              },
            },
            recoverySeconds: { default: 60, type: 'number', minimum: 0.1, maximum: 86400 },
            halfOpenMaxRequests: {
              default: 3,
              description: 'Requests let through to see whether it may close; all must succeed.',
              type: 'integer',
              minimum: 1,
              maximum: 1000,
            },
            gradualRecoverySeconds: {
              default: 10,
              description: 'After it has closed, the share of requests let through rises over this time.',
              type: 'number',
              minimum: 0,
              maximum: 86400,
            },
            perEndpoint: {
              default: true,
              description: 'Each endpoint has one beside the upstream’s.',
              type: 'boolean',
            },
          },
        },
        outlierDetection: {
          description: 'An endpoint that fails is left out for a while.',
          type: 'object',
          properties: {
            consecutive5xx: {
              default: 5,
              description: '0: they do not count.',
              type: 'integer',
              minimum: 0,
              maximum: 100000,
            },
            consecutiveGatewayErrors: {
              default: 0,
              description: '502, 503, 504, no connection, no answer in time. 0: they do not count.',
              type: 'integer',
              minimum: 0,
              maximum: 100000,
            },
            failurePercentage: {
              type: 'object',
              properties: {
                percent: { default: 85, type: 'number', minimum: 0, exclusiveMinimum: true, maximum: 100 },
                minimumRequests: { default: 50, type: 'integer', minimum: 1, maximum: 1000000 },
                minimumEndpoints: { default: 5, type: 'integer', minimum: 1, maximum: 1000 },
              },
            },
            intervalSeconds: { default: 10, type: 'number', minimum: 1, maximum: 600 },
            baseEjectionSeconds: { default: 30, type: 'number', minimum: 1, maximum: 86400 },
            maxEjectionSeconds: { default: 300, type: 'number', minimum: 1, maximum: 86400 },
            maxEjectionPercent: { default: 10, type: 'number', minimum: 0, maximum: 100 },
          },
        },
        retry: {
          description: 'Where the route says nothing of retries. Without it nothing is repeated.',
          type: 'object',
          properties: {
            attempts: {
              default: 3,
              description: 'Repetitions after the first try.',
              type: 'integer',
              minimum: 1,
              maximum: 10,
            },
            on: {
              default: ['ConnectFailure', 'GatewayError'],
              'x-kubernetes-list-type': 'atomic',
              maxItems: 4,
              type: 'array',
              items: { type: 'string', enum: ['ConnectFailure', 'Timeout', 'GatewayError', '5xx'] },
            },
            statuses: {
              default: [],
              'x-kubernetes-list-type': 'atomic',
              description: 'Beside the conditions.',
              maxItems: 50,
              type: 'array',
              items: { type: 'integer', minimum: 400, maximum: 599 },
            },
            backoffMs: {
              default: 100,
              description: 'The longest first pause; it doubles.',
              type: 'integer',
              minimum: 1,
              maximum: 60000,
            },
            maxBackoffMs: { default: 10000, type: 'integer', minimum: 1, maximum: 60000 },
            budget: {
              default: {},
              type: 'object',
              properties: {
                percent: {
                  default: 20,
                  description: 'Of the requests under way in the isolate.',
                  type: 'number',
                  minimum: 0,
                  maximum: 100,
                },
                minimum: {
                  default: 3,
                  description: 'So many may always be repeated.',
                  type: 'integer',
                  minimum: 0,
                  maximum: 1000,
                },
              },
            },
          },
        },
        timeouts: {
          description: '0: none.',
          default: {},
          type: 'object',
          properties: {
            requestSeconds: {
              default: 30,
              description: 'To the head of the answer, repetitions included.',
              type: 'number',
              minimum: 0,
              maximum: 86400,
            },
            trySeconds: {
              default: 0,
              description: 'Of each try, to the head of its answer.',
              type: 'number',
              minimum: 0,
              maximum: 86400,
            },
            idleSeconds: {
              default: 300,
              description: 'Between two pieces of a body.',
              type: 'number',
              minimum: 0,
              maximum: 86400,
            },
          },
        },
        bulkhead: {
          type: 'object',
          properties: {
            maxInFlight: {
              type: 'integer',
              minimum: 1,
              maximum: 100000,
              description: 'Requests under way at a time, in each isolate.',
            },
            maxQueued: {
              default: 0,
              description: 'Requests that wait for a place.',
              type: 'integer',
              minimum: 0,
              maximum: 10000,
            },
            queueTimeoutMs: {
              default: 1000,
              description: 'The longest such wait.',
              type: 'integer',
              minimum: 1,
              maximum: 60000,
            },
          },
          required: ['maxInFlight'],
        },
        sessionPersistence: {
          description: 'Where the route says nothing of it.',
          type: 'object',
          properties: {
            type: { default: 'Cookie', type: 'string', enum: ['Cookie', 'Header'] },
            sessionName: {
              default: 'orasi-session',
              type: 'string',
              maxLength: 128,
              pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
            },
            absoluteTimeoutSeconds: {
              default: 0,
              description: '0: as long as the client keeps it.',
              type: 'integer',
              minimum: 0,
              maximum: 31622400,
            },
            idleTimeoutSeconds: {
              default: 300,
              description: '0: none.',
              type: 'integer',
              minimum: 0,
              maximum: 31622400,
            },
            cookieLifetime: { default: 'Session', type: 'string', enum: ['Session', 'Permanent'] },
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
  required: ['spec'],
};
