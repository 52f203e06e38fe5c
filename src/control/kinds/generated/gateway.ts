// Written by scripts/build-kinds.ts from ../gateway.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const gatewaySchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        gatewayClassName: {
          type: 'string',
          minLength: 1,
          maxLength: 253,
          description: 'orasi, unless another class names our controller.',
        },
        listeners: {
          minItems: 1,
          maxItems: 64,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: {
                type: 'string',
                minLength: 1,
                maxLength: 253,
                pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                description: 'By which routes attach to it.',
              },
              hostname: {
                description: 'Requests for other hosts are not its; any where it is not said.',
                type: 'string',
                minLength: 1,
                maxLength: 253,
                pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
              },
              port: { type: 'integer', minimum: 1, maximum: 65535, format: 'int32' },
              protocol: {
                type: 'string',
                minLength: 1,
                maxLength: 255,
                pattern:
                  '^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9]+$',
                description: 'HTTP or HTTPS; others are not accepted.',
              },
              tls: {
                type: 'object',
                properties: {
                  mode: { default: 'Terminate', type: 'string', enum: ['Terminate', 'Passthrough'] },
                  certificateRefs: {
                    description: 'Checked here, presented by Cloudflare.',
                    maxItems: 64,
                    type: 'array',
                    items: {
                      type: 'object',
                      properties: {
                        group: {
                          default: '',
                          type: 'string',
                          maxLength: 253,
                          pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                        },
                        kind: {
                          default: 'Secret',
                          type: 'string',
                          minLength: 1,
                          maxLength: 63,
                          pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$',
                        },
                        name: { type: 'string', minLength: 1, maxLength: 253 },
                        namespace: {
                          description: 'Another namespace has to allow it by a ReferenceGrant.',
                          type: 'string',
                          minLength: 1,
                          maxLength: 63,
                          pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
                        },
                      },
                      required: ['name'],
                    },
                    'x-kubernetes-list-type': 'atomic',
                  },
                  options: {
                    type: 'object',
                    additionalProperties: { type: 'string', minLength: 0, maxLength: 4096 },
                    maxProperties: 16,
                  },
                },
              },
              allowedRoutes: {
                default: { namespaces: { from: 'Same' } },
                description: 'Which routes may attach.',
                type: 'object',
                properties: {
                  namespaces: {
                    default: { from: 'Same' },
                    type: 'object',
                    properties: {
                      from: { default: 'Same', type: 'string', enum: ['All', 'Selector', 'Same'] },
                      selector: {
                        type: 'object',
                        properties: {
                          matchLabels: { type: 'object', additionalProperties: { type: 'string' } },
                          matchExpressions: {
                            type: 'array',
                            items: {
                              type: 'object',
                              properties: {
                                key: { type: 'string' },
                                operator: { type: 'string' },
                                values: {
                                  type: 'array',
                                  items: { type: 'string' },
                                  'x-kubernetes-list-type': 'atomic',
                                },
                              },
                              required: ['key', 'operator'],
                            },
                            'x-kubernetes-list-type': 'atomic',
                          },
                        },
                        'x-kubernetes-map-type': 'atomic',
                      },
                    },
                  },
                  kinds: {
                    maxItems: 8,
                    type: 'array',
                    items: {
                      type: 'object',
                      properties: {
                        group: {
                          default: 'gateway.networking.k8s.io',
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
                      },
                      required: ['kind'],
                    },
                    'x-kubernetes-list-type': 'atomic',
                  },
                },
              },
            },
            required: ['name', 'port', 'protocol'],
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
        },
        addresses: {
          description: "Addresses are the platform's: one that is asked for is not given.",
          maxItems: 16,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              type: {
                default: 'IPAddress',
                type: 'string',
                minLength: 1,
                maxLength: 253,
                pattern:
                  "^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$",
              },
              value: { type: 'string', maxLength: 253 },
            },
          },
          'x-kubernetes-list-type': 'atomic',
        },
        infrastructure: {
          type: 'object',
          properties: {
            labels: {
              type: 'object',
              additionalProperties: {
                type: 'string',
                minLength: 0,
                maxLength: 63,
                pattern: '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$',
              },
              maxProperties: 8,
            },
            annotations: {
              type: 'object',
              additionalProperties: { type: 'string', minLength: 0, maxLength: 4096 },
              maxProperties: 8,
            },
            parametersRef: {
              type: 'object',
              properties: {
                group: {
                  type: 'string',
                  maxLength: 253,
                  pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                },
                kind: { type: 'string', minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' },
                name: { type: 'string', minLength: 1, maxLength: 253 },
              },
              required: ['group', 'kind', 'name'],
            },
          },
        },
        allowedListeners: {
          description: 'Whose ListenerSets attach; that kind is not served.',
          type: 'object',
          properties: {
            namespaces: {
              default: { from: 'None' },
              type: 'object',
              properties: {
                from: { default: 'None', type: 'string', enum: ['All', 'Selector', 'Same', 'None'] },
                selector: {
                  type: 'object',
                  properties: {
                    matchLabels: { type: 'object', additionalProperties: { type: 'string' } },
                    matchExpressions: {
                      type: 'array',
                      items: {
                        type: 'object',
                        properties: {
                          key: { type: 'string' },
                          operator: { type: 'string' },
                          values: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'atomic' },
                        },
                        required: ['key', 'operator'],
                      },
                      'x-kubernetes-list-type': 'atomic',
                    },
                  },
                  'x-kubernetes-map-type': 'atomic',
                },
              },
            },
          },
        },
        tls: {
          type: 'object',
          properties: {
            backend: {
              type: 'object',
              properties: {
                clientCertificateRef: {
                  type: 'object',
                  properties: {
                    group: {
                      default: '',
                      type: 'string',
                      maxLength: 253,
                      pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                    },
                    kind: {
                      default: 'Secret',
                      type: 'string',
                      minLength: 1,
                      maxLength: 63,
                      pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$',
                    },
                    name: { type: 'string', minLength: 1, maxLength: 253 },
                    namespace: {
                      description: 'Another namespace has to allow it by a ReferenceGrant.',
                      type: 'string',
                      minLength: 1,
                      maxLength: 63,
                      pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
                    },
                  },
                  required: ['name'],
                },
              },
            },
            frontend: {
              type: 'object',
              properties: {
                default: {
                  type: 'object',
                  properties: {
                    validation: {
                      type: 'object',
                      properties: {
                        caCertificateRefs: {
                          minItems: 1,
                          maxItems: 8,
                          type: 'array',
                          items: {
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
                              name: { type: 'string', minLength: 1, maxLength: 253 },
                              namespace: {
                                type: 'string',
                                minLength: 1,
                                maxLength: 63,
                                pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
                              },
                            },
                            required: ['group', 'kind', 'name'],
                          },
                          'x-kubernetes-list-type': 'atomic',
                        },
                        mode: {
                          default: 'AllowValidOnly',
                          type: 'string',
                          enum: ['AllowValidOnly', 'AllowInsecureFallback'],
                        },
                      },
                      required: ['caCertificateRefs'],
                    },
                  },
                },
                perPort: {
                  maxItems: 64,
                  type: 'array',
                  items: {
                    type: 'object',
                    properties: {
                      port: { type: 'integer', minimum: 1, maximum: 65535, format: 'int32' },
                      tls: {
                        type: 'object',
                        properties: {
                          validation: {
                            type: 'object',
                            properties: {
                              caCertificateRefs: {
                                minItems: 1,
                                maxItems: 8,
                                type: 'array',
                                items: {
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
                                    name: { type: 'string', minLength: 1, maxLength: 253 },
                                    namespace: {
                                      type: 'string',
                                      minLength: 1,
                                      maxLength: 63,
                                      pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
                                    },
                                  },
                                  required: ['group', 'kind', 'name'],
                                },
                                'x-kubernetes-list-type': 'atomic',
                              },
                              mode: {
                                default: 'AllowValidOnly',
                                type: 'string',
                                enum: ['AllowValidOnly', 'AllowInsecureFallback'],
                              },
                            },
                            required: ['caCertificateRefs'],
                          },
                        },
                      },
                    },
                    required: ['port', 'tls'],
                  },
                  'x-kubernetes-list-type': 'map',
                  'x-kubernetes-list-map-keys': ['port'],
                },
              },
              required: ['default'],
            },
          },
        },
        defaultScope: {
          description: 'Whether routes that name no Gateway attach.',
          type: 'string',
          enum: ['All', 'None'],
        },
      },
      required: ['gatewayClassName', 'listeners'],
    },
    status: {
      default: {
        conditions: [
          {
            type: 'Accepted',
            status: 'Unknown',
            reason: 'Pending',
            message: 'Waiting for controller',
            lastTransitionTime: '1970-01-01T00:00:00Z',
          },
          {
            type: 'Programmed',
            status: 'Unknown',
            reason: 'Pending',
            message: 'Waiting for controller',
            lastTransitionTime: '1970-01-01T00:00:00Z',
          },
        ],
      },
      type: 'object',
      properties: {
        addresses: {
          maxItems: 16,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              type: {
                default: 'IPAddress',
                type: 'string',
                minLength: 1,
                maxLength: 253,
                pattern:
                  "^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$",
              },
              value: { type: 'string', minLength: 1, maxLength: 253 },
            },
            required: ['value'],
          },
          'x-kubernetes-list-type': 'atomic',
        },
        conditions: {
          default: [
            {
              type: 'Accepted',
              status: 'Unknown',
              reason: 'Pending',
              message: 'Waiting for controller',
              lastTransitionTime: '1970-01-01T00:00:00Z',
            },
            {
              type: 'Programmed',
              status: 'Unknown',
              reason: 'Pending',
              message: 'Waiting for controller',
              lastTransitionTime: '1970-01-01T00:00:00Z',
            },
          ],
          maxItems: 8,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              type: {
                type: 'string',
                maxLength: 316,
                pattern:
                  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
                description: 'The aspect the condition speaks of, in CamelCase.',
              },
              status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
              observedGeneration: {
                description: 'The generation of the object that the condition speaks of.',
                type: 'integer',
                minimum: 0,
                format: 'int64',
              },
              lastTransitionTime: { type: 'string', format: 'date-time', description: 'When the status last turned.' },
              reason: {
                type: 'string',
                minLength: 1,
                maxLength: 1024,
                pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
                description: 'One word in CamelCase, for machines.',
              },
              message: { type: 'string', maxLength: 32768, description: 'A sentence for people.' },
            },
            required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type'],
          description: 'What is known of the object, an entry an aspect.',
        },
        listeners: {
          maxItems: 64,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: {
                type: 'string',
                minLength: 1,
                maxLength: 253,
                pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
              },
              supportedKinds: {
                maxItems: 8,
                type: 'array',
                items: {
                  type: 'object',
                  properties: {
                    group: {
                      default: 'gateway.networking.k8s.io',
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
                  },
                  required: ['kind'],
                },
                'x-kubernetes-list-type': 'atomic',
              },
              attachedRoutes: { type: 'integer', format: 'int32', description: 'Routes that are accepted here.' },
              conditions: {
                maxItems: 8,
                type: 'array',
                items: {
                  type: 'object',
                  properties: {
                    type: {
                      type: 'string',
                      maxLength: 316,
                      pattern:
                        '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
                      description: 'The aspect the condition speaks of, in CamelCase.',
                    },
                    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
                    observedGeneration: {
                      description: 'The generation of the object that the condition speaks of.',
                      type: 'integer',
                      minimum: 0,
                      format: 'int64',
                    },
                    lastTransitionTime: {
                      type: 'string',
                      format: 'date-time',
                      description: 'When the status last turned.',
                    },
                    reason: {
                      type: 'string',
                      minLength: 1,
                      maxLength: 1024,
                      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
                      description: 'One word in CamelCase, for machines.',
                    },
                    message: { type: 'string', maxLength: 32768, description: 'A sentence for people.' },
                  },
                  required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
                },
                'x-kubernetes-list-type': 'map',
                'x-kubernetes-list-map-keys': ['type'],
                description: 'What is known of the object, an entry an aspect.',
              },
            },
            required: ['name', 'attachedRoutes', 'conditions'],
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
        },
        attachedListenerSets: { type: 'integer', format: 'int32' },
      },
    },
  },
  required: ['spec'],
};
