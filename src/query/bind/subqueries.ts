import { BOOL, INT64 } from '../../columns/types.ts';
import { branchOf, column, conjunction, conjuncts, integer, literal, nullOf, rewrite, some } from './bound.ts';
import { caseOf, makeCall, not, or } from './calls.ts';
import { joinPlan, splitCondition, uniqueNames } from './joins.ts';
import type { Bound, Logical, LogicalAggregate, SubqueryExpression } from './logical.ts';
import { refersOutside } from './plan-expressions.ts';
import { beside, equalities, lowered, overRow, pullUp, refersToRow } from './pull-up.ts';
import { checkedSubstitute } from './size.ts';

/**
 * Turns subqueries into joins. EXISTS and IN as conditions become semi and anti joins; a subquery's value, or a
 * yes or no in the midst of an expression, becomes a column of a join beside the row. References to the
 * enclosing row are pulled up as join conditions where they are equalities or plain conditions. What cannot be
 * pulled up stays a subquery, which the fallback executor runs.
 */

/** Rows of the plan for which all conditions hold. Columns may be appended to the row, never moved. */
export function applyConditions(plan: Logical, conditions: readonly Bound[]): Logical {
  let rows = plan;
  const plain: Bound[] = [];
  for (const condition of conditions.flatMap(conjuncts)) {
    const joined = condition.node === 'subquery' ? asSemiJoin(rows, condition) : undefined;
    if (joined !== undefined) rows = joined;
    else plain.push(condition);
  }
  const replaced: Bound[] = [];
  for (const condition of plain) {
    const result = replaceSubqueries(rows, condition);
    rows = result.plan;
    replaced.push(result.expression);
  }
  const predicate = conjunction(replaced);
  return predicate === null ? rows : { op: 'filter', input: rows, predicate, schema: rows.schema };
}

/** The expression with its subqueries replaced by columns of joins, as far as they can be. */
export function replaceSubqueries(plan: Logical, expression: Bound): { plan: Logical; expression: Bound } {
  let rows = plan;
  const replaced = rewrite(expression, (part) => {
    if (part.node !== 'subquery') return undefined;
    const arg = part.arg === null ? null : replaceSubqueries(rows, part.arg);
    if (arg !== null) rows = arg.plan;
    const result = asColumn(rows, { ...part, arg: arg?.expression ?? null });
    if (result === undefined) return { ...part, arg: arg?.expression ?? null };
    rows = result.plan;
    return result.expression;
  });
  return { plan: rows, expression: replaced };
}

function asSemiJoin(rows: Logical, subquery: SubqueryExpression): Logical | undefined {
  if (subquery.kind === 'scalar') return undefined;
  const width = rows.schema.length;
  if (subquery.kind === 'in' && subquery.negated) return asNullAwareAntiJoin(rows, subquery);
  const stripped = subquery.kind === 'exists' ? withoutOutput(subquery.plan) : subquery.plan;
  const pulled = pullUp(stripped);
  if (pulled === undefined) return undefined;
  const conditions = pulled.conditions.map((condition) => beside(condition, width));
  const { arg } = subquery;
  if (arg !== null) {
    if (some(arg, (part) => part.node === 'subquery')) return undefined;
    const first = pulled.plan.schema[0];
    conditions.push(makeCall('=', [arg, column(width, first.type, arg.at)], arg.at));
  }
  const { on, residual } = splitCondition(conjunction(conditions), width);
  return joinPlan(subquery.negated ? 'anti' : 'semi', rows, pulled.plan, on, residual);
}

/** Of an EXISTS only whether there are rows matters: neither columns nor order nor repeats do. */
function withoutOutput(plan: Logical): Logical {
  if (plan.op === 'project' || plan.op === 'distinct') return withoutOutput(plan.input);
  if (plan.op === 'sort' && plan.limit === null && plan.offset === 0) return withoutOutput(plan.input);
  return plan;
}

/**
 * `x NOT IN (subquery)` is true where the subquery is empty, or x is not null, not among its values, and none of
 * them is null.
 */
function asNullAwareAntiJoin(rows: Logical, subquery: SubqueryExpression): Logical | undefined {
  const { arg, plan, at } = subquery;
  if (arg === null || refersToRow(plan) || some(arg, (part) => part.node === 'subquery')) return undefined;
  const inner = lowered(plan);
  const field = inner.schema[0];
  const anti = joinPlan('anti', rows, inner, [{ left: arg, right: column(0, field.type, at) }], null);
  const width = anti.schema.length;
  const counted = joinPlan('cross', anti, countsOf(inner, at), [], null);
  const total = column(width, INT64, at);
  const present = column(width + 1, INT64, at);
  const noNulls = conjunction([makeCall('=', [total, present], at), makeCall('is_not_null', [arg], at)]);
  const empty = makeCall('=', [total, integer(0n, at)], at);
  const predicate = or([empty, noNulls ?? empty], at);
  return keepColumns({ op: 'filter', input: counted, predicate, schema: counted.schema }, width, at);
}

/** One row: how many rows there are, and in how many the first column is not null. */
function countsOf(plan: Logical, at: number): Logical {
  const count = (name: string, args: readonly Bound[]): LogicalAggregate => ({
    function: name,
    args,
    distinct: false,
    filter: null,
    orderBy: [],
    parameters: [],
    type: INT64,
    at,
  });
  return {
    op: 'aggregate',
    input: plan,
    keys: [],
    aggregates: [count('count_all', []), count('count', [column(0, plan.schema[0].type, at)])],
    schema: [
      { name: '$rows', type: INT64, nullable: false },
      { name: '$present', type: INT64, nullable: false },
    ],
  };
}

function keepColumns(plan: Logical, width: number, at: number): Logical {
  const schema = plan.schema.slice(0, width);
  return { op: 'project', input: plan, expressions: schema.map(({ type }, i) => column(i, type, at)), schema };
}

function asColumn(rows: Logical, subquery: SubqueryExpression): { plan: Logical; expression: Bound } | undefined {
  switch (subquery.kind) {
    case 'scalar':
      return refersToRow(subquery.plan) ? correlatedValue(rows, subquery) : plainValue(rows, subquery);
    case 'exists':
      return refersToRow(subquery.plan) ? correlatedExists(rows, subquery) : plainExists(rows, subquery);
    case 'in':
      return refersToRow(subquery.plan) ? undefined : plainMembership(rows, subquery);
  }
}

/** Whether the plan gives one row whatever its input. */
function givesOneRow(plan: Logical): boolean {
  switch (plan.op) {
    case 'aggregate':
      return plan.keys.length === 0;
    case 'values':
      return plan.rows.length === 1;
    case 'project':
      return givesOneRow(plan.input);
    default:
      return false;
  }
}

function plainValue(rows: Logical, { plan, at }: SubqueryExpression): { plan: Logical; expression: Bound } {
  const inner = lowered(plan);
  const single = givesOneRow(inner) ? inner : onlyRow(inner, at);
  const width = rows.schema.length;
  return {
    plan: joinPlan('cross', rows, single, [], null),
    expression: column(width, inner.schema[0].type, at),
  };
}

/** One row: the value of the only row, null where there is none, an error where there are more. */
function onlyRow(plan: Logical, at: number): Logical {
  const { name, type } = plan.schema[0];
  const counted = valueAndCount(plan, [], column(0, type, at), at);
  return {
    op: 'project',
    input: counted,
    expressions: [makeCall('only_row', [column(0, type, at), column(1, INT64, at)], at)],
    schema: [{ name, type, nullable: true }],
  };
}

/** By key: some value and the number of rows. */
function valueAndCount(plan: Logical, keys: readonly Bound[], value: Bound, at: number): Logical {
  const base = { distinct: false, filter: null, orderBy: [], parameters: [], at };
  return {
    op: 'aggregate',
    input: plan,
    keys,
    aggregates: [
      { ...base, function: 'any_value', args: [value], type: value.type },
      { ...base, function: 'count_all', args: [], type: INT64 },
    ],
    schema: uniqueNames([
      ...keys.map((key, i) => ({ name: `$key${i}`, type: key.type, nullable: true })),
      { name: '$value', type: value.type, nullable: true },
      { name: '$rows', type: INT64, nullable: false },
    ]),
  };
}

function plainExists(rows: Logical, { plan, negated, at }: SubqueryExpression): { plan: Logical; expression: Bound } {
  const inner = withoutOutput(lowered(plan));
  const width = rows.schema.length;
  const first: Logical = { op: 'limit', input: inner, limit: 1, offset: 0, schema: inner.schema };
  const counted: Logical = {
    op: 'aggregate',
    input: first,
    keys: [],
    aggregates: [
      { function: 'count_all', args: [], distinct: false, filter: null, orderBy: [], parameters: [], type: INT64, at },
    ],
    schema: [{ name: '$rows', type: INT64, nullable: false }],
  };
  return {
    plan: joinPlan('cross', rows, counted, [], null),
    expression: makeCall(negated ? '=' : '>', [column(width, INT64, at), integer(0n, at)], at),
  };
}

/** `x IN (subquery)` as a value: true, false, or null where a null leaves it open. */
function plainMembership(
  rows: Logical,
  subquery: SubqueryExpression,
): { plan: Logical; expression: Bound } | undefined {
  const { arg, negated, at } = subquery;
  if (arg === null || some(arg, (part) => part.node === 'subquery')) return undefined;
  const inner = lowered(subquery.plan);
  const { type } = inner.schema[0];
  const value: Logical = {
    op: 'distinct',
    input: {
      op: 'project',
      input: {
        op: 'filter',
        input: inner,
        predicate: makeCall('is_not_null', [column(0, type, at)], at),
        schema: inner.schema,
      },
      expressions: [column(0, type, at)],
      schema: [{ name: '$value', type, nullable: false }],
    },
    schema: [{ name: '$value', type, nullable: false }],
  };
  const width = rows.schema.length;
  const matched = joinPlan('left', rows, value, [{ left: arg, right: column(0, type, at) }], null);
  const counted = joinPlan('cross', matched, countsOf(inner, at), [], null);
  const found = column(width, type, at);
  const total = column(width + 1, INT64, at);
  const present = column(width + 2, INT64, at);
  const no = literal(false, BOOL, at);
  const expression = caseOf(
    [
      branchOf(makeCall('=', [total, integer(0n, at)], at), no),
      branchOf(makeCall('is_null', [arg], at), nullOf(BOOL, at)),
      branchOf(makeCall('is_not_null', [found], at), literal(true, BOOL, at)),
      branchOf(makeCall('<', [present, total], at), nullOf(BOOL, at)),
    ],
    no,
    at,
  );
  return { plan: counted, expression: negated ? not(expression) : expression };
}

function correlatedExists(
  rows: Logical,
  subquery: SubqueryExpression,
): { plan: Logical; expression: Bound } | undefined {
  const { negated, at } = subquery;
  const pulled = pullUp(withoutOutput(subquery.plan));
  const keys = pulled === undefined ? undefined : equalities(pulled.conditions);
  if (pulled === undefined || keys === undefined || keys.length === 0) return undefined;
  const inner = keys.map((key) => key.inner);
  const grouped: Logical = {
    op: 'aggregate',
    input: pulled.plan,
    keys: inner,
    aggregates: [
      { function: 'count_all', args: [], distinct: false, filter: null, orderBy: [], parameters: [], type: INT64, at },
    ],
    schema: [
      ...inner.map((key, i) => ({ name: `$key${i}`, type: key.type, nullable: true })),
      { name: '$rows', type: INT64, nullable: false },
    ],
  };
  const on = keys.map(({ around }, i) => ({ left: overRow(around), right: column(i, inner[i].type, at) }));
  const joined = joinPlan('left', rows, grouped, on, null);
  const marker = column(joined.schema.length - 1, INT64, at);
  return { plan: joined, expression: makeCall(negated ? 'is_null' : 'is_not_null', [marker], at) };
}

function correlatedValue(
  rows: Logical,
  subquery: SubqueryExpression,
): { plan: Logical; expression: Bound } | undefined {
  const { plan, at } = subquery;
  // The projections over an aggregate, as one expression over the aggregate's row.
  let output: readonly Bound[] = plan.schema.map(({ type }, i) => column(i, type, at));
  let below = plan;
  while (below.op === 'project') {
    const { expressions } = below;
    output = output.map((expression) => checkedSubstitute(expression, expressions));
    below = below.input;
  }
  if (below.op === 'aggregate' && below.keys.length === 0) return correlatedAggregate(rows, below, output[0], at);
  const pulled = pullUp(plan);
  const keys = pulled === undefined ? undefined : equalities(pulled.conditions);
  if (pulled === undefined || keys === undefined || keys.length === 0) return undefined;
  const inner = keys.map((key) => key.inner);
  const grouped = valueAndCount(pulled.plan, inner, column(0, pulled.plan.schema[0].type, at), at);
  const width = rows.schema.length;
  const on = keys.map(({ around }, i) => ({ left: overRow(around), right: column(i, inner[i].type, at) }));
  const joined = joinPlan('left', rows, grouped, on, null);
  const value = column(width + inner.length, subquery.type, at);
  const count = column(width + inner.length + 1, INT64, at);
  return { plan: joined, expression: makeCall('only_row', [value, count], at) };
}

/** An aggregate over the rows that belong to the row around, computed once for every key. */
function correlatedAggregate(
  rows: Logical,
  aggregate: Extract<Logical, { op: 'aggregate' }>,
  output: Bound,
  at: number,
): { plan: Logical; expression: Bound } | undefined {
  const parts = aggregate.aggregates.flatMap(({ args, filter }) => (filter === null ? args : [...args, filter]));
  if (parts.some((part) => refersOutside(part)) || some(output, (part) => part.node === 'subquery')) return undefined;
  const pulled = pullUp(aggregate.input);
  const keys = pulled === undefined ? undefined : equalities(pulled.conditions);
  if (pulled === undefined || keys === undefined || keys.length === 0) return undefined;
  const inner = keys.map((key) => key.inner);
  const grouped: Logical = {
    op: 'aggregate',
    input: pulled.plan,
    keys: inner,
    aggregates: aggregate.aggregates,
    schema: uniqueNames([
      ...inner.map((key, i) => ({ name: `$key${i}`, type: key.type, nullable: true })),
      ...aggregate.schema,
    ]),
  };
  const width = rows.schema.length;
  const on = keys.map(({ around }, i) => ({ left: overRow(around), right: column(i, inner[i].type, at) }));
  const joined = joinPlan('left', rows, grouped, on, null);
  // A row without partners has no group: its counts are 0, its other aggregates null.
  const values = aggregate.aggregates.map((call, i): Bound => {
    const value = column(width + inner.length + i, call.type, at);
    return call.function.startsWith('count') ? makeCall('coalesce', [value, integer(0n, at)], at) : value;
  });
  const own = rewrite(output, (part) => {
    if (part.node === 'column') return values[part.index];
    if (part.node === 'outer') return overRow(part);
    return undefined;
  });
  return { plan: joined, expression: own };
}
