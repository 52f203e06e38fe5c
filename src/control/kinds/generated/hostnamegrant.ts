// Written by scripts/build-kinds.ts from ../hostnamegrant.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const hostnamegrantSchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        hostname: {
          type: 'string',
          minLength: 1,
          maxLength: 253,
          pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
          description: 'a.example.com, or *.example.com for everything below.',
        },
        namespace: {
          type: 'string',
          minLength: 1,
          maxLength: 63,
          pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
          description: 'Whose it is; the namespace need not exist yet.',
        },
      },
      required: ['hostname', 'namespace'],
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
