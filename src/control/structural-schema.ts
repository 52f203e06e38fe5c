import { Regex } from '../core/regex/regex.ts';
import { cloneJson, isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { type Cause, duplicate, invalidValue, required, unsupportedValue } from './status.ts';

/**
 * A structural OpenAPI v3 schema: the dialect of CustomResourceDefinitions, where every node says its type and
 * nothing is a union. Plain data, so that kinds compiled at build and kinds defined at run time are one thing.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
export interface StructuralSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  /** Checked: `byte` (base64), `date-time`, `int32`, `int64`. Others are documentation. */
  readonly format?: string;
  readonly nullable?: boolean;
  readonly default?: JsonValue;
  readonly enum?: readonly JsonValue[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  /** The schema of every member of a map; excludes `properties`. */
  readonly additionalProperties?: StructuralSchema;
  readonly items?: StructuralSchema;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular';
}

/**
 * Removes what the schema does not know and nulls it does not allow, in place.
 * Returns the paths of the unknown fields (not of the nulls, which mean "absent"). What is of another type than expected
 * stays as it is: `validate` says so of the whole, which tells more than that each of its fields is unknown.
 */
export function prune(schema: StructuralSchema, value: JsonValue, path = ''): string[] {
  if (schema.type !== undefined && !hasType(schema.type, value)) return [];
  if (Array.isArray(value)) return value.flatMap((item, i) => prune(schema.items ?? {}, item, `${path}[${i}]`));
  if (!isJsonObject(value)) return [];
  const unknown: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    const child = memberSchema(schema, key);
    const memberPath = childPath(path, key);
    if (child === undefined) {
      if (schema['x-kubernetes-preserve-unknown-fields'] === true) continue;
      unknown.push(memberPath);
      delete value[key];
    } else if (member === null && child.nullable !== true) {
      delete value[key];
    } else {
      unknown.push(...prune(child, member, memberPath));
    }
  }
  return unknown;
}

/** Fills in the defaults of absent members, in place, from the outside in: a default may itself have defaults inside. */
export function applyDefaults(schema: StructuralSchema, value: JsonValue): void {
  if (Array.isArray(value)) {
    if (schema.items) for (const item of value) applyDefaults(schema.items, item);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    if (child.default !== undefined && !Object.hasOwn(value, key)) value[key] = cloneJson(child.default);
  }
  for (const [key, member] of Object.entries(value)) {
    const child = memberSchema(schema, key);
    if (child !== undefined) applyDefaults(child, member);
  }
}

/** Every fault of a pruned and defaulted value, with its path and what was expected there. */
export function validate(schema: StructuralSchema, value: JsonValue, path = ''): Cause[] {
  if (value === null) return schema.nullable === true ? [] : [typeFault(schema, value, path)];
  if (schema['x-kubernetes-int-or-string'] === true) {
    return typeof value === 'string' || Number.isInteger(value) ? [] : [typeFault(schema, value, path)];
  }
  if (schema.type !== undefined && !hasType(schema.type, value)) return [typeFault(schema, value, path)];
  const causes: Cause[] = [];
  if (schema.enum && !schema.enum.includes(value)) causes.push(unsupportedValue(path, value, schema.enum));
  if (typeof value === 'string') causes.push(...textFaults(schema, value, path));
  else if (typeof value === 'number') causes.push(...numberFaults(schema, value, path));
  else if (Array.isArray(value)) causes.push(...listFaults(schema, value, path));
  else if (isJsonObject(value)) causes.push(...objectFaults(schema, value, path));
  return causes;
}

function memberSchema(schema: StructuralSchema, key: string): StructuralSchema | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return schema.additionalProperties;
}

function childPath(path: string, key: string): string {
  const plain = /^[A-Za-z_$][\w$-]*$/.test(key);
  if (!plain) return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
}

function hasType(type: NonNullable<StructuralSchema['type']>, value: JsonValue): boolean {
  switch (type) {
    case 'object':
      return isJsonObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function typeFault(schema: StructuralSchema, value: JsonValue, path: string): Cause {
  const expected = schema['x-kubernetes-int-or-string'] === true ? 'integer or string' : (schema.type ?? 'any');
  const actual = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
  const message = `Invalid value: "${actual}": ${path} in body must be of type ${expected}: "${actual}"`;
  return { reason: 'FieldValueTypeInvalid', message, field: path };
}

function textFaults(schema: StructuralSchema, value: string, path: string): Cause[] {
  const causes: Cause[] = [];
  const length = schema.minLength !== undefined || schema.maxLength !== undefined ? [...value].length : 0;
  if (schema.minLength !== undefined && length < schema.minLength) {
    causes.push(invalidValue(path, value, `${path} in body should be at least ${schema.minLength} chars long`));
  }
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${schema.maxLength} chars`,
      field: path,
    });
  } else if (schema.pattern !== undefined && !patternOf(schema.pattern).occursIn(value)) {
    causes.push(invalidValue(path, value, `${path} in body should match '${schema.pattern}'`));
  }
  const formatFault = schema.format === undefined ? undefined : FORMATS[schema.format]?.(value);
  if (formatFault !== undefined) causes.push(invalidValue(path, value, `${path} in body ${formatFault}`));
  return causes;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DATE_TIME = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** What is wrong with a text in a format, or undefined; formats not here are not checked. */
const FORMATS: Readonly<Record<string, (value: string) => string | undefined>> = {
  byte: (value) => (BASE64.test(value) ? undefined : 'must be of type byte: standard base64 with padding'),
  'date-time': (value) =>
    DATE_TIME.test(value) && !Number.isNaN(Date.parse(value)) ? undefined : 'must be of type date-time: RFC 3339',
};

const patterns = new Map<string, Regex>();
const FLAGS = { ignoreCase: false, dotAll: false, multiline: false };

/** In linear time: patterns of published schemas (of a header's value in the Gateway API) take V8 for ever. */
function patternOf(text: string): Regex {
  let pattern = patterns.get(text);
  if (pattern === undefined) {
    pattern = new Regex(text, FLAGS);
    patterns.set(text, pattern);
  }
  return pattern;
}

function numberFaults(schema: StructuralSchema, value: number, path: string): Cause[] {
  const { minimum, maximum, multipleOf } = schema;
  const expectations: string[] = [];
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    expectations.push(`should be greater than ${schema.exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`);
  }
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    expectations.push(`should be less than ${schema.exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`);
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf))
    expectations.push(`should be a multiple of ${multipleOf}`);
  if (schema.format === 'int32' && (value < -(2 ** 31) || value >= 2 ** 31)) expectations.push('must be of type int32');
  if (schema.type === 'integer' && !Number.isSafeInteger(value))
    expectations.push('must be an integer within ±(2^53 - 1)');
  return expectations.map((expected) => invalidValue(path, value, `${path} in body ${expected}`));
}

function listFaults(schema: StructuralSchema, list: JsonValue[], path: string): Cause[] {
  const causes: Cause[] = [];
  if (schema.minItems !== undefined && list.length < schema.minItems) {
    causes.push(invalidValue(path, list.length, `${path} in body should have at least ${schema.minItems} items`));
  }
  if (schema.maxItems !== undefined && list.length > schema.maxItems) {
    causes.push({
      reason: 'FieldValueTooMany',
      message: `Too many: ${list.length}: must have at most ${schema.maxItems} items`,
      field: path,
    });
  }
  if (schema.items)
    for (const [i, item] of list.entries()) causes.push(...validate(schema.items, item, `${path}[${i}]`));
  if (causes.length === 0) causes.push(...duplicates(schema, list, path));
  return causes;
}

/** Lists of type `set` and `map` are merged by value or key, so a key must be there once. */
function duplicates(schema: StructuralSchema, list: JsonValue[], path: string): Cause[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  const causes: Cause[] = [];
  for (const [i, item] of list.entries()) {
    const key =
      type === 'map' && isJsonObject(item) ? Object.fromEntries(keys.map((name) => [name, item[name] ?? null])) : item;
    const text = JSON.stringify(key);
    if (seen.has(text)) causes.push(duplicate(`${path}[${i}]`, key));
    seen.add(text);
  }
  return causes;
}

function objectFaults(schema: StructuralSchema, object: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const key of schema.required ?? []) if (!Object.hasOwn(object, key)) causes.push(required(childPath(path, key)));
  const size = Object.keys(object).length;
  if (schema.minProperties !== undefined && size < schema.minProperties) {
    causes.push(invalidValue(path, size, `${path} in body should have at least ${schema.minProperties} properties`));
  }
  if (schema.maxProperties !== undefined && size > schema.maxProperties) {
    causes.push({
      reason: 'FieldValueTooMany',
      message: `Too many: ${size}: must have at most ${schema.maxProperties} items`,
      field: path,
    });
  }
  for (const [key, member] of Object.entries(object)) {
    const child = memberSchema(schema, key);
    if (child !== undefined) causes.push(...validate(child, member, childPath(path, key)));
  }
  return causes;
}
