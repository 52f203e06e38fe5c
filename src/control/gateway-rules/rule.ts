import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { type Cause, invalidValue } from '../status.ts';

/**
 * A rule of a schema that OpenAPI cannot say, as data: the counterpart of one `x-kubernetes-validations` entry of the
 * standard's CustomResourceDefinitions, with its message.
 */
export interface SchemaRule {
  /** Of the values it speaks of, from the object: `spec.rules[*].filters[*]`. Where there are none, it holds. */
  readonly path: string;
  readonly message: string;
  /** The value has its schema's type; `old` is the value at the same path before, where there was one. */
  holds(value: JsonValue, old: JsonValue | undefined): boolean;
}

/** Every rule that an object does not keep, by the path of the value. */
export function ruleFaults(rules: readonly SchemaRule[], object: JsonObject, old: JsonObject | undefined): Cause[] {
  const causes: Cause[] = [];
  for (const { path, message, holds } of rules) {
    for (const found of valuesAt(stepsOf(path), object, old, '')) {
      if (!holds(found.value, found.old)) causes.push(invalidValue(found.path, shown(found.value), message));
    }
  }
  return causes;
}

/** The same rules below other paths: filters are in rules and in backends. */
export function below(prefix: string, rules: readonly SchemaRule[]): SchemaRule[] {
  return rules.map((rule) => ({ ...rule, path: `${prefix}${rule.path}` }));
}

interface Found {
  readonly path: string;
  readonly value: JsonValue;
  readonly old: JsonValue | undefined;
}

/** `spec.rules[*].name` as `spec`, `rules`, `*`, `name`. */
function stepsOf(path: string): string[] {
  return path.replaceAll('[*]', '.*').split('.');
}

function* valuesAt(
  steps: readonly string[],
  value: JsonValue | undefined,
  old: JsonValue | undefined,
  path: string,
): Generator<Found> {
  if (value === undefined) return;
  if (steps.length === 0) {
    yield { path, value, old };
    return;
  }
  const [step, ...rest] = steps;
  if (step === '*') {
    // Items of a list have no past: rules about it are on values outside of lists.
    if (Array.isArray(value))
      for (const [i, item] of value.entries()) yield* valuesAt(rest, item, undefined, `${path}[${i}]`);
  } else if (isJsonObject(value)) {
    yield* valuesAt(
      rest,
      value[step],
      isJsonObject(old) ? old[step] : undefined,
      path === '' ? step : `${path}.${step}`,
    );
  }
}

/** What is quoted: of lists and objects no more than what they are, as the API server does. */
function shown(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return 'array';
  return isJsonObject(value) ? 'object' : value;
}
