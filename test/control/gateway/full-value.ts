import type { JsonObject, JsonValue } from '../../../src/control/json.ts';
import type { StructuralSchema } from '../../../src/control/structural-schema.ts';

/** A text for each pattern of the standard, and one that the pattern refuses. */
const SAMPLES: Readonly<Record<string, readonly [good: string, bad: string]>> = {
  '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$': ['orasi.io', 'Orasi'],
  '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$': ['Upstream', '9a'],
  '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$': ['team', 'a.b'],
  '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$': ['a.example', '*.example'],
  '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$': ['*.example', 'a.*.example'],
  "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$": ['x-a', 'a b'],
  '^[!-~]+([\\t ]?[!-~]+)*$': ['a b', 'a  b'],
  '(^\\*$)|(^(http(s)?):\\/\\/(((\\*\\.)?([a-zA-Z0-9\\-]+\\.)*[a-zA-Z0-9-]+|\\*)(:([0-9]{1,5}))?)$)': [
    'https://*.a.example:8443',
    'https://a.*.example',
  ],
  "^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$": ['/a%20', '/a b'],
  '^([0-9]{1,5}(h|m|s|ms)){1,4}$': ['1h30m', '1d'],
  "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$": [
    'orasi.io/a',
    'orasi.io',
  ],
  '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$': [
    'Accepted',
    'a/',
  ],
  '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$': ['Accepted', '9'],
  '^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9]+$':
    ['HTTP', 'H_P'],
  "^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$":
    ['Hostname', 'Other'],
  '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$': ['a', '-'],
};

function samples(pattern: string): readonly [good: string, bad: string] {
  const found = SAMPLES[pattern];
  if (found === undefined) throw new Error(`no samples of ${pattern}`);
  return found;
}

/** A value with every field that a schema has, one item in each list. */
export function fullValue(schema: StructuralSchema): JsonValue {
  switch (schema.type) {
    case 'object': {
      const members = Object.entries(schema.properties ?? {}).map(([name, child]) => [name, fullValue(child)] as const);
      const more = schema.additionalProperties ? [['a', fullValue(schema.additionalProperties)] as const] : [];
      return Object.fromEntries([...members, ...more]);
    }
    case 'array':
      return schema.items === undefined ? [] : [fullValue(schema.items)];
    case 'string':
      if (schema.enum !== undefined) return schema.enum[0];
      if (schema.format === 'date-time') return '2026-11-21T00:00:00Z';
      return schema.pattern === undefined ? 'a' : samples(schema.pattern)[0];
    case 'boolean':
      return true;
    default:
      return schema.enum?.[0] ?? schema.minimum ?? 1;
  }
}

/** A value that differs from the full one at one place. */
export interface Variant {
  /** `spec.rules[].name: longer than 253`. */
  readonly what: string;
  readonly value: JsonValue;
}

/** Values at and beyond each bound of a schema: what it says, said the other way. */
export function* variants(schema: StructuralSchema, full: JsonValue, path = ''): Generator<Variant> {
  for (const { what, value } of ownVariants(schema, full)) yield { what: `${path}: ${what}`, value };
  if (schema.type === 'array' && schema.items !== undefined && Array.isArray(full)) {
    for (const { what, value } of variants(schema.items, full[0], `${path}[]`)) yield { what, value: [value] };
  } else if (schema.type === 'object') {
    const object = full as JsonObject;
    for (const name of schema.required ?? []) {
      const { [name]: _, ...rest } = object;
      yield { what: `${path}: without ${name}`, value: rest };
    }
    for (const [name, child] of Object.entries(schema.properties ?? {})) {
      for (const { what, value } of variants(child, object[name], path === '' ? name : `${path}.${name}`)) {
        yield { what, value: { ...object, [name]: value } };
      }
    }
    if (schema.additionalProperties !== undefined) {
      for (const { what, value } of variants(schema.additionalProperties, object.a, `${path}.*`)) {
        yield { what, value: { ...object, a: value } };
      }
    }
  }
}

function* ownVariants(schema: StructuralSchema, full: JsonValue): Generator<Variant> {
  yield { what: 'of another type', value: schema.type === 'boolean' ? 'true' : true };
  if (schema.enum !== undefined) {
    for (const value of schema.enum) yield { what: `is ${value}`, value };
    yield { what: 'beside the list', value: schema.type === 'string' ? 'Other' : 299 };
  }
  if (schema.pattern !== undefined) yield { what: 'beside the pattern', value: samples(schema.pattern)[1] };
  if (schema.minLength) yield { what: 'empty', value: '' };
  if (schema.maxLength !== undefined) {
    const filler = (length: number) => longText(String(full), length);
    yield { what: `as long as ${schema.maxLength}`, value: filler(schema.maxLength) };
    yield { what: `longer than ${schema.maxLength}`, value: filler(schema.maxLength + 1) };
  }
  const { minimum, maximum, minItems, maxItems, maxProperties } = schema;
  if (schema.type === 'integer') {
    yield { what: 'with a fraction', value: 1.5 };
    if (minimum !== undefined) yield { what: `below ${minimum}`, value: minimum - 1 };
    if (maximum !== undefined) yield { what: `is ${maximum}`, value: maximum };
    if (maximum !== undefined) yield { what: `above ${maximum}`, value: maximum + 1 };
  }
  if (minItems) yield { what: 'has no item', value: [] };
  if (maxItems !== undefined && schema.items?.type !== undefined) {
    const list = (length: number) => Array.from({ length }, (_, i) => distinct(schema, (full as JsonValue[])[0], i));
    yield { what: `has ${maxItems + 1} items`, value: list(maxItems + 1) };
    if (schema.items.enum === undefined) yield { what: `has ${maxItems} items`, value: list(maxItems) };
  }
  if (maxProperties !== undefined) {
    const map = (size: number) =>
      Object.fromEntries(Array.from({ length: size }, (_, i) => [`a${i}`, (full as JsonObject).a]));
    yield { what: `has ${maxProperties} members`, value: map(maxProperties) };
    yield { what: `has ${maxProperties + 1} members`, value: map(maxProperties + 1) };
  }
}

/** The good sample, longer at a place where every pattern takes letters. */
function longText(sample: string, length: number): string {
  const at = sample.search(/[a-z]/i) + 1;
  return sample.slice(0, at) + 'a'.repeat(Math.max(0, length - sample.length)) + sample.slice(at);
}

/** Items of a set or map differ in their key. */
function distinct(schema: StructuralSchema, item: JsonValue, i: number): JsonValue {
  const differing = (value: JsonValue): JsonValue => (typeof value === 'number' ? value + i : `${String(value)}${i}`);
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return differing(item);
    case 'map': {
      const [key] = schema['x-kubernetes-list-map-keys'] ?? [];
      return { ...(item as JsonObject), [key]: differing((item as JsonObject)[key]) };
    }
    default:
      return item;
  }
}
