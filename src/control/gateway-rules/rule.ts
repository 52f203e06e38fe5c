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

/** The same rules below other paths: filters are in rules and in backends. */
export function below(prefix: string, rules: readonly SchemaRule[]): SchemaRule[] {
  return rules.map((rule) => ({ ...rule, path: `${prefix}${rule.path}` }));
}

/** Rules by their paths, so that an object is walked once. */
export interface RuleTree {
  readonly rules: SchemaRule[];
  /** By the name of a member; `*` is every item of a list. */
  readonly below: Map<string, RuleTree>;
}

export function ruleTree(rules: readonly SchemaRule[]): RuleTree {
  const root: RuleTree = { rules: [], below: new Map() };
  for (const rule of rules) {
    let place = root;
    for (const step of rule.path.replaceAll('[*]', '.*').split('.')) {
      const next = place.below.get(step) ?? { rules: [], below: new Map() };
      place.below.set(step, next);
      place = next;
    }
    place.rules.push(rule);
  }
  return root;
}

/** Every rule that an object does not keep, by the path of the value. */
export function ruleFaults(tree: RuleTree, object: JsonObject, old: JsonObject | undefined): Cause[] {
  const causes: Cause[] = [];
  check(tree, object, old, '', causes);
  return causes;
}

function check(tree: RuleTree, value: JsonValue, old: JsonValue | undefined, path: string, causes: Cause[]): void {
  for (const rule of tree.rules) {
    if (!rule.holds(value, old)) causes.push(invalidValue(path, shown(value), rule.message));
  }
  for (const [step, next] of tree.below) {
    if (step === '*') {
      if (!Array.isArray(value)) continue;
      // Items of a list have no past: rules about it are on values outside of lists.
      for (const [i, item] of value.entries()) check(next, item, undefined, `${path}[${i}]`, causes);
    } else if (isJsonObject(value) && value[step] !== undefined) {
      const before = isJsonObject(old) ? old[step] : undefined;
      check(next, value[step], before, path === '' ? step : `${path}.${step}`, causes);
    }
  }
}

/** What is quoted: of lists and objects no more than what they are, as the API server does. */
function shown(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return 'array';
  return isJsonObject(value) ? 'object' : value;
}
