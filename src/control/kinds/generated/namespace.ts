// Written by scripts/build-kinds.ts from ../namespace.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const namespaceSchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      default: {},
      type: 'object',
      properties: {
        finalizers: {
          description: 'What must be done before the namespace is gone; kept by the control plane.',
          type: 'array',
          items: { type: 'string' },
        },
      },
    },
    status: { type: 'object', properties: { phase: { type: 'string', enum: ['Active', 'Terminating'] } } },
  },
};
