// Written by scripts/build-kinds.ts from ../pipeline.ts; change that and run the script.
import type { StructuralSchema } from '../../structural-schema.ts';

export const pipelineSchema: StructuralSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        dataset: { type: 'string', pattern: '^[a-z][a-z0-9_]{0,62}$', description: 'The dataset the rows go to.' },
        sourcePrefix: {
          default: '',
          description: 'Objects whose name begins with this are taken in by this pipeline; the longest prefix wins.',
          type: 'string',
          maxLength: 800,
        },
        format: {
          description: 'Detected from content type, name and first bytes where absent.',
          type: 'string',
          enum: ['json', 'csv', 'parquet', 'arrow'],
        },
        formatOptions: {
          default: {},
          'x-kubernetes-preserve-unknown-fields': true,
          description: 'Options of the format: strings, numbers and booleans.',
          type: 'object',
        },
        schema: {
          default: [],
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          description: 'Declared columns: rows that do not fit are quarantined.',
          maxItems: 1000,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: { type: 'string', minLength: 1, maxLength: 255 },
              type: {
                type: 'string',
                pattern:
                  '^(bool|int64|double|string|bytes|json|date|timestamp|timestamp_ns|decimal\\(([1-9]|[12][0-9]|3[0-8]), ?([0-9]|[12][0-9]|3[0-8])\\))$',
                description: 'bool, int64, double, decimal(p,s), string, bytes, json, date, timestamp or timestamp_ns.',
              },
              required: { default: false, description: 'A row without a value is quarantined.', type: 'boolean' },
              default: {
                description: 'Taken where the field is absent or null; written as text, in the type of the column.',
                type: 'string',
              },
            },
            required: ['name', 'type'],
          },
        },
        additionalColumns: {
          default: true,
          description:
            'Whether columns that are not declared are inferred and kept; else a row that has one is quarantined.',
          type: 'boolean',
        },
        sortKey: {
          default: [],
          description: 'Columns that segments are sorted by, the first counting most: ranges over it read less.',
          maxItems: 8,
          type: 'array',
          items: { type: 'string', minLength: 1, maxLength: 255 },
        },
        versions: {
          default: 'append',
          description: 'What a new version of an object does with the rows of the old one.',
          type: 'string',
          enum: ['append', 'replace'],
        },
        indexes: {
          default: [],
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          description: 'Indexes of the dataset; they are built for old segments too.',
          maxItems: 64,
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: { type: 'string', pattern: '^[a-z][a-z0-9_-]{0,62}$' },
              kind: { type: 'string', enum: ['btree', 'hash', 'fulltext', 'spatial', 'composite', 'inverted'] },
              fields: {
                minItems: 1,
                maxItems: 16,
                type: 'array',
                items: { type: 'string', minLength: 1, maxLength: 255 },
                'x-kubernetes-list-type': 'atomic',
              },
              options: { default: {}, 'x-kubernetes-preserve-unknown-fields': true, type: 'object' },
            },
            required: ['name', 'kind', 'fields'],
          },
        },
      },
      required: ['dataset'],
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
