import { Buffer } from 'node:buffer';
import * as z from 'zod';
import type { KindDeclaration } from '../declaration.ts';
import { isJsonObject, type JsonObject, jsonEqual } from '../json.ts';
import { type Cause, forbiddenField, invalidValue } from '../status.ts';

/** Keys of `data`, as Kubernetes has them: they may become file names. */
const DATA_KEY = /^[-._a-zA-Z0-9]{1,253}$/;

/** A credential. `data` is encrypted wherever it is stored and shows only in the answer to who may read secrets. */
export const secretKind: KindDeclaration = {
  info: {
    group: '',
    version: 'v1',
    kind: 'Secret',
    plural: 'secrets',
    singular: 'secret',
    shortNames: [],
    categories: [],
    namespaced: true,
    statusSubresource: false,
    printerColumns: [
      { name: 'Type', type: 'string', jsonPath: '.type' },
      { name: 'Data', type: 'integer', jsonPath: '.data.length()', description: 'How many entries it holds' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  },
  schema: () =>
    z.object({
      type: z.string().default('Opaque').describe('What the entries mean; never changes.'),
      immutable: z.boolean().optional().describe('Once true, the entries never change.'),
      data: z
        .record(z.string(), z.string().meta({ format: 'byte' }))
        .optional()
        .describe('Entries, values in base64.'),
      stringData: z
        .record(z.string(), z.string())
        .optional()
        .describe('Entries in plain text: taken into `data` on a write, never answered.'),
    }),
  strategy: {
    sealedFields: ['data'],
    unconditionalUpdate: true,
    normalize: takeStringData,
    validate(object, current) {
      const causes: Cause[] = [];
      for (const key of Object.keys(isJsonObject(object.data) ? object.data : {})) {
        if (!DATA_KEY.test(key)) {
          const rule =
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.', at most 253 of them";
          causes.push(invalidValue(`data[${key}]`, key, rule));
        }
      }
      if (current === undefined) return causes;
      if (object.type !== current.type) causes.push(forbiddenField('type', 'field is immutable'));
      if (current.immutable === true) {
        if (object.immutable !== true)
          causes.push(forbiddenField('immutable', 'field is immutable when `immutable` is set'));
        if (!jsonEqual(object.data, current.data))
          causes.push(forbiddenField('data', 'field is immutable when `immutable` is set'));
      }
      return causes;
    },
  },
};

/** Moves `stringData` into `data`, over entries of the same name. Faults never quote a value. */
function takeStringData(object: JsonObject): Cause[] {
  const { stringData } = object;
  if (stringData === undefined || stringData === null) return secretFaults(object.data, 'data');
  const faults = [...secretFaults(stringData, 'stringData'), ...secretFaults(object.data, 'data')];
  if (faults.length > 0 || !isJsonObject(stringData)) return faults;
  const data = isJsonObject(object.data) ? { ...object.data } : {};
  for (const [key, value] of Object.entries(stringData)) {
    if (value !== null) data[key] = Buffer.from(String(value), 'utf8').toString('base64');
  }
  delete object.stringData;
  if (Object.keys(data).length > 0) object.data = data;
  return [];
}

/**
 * Faults of a map of entries, found before the schema would find them: the schema's sentences quote the value at
 * fault, and a secret must not reach a message.
 */
function secretFaults(value: unknown, field: string): Cause[] {
  if (value === undefined || value === null) return [];
  if (!isJsonObject(value)) return [secretFault(field, 'must be a map of strings')];
  return Object.entries(value).flatMap(([key, entry]) => {
    if (entry === null) return [];
    if (typeof entry !== 'string') return [secretFault(`${field}[${key}]`, 'must be a string')];
    const isText = field === 'stringData' || Buffer.from(entry, 'base64').toString('base64') === entry;
    return isText ? [] : [secretFault(`${field}[${key}]`, 'must be standard base64 with padding')];
  });
}

function secretFault(field: string, expected: string): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: (hidden): ${expected}`, field };
}
