import { BOOL, DATE, DOUBLE, TIMESTAMP, typeName } from '../../columns/types.ts';
import { findAggregate } from '../functions/aggregates.ts';
import { castScalar } from '../functions/cast.ts';
import { SCALAR_FUNCTIONS } from '../functions/catalogue.ts';
import { type FuncCall, type Node, names } from '../parse/ast.ts';
import { resolveAggregate } from './aggregate-calls.ts';
import { branchOf, castTo, column, isNullLiteral, literal, nullOf, text } from './bound.ts';
import { argumentType, asCondition, caseOf, makeCall } from './calls.ts';
import { sqlError, typeNames } from './errors.ts';
import type { ExpressionBinder, ExpressionRules } from './expressions.ts';
import { interval, intervalPart, intervalText, negateInterval, unitsInterval } from './intervals.ts';
import type { Bound, LogicalSortKey } from './logical.ts';
import { nearNames } from './scope.ts';
import { bindSortKeys } from './sort-keys.ts';
import { bindWindowCall, isWindowFunction } from './window-calls.ts';

/** Functions whose answer is not decided by their arguments; a query's answer would change by itself. */
const VOLATILE = new Set(['random', 'rand', 'uuid', 'gen_random_uuid', 'nextval', 'currval', 'setseed']);

/** Binds a function call: aggregate, window, one of those with rules of their own, or of the catalogue. */
export function bindFunction(binder: ExpressionBinder, call: FuncCall, rules: ExpressionRules): Bound {
  const at = call.location ?? 0;
  const name = (names(call.funcname).at(-1) ?? '').toLowerCase();
  if (call.func_variadic) throw sqlError('unsupported_sql', at, 'VARIADIC is not supported');
  if (call.over !== undefined) {
    if (!rules.windows) throw sqlError('invalid_sql', at, `${rules.place} cannot hold a window function`);
    return bindWindowCall(binder, call, name, rules);
  }
  const aggregateName = name === 'count' && (call.args ?? []).length === 0 ? 'count_all' : name;
  if (name === 'count_if' || name === 'countif') return bindCountIf(binder, call, rules, at);
  if (name === 'approx_count_distinct')
    return bindAggregate(binder, { ...call, agg_distinct: true }, 'count', rules, at);
  if (call.agg_within_group) return bindWithinGroup(binder, call, name, rules, at);
  if (findAggregate(aggregateName) !== undefined) return bindAggregate(binder, call, aggregateName, rules, at);
  if (isWindowFunction(name)) throw sqlError('invalid_sql', at, `${name} needs OVER (…)`);
  if (call.agg_distinct || call.agg_filter !== undefined || call.agg_order !== undefined) {
    throw sqlError('invalid_sql', at, `${name} is not an aggregate`);
  }
  if (VOLATILE.has(name))
    throw sqlError('unsupported_sql', at, `${name} is not supported: a query answers the same each time`);
  const nodes = call.args ?? [];
  if (name === 'match' || name === 'score') return bindFullText(binder, name, nodes, rules, at);
  if (name === '$exclude' || name === '$replace')
    throw sqlError('invalid_sql', at, `${name.slice(1)} stands behind * only`);
  if (name === 'row') throw sqlError('unsupported_sql', at, 'rows are not values here');
  const args = nodes.map((node) => binder.bind(node, rules));
  return bindSpecial(binder, name, args, at) ?? bindScalar(name, args, at);
}

function bindScalar(name: string, args: readonly Bound[], at: number): Bound {
  if (SCALAR_FUNCTIONS.find(name) === undefined) {
    const known = ['count', 'sum', 'avg', 'min', 'max', ...COMMON_NAMES];
    throw sqlError('invalid_sql', at, `there is no function ${name}${nearNames(name, known)}`);
  }
  return makeCall(
    name,
    args.map((arg) =>
      arg.node === 'interval' && (name === 'concat' || name === 'concat_ws') ? intervalText(arg) : arg,
    ),
    at,
  );
}

const COMMON_NAMES =
  'lower upper length substring replace trim round floor ceil abs coalesce nullif date_trunc date_part extract strftime regexp_matches json_extract contains split_part'.split(
    ' ',
  );

/** Functions that are bound otherwise than by the types of their arguments. */
function bindSpecial(binder: ExpressionBinder, name: string, args: readonly Bound[], at: number): Bound | undefined {
  const [first, second, third] = args;
  const { nowMicros } = binder.context;
  switch (name) {
    case 'now':
    case 'current_timestamp':
    case 'transaction_timestamp':
    case 'get_current_timestamp':
    case 'current_localtimestamp':
      return args.length === 0 ? literal(nowMicros, TIMESTAMP, at) : undefined;
    case 'today':
    case 'current_date':
      return args.length === 0 ? literal(castScalar(nowMicros, TIMESTAMP, DATE, false), DATE, at) : undefined;
    case 'typeof':
    case 'pg_typeof':
      return args.length === 1 ? text(first.node === 'interval' ? 'interval' : typeName(first.type), at) : undefined;
    case 'if':
    case 'iff':
      if (args.length !== 3) return undefined;
      return caseOf([branchOf(asCondition(first, 'IF'), second)], third, at);
    case 'ifnull':
    case 'nvl':
      return args.length === 2 ? makeCall('coalesce', args, at) : undefined;
    case 'nullif': {
      if (args.length !== 2) return undefined;
      const equal = makeCall('=', [first, second], at);
      return caseOf([branchOf(equal, nullOf(first.type, at))], first, at);
    }
    case 'like_escape':
      return makeCall('like', args, at);
    case 'ilike_escape':
      return makeCall('ilike', args, at);
    case 'not_like_escape':
      return makeCall('not', [makeCall('like', args, at)], at);
    case 'date_add':
    case 'date_sub':
      if (args.length === 2 && second.node === 'interval') {
        const span = name === 'date_add' ? second : negateInterval(second);
        return makeCall('add_interval', [first, span.months, span.days, span.micros], at);
      }
      return undefined;
    case 'age': {
      if (args.length < 1 || args.length > 2) return undefined;
      const today = makeCall('date_trunc', [text('day', at), literal(nowMicros, TIMESTAMP, at)], at);
      const [later, earlier] = args.length === 2 ? [first, second] : [today, first];
      const part = (field: string) => makeCall(`age_${field}`, [later, earlier], at);
      return interval(part('months'), part('days'), part('micros'), at);
    }
    case 'time_bucket':
      if (args.length !== 2 || first.node !== 'interval') return undefined;
      return makeCall('time_bucket', [first.months, first.days, first.micros, second], at);
    case 'extract':
    case 'date_part':
    case 'datepart':
      return bindDatePart(args, at);
    case 'epoch':
      return first?.node === 'interval' ? intervalPart('epoch', first) : undefined;
    case 'timezone':
      if (args.length === 2 && first.node === 'literal' && /^(utc|gmt|z|etc\/utc)$/i.test(String(first.value))) {
        return second.type.kind === 'timestamp' ? second : castTo(second, TIMESTAMP);
      }
      throw sqlError('unsupported_sql', at, 'instants are UTC; other time zones are not supported');
    case 'date':
      return args.length === 1 ? binder.castExplicitly(first, DATE, false, at) : undefined;
    case 'to_char':
      throw sqlError('unsupported_sql', at, 'to_char is not supported; strftime formats instants');
    default:
      return args.length === 1 && first.node !== 'interval' ? unitsInterval(name, first, at) : undefined;
  }
}

function bindDatePart(args: readonly Bound[], at: number): Bound | undefined {
  const [part, value] = args;
  if (args.length !== 2) return undefined;
  if (value.node === 'interval') {
    if (part.node !== 'literal') throw sqlError('unsupported_sql', at, 'the part of an interval is a constant');
    return intervalPart(String(part.value), value);
  }
  const instant = argumentType(value).untyped || isNullLiteral(value) ? castTo(value, TIMESTAMP) : value;
  return makeCall('date_part', [part, instant], at);
}

/** `MATCH(column, 'query')` stays a call until the condition it stands in reaches a scan. */
function bindFullText(
  binder: ExpressionBinder,
  name: string,
  nodes: readonly Node[],
  rules: ExpressionRules,
  at: number,
): Bound {
  if (name === 'score') {
    if (nodes.length > 0) throw sqlError('invalid_sql', at, 'SCORE takes no arguments');
    return column(binder.scope.scoreColumn(at), DOUBLE, at);
  }
  const args = nodes.map((node) => binder.bind(node, rules));
  const [searched, query] = args;
  if (args.length !== 2 || searched.node !== 'column' || query.node !== 'literal' || typeof query.value !== 'string') {
    throw sqlError('invalid_sql', at, "MATCH takes a column and a constant query: MATCH(body, 'red fox')");
  }
  if (searched.type.kind !== 'string' && searched.type.kind !== 'json') {
    throw sqlError('type_error', searched.at, `MATCH searches text, not ${typeNames([searched.type])}`);
  }
  binder.scope.noteMatch(searched.index);
  return { node: 'call', function: 'match', args: [searched, query], type: BOOL, at };
}

function bindCountIf(binder: ExpressionBinder, call: FuncCall, rules: ExpressionRules, at: number): Bound {
  const { args: [condition] = [], agg_filter: filter } = call;
  if (condition === undefined) throw sqlError('invalid_sql', at, 'count_if takes a condition');
  const both: Node =
    filter === undefined ? condition : { BoolExpr: { boolop: 'AND_EXPR', args: [condition, filter], location: at } };
  return bindAggregate(binder, { ...call, args: [], agg_star: true, agg_filter: both }, 'count_all', rules, at);
}

/** `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)` is `quantile_cont(x, 0.5)`. */
function bindWithinGroup(
  binder: ExpressionBinder,
  call: FuncCall,
  name: string,
  rules: ExpressionRules,
  at: number,
): Bound {
  const targets: Readonly<Record<string, string>> = {
    percentile_cont: 'quantile_cont',
    percentile_disc: 'quantile_disc',
    mode: 'mode',
  };
  const order = call.agg_order?.[0]?.SortBy;
  if (!Object.hasOwn(targets, name) || order === undefined || call.agg_order?.length !== 1) {
    throw sqlError('unsupported_sql', at, `${name} WITHIN GROUP is not supported`);
  }
  if (order.sortby_dir === 'SORTBY_DESC' && name !== 'mode') {
    throw sqlError('unsupported_sql', at, `${name} goes up only; take 1 - the fraction`);
  }
  const plain: FuncCall = {
    ...call,
    args: [order.node, ...(call.args ?? [])],
    agg_within_group: false,
    agg_order: undefined,
  };
  return bindAggregate(binder, plain, targets[name], rules, at);
}

function bindAggregate(
  binder: ExpressionBinder,
  call: FuncCall,
  name: string,
  rules: ExpressionRules,
  at: number,
): Bound {
  if (!rules.aggregates) throw sqlError('invalid_sql', at, `${rules.place} cannot hold an aggregate`);
  const within = { place: `the arguments of ${name}`, aggregates: false, windows: false };
  const args = (call.args ?? []).map((node) => binder.bindValue(node, within));
  const filter =
    call.agg_filter === undefined ? null : binder.bindCondition(call.agg_filter, { ...within, place: 'FILTER' });
  const resolved = resolveAggregate(name, args, at);
  const definition = findAggregate(name);
  const keys = bindSortKeys(binder, call.agg_order ?? [], { ...within, place: 'ORDER BY' });
  const orderBy: readonly LogicalSortKey[] = definition?.ordered ? keys : [];
  return {
    node: 'aggregate',
    ...resolved,
    distinct: (call.agg_distinct ?? false) && name !== 'count_all',
    filter,
    orderBy,
    at,
  };
}
