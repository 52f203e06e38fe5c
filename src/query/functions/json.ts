import type { Scalar } from '../../columns/column.ts';
import { compareScalars } from '../../columns/compare.ts';
import { isJson } from '../../columns/text.ts';
import { BOOL, type ColumnType, INT64, JSON_TYPE, STRING } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { castScalar } from './cast.ts';
import { type ArgumentType, type Signature, strings } from './coercion.ts';
import { define, type ScalarFunctionDefinition } from './definition.ts';
import { jsonAsText, jsonAt, jsonElements, jsonEntries, jsonKind, jsonPath, toJson } from './json-value.ts';

const takes = (args: readonly ColumnType[], type: ColumnType): Signature => ({ args, type });

/** json, or text that is read as json. */
function isJsonLike({ type, untyped }: ArgumentType): boolean {
  return type.kind === 'json' || type.kind === 'string' || type.kind === 'null' || untyped;
}

function checked(value: Scalar): string {
  const text = String(value);
  if (!isJson(text)) throw new OrasiError('type_error', `'${text.slice(0, 80)}' is not JSON`);
  return text;
}

function found(value: Scalar, path: Scalar): string | undefined {
  const text = String(value);
  if (typeof path === 'bigint') return jsonAt(text, [Number(path)]);
  const steps = jsonPath(String(path));
  if (steps === undefined) throw new OrasiError('type_error', `'${path}' is not a JSON path`);
  return jsonAt(text, steps);
}

/** A function of a json value and a path: a key, `$.a[0]`, `/a/0`, or the number of an element. */
function atPath(
  name: string,
  aliases: readonly string[],
  type: ColumnType,
  answer: (text: string | undefined) => Scalar,
): ScalarFunctionDefinition {
  return define({
    name,
    aliases,
    resolve(args) {
      if (args.length !== 2 || !isJsonLike(args[0])) return undefined;
      const path = args[1].type.kind === 'int64' ? INT64 : STRING;
      return args[1].type.kind === path.kind || args[1].untyped ? takes([JSON_TYPE, path], type) : undefined;
    },
    evaluate: ([value, path]) => answer(found(value, path)),
  });
}

/** A function of a whole json value, or of what lies at a path in it. */
function ofValue(
  name: string,
  aliases: readonly string[],
  type: ColumnType,
  answer: (text: string) => Scalar,
): ScalarFunctionDefinition {
  return define({
    name,
    aliases,
    resolve(args) {
      if (args.length < 1 || args.length > 2 || !isJsonLike(args[0])) return undefined;
      return takes(args.length === 1 ? [JSON_TYPE] : [JSON_TYPE, STRING], type);
    },
    evaluate([value, path]) {
      const text = path === undefined ? String(value) : found(value, path);
      return text === undefined ? null : answer(text);
    },
  });
}

/** The element as a value of a type, or undefined where it is none. */
function elementAs(text: string, type: ColumnType): Exclude<Scalar, null> | undefined {
  return castScalar(text, JSON_TYPE, type, true) ?? undefined;
}

/** Whether an array has the value among its elements, or an object among its keys. */
function hasElement(text: string, value: Exclude<Scalar, null>, type: ColumnType): boolean {
  for (const [key] of jsonEntries(text)) if (type.kind === 'string' && key === value) return true;
  for (const element of jsonElements(text)) {
    const isText = jsonKind(element) === 'VARCHAR';
    if (
      type.kind !== 'json' &&
      isText !== (type.kind === 'string' || type.kind === 'date' || type.kind === 'timestamp')
    ) {
      continue;
    }
    const found = type.kind === 'json' ? element : elementAs(element, type);
    if (found !== undefined && compareScalars(found, value) === 0) return true;
  }
  return false;
}

/** Whether one json value holds another: an object its members, an array its elements, others themselves. */
function contains(text: string, part: string): boolean {
  const kind = jsonKind(part);
  if (kind === 'OBJECT' && jsonKind(text) === 'OBJECT') {
    const members = new Map(jsonEntries(text));
    return [...jsonEntries(part)].every(([key, value]) => {
      const own = members.get(key);
      return own !== undefined && contains(own, value);
    });
  }
  if (jsonKind(text) === 'ARRAY') {
    const elements = [...jsonElements(text)];
    if (kind !== 'ARRAY') return elements.some((element) => contains(element, part));
    return [...jsonElements(part)].every((wanted) => elements.some((element) => contains(element, wanted)));
  }
  return jsonAsText(text) === jsonAsText(part) && kind === jsonKind(text);
}

function arrayLength(text: string): Scalar {
  let length = 0n;
  for (const _ of jsonElements(text)) length++;
  return length;
}

/** `CONTAINS(text, part)`, `CONTAINS(array, value)`, `CONTAINS(object, key)`. */
const containsFunction = define({
  name: 'contains',
  aliases: ['list_contains', 'array_contains', 'list_has', 'array_has'],
  resolve(args) {
    const [container, value] = args;
    if (args.length !== 2) return undefined;
    if (container.type.kind === 'string' || container.untyped) return strings(2, BOOL);
    if (container.type.kind !== 'json') return undefined;
    return takes([JSON_TYPE, value.type.kind === 'null' ? STRING : value.type], BOOL);
  },
  evaluate([container, value], argTypes) {
    if (value === null) return null;
    if (argTypes[0].kind === 'string') return String(container).includes(String(value));
    return hasElement(String(container), value, argTypes[1]);
  },
});

const anyTypes = (args: readonly ArgumentType[]) => args.map(({ type }) => type);

export const JSON_FUNCTIONS: readonly ScalarFunctionDefinition[] = [
  atPath('json_extract', ['->', 'json_extract_path'], JSON_TYPE, (text) => text ?? null),
  atPath('json_extract_string', ['->>', 'json_extract_path_text'], STRING, (text) =>
    text === undefined ? null : jsonAsText(text),
  ),
  atPath('json_exists', [], BOOL, (text) => text !== undefined),
  ofValue('json_array_length', ['array_length', 'json_list_length', 'cardinality'], INT64, arrayLength),
  ofValue('json_type', ['json_typeof'], STRING, jsonKind),
  ofValue('json_keys', [], JSON_TYPE, (text) => JSON.stringify([...jsonEntries(text)].map(([key]) => key))),
  define({ name: 'json_valid', signatures: [strings(1, BOOL)], evaluate: ([value]) => isJson(String(value)) }),
  define({
    name: 'json',
    signatures: [takes([JSON_TYPE], JSON_TYPE), takes([STRING], JSON_TYPE)],
    evaluate: ([value]) => checked(value),
  }),
  define({
    name: 'json_contains',
    signatures: [takes([JSON_TYPE, JSON_TYPE], BOOL)],
    evaluate: ([value, part]) => contains(String(value), String(part)),
  }),
  define({
    name: 'to_json',
    aliases: ['json_quote'],
    strict: false,
    resolve: (args) => (args.length === 1 ? takes(anyTypes(args), JSON_TYPE) : undefined),
    evaluate: ([value], [type]) => toJson(value, type),
  }),
  define({
    name: 'json_array',
    strict: false,
    resolve: (args) => takes(anyTypes(args), JSON_TYPE),
    evaluate: (args, argTypes) => `[${args.map((value, i) => toJson(value, argTypes[i])).join(',')}]`,
  }),
  define({
    name: 'json_object',
    strict: false,
    resolve(args) {
      if (args.length % 2 !== 0) return undefined;
      return takes(
        args.map(({ type }, i) => (i % 2 === 0 ? STRING : type)),
        JSON_TYPE,
      );
    },
    evaluate(args, argTypes) {
      const members: string[] = [];
      for (let i = 0; i < args.length; i += 2) {
        if (args[i] === null) throw new OrasiError('type_error', 'a key of a JSON object is not null');
        members.push(`${JSON.stringify(args[i])}:${toJson(args[i + 1], argTypes[i + 1])}`);
      }
      return `{${members.join(',')}}`;
    },
  }),
  containsFunction,
];
