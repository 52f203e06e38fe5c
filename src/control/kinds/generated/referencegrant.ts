// Written by scripts/build-kinds.ts from ../referencegrant.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const referencegrantSchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        from: {
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
              namespace: { type: 'string', minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' },
            },
            required: ['group', 'kind', 'namespace'],
          },
          'x-kubernetes-list-type': 'atomic',
          description: 'Who may name what `to` says: objects of this kind in this namespace.',
        },
        to: {
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
            },
            required: ['group', 'kind'],
          },
          'x-kubernetes-list-type': 'atomic',
          description: 'What may be named: all of the kind, where no name is said.',
        },
      },
      required: ['from', 'to'],
    },
  },
};
