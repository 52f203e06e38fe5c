import { compareScalars } from '../../columns/compare.ts';
import { BOOL } from '../../columns/types.ts';
import { type AExpr, type Node, names } from '../parse/ast.ts';
import { branchOf, isNullLiteral, literal, nullOf, text } from './bound.ts';
import { allOf, and, makeCall, not, or, unify, withJsonContent } from './calls.ts';
import { negate } from './constants.ts';
import { sqlError } from './errors.ts';
import type { ExpressionBinder, ExpressionRules } from './expressions.ts';
import { intervalOperation, intervalText, negateInterval } from './intervals.ts';
import type { Bound } from './logical.ts';

/**
 * Binds what stands between its operands: operators, IN, LIKE, BETWEEN and their like. Throws `invalid_sql`,
 * `unsupported_sql` or `type_error` with the place.
 */
export function bindOperation(binder: ExpressionBinder, expression: AExpr, rules: ExpressionRules): Bound {
  const at = expression.location ?? 0;
  const operator = names(expression.name).at(-1) ?? '';
  const { lexpr, rexpr } = expression;
  switch (expression.kind) {
    case 'AEXPR_OP':
      return bindOperator(binder, operator, lexpr, rexpr, at, rules);
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return makeCall(
        expression.kind === 'AEXPR_DISTINCT' ? 'is_distinct_from' : 'is_not_distinct_from',
        [binder.bindValue(lexpr ?? {}, rules), binder.bindValue(rexpr ?? {}, rules)],
        at,
      );
    case 'AEXPR_NULLIF': {
      const value = binder.bindValue(lexpr ?? {}, rules);
      const equal = makeCall('=', [value, binder.bindValue(rexpr ?? {}, rules)], at);
      const type = value.type;
      return { node: 'case', branches: [branchOf(equal, nullOf(type, at))], otherwise: value, type, at };
    }
    case 'AEXPR_IN':
      return bindIn(binder, lexpr ?? {}, rexpr?.List?.items ?? [], operator === '<>', at, rules);
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const wanted = expression.kind === 'AEXPR_OP_ANY' ? '=' : '<>';
      const elements = rexpr?.A_ArrayExpr?.elements;
      if (operator !== wanted || elements === undefined) {
        throw sqlError('unsupported_sql', at, `only = ANY(ARRAY[…]) and <> ALL(ARRAY[…]) are supported`);
      }
      return bindIn(binder, lexpr ?? {}, elements, wanted === '<>', at, rules);
    }
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
    case 'AEXPR_SIMILAR':
      return bindLike(binder, expression.kind, operator.startsWith('!'), lexpr ?? {}, rexpr ?? {}, at, rules);
    default:
      return bindBetween(binder, expression, at, rules);
  }
}

function bindOperator(
  binder: ExpressionBinder,
  operator: string,
  lexpr: Node | undefined,
  rexpr: Node | undefined,
  at: number,
  rules: ExpressionRules,
): Bound {
  if (lexpr?.RowExpr !== undefined || rexpr?.RowExpr !== undefined)
    return compareRows(binder, operator, lexpr, rexpr, at, rules);
  const right = binder.bind(rexpr ?? {}, rules);
  if (lexpr === undefined) return bindPrefix(operator, right, at);
  const left = binder.bind(lexpr, rules);
  const name = operator === '%' && binder.context.marks.integerDivisions.has(at) ? '//' : operator;
  const spans = intervalOperation(name, left, right, at);
  if (spans !== undefined) return spans;
  const args = [left, right].map((arg) => (arg.node === 'interval' && name === '||' ? intervalText(arg) : arg));
  switch (name) {
    case '!=':
      return makeCall('<>', args, at);
    case '~':
      return makeCall('regexp_full_match', args, at);
    case '~*':
      return makeCall('regexp_full_match', [...args, text('i', at)], at);
    case '!~':
      return not(makeCall('regexp_full_match', args, at));
    case '!~*':
      return not(makeCall('regexp_full_match', [...args, text('i', at)], at));
    case '~~':
      return makeCall('like', args, at);
    case '~~*':
      return makeCall('ilike', args, at);
    case '!~~':
      return not(makeCall('like', args, at));
    case '!~~*':
      return not(makeCall('ilike', args, at));
    case '#':
      return makeCall('xor', args, at);
    case '@>':
      return makeCall('json_contains', args, at);
    case '<@':
      return makeCall('json_contains', args.reverse(), at);
    case '<->':
      throw sqlError('unsupported_sql', at, '<-> is not supported; ST_DISTANCE(lat, lon, lat, lon) gives metres');
    default:
      if (!/^[A-Za-z_]/.test(name)) return makeKnownCall(name, args, at);
      throw sqlError('unsupported_sql', at, `the operator ${name} is not supported`);
  }
}

function makeKnownCall(name: string, args: readonly Bound[], at: number): Bound {
  try {
    return makeCall(name, args, at);
  } catch (error) {
    if (error instanceof Error && error.message === `there is no function ${name}`) {
      throw sqlError('unsupported_sql', at, `the operator ${name} is not supported`);
    }
    throw error;
  }
}

function bindPrefix(operator: string, value: Bound, at: number): Bound {
  if (operator === '+') return value;
  if (operator === '-') return value.node === 'interval' ? negateInterval(value) : negate(value, at);
  if (operator === '~' || operator === '@') return makeCall(operator, [value], at);
  throw sqlError('unsupported_sql', at, `the operator ${operator} is not supported`);
}

/** `(a, b) = (1, 2)`, column by column. */
function compareRows(
  binder: ExpressionBinder,
  operator: string,
  lexpr: Node | undefined,
  rexpr: Node | undefined,
  at: number,
  rules: ExpressionRules,
): Bound {
  const left = lexpr?.RowExpr?.args ?? [];
  const right = rexpr?.RowExpr?.args ?? [];
  if ((operator !== '=' && operator !== '<>') || left.length === 0 || left.length !== right.length) {
    throw sqlError('unsupported_sql', at, 'rows of one length are compared by = and <> only');
  }
  const equal = and(left.map((node, i) => makeCall('=', [binder.bind(node, rules), binder.bind(right[i], rules)], at)));
  return operator === '=' ? equal : not(equal);
}

function bindIn(
  binder: ExpressionBinder,
  lexpr: Node,
  items: readonly Node[],
  negated: boolean,
  at: number,
  rules: ExpressionRules,
): Bound {
  if (lexpr.RowExpr !== undefined) {
    const any = or(
      items.map((item) => compareRows(binder, '=', lexpr, item, at, rules)),
      at,
    );
    return negated ? not(any) : any;
  }
  const arg = binder.bindValue(lexpr, rules);
  const list = items.map((item) => binder.bindValue(item, rules));
  if (!list.every((item) => item.node === 'literal')) {
    const any = or(
      list.map((item) => makeCall('=', [arg, item], at)),
      at,
    );
    return negated ? not(any) : any;
  }
  const others = list.filter((item) => !isNullLiteral(item));
  const [subject] = withJsonContent([arg, ...others]);
  const compared =
    subject.type.kind === 'json' && others.length > 0
      ? binder.castExplicitly(subject, unify(others, at, 'IN').type, false, at)
      : subject;
  const { all } = unify([compared, ...list], at, 'IN');
  const values = all.slice(1).flatMap((item) => (item.node === 'literal' && item.value !== null ? [item.value] : []));
  const hasNull = list.some(isNullLiteral);
  const first = all[0];
  if (first.node === 'literal') {
    const value = first.value;
    if (value === null) return nullOf(BOOL, at);
    const found = values.some((item) => compareScalars(item, value) === 0);
    return !found && hasNull ? nullOf(BOOL, at) : literal(found !== negated, BOOL, at);
  }
  return { node: 'in', arg: first, values, hasNull, negated, type: BOOL, at };
}

function bindLike(
  binder: ExpressionBinder,
  kind: string,
  negated: boolean,
  lexpr: Node,
  rexpr: Node,
  at: number,
  rules: ExpressionRules,
): Bound {
  const value = binder.bind(lexpr, rules);
  const call = rexpr.FuncCall;
  const called = call === undefined ? '' : (names(call.funcname).at(-1) ?? '');
  if (kind === 'AEXPR_SIMILAR') {
    if ((call?.args ?? []).length !== 1) throw sqlError('unsupported_sql', at, 'SIMILAR TO … ESCAPE is not supported');
    const pattern = binder.bind(call?.args?.[0] ?? {}, rules);
    const similar = makeCall('regexp_full_match', [value, pattern], at);
    return negated ? not(similar) : similar;
  }
  const parts = called === 'like_escape' ? (call?.args ?? []) : [rexpr];
  const name = kind === 'AEXPR_ILIKE' ? 'ilike' : 'like';
  const like = makeCall(name, [value, ...parts.map((part) => binder.bind(part, rules))], at);
  return negated ? not(like) : like;
}

function bindBetween(binder: ExpressionBinder, expression: AExpr, at: number, rules: ExpressionRules): Bound {
  const value = binder.bind(expression.lexpr ?? {}, rules);
  const [low, high] = (expression.rexpr?.List?.items ?? []).map((node) => binder.bind(node, rules));
  const within = (from: Bound, to: Bound) => allOf([compare('>=', value, from, at), compare('<=', value, to, at)]);
  const symmetric = expression.kind.endsWith('SYM');
  const between = symmetric ? or([within(low, high), within(high, low)], at) : within(low, high);
  return expression.kind.includes('NOT') ? not(between) : between;
}

function compare(operator: string, left: Bound, right: Bound, at: number): Bound {
  return intervalOperation(operator, left, right, at) ?? makeCall(operator, [left, right], at);
}
