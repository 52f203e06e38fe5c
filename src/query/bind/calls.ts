import type { Scalar } from '../../columns/column.ts';
import { BOOL, type ColumnType, STRING } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { SCALAR_FUNCTIONS } from '../functions/catalogue.ts';
import { type ArgumentType, commonTypeOf } from '../functions/coercion.ts';
import { branchOf, castTo, conjunction, isNullLiteral, literal, nullOf } from './bound.ts';
import { locate, sqlError, typeNames } from './errors.ts';
import type { Bound } from './logical.ts';

/** A quoted constant is untyped until it meets a type. */
export function argumentType(argument: Bound): ArgumentType {
  const untyped = argument.node === 'literal' && argument.type.kind === 'string' && argument.value !== null;
  return { type: argument.type, untyped };
}

function constantOf(argument: Bound): Scalar | undefined {
  return argument.node === 'literal' ? argument.value : undefined;
}

/**
 * A call of a function of the catalogue, its arguments cast to what it takes; computed now where all of them
 * are constants. Throws `invalid_sql` for a name that is none, `type_error` for arguments that do not fit.
 */
export function makeCall(name: string, args: readonly Bound[], at: number): Bound {
  const definition = SCALAR_FUNCTIONS.find(name);
  if (definition === undefined) throw sqlError('invalid_sql', at, `there is no function ${name}`);
  for (const arg of args) {
    if (arg.node === 'interval') throw sqlError('type_error', at, `${name} does not take an interval`);
  }
  const given = COMPARISONS.has(definition.name) ? withJsonContent(args) : args;
  const signature = locate(at, () => definition.resolve(given.map(argumentType), given.map(constantOf)));
  if (signature === undefined) {
    const types = typeNames(args.map((arg) => arg.type));
    throw sqlError('type_error', at, `${name} does not take (${types}); cast the arguments`);
  }
  const cast = given.map((arg, i) => locate(arg.at, () => castTo(arg, signature.args[i])));
  const call: Bound = { node: 'call', function: definition.name, args: cast, type: signature.type, at };
  return definition.deterministic ? folded(call, definition.strict) : call;
}

const COMPARISONS = new Set(['=', '<>', '<', '<=', '>', '>=', 'is_distinct_from', 'is_not_distinct_from']);

/**
 * A json value beside a text is compared by its content: `info.name = 'Ann'` asks what a struct's member would be
 * asked. Beside a constant that is written as JSON (`"…"`, `{…}`, `[…]`) it stays JSON.
 */
export function withJsonContent(args: readonly Bound[]): readonly Bound[] {
  const isText = (arg: Bound) =>
    arg.type.kind === 'string' && !(arg.node === 'literal' && /^\s*["{[]/.test(String(arg.value)));
  if (!args.some(isText)) return args;
  return args.map((arg) => {
    if (arg.type.kind !== 'json') return arg;
    return makeCall('json_extract_string', [arg, literal('$', STRING, arg.at)], arg.at);
  });
}

/** The value of a call of constants. One that fails stays a call: it may stand in a branch that is never taken. */
function folded(call: Bound & { node: 'call' }, strict: boolean): Bound {
  const values: Scalar[] = [];
  for (const arg of call.args) {
    if (arg.node !== 'literal') return strict && call.args.some(isNullLiteral) ? nullOf(call.type, call.at) : call;
    values.push(arg.value);
  }
  if (strict && values.includes(null)) return nullOf(call.type, call.at);
  const definition = SCALAR_FUNCTIONS.find(call.function);
  if (definition === undefined) return call;
  try {
    const types = call.args.map((arg) => arg.type);
    return literal(definition.evaluate(values, types, call.type), call.type, call.at);
  } catch (error) {
    if (error instanceof OrasiError) return call;
    throw error;
  }
}

/** The negation; IN and subqueries carry it themselves. */
export function not(condition: Bound): Bound {
  if (condition.node === 'in') return { ...condition, negated: !condition.negated };
  if (condition.node === 'subquery' && condition.kind !== 'scalar') {
    return { ...condition, negated: !condition.negated };
  }
  return makeCall('not', [condition], condition.at);
}

/** A condition: bool, or null, or what DuckDB casts to bool. */
export function asCondition(expression: Bound, what: string): Bound {
  const { kind } = expression.type;
  if (kind === 'bool') return expression;
  if (kind === 'null' || kind === 'int64' || argumentType(expression).untyped) {
    return locate(expression.at, () => castTo(expression, BOOL));
  }
  throw sqlError('type_error', expression.at, `${what} is a condition, not ${typeNames([expression.type])}`);
}

/** All of the conditions; of none, true. */
export function and(conditions: readonly Bound[]): Bound {
  return conjunction(conditions) ?? literal(true, BOOL, 0);
}

/** Conditions that are all true; known ones disappear. */
export function allOf(conditions: readonly Bound[]): Bound {
  const no = conditions.find((condition) => condition.node === 'literal' && condition.value === false);
  return no ?? and(conditions);
}

/** Any of the conditions, those of an OR among them taken apart. */
export function or(conditions: readonly Bound[], at: number): Bound {
  const flat = conditions.flatMap((condition) => (condition.node === 'or' ? condition.args : [condition]));
  if (flat.some((condition) => condition.node === 'literal' && condition.value === true))
    return literal(true, BOOL, at);
  return flat.length === 1 ? flat[0] : { node: 'or', args: flat, type: BOOL, at };
}

/** All of them in the type they have in common. Throws `type_error` where they have none. */
export function unify(expressions: readonly Bound[], at: number, what: string): { all: Bound[]; type: ColumnType } {
  for (const expression of expressions) {
    if (expression.node === 'interval') throw sqlError('unsupported_sql', at, `${what} does not take intervals`);
  }
  const type = commonTypeOf(expressions.map(argumentType));
  if (type === undefined) {
    const types = typeNames(expressions.map((expression) => expression.type));
    throw sqlError('type_error', at, `${what} mixes types that have none in common: ${types}`);
  }
  return { all: expressions.map((expression) => locate(expression.at, () => castTo(expression, type))), type };
}

/** CASE with its results in their common type; branches that are never or always taken are decided. */
export function caseOf(branches: readonly { when: Bound; then: Bound }[], otherwise: Bound, at: number): Bound {
  const { all, type } = unify([...branches.map(({ then }) => then), otherwise], at, 'CASE');
  const kept: { when: Bound; then: Bound }[] = [];
  let last = all[branches.length];
  for (const [i, { when }] of branches.entries()) {
    if (when.node === 'literal' && when.value !== true) continue;
    if (when.node === 'literal') {
      last = all[i];
      break;
    }
    kept.push(branchOf(when, all[i]));
  }
  if (kept.length === 0) return last;
  return { node: 'case', branches: kept, otherwise: isNullLiteral(last) ? null : last, type, at };
}
