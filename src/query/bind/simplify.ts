import type { Scalar } from '../../columns/column.ts';
import { compareScalars } from '../../columns/compare.ts';
import { floorDivide } from '../../columns/floor-divide.ts';
import { BOOL, type ColumnType } from '../../columns/types.ts';
import { castScalar } from '../functions/cast.ts';
import { conjuncts, literal, mapChildren } from './bound.ts';
import type { Bound } from './logical.ts';

/**
 * The same condition in a form that statistics, indexes and kernels understand: constants on the right, the
 * bare column on the left. Run on every expression, from the leaves up.
 */
export function simplify(expression: Bound): Bound {
  const inner = mapChildren(expression, simplify);
  switch (inner.node) {
    case 'and':
    case 'or':
      return simplifyLogic(inner);
    case 'call':
      if (inner.function === 'not') return negated(inner.args[0]) ?? inner;
      return isComparison(inner.function) ? simplifyComparison(inner) : inner;
    default:
      return inner;
  }
}

function simplifyLogic(expression: Extract<Bound, { node: 'and' | 'or' }>): Bound {
  const isAnd = expression.node === 'and';
  const args = expression.args.flatMap((arg) => (arg.node === expression.node ? arg.args : [arg]));
  const kept = args.filter((arg) => !(arg.node === 'literal' && arg.value === isAnd));
  const decided = kept.find((arg) => arg.node === 'literal' && arg.value === !isAnd);
  if (decided !== undefined) return decided;
  if (kept.length === 0) return literal(isAnd, BOOL, expression.at);
  if (kept.length === 1) return kept[0];
  if (isAnd) return { ...expression, args: kept };
  const choices = gathered(kept);
  return choices.length === 1 ? choices[0] : factored({ ...expression, args: choices });
}

const COMPLEMENTS: Readonly<Record<string, string>> = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  is_null: 'is_not_null',
  is_not_null: 'is_null',
  is_distinct_from: 'is_not_distinct_from',
  is_not_distinct_from: 'is_distinct_from',
};

/** A negation carried inward; a null stays null on the way. Undefined where it has to stay outside. */
function negated(condition: Bound): Bound | undefined {
  switch (condition.node) {
    case 'call':
      if (condition.function === 'not') return condition.args[0];
      if (!Object.hasOwn(COMPLEMENTS, condition.function)) return undefined;
      return { ...condition, function: COMPLEMENTS[condition.function] };
    case 'in':
      return { ...condition, negated: !condition.negated };
    case 'and':
    case 'or': {
      const args = condition.args.map((arg) =>
        simplify({ node: 'call', function: 'not', args: [arg], type: BOOL, at: arg.at }),
      );
      return simplifyLogic({ ...condition, node: condition.node === 'and' ? 'or' : 'and', args });
    }
    default:
      return undefined;
  }
}

/** `a = 1 OR a = 2` is `a IN (1, 2)`, which one look at an index answers. */
function gathered(args: readonly Bound[]): Bound[] {
  const lists = new Map<number, { place: number; condition: Extract<Bound, { node: 'in' }> }>();
  const out: Bound[] = [];
  for (const arg of args) {
    const list = asList(arg);
    if (list === undefined || list.arg.node !== 'column') {
      out.push(arg);
      continue;
    }
    const known = lists.get(list.arg.index);
    if (known === undefined) {
      lists.set(list.arg.index, { place: out.length, condition: list });
      out.push(arg);
    } else {
      known.condition = {
        ...known.condition,
        values: [...known.condition.values, ...list.values],
        hasNull: known.condition.hasNull || list.hasNull,
      };
      out[known.place] = known.condition;
    }
  }
  return out;
}

function asList(condition: Bound): Extract<Bound, { node: 'in' }> | undefined {
  if (condition.node === 'in') return condition.negated ? undefined : condition;
  if (condition.node !== 'call' || condition.function !== '=') return undefined;
  const [arg, value] = condition.args;
  if (value.node !== 'literal' || value.value === null) return undefined;
  return { node: 'in', arg, values: [value.value], hasNull: false, negated: false, type: BOOL, at: condition.at };
}

/** `(a AND b) OR (a AND c)` is `a AND (b OR c)`: the common part can be pushed down. */
function factored(expression: Extract<Bound, { node: 'and' | 'or' }>): Bound {
  const branches = expression.args.map((arg) => conjuncts(arg));
  const keys = branches.map((branch) => branch.map((part) => JSON.stringify(part, withoutPlaces)));
  const common = keys[0].filter((key) => keys.every((others) => others.includes(key)));
  if (common.length === 0) return expression;
  const shared = branches[0].filter((_, i) => common.includes(keys[0][i]));
  const rests = branches.map((branch, b) => branch.filter((_, i) => !common.includes(keys[b][i])));
  const unique = shared.filter((_, i) => common.indexOf(common[i]) === i);
  if (rests.some((rest) => rest.length === 0)) return allOf(unique);
  return allOf([...unique, { ...expression, args: rests.map(allOf) }]);
}

function withoutPlaces(name: string, value: unknown): unknown {
  if (name === 'at') return undefined;
  return typeof value === 'bigint' ? `${value}n` : value;
}

function allOf(parts: readonly Bound[]): Bound {
  return parts.length === 1 ? parts[0] : { node: 'and', args: parts, type: BOOL, at: parts[0].at };
}

const FLIPPED: Readonly<Record<string, string>> = { '=': '=', '<>': '<>', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

function isComparison(name: string): boolean {
  return Object.hasOwn(FLIPPED, name);
}

function simplifyComparison(call: Extract<Bound, { node: 'call' }>): Bound {
  const [left, right] = call.args;
  if (left.node === 'literal' && right.node !== 'literal') {
    return simplifyComparison({ ...call, function: FLIPPED[call.function], args: [right, left] });
  }
  if (right.node !== 'literal' || right.value === null) return call;
  if (left.node === 'cast' && left.arg.node === 'column') return withoutCast(call, left, right.value) ?? call;
  if (left.type.kind === 'bool' && (call.function === '=' || call.function === '<>')) {
    // `x = true` is x; `x = false` is NOT x.
    const wanted = (right.value === true) === (call.function === '=');
    return wanted ? left : { node: 'call', function: 'not', args: [left], type: BOOL, at: call.at };
  }
  return call;
}

/**
 * `CAST(column AS wider) < constant` without the cast, where a constant of the column's own type splits its
 * values the same way: `count > 1.5` is `count > 1`, `day >= timestamp '… 12:00'` is `day > date '…'`.
 */
function withoutCast(
  call: Extract<Bound, { node: 'call' }>,
  cast: Extract<Bound, { node: 'cast' }>,
  value: Exclude<Scalar, null>,
): Bound | undefined {
  const from = cast.arg.type;
  if (cast.lenient || !keepsOrder(from, cast.type, value)) return undefined;
  const down = floorInto(value, cast.type, from);
  if (down === undefined) return undefined;
  const exact = compareScalars(castScalar(down, from, cast.type, false) ?? down, value) === 0;
  const name = comparisonAgainst(call.function, exact);
  if (name === undefined) return undefined;
  return { ...call, function: name, args: [cast.arg, literal(down, from, call.at)] };
}

/** Against the next lower value of the column's type: `x >= 1.5` and `x > 1.5` are both `x > 1`. */
function comparisonAgainst(name: string, exact: boolean): string | undefined {
  if (exact) return name;
  switch (name) {
    case '<':
    case '<=':
      return '<=';
    case '>':
    case '>=':
      return '>';
    default:
      // Nothing equals it; null stays null, which a constant would not.
      return undefined;
  }
}

/** Beyond 2^53 several integers become one double, so only constants below are safe. */
const EXACT_DOUBLE = 2 ** 53;

function keepsOrder(from: ColumnType, to: ColumnType, value: Exclude<Scalar, null>): boolean {
  if (from.kind === 'int64' && to.kind === 'double') return Math.abs(Number(value)) < EXACT_DOUBLE;
  if (from.kind === 'int64' && to.kind === 'decimal') return true;
  if (from.kind === 'date' && to.kind === 'timestamp') return true;
  if (from.kind === 'decimal' && to.kind === 'decimal') return to.scale >= from.scale;
  return from.kind === 'timestamp' && to.kind === 'timestamp' && from.unit === 'us' && to.unit === 'ns';
}

/** The greatest value of the narrower type that is not above the constant; undefined where it has none. */
function floorInto(
  value: Exclude<Scalar, null>,
  type: ColumnType,
  into: ColumnType,
): Exclude<Scalar, null> | undefined {
  let narrow: Scalar;
  if (type.kind === 'double') {
    narrow = Number.isFinite(value) ? BigInt(Math.floor(Number(value))) : null;
  } else if (type.kind === 'decimal') {
    const scale = into.kind === 'decimal' ? into.scale : 0;
    narrow = floorDivide(BigInt(value as bigint), 10n ** BigInt(type.scale - scale));
    if (into.kind === 'int64' && (narrow > 2n ** 63n - 1n || narrow < -(2n ** 63n))) return undefined;
    if (
      into.kind === 'decimal' &&
      (narrow >= 10n ** BigInt(into.precision) || narrow <= -(10n ** BigInt(into.precision)))
    ) {
      return undefined;
    }
  } else if (type.kind === 'timestamp' && into.kind === 'date') {
    narrow = castScalar(value, type, into, true);
  } else narrow = floorDivide(BigInt(value as bigint), 1000n);
  return narrow ?? undefined;
}
