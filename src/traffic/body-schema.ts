import { format, type Schema, Validator } from '@cfworker/json-schema';
import { LIMITS } from '../core/limits.ts';
import { Regex } from '../core/regex/regex.ts';

/**
 * JSON Schemas that bodies of requests are held against. Bodies are strangers', and the isolate is shared, so a schema
 * is taken only where the work on any body is bounded by its size: patterns run in linear time, references do not come
 * back to themselves, and keywords that nobody knows are refused, since a slip there would let everything through.
 */
export interface BodyCheck {
  /** Faults of a parsed body, empty where it fits. Never throws. */
  faults(body: unknown): BodyFault[];
}

/** What is wrong with a body, and where. */
export interface BodyFault {
  /** A JSON pointer into the body, `/items/0/name`; empty for the body itself. */
  readonly path: string;
  readonly message: string;
}

/** Why a schema is not taken: where in it, and what was found there. */
export interface SchemaFault {
  readonly path: string;
  readonly value: unknown;
  readonly message: string;
}

type JsonSchema = Readonly<Record<string, unknown>> | boolean;

/** Of `uniqueItems`, which holds each item against each other. */
const MAX_UNIQUE = 1_000;

const ONE_SCHEMA = words(
  'additionalItems additionalProperties contains else if items not propertyNames then unevaluatedItems unevaluatedProperties',
);
const SCHEMAS = words('allOf anyOf oneOf prefixItems');
const NAMED_SCHEMAS = words('$defs definitions dependentSchemas patternProperties properties');
const VALUES = words(
  'const dependentRequired enum exclusiveMaximum exclusiveMinimum format maxContains maxItems maxLength maxProperties',
  'maximum minContains minItems minLength minProperties minimum multipleOf pattern required type uniqueItems $ref',
);
const ANNOTATIONS = words(
  '$comment $id $schema contentEncoding contentMediaType default deprecated description examples readOnly title writeOnly',
);
/** Those of the validator's formats that take linear time. */
const FORMATS = words('date date-time duration email hostname ipv4 ipv6 json-pointer time uri uri-reference uuid');
const TYPES = words('array boolean integer null number object string');
/** Names of properties are matched by the validator's own engine: from the start, without repetitions but one of a single character or class. */
const NAME_PATTERN = /^\^(?:[\w:@/-]|\\[.dws-]|\[\^?[\w -]+\])*(?:[+*]\$?|\$)?$/;

/** Why a schema is not taken, or null. */
export function bodySchemaFault(schema: JsonSchema): SchemaFault | null {
  if (typeof schema === 'boolean') return null;
  let nodes = 0;
  const visit = (node: unknown, path: string, within: readonly string[]): SchemaFault | null => {
    if (typeof node === 'boolean') return null;
    if (!isObject(node)) return { path, value: node, message: 'expected a schema' };
    if (++nodes > LIMITS.bodySchemaParts)
      return { path, value: LIMITS.bodySchemaParts, message: 'has too many parts, references written out' };
    if (typeof node.$id === 'string' && path !== '')
      return { path: `${path}.$id`, value: node.$id, message: 'only the whole schema has an $id' };
    for (const [keyword, value] of Object.entries(node)) {
      const fault = visitKeyword(node, keyword, value, `${path}.${keyword}`, within);
      if (fault !== null) return fault;
    }
    return null;
  };
  const visitKeyword = (
    node: Readonly<Record<string, unknown>>,
    keyword: string,
    value: unknown,
    path: string,
    within: readonly string[],
  ): SchemaFault | null => {
    // What is defined counts where it is referred to, but has to be right in any case.
    if (SCHEMAS.has(keyword) || (keyword === 'items' && Array.isArray(value)))
      return firstFault(asArray(value).map((item, at) => () => visit(item, `${path}[${at}]`, within)));
    if (ONE_SCHEMA.has(keyword)) return visit(value, path, within);
    if (NAMED_SCHEMAS.has(keyword)) {
      if (!isObject(value)) return { path, value, message: 'expected schemas by name' };
      if (keyword === 'patternProperties') {
        const bad = Object.keys(value).find((pattern) => !NAME_PATTERN.test(pattern));
        if (bad !== undefined) return { path, value: bad, message: 'expected a plain prefix: ^x-' };
      }
      return firstFault(
        Object.entries(value).map(
          ([name, item]) =>
            () =>
              visit(item, `${path}.${name}`, within),
        ),
      );
    }
    if (keyword === '$ref') return visitReference(value, path, within);
    if (keyword === 'pattern') return patternFault(value, path);
    if (keyword === 'format')
      return typeof value === 'string' && FORMATS.has(value)
        ? null
        : { path, value, message: `expected one of ${[...FORMATS].join(', ')}` };
    if (keyword === 'uniqueItems' && value === true && !(Number(node.maxItems) <= MAX_UNIQUE))
      return { path, value, message: `needs maxItems of at most ${MAX_UNIQUE} beside it` };
    if (VALUES.has(keyword)) return isValueOf(keyword, value) ? null : { path, value, message: 'has a wrong type' };
    if (ANNOTATIONS.has(keyword) || keyword.startsWith('x-')) return null;
    return { path, value, message: 'is no keyword that is taken here' };
  };
  const visitReference = (value: unknown, path: string, within: readonly string[]): SchemaFault | null => {
    if (typeof value !== 'string' || !value.startsWith('#/'))
      return { path, value, message: 'expected a reference within the schema: #/$defs/name' };
    if (within.includes(value))
      return { path, value, message: 'comes back to itself: bodies could nest without bound' };
    const target = resolve(schema, value);
    if (target === undefined) return { path, value, message: 'refers to nothing' };
    return visit(target, path, [...within, value]);
  };
  return visit(schema, '', []);
}

/** Prepares a schema that `bodySchemaFault` has found nothing in. */
export function planBodySchema(schema: JsonSchema): BodyCheck {
  // A plain `2019-09` has no prefixItems; the schema says otherwise where it means otherwise.
  const validator = new Validator(withoutPatterns(schema) as Schema, '2020-12', true);
  return {
    faults(body) {
      if (isDeep(body, 0)) return [{ path: '', message: `nests deeper than ${LIMITS.checkedBodyDepth} levels` }];
      const { valid, errors } = validated(validator, body);
      if (valid) return [];
      return errors.slice(-1).map(({ instanceLocation, error }) => ({
        path: instanceLocation.replace(/^#/, ''),
        // Which pattern is meant says the schema; its name in the table of formats says nothing to anybody.
        message: error.startsWith('String does not match format "pattern ') ? 'String does not match pattern.' : error,
      }));
    },
  };
}

/** A schema that is wrong in a way nobody looked for must not let bodies through. */
function validated(validator: Validator, body: unknown): ReturnType<Validator['validate']> {
  try {
    return validator.validate(body);
  } catch {
    const error = 'cannot be held against the schema';
    return { valid: false, errors: [{ keyword: '', keywordLocation: '', instanceLocation: '#', error }] };
  }
}

/**
 * A schema whose patterns are formats of their own: the validator would run them by an engine that can be made to take
 * exponential time. They stay in the validator's table, as many as there are different ones.
 */
function withoutPatterns(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutPatterns);
  if (!isObject(node)) return node;
  const out: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(node)) {
    if (keyword === 'pattern' && typeof value === 'string') continue;
    // Data, not schemas.
    if (keyword === 'const' || keyword === 'enum' || keyword === 'default' || keyword === 'examples')
      out[keyword] = value;
    else if (NAMED_SCHEMAS.has(keyword) && isObject(value))
      out[keyword] = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutPatterns(item)]));
    else out[keyword] = ONE_SCHEMA.has(keyword) || SCHEMAS.has(keyword) ? withoutPatterns(value) : value;
  }
  if (typeof node.pattern === 'string') {
    const all = Array.isArray(out.allOf) ? out.allOf : [];
    out.allOf = [...all, { format: formatOf(node.pattern) }];
  }
  return out;
}

function formatOf(pattern: string): string {
  const name = `pattern ${pattern}`;
  if (!Object.hasOwn(format, name)) {
    const regex = new Regex(pattern, { ignoreCase: false, dotAll: false, multiline: false });
    Object.assign(format, { [name]: (text: string) => regex.occursIn(text) });
  }
  return name;
}

/** Whether a keyword's value is of its type; of a wrong one the validator would make nothing, or throw at every body. */
function isValueOf(keyword: string, value: unknown): boolean {
  const isTexts = (list: unknown) => Array.isArray(list) && list.every((item) => typeof item === 'string');
  switch (keyword) {
    case 'const':
      return true;
    case 'enum':
      return Array.isArray(value);
    case 'required':
      return isTexts(value);
    case 'dependentRequired':
      return isObject(value) && Object.values(value).every(isTexts);
    case 'type':
      return [value].flat().every((name) => typeof name === 'string' && TYPES.has(name));
    case 'uniqueItems':
      return typeof value === 'boolean';
    default:
      return typeof value === 'number';
  }
}

function patternFault(value: unknown, path: string): SchemaFault | null {
  if (typeof value !== 'string') return { path, value, message: 'expected a regular expression' };
  try {
    new Regex(value, { ignoreCase: false, dotAll: false, multiline: false });
    return null;
  } catch (error) {
    return { path, value, message: error instanceof Error ? error.message : String(error) };
  }
}

/** What a JSON pointer in a fragment names. */
function resolve(schema: unknown, reference: string): unknown {
  let at = schema;
  for (const part of reference.slice(2).split('/')) {
    const name = decodeText(part).replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(at)) at = at[Number(name)];
    else if (isObject(at) && Object.hasOwn(at, name)) at = at[name];
    else return undefined;
  }
  return at;
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (depth >= LIMITS.checkedBodyDepth) return true;
  return Object.values(value).some((member) => isDeep(member, depth + 1));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function firstFault(visits: readonly (() => SchemaFault | null)[]): SchemaFault | null {
  for (const visit of visits) {
    const fault = visit();
    if (fault !== null) return fault;
  }
  return null;
}

function words(...texts: string[]): ReadonlySet<string> {
  return new Set(texts.join(' ').split(' '));
}
