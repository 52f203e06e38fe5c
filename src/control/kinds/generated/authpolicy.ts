// Written by scripts/build-kinds.ts from ../authpolicy.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const authpolicySchema: StructuralSchema = {
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
        realm: {
          default: 'api',
          description: 'What is protected, as `WWW-Authenticate` names it.',
          type: 'string',
          minLength: 1,
          maxLength: 64,
          pattern: '^[A-Za-z0-9 ._-]+$',
        },
        anonymous: {
          default: false,
          description:
            'Lets requests without credentials through, as nobody; rules decide. Wrong credentials never pass.',
          type: 'boolean',
        },
        apiKey: {
          type: 'object',
          properties: {
            from: {
              description: 'Where a key is looked for, first to last; header X-API-Key where it is not said.',
              minItems: 1,
              maxItems: 8,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  type: { type: 'string', enum: ['Header', 'Query', 'Cookie'] },
                  name: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 256,
                    pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                  },
                  prefix: {
                    description: 'What stands before it in the header: `Bearer `.',
                    type: 'string',
                    maxLength: 32,
                  },
                },
                required: ['type', 'name'],
              },
              'x-kubernetes-list-type': 'atomic',
            },
            secrets: {
              default: [],
              maxItems: 16,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  name: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 253,
                    description: 'Of a Secret in the namespace of the policy.',
                  },
                  tenant: {
                    description: 'Whose keys they are, for rules and limits.',
                    type: 'string',
                    minLength: 1,
                    maxLength: 128,
                  },
                },
                required: ['name'],
              },
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              description: 'Each entry of these Secrets is a key: its name is the user, its value the key.',
            },
            platformKeys: {
              description: "Lets in the platform's own keys, those of the namespace and those of all.",
              type: 'object',
              properties: {
                roles: {
                  default: ['admin', 'agent', 'ingester', 'reader'],
                  'x-kubernetes-list-type': 'set',
                  minItems: 1,
                  maxItems: 4,
                  type: 'array',
                  items: { type: 'string', enum: ['admin', 'agent', 'ingester', 'reader'] },
                },
              },
            },
            forward: { default: false, description: 'Whether the upstream sees the key.', type: 'boolean' },
          },
        },
        jwt: {
          type: 'object',
          properties: {
            from: {
              description: 'Where a token is looked for; `Authorization: Bearer` where it is not said.',
              minItems: 1,
              maxItems: 8,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  type: { type: 'string', enum: ['Header', 'Query', 'Cookie'] },
                  name: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 256,
                    pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                  },
                  prefix: {
                    description: 'What stands before it in the header: `Bearer `.',
                    type: 'string',
                    maxLength: 32,
                  },
                },
                required: ['type', 'name'],
              },
              'x-kubernetes-list-type': 'atomic',
            },
            providers: {
              minItems: 1,
              maxItems: 8,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  name: { type: 'string', minLength: 1, maxLength: 63 },
                  issuer: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 1024,
                    description: 'Of claim `iss`, to the letter.',
                  },
                  audiences: {
                    default: [],
                    'x-kubernetes-list-type': 'set',
                    description:
                      'One of them must be in claim `aud`; any token of the issuer will do where there are none.',
                    maxItems: 32,
                    type: 'array',
                    items: { type: 'string', minLength: 1, maxLength: 1024 },
                  },
                  algorithms: {
                    'x-kubernetes-list-type': 'set',
                    description:
                      'What tokens may be signed with: those of public keys, or HS256 for a secret, where it is not said.',
                    maxItems: 13,
                    type: 'array',
                    items: {
                      type: 'string',
                      enum: [
                        'RS256',
                        'RS384',
                        'RS512',
                        'PS256',
                        'PS384',
                        'PS512',
                        'ES256',
                        'ES384',
                        'ES512',
                        'EdDSA',
                        'HS256',
                        'HS384',
                        'HS512',
                      ],
                    },
                  },
                  keys: {
                    type: 'object',
                    properties: {
                      url: { description: 'A JSON Web Key Set.', type: 'string', maxLength: 1024 },
                      discovery: { description: 'OpenID Connect discovery at the issuer.', type: 'boolean' },
                      inline: {
                        description: 'A JSON Web Key Set of public keys as a text of JSON: a string, not an object.',
                        type: 'string',
                        maxLength: 65536,
                      },
                      secretRef: {
                        description: 'An entry of a Secret: what HS256 and its like are made with, at least 32 bytes.',
                        type: 'object',
                        properties: {
                          name: { type: 'string', minLength: 1, maxLength: 253 },
                          key: { default: 'secret', type: 'string', minLength: 1, maxLength: 253 },
                        },
                        required: ['name'],
                      },
                    },
                    description: 'Exactly one of them.',
                  },
                  clockSkewSeconds: {
                    default: 30,
                    description: "How far the issuer's clock may be off.",
                    type: 'integer',
                    minimum: 0,
                    maximum: 300,
                  },
                  maxAgeSeconds: {
                    description: 'From `iat`; a token without it is refused.',
                    type: 'integer',
                    minimum: 1,
                    maximum: 31536000,
                  },
                  type: {
                    description: 'The header `typ` that is asked for: `at+jwt`.',
                    type: 'string',
                    minLength: 1,
                    maxLength: 64,
                  },
                  userClaim: {
                    default: 'sub',
                    description: 'A path with dots.',
                    type: 'string',
                    minLength: 1,
                    maxLength: 256,
                  },
                  tenantClaim: { type: 'string', minLength: 1, maxLength: 256 },
                  claimsToHeaders: {
                    default: [],
                    description: 'What a client sends under these names never arrives.',
                    maxItems: 32,
                    type: 'array',
                    items: {
                      type: 'object',
                      properties: {
                        claim: { type: 'string', minLength: 1, maxLength: 256, description: 'A path with dots.' },
                        header: {
                          type: 'string',
                          minLength: 1,
                          maxLength: 256,
                          pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$",
                        },
                      },
                      required: ['claim', 'header'],
                    },
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['header'],
                  },
                },
                required: ['name', 'issuer', 'keys'],
              },
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
            },
            forward: { default: true, description: 'Whether the upstream sees the token.', type: 'boolean' },
          },
          required: ['providers'],
        },
        hmac: {
          type: 'object',
          properties: {
            secrets: {
              minItems: 1,
              maxItems: 16,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  name: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 253,
                    description: 'Of a Secret in the namespace of the policy.',
                  },
                  tenant: {
                    description: 'Whose keys they are, for rules and limits.',
                    type: 'string',
                    minLength: 1,
                    maxLength: 128,
                  },
                },
                required: ['name'],
              },
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              description: 'Each entry of these Secrets is a key: its name is the `keyid`, its value the secret.',
            },
            components: {
              default: [],
              'x-kubernetes-list-type': 'set',
              description: 'What must be signed besides method, target, and the digest of the body.',
              maxItems: 32,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 128, pattern: '^(@[a-z-]+|[a-z0-9!#$%&*+.^_|~-]+)$' },
            },
            maxAgeSeconds: {
              default: 300,
              description: 'How long after its making a signature is good.',
              type: 'integer',
              minimum: 1,
              maximum: 3600,
            },
            clockSkewSeconds: { default: 30, type: 'integer', minimum: 0, maximum: 300 },
            maxBodyBytes: {
              default: 65536,
              description: 'A longer body is refused: it is read whole.',
              type: 'integer',
              minimum: 0,
              maximum: 1048576,
            },
            forward: { default: false, description: 'Whether the upstream sees the signature.', type: 'boolean' },
          },
          required: ['secrets'],
        },
        mtls: {
          description: 'A client certificate that Cloudflare has verified, and one of each list that has any.',
          type: 'object',
          properties: {
            fingerprintsSha256: {
              default: [],
              'x-kubernetes-list-type': 'set',
              description: 'In hex, with or without colons.',
              maxItems: 256,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 1024 },
            },
            subjects: {
              default: [],
              'x-kubernetes-list-type': 'set',
              description: 'Distinguished names as RFC 2253 writes them.',
              maxItems: 256,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 1024 },
            },
            issuers: {
              default: [],
              'x-kubernetes-list-type': 'set',
              description: 'Distinguished names as RFC 2253 writes them.',
              maxItems: 64,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 1024 },
            },
            subjectAltNames: {
              default: [],
              'x-kubernetes-list-type': 'set',
              description: '`DNS:a.example.com`, `URI:spiffe://…`, `email:…`.',
              maxItems: 256,
              type: 'array',
              items: { type: 'string', minLength: 1, maxLength: 1024 },
            },
          },
        },
        identityHeaders: {
          default: [],
          description: 'Headers that tell the upstream who calls; what a client sends under these names never arrives.',
          maxItems: 8,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: { type: 'string', minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" },
              value: {
                type: 'string',
                enum: ['user', 'tenant', 'id', 'method'],
                description: 'What of the caller the header says.',
              },
            },
            required: ['name', 'value'],
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
        },
        authorization: {
          description: 'What a caller may do.',
          type: 'object',
          properties: {
            rules: {
              minItems: 1,
              maxItems: 64,
              type: 'array',
              items: {
                type: 'object',
                properties: {
                  name: { default: '', description: 'For logs and refusals.', type: 'string', maxLength: 63 },
                  action: { type: 'string', enum: ['Allow', 'Deny'] },
                  expression: {
                    type: 'string',
                    minLength: 1,
                    maxLength: 4096,
                    description: 'CEL that is true or false.',
                  },
                },
                required: ['action', 'expression'],
              },
              'x-kubernetes-list-type': 'atomic',
            },
            otherwise: {
              default: 'Deny',
              description: 'Where no rule says anything. A Deny that holds or fails goes before every Allow.',
              type: 'string',
              enum: ['Allow', 'Deny'],
            },
          },
          required: ['rules'],
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
