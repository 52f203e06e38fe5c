// Written by scripts/build-kinds.ts from ../httproute.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const httprouteSchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        parentRefs: {
          description: 'The Gateways it attaches to.',
          maxItems: 32,
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
                default: 'Gateway',
                type: 'string',
                minLength: 1,
                maxLength: 63,
                pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$',
              },
              namespace: { type: 'string', minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
              name: { type: 'string', minLength: 1, maxLength: 253 },
              sectionName: {
                description: 'The listener; all of them where it is not said.',
                type: 'string',
                minLength: 1,
                maxLength: 253,
                pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
              },
              port: {
                description: 'Listeners of this port only.',
                type: 'integer',
                minimum: 1,
                maximum: 65535,
                format: 'int32',
              },
            },
            required: ['name'],
          },
          'x-kubernetes-list-type': 'atomic',
        },
        useDefaultGateways: {
          description: 'Attaches to Gateways that ask for it.',
          type: 'string',
          enum: ['All', 'None'],
        },
        hostnames: {
          description: "For which hosts; the listener's where none is said. Each belongs to one namespace.",
          maxItems: 16,
          type: 'array',
          items: {
            type: 'string',
            minLength: 1,
            maxLength: 253,
            pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
          },
          'x-kubernetes-list-type': 'atomic',
        },
        rules: {
          default: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }],
          minItems: 1,
          maxItems: 16,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: {
                description: 'By which policies attach to it.',
                type: 'string',
                minLength: 1,
                maxLength: 253,
                pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
              },
              matches: {
                default: [{ path: { type: 'PathPrefix', value: '/' } }],
                description: 'One of these has to match; all of its members.',
                maxItems: 64,
                type: 'array',
                items: {
                  type: 'object',
                  properties: {
                    path: {
                      default: { type: 'PathPrefix', value: '/' },
                      description:
                        'A prefix ends where a segment of the path does; a regular expression matches the whole path.',
                      type: 'object',
                      properties: {
                        type: {
                          default: 'PathPrefix',
                          type: 'string',
                          enum: ['Exact', 'PathPrefix', 'RegularExpression'],
                        },
                        value: { default: '/', type: 'string', maxLength: 1024 },
                      },
                    },
                    headers: {
                      maxItems: 16,
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
                          type: { default: 'Exact', type: 'string', enum: ['Exact', 'RegularExpression'] },
                          value: { type: 'string', minLength: 1, maxLength: 4096, pattern: '^[!-~]+([\\t ]?[!-~]+)*$' },
                        },
                        required: ['name', 'value'],
                      },
                      'x-kubernetes-list-type': 'map',
                      'x-kubernetes-list-map-keys': ['name'],
                    },
                    queryParams: {
                      maxItems: 16,
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
                          type: { default: 'Exact', type: 'string', enum: ['Exact', 'RegularExpression'] },
                          value: { type: 'string', minLength: 1, maxLength: 1024 },
                        },
                        required: ['name', 'value'],
                      },
                      'x-kubernetes-list-type': 'map',
                      'x-kubernetes-list-map-keys': ['name'],
                    },
                    method: {
                      type: 'string',
                      enum: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
                    },
                  },
                },
                'x-kubernetes-list-type': 'atomic',
              },
              filters: {
                maxItems: 16,
                type: 'array',
                items: {
                  type: 'object',
                  properties: {
                    type: {
                      type: 'string',
                      enum: [
                        'RequestHeaderModifier',
                        'ResponseHeaderModifier',
                        'RequestMirror',
                        'RequestRedirect',
                        'URLRewrite',
                        'ExtensionRef',
                        'CORS',
                        'ExternalAuth',
                      ],
                    },
                    requestHeaderModifier: {
                      description: 'Changes headers of the request, before it is sent on.',
                      type: 'object',
                      properties: {
                        set: {
                          description: 'These have this value and no other.',
                          maxItems: 16,
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
                              value: {
                                type: 'string',
                                minLength: 1,
                                maxLength: 4096,
                                pattern: '^[!-~]+([\\t ]?[!-~]+)*$',
                              },
                            },
                            required: ['name', 'value'],
                          },
                          'x-kubernetes-list-type': 'map',
                          'x-kubernetes-list-map-keys': ['name'],
                        },
                        add: {
                          description: 'These have this value beside those they have.',
                          maxItems: 16,
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
                              value: {
                                type: 'string',
                                minLength: 1,
                                maxLength: 4096,
                                pattern: '^[!-~]+([\\t ]?[!-~]+)*$',
                              },
                            },
                            required: ['name', 'value'],
                          },
                          'x-kubernetes-list-type': 'map',
                          'x-kubernetes-list-map-keys': ['name'],
                        },
                        remove: {
                          maxItems: 16,
                          type: 'array',
                          items: { type: 'string' },
                          'x-kubernetes-list-type': 'set',
                        },
                      },
                    },
                    responseHeaderModifier: {
                      description: 'Changes headers of the answer.',
                      type: 'object',
                      properties: {
                        set: {
                          description: 'These have this value and no other.',
                          maxItems: 16,
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
                              value: {
                                type: 'string',
                                minLength: 1,
                                maxLength: 4096,
                                pattern: '^[!-~]+([\\t ]?[!-~]+)*$',
                              },
                            },
                            required: ['name', 'value'],
                          },
                          'x-kubernetes-list-type': 'map',
                          'x-kubernetes-list-map-keys': ['name'],
                        },
                        add: {
                          description: 'These have this value beside those they have.',
                          maxItems: 16,
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
                              value: {
                                type: 'string',
                                minLength: 1,
                                maxLength: 4096,
                                pattern: '^[!-~]+([\\t ]?[!-~]+)*$',
                              },
                            },
                            required: ['name', 'value'],
                          },
                          'x-kubernetes-list-type': 'map',
                          'x-kubernetes-list-map-keys': ['name'],
                        },
                        remove: {
                          maxItems: 16,
                          type: 'array',
                          items: { type: 'string' },
                          'x-kubernetes-list-type': 'set',
                        },
                      },
                    },
                    requestMirror: {
                      description: 'Sends a copy of the request somewhere else and forgets the answer.',
                      type: 'object',
                      properties: {
                        backendRef: {
                          type: 'object',
                          properties: {
                            group: {
                              default: '',
                              type: 'string',
                              maxLength: 253,
                              pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                            },
                            kind: {
                              default: 'Service',
                              description: 'Upstream of group orasi.io, or Service: the Upstream of that name.',
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
                            port: {
                              description: 'Has to be there for a Service; an Upstream has its own.',
                              type: 'integer',
                              minimum: 1,
                              maximum: 65535,
                              format: 'int32',
                            },
                          },
                          required: ['name'],
                        },
                        percent: {
                          description: 'Of the requests; all where neither is said.',
                          type: 'integer',
                          minimum: 0,
                          maximum: 100,
                          format: 'int32',
                        },
                        fraction: {
                          type: 'object',
                          properties: {
                            numerator: { type: 'integer', minimum: 0, format: 'int32' },
                            denominator: { default: 100, type: 'integer', minimum: 1, format: 'int32' },
                          },
                          required: ['numerator'],
                        },
                      },
                      required: ['backendRef'],
                    },
                    requestRedirect: {
                      description: 'Answers with another address; what is not said stays as the request has it.',
                      type: 'object',
                      properties: {
                        scheme: { type: 'string', enum: ['http', 'https'] },
                        hostname: {
                          type: 'string',
                          minLength: 1,
                          maxLength: 253,
                          pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                        },
                        path: {
                          type: 'object',
                          properties: {
                            type: { type: 'string', enum: ['ReplaceFullPath', 'ReplacePrefixMatch'] },
                            replaceFullPath: { type: 'string', maxLength: 1024 },
                            replacePrefixMatch: {
                              description: 'In place of the prefix that the rule matched.',
                              type: 'string',
                              maxLength: 1024,
                            },
                          },
                          required: ['type'],
                        },
                        port: { type: 'integer', minimum: 1, maximum: 65535, format: 'int32' },
                        statusCode: { default: 302, type: 'integer', enum: [301, 302, 303, 307, 308] },
                      },
                    },
                    urlRewrite: {
                      description: 'Changes the address that the request is sent on to.',
                      type: 'object',
                      properties: {
                        hostname: {
                          type: 'string',
                          minLength: 1,
                          maxLength: 253,
                          pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                        },
                        path: {
                          type: 'object',
                          properties: {
                            type: { type: 'string', enum: ['ReplaceFullPath', 'ReplacePrefixMatch'] },
                            replaceFullPath: { type: 'string', maxLength: 1024 },
                            replacePrefixMatch: {
                              description: 'In place of the prefix that the rule matched.',
                              type: 'string',
                              maxLength: 1024,
                            },
                          },
                          required: ['type'],
                        },
                      },
                    },
                    cors: {
                      description: 'Answers preflights, and says in answers which origins may read them.',
                      type: 'object',
                      properties: {
                        allowOrigins: {
                          maxItems: 64,
                          type: 'array',
                          items: {
                            type: 'string',
                            minLength: 1,
                            maxLength: 253,
                            pattern:
                              '(^\\*$)|(^(http(s)?):\\/\\/(((\\*\\.)?([a-zA-Z0-9\\-]+\\.)*[a-zA-Z0-9-]+|\\*)(:([0-9]{1,5}))?)$)',
                          },
                          'x-kubernetes-list-type': 'set',
                        },
                        allowCredentials: { type: 'boolean' },
                        allowMethods: {
                          maxItems: 9,
                          type: 'array',
                          items: {
                            type: 'string',
                            enum: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', '*'],
                          },
                          'x-kubernetes-list-type': 'set',
                        },
                        allowHeaders: {
                          maxItems: 64,
                          type: 'array',
                          items: {
                            type: 'string',
                            minLength: 1,
                            maxLength: 256,
                            pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                          },
                          'x-kubernetes-list-type': 'set',
                        },
                        exposeHeaders: {
                          maxItems: 64,
                          type: 'array',
                          items: {
                            type: 'string',
                            minLength: 1,
                            maxLength: 256,
                            pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                          },
                          'x-kubernetes-list-type': 'set',
                        },
                        maxAge: {
                          default: 5,
                          description: 'Seconds for which a preflight may be remembered.',
                          type: 'integer',
                          minimum: 1,
                          format: 'int32',
                        },
                      },
                    },
                    externalAuth: {
                      description: 'Not built: a rule with it answers 500.',
                      type: 'object',
                      properties: {
                        protocol: { type: 'string', enum: ['HTTP', 'GRPC'] },
                        backendRef: {
                          type: 'object',
                          properties: {
                            group: {
                              default: '',
                              type: 'string',
                              maxLength: 253,
                              pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                            },
                            kind: {
                              default: 'Service',
                              description: 'Upstream of group orasi.io, or Service: the Upstream of that name.',
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
                            port: {
                              description: 'Has to be there for a Service; an Upstream has its own.',
                              type: 'integer',
                              minimum: 1,
                              maximum: 65535,
                              format: 'int32',
                            },
                          },
                          required: ['name'],
                        },
                        grpc: {
                          type: 'object',
                          properties: {
                            allowedHeaders: {
                              maxItems: 64,
                              type: 'array',
                              items: { type: 'string' },
                              'x-kubernetes-list-type': 'set',
                            },
                          },
                        },
                        http: {
                          type: 'object',
                          properties: {
                            path: {
                              type: 'string',
                              maxLength: 1024,
                              pattern: "^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$",
                            },
                            allowedHeaders: {
                              maxItems: 64,
                              type: 'array',
                              items: { type: 'string' },
                              'x-kubernetes-list-type': 'set',
                            },
                            allowedResponseHeaders: {
                              maxItems: 64,
                              type: 'array',
                              items: { type: 'string' },
                              'x-kubernetes-list-type': 'set',
                            },
                          },
                        },
                        forwardBody: { type: 'object', properties: { maxSize: { type: 'integer' } } },
                      },
                      required: ['protocol', 'backendRef'],
                    },
                    extensionRef: {
                      description: 'No kind of ours is a filter: policies attach.',
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
                      },
                      required: ['group', 'kind', 'name'],
                    },
                  },
                  required: ['type'],
                },
                'x-kubernetes-list-type': 'atomic',
              },
              backendRefs: {
                description: 'Where requests go. Without one, and without a redirect, they are answered 500.',
                maxItems: 16,
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
                      default: 'Service',
                      description: 'Upstream of group orasi.io, or Service: the Upstream of that name.',
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
                    port: {
                      description: 'Has to be there for a Service; an Upstream has its own.',
                      type: 'integer',
                      minimum: 1,
                      maximum: 65535,
                      format: 'int32',
                    },
                    weight: {
                      default: 1,
                      description: 'Its share of the requests, of the sum of all.',
                      type: 'integer',
                      minimum: 0,
                      maximum: 1000000,
                      format: 'int32',
                    },
                    filters: {
                      maxItems: 16,
                      type: 'array',
                      items: {
                        type: 'object',
                        properties: {
                          type: {
                            type: 'string',
                            enum: [
                              'RequestHeaderModifier',
                              'ResponseHeaderModifier',
                              'RequestMirror',
                              'RequestRedirect',
                              'URLRewrite',
                              'ExtensionRef',
                              'CORS',
                              'ExternalAuth',
                            ],
                          },
                          requestHeaderModifier: {
                            description: 'Changes headers of the request, before it is sent on.',
                            type: 'object',
                            properties: {
                              set: {
                                description: 'These have this value and no other.',
                                maxItems: 16,
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
                                    value: {
                                      type: 'string',
                                      minLength: 1,
                                      maxLength: 4096,
                                      pattern: '^[!-~]+([\\t ]?[!-~]+)*$',
                                    },
                                  },
                                  required: ['name', 'value'],
                                },
                                'x-kubernetes-list-type': 'map',
                                'x-kubernetes-list-map-keys': ['name'],
                              },
                              add: {
                                description: 'These have this value beside those they have.',
                                maxItems: 16,
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
                                    value: {
                                      type: 'string',
                                      minLength: 1,
                                      maxLength: 4096,
                                      pattern: '^[!-~]+([\\t ]?[!-~]+)*$',
                                    },
                                  },
                                  required: ['name', 'value'],
                                },
                                'x-kubernetes-list-type': 'map',
                                'x-kubernetes-list-map-keys': ['name'],
                              },
                              remove: {
                                maxItems: 16,
                                type: 'array',
                                items: { type: 'string' },
                                'x-kubernetes-list-type': 'set',
                              },
                            },
                          },
                          responseHeaderModifier: {
                            description: 'Changes headers of the answer.',
                            type: 'object',
                            properties: {
                              set: {
                                description: 'These have this value and no other.',
                                maxItems: 16,
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
                                    value: {
                                      type: 'string',
                                      minLength: 1,
                                      maxLength: 4096,
                                      pattern: '^[!-~]+([\\t ]?[!-~]+)*$',
                                    },
                                  },
                                  required: ['name', 'value'],
                                },
                                'x-kubernetes-list-type': 'map',
                                'x-kubernetes-list-map-keys': ['name'],
                              },
                              add: {
                                description: 'These have this value beside those they have.',
                                maxItems: 16,
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
                                    value: {
                                      type: 'string',
                                      minLength: 1,
                                      maxLength: 4096,
                                      pattern: '^[!-~]+([\\t ]?[!-~]+)*$',
                                    },
                                  },
                                  required: ['name', 'value'],
                                },
                                'x-kubernetes-list-type': 'map',
                                'x-kubernetes-list-map-keys': ['name'],
                              },
                              remove: {
                                maxItems: 16,
                                type: 'array',
                                items: { type: 'string' },
                                'x-kubernetes-list-type': 'set',
                              },
                            },
                          },
                          requestMirror: {
                            description: 'Sends a copy of the request somewhere else and forgets the answer.',
                            type: 'object',
                            properties: {
                              backendRef: {
                                type: 'object',
                                properties: {
                                  group: {
                                    default: '',
                                    type: 'string',
                                    maxLength: 253,
                                    pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                                  },
                                  kind: {
                                    default: 'Service',
                                    description: 'Upstream of group orasi.io, or Service: the Upstream of that name.',
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
                                  port: {
                                    description: 'Has to be there for a Service; an Upstream has its own.',
                                    type: 'integer',
                                    minimum: 1,
                                    maximum: 65535,
                                    format: 'int32',
                                  },
                                },
                                required: ['name'],
                              },
                              percent: {
                                description: 'Of the requests; all where neither is said.',
                                type: 'integer',
                                minimum: 0,
                                maximum: 100,
                                format: 'int32',
                              },
                              fraction: {
                                type: 'object',
                                properties: {
                                  numerator: { type: 'integer', minimum: 0, format: 'int32' },
                                  denominator: { default: 100, type: 'integer', minimum: 1, format: 'int32' },
                                },
                                required: ['numerator'],
                              },
                            },
                            required: ['backendRef'],
                          },
                          requestRedirect: {
                            description: 'Answers with another address; what is not said stays as the request has it.',
                            type: 'object',
                            properties: {
                              scheme: { type: 'string', enum: ['http', 'https'] },
                              hostname: {
                                type: 'string',
                                minLength: 1,
                                maxLength: 253,
                                pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                              },
                              path: {
                                type: 'object',
                                properties: {
                                  type: { type: 'string', enum: ['ReplaceFullPath', 'ReplacePrefixMatch'] },
                                  replaceFullPath: { type: 'string', maxLength: 1024 },
                                  replacePrefixMatch: {
                                    description: 'In place of the prefix that the rule matched.',
                                    type: 'string',
                                    maxLength: 1024,
                                  },
                                },
                                required: ['type'],
                              },
                              port: { type: 'integer', minimum: 1, maximum: 65535, format: 'int32' },
                              statusCode: { default: 302, type: 'integer', enum: [301, 302, 303, 307, 308] },
                            },
                          },
                          urlRewrite: {
                            description: 'Changes the address that the request is sent on to.',
                            type: 'object',
                            properties: {
                              hostname: {
                                type: 'string',
                                minLength: 1,
                                maxLength: 253,
                                pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                              },
                              path: {
                                type: 'object',
                                properties: {
                                  type: { type: 'string', enum: ['ReplaceFullPath', 'ReplacePrefixMatch'] },
                                  replaceFullPath: { type: 'string', maxLength: 1024 },
                                  replacePrefixMatch: {
                                    description: 'In place of the prefix that the rule matched.',
                                    type: 'string',
                                    maxLength: 1024,
                                  },
                                },
                                required: ['type'],
                              },
                            },
                          },
                          cors: {
                            description: 'Answers preflights, and says in answers which origins may read them.',
                            type: 'object',
                            properties: {
                              allowOrigins: {
                                maxItems: 64,
                                type: 'array',
                                items: {
                                  type: 'string',
                                  minLength: 1,
                                  maxLength: 253,
                                  pattern:
                                    '(^\\*$)|(^(http(s)?):\\/\\/(((\\*\\.)?([a-zA-Z0-9\\-]+\\.)*[a-zA-Z0-9-]+|\\*)(:([0-9]{1,5}))?)$)',
                                },
                                'x-kubernetes-list-type': 'set',
                              },
                              allowCredentials: { type: 'boolean' },
                              allowMethods: {
                                maxItems: 9,
                                type: 'array',
                                items: {
                                  type: 'string',
                                  enum: [
                                    'GET',
                                    'HEAD',
                                    'POST',
                                    'PUT',
                                    'DELETE',
                                    'CONNECT',
                                    'OPTIONS',
                                    'TRACE',
                                    'PATCH',
                                    '*',
                                  ],
                                },
                                'x-kubernetes-list-type': 'set',
                              },
                              allowHeaders: {
                                maxItems: 64,
                                type: 'array',
                                items: {
                                  type: 'string',
                                  minLength: 1,
                                  maxLength: 256,
                                  pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                                },
                                'x-kubernetes-list-type': 'set',
                              },
                              exposeHeaders: {
                                maxItems: 64,
                                type: 'array',
                                items: {
                                  type: 'string',
                                  minLength: 1,
                                  maxLength: 256,
                                  pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                                },
                                'x-kubernetes-list-type': 'set',
                              },
                              maxAge: {
                                default: 5,
                                description: 'Seconds for which a preflight may be remembered.',
                                type: 'integer',
                                minimum: 1,
                                format: 'int32',
                              },
                            },
                          },
                          externalAuth: {
                            description: 'Not built: a rule with it answers 500.',
                            type: 'object',
                            properties: {
                              protocol: { type: 'string', enum: ['HTTP', 'GRPC'] },
                              backendRef: {
                                type: 'object',
                                properties: {
                                  group: {
                                    default: '',
                                    type: 'string',
                                    maxLength: 253,
                                    pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                                  },
                                  kind: {
                                    default: 'Service',
                                    description: 'Upstream of group orasi.io, or Service: the Upstream of that name.',
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
                                  port: {
                                    description: 'Has to be there for a Service; an Upstream has its own.',
                                    type: 'integer',
                                    minimum: 1,
                                    maximum: 65535,
                                    format: 'int32',
                                  },
                                },
                                required: ['name'],
                              },
                              grpc: {
                                type: 'object',
                                properties: {
                                  allowedHeaders: {
                                    maxItems: 64,
                                    type: 'array',
                                    items: { type: 'string' },
                                    'x-kubernetes-list-type': 'set',
                                  },
                                },
                              },
                              http: {
                                type: 'object',
                                properties: {
                                  path: {
                                    type: 'string',
                                    maxLength: 1024,
                                    pattern: "^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$",
                                  },
                                  allowedHeaders: {
                                    maxItems: 64,
                                    type: 'array',
                                    items: { type: 'string' },
                                    'x-kubernetes-list-type': 'set',
                                  },
                                  allowedResponseHeaders: {
                                    maxItems: 64,
                                    type: 'array',
                                    items: { type: 'string' },
                                    'x-kubernetes-list-type': 'set',
                                  },
                                },
                              },
                              forwardBody: { type: 'object', properties: { maxSize: { type: 'integer' } } },
                            },
                            required: ['protocol', 'backendRef'],
                          },
                          extensionRef: {
                            description: 'No kind of ours is a filter: policies attach.',
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
                            },
                            required: ['group', 'kind', 'name'],
                          },
                        },
                        required: ['type'],
                      },
                      'x-kubernetes-list-type': 'atomic',
                    },
                  },
                  required: ['name'],
                },
                'x-kubernetes-list-type': 'atomic',
              },
              timeouts: {
                type: 'object',
                properties: {
                  request: {
                    description: 'Until the answer begins, retries included; 0s: as long as it takes.',
                    type: 'string',
                    pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
                  },
                  backendRequest: {
                    description: 'Of each try.',
                    type: 'string',
                    pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
                  },
                },
              },
              retry: {
                type: 'object',
                properties: {
                  codes: {
                    description: 'Statuses after which it is tried again.',
                    type: 'array',
                    items: { type: 'integer', minimum: 400, maximum: 599 },
                    'x-kubernetes-list-type': 'atomic',
                  },
                  attempts: { description: 'Tries after the first.', type: 'integer' },
                  backoff: {
                    description: 'The least wait before the first of them.',
                    type: 'string',
                    pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
                  },
                },
              },
              sessionPersistence: {
                type: 'object',
                properties: {
                  sessionName: { description: 'Of the cookie or the header.', type: 'string', maxLength: 128 },
                  type: { default: 'Cookie', type: 'string', enum: ['Cookie', 'Header'] },
                  absoluteTimeout: {
                    description: 'After which a session begins anew.',
                    type: 'string',
                    pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
                  },
                  idleTimeout: {
                    description: 'After which a session that was not used begins anew.',
                    type: 'string',
                    pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
                  },
                  cookieConfig: {
                    type: 'object',
                    properties: {
                      lifetimeType: {
                        default: 'Session',
                        description: 'Whether the cookie goes with the browser, or stays until `absoluteTimeout`.',
                        type: 'string',
                        enum: ['Session', 'Permanent'],
                      },
                    },
                  },
                },
              },
            },
          },
          'x-kubernetes-list-type': 'atomic',
        },
      },
    },
    status: {
      type: 'object',
      properties: {
        parents: {
          maxItems: 32,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              parentRef: {
                type: 'object',
                properties: {
                  group: {
                    default: 'gateway.networking.k8s.io',
                    type: 'string',
                    maxLength: 253,
                    pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                  },
                  kind: {
                    default: 'Gateway',
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
                    description: 'The listener; all of them where it is not said.',
                    type: 'string',
                    minLength: 1,
                    maxLength: 253,
                    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
                  },
                  port: {
                    description: 'Listeners of this port only.',
                    type: 'integer',
                    minimum: 1,
                    maximum: 65535,
                    format: 'int32',
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
                description: 'Who says so.',
              },
              conditions: {
                minItems: 1,
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
            required: ['parentRef', 'controllerName', 'conditions'],
          },
          'x-kubernetes-list-type': 'atomic',
          description: 'One entry for each parent that was found.',
        },
      },
      required: ['parents'],
    },
  },
  required: ['spec'],
};
