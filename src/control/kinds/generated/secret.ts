// Written by scripts/build-kinds.ts from ../secret.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const secretSchema: StructuralSchema = {
  type: 'object',
  properties: {
    type: { default: 'Opaque', description: 'What the entries mean; never changes.', type: 'string' },
    immutable: { description: 'Once true, the entries never change.', type: 'boolean' },
    data: {
      description: 'Entries, values in base64.',
      type: 'object',
      additionalProperties: { type: 'string', format: 'byte' },
    },
    stringData: {
      description: 'Entries in plain text: taken into `data` on a write, never answered.',
      type: 'object',
      additionalProperties: { type: 'string' },
    },
  },
};
