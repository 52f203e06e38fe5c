import { assert } from '../../core/errors.ts';
import type { Expression } from '../expression.ts';
import { emitFallback } from '../fallback/emit.ts';
import { reasonForSqlite } from '../fallback/needs-sqlite.ts';
import type { AggregateCall, Plan, ScanPlan, SortKey } from '../plan.ts';
import { children, column, inputColumns, remapColumns, substitute } from './bound.ts';
import { sqlError } from './errors.ts';
import { uniqueNames } from './joins.ts';
import type { Bound, Logical, LogicalAggregate, LogicalScan, LogicalSortKey, WindowCall } from './logical.ts';

/** A plan in which SQLite does all but read: the other executor for every statement, to hold the first against. */
export function lowerToFallback(plan: Logical): Plan {
  if (isRead(plan)) return lowerPlan(plan);
  return emitFallback(plan, 'everything, as asked', lowerPlan, isRead);
}

/** A scan, perhaps of some of its columns, or constants. */
function isRead(plan: Logical): boolean {
  if (plan.op === 'project') {
    return plan.input.op === 'scan' && plan.expressions.every(({ node }) => node === 'column');
  }
  return plan.op === 'scan' || (plan.op === 'values' && plan.schema.length > 0);
}

/** The plan that runs: column operators where they can, the fallback executor where they cannot. */
export function lowerPlan(plan: Logical): Plan {
  const reason = reasonForSqlite(plan);
  if (reason !== undefined) return emitFallback(precomputed(plan), reason, lowerPlan);
  switch (plan.op) {
    case 'scan':
      return lowerScan(
        plan,
        plan.schema.slice(0, -1).map((_, i) => i),
      );
    case 'project':
      return lowerProject(plan);
    case 'values':
      return { ...plan, rows: plan.rows.map((row) => row.map(expressionOf)) };
    case 'filter':
      return { ...plan, input: lowerPlan(plan.input), predicate: expressionOf(plan.predicate) };
    case 'aggregate':
      return {
        ...plan,
        input: lowerPlan(plan.input),
        keys: plan.keys.map(expressionOf),
        aggregates: plan.aggregates.map(aggregateOf),
      };
    case 'join':
      return {
        ...plan,
        left: lowerPlan(plan.left),
        right: lowerPlan(plan.right),
        on: plan.on.map(({ left, right }) => ({ left: expressionOf(left), right: expressionOf(right) })),
        residual: plan.residual === null ? null : expressionOf(plan.residual),
      };
    case 'sort':
      return { ...plan, input: lowerPlan(plan.input), keys: plan.keys.map(sortKeyOf) };
    case 'limit':
    case 'distinct':
      return { ...plan, input: lowerPlan(plan.input) };
    case 'union':
      return { ...plan, inputs: plan.inputs.map(lowerPlan) };
    case 'window':
    case 'recursive':
    case 'working':
      throw new Error(`assertion failed: ${plan.op} goes to the fallback executor`);
  }
}

/** Columns alone are picked by the scan itself; a projection of a projection is one. */
function lowerProject(plan: Extract<Logical, { op: 'project' }>): Plan {
  const { input, expressions, schema } = plan;
  if (input.op === 'scan') {
    const ordinals = expressions.map((expression) => (expression.node === 'column' ? expression.index : -1));
    const score = input.schema.length - 1;
    const scoreAt = ordinals.indexOf(score);
    const plain = !ordinals.includes(-1) && new Set(ordinals).size === ordinals.length;
    if (plain && (scoreAt < 0 || scoreAt === ordinals.length - 1)) {
      const scan = lowerScan(input, ordinals);
      return scan.schema.every(({ name }, i) => name === schema[i].name)
        ? scan
        : { ...plan, input: scan, expressions: schema.map(({ type }, i) => expressionOf(column(i, type, 0))), schema };
    }
    return lowerOverScan(plan, input);
  }
  if (input.op === 'project' && isCheap(input.expressions, expressions)) {
    const merged = expressions.map((expression) => substitute(expression, input.expressions));
    return lowerPlan({ ...plan, input: input.input, expressions: merged });
  }
  const lowered = lowerPlan(input);
  const isIdentity =
    expressions.length === input.schema.length &&
    expressions.every((expression, i) => expression.node === 'column' && expression.index === i) &&
    schema.every(({ name }, i) => name === lowered.schema[i].name);
  if (isIdentity) return lowered;
  return { op: 'project', input: lowered, expressions: expressions.map(expressionOf), schema };
}

/** Computed columns over a scan of only the columns they need. */
function lowerOverScan(plan: Extract<Logical, { op: 'project' }>, scan: LogicalScan): Plan {
  const used = new Set<number>();
  for (const expression of plan.expressions) inputColumns(expression, used);
  const ordinals = [...used].sort((a, b) => a - b);
  const expressions = plan.expressions.map((expression) =>
    remapColumns(expression, (index) => ordinals.indexOf(index)),
  );
  return {
    op: 'project',
    input: lowerScan(scan, ordinals),
    expressions: expressions.map(expressionOf),
    schema: plan.schema,
  };
}

/** Whether putting the inner expressions in place computes nothing twice. */
function isCheap(inner: readonly Bound[], outer: readonly Bound[]): boolean {
  const uses = new Map<number, number>();
  const count = (expression: Bound): void => {
    if (expression.node === 'column') uses.set(expression.index, (uses.get(expression.index) ?? 0) + 1);
    for (const child of children(expression)) count(child);
  };
  for (const expression of outer) count(expression);
  return inner.every((expression, i) => isLeaf(expression) || (uses.get(i) ?? 0) <= 1);
}

function isLeaf(expression: Bound): boolean {
  return expression.node === 'column' || expression.node === 'literal';
}

/** Columns by ordinal in the dataset, the hidden score last where it is among them. */
function lowerScan(scan: LogicalScan, ordinals: readonly number[]): ScanPlan {
  const score = scan.schema.length - 1;
  const scored = ordinals.includes(score);
  if (scored && scan.matches.length === 0) {
    throw sqlError('invalid_sql', scan.at, 'SCORE() needs a MATCH in WHERE, joined to other conditions by AND');
  }
  return {
    op: 'scan',
    dataset: scan.dataset,
    columns: ordinals.filter((ordinal) => ordinal !== score),
    filter: scan.filter === null ? null : expressionOf(scan.filter),
    matches: scan.matches,
    score: scored ? 0 : null,
    schema: ordinals.map((ordinal) => scan.schema[ordinal]),
  };
}

/**
 * The same node over an input that has computed every expression as a column, so that SQLite only moves values.
 * Nodes that refer outside, or hold subqueries, stay as they are.
 */
function precomputed(plan: Logical): Logical {
  if (plan.op !== 'window' && plan.op !== 'aggregate') return plan;
  const width = plan.op === 'window' ? plan.input.schema.length : 0;
  const columns: Bound[] = plan.input.schema.slice(0, width).map(({ type }, i) => column(i, type, 0));
  const places = new Map<string, number>();
  const place = (expression: Bound): Bound => {
    if (expression.node === 'literal') return expression;
    if (plan.op === 'window' && expression.node === 'column') return expression;
    const key = JSON.stringify(expression, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
    let at = places.get(key);
    if (at === undefined) {
      at = columns.push(expression) - 1;
      places.set(key, at);
    }
    return column(at, expression.type, expression.at);
  };
  const placeKeys = (keys: readonly LogicalSortKey[]) =>
    keys.map((key) => ({ ...key, expression: place(key.expression) }));
  const input = (): Logical => ({
    op: 'project',
    input: plan.input,
    expressions: columns,
    schema: uniqueNames(
      columns.map(({ type }, i) => ({ name: plan.input.schema[i]?.name ?? `$value${i}`, type, nullable: true })),
    ),
  });
  if (plan.op === 'window') {
    const calls = plan.calls.map(
      (call): WindowCall => ({
        ...call,
        args: call.args.map(place),
        filter: call.filter === null ? null : place(call.filter),
        partitionBy: call.partitionBy.map(place),
        orderBy: placeKeys(call.orderBy),
      }),
    );
    if (columns.length === width) return plan;
    // The columns made for the calls are dropped again behind them.
    const wide = columns.length;
    const windowed: Logical = {
      op: 'window',
      input: input(),
      calls,
      schema: uniqueNames([...input().schema, ...plan.schema.slice(width)]),
    };
    const kept = [...plan.schema.slice(0, width).map((_, i) => i), ...calls.map((_, i) => wide + i)];
    return {
      op: 'project',
      input: windowed,
      expressions: kept.map((index, i) => column(index, plan.schema[i].type, 0)),
      schema: plan.schema,
    };
  }
  const keys = plan.keys.map(place);
  const aggregates = plan.aggregates.map(
    (aggregate): LogicalAggregate => ({
      ...aggregate,
      args: aggregate.args.map(place),
      filter: aggregate.filter === null ? null : place(aggregate.filter),
      orderBy: placeKeys(aggregate.orderBy),
    }),
  );
  return { ...plan, input: input(), keys, aggregates };
}

function sortKeyOf({ expression, descending, nullsFirst }: LogicalSortKey): SortKey {
  return { expression: expressionOf(expression), descending, nullsFirst };
}

function aggregateOf(aggregate: LogicalAggregate): AggregateCall {
  return {
    function: aggregate.function as AggregateCall['function'],
    arg: aggregate.args.length === 0 ? null : expressionOf(aggregate.args[0]),
    distinct: aggregate.distinct,
    filter: aggregate.filter === null ? null : expressionOf(aggregate.filter),
    parameters: aggregate.parameters,
    type: aggregate.type,
    at: aggregate.at,
  };
}

/** A bound expression without anything that only the binder knows. */
function expressionOf(expression: Bound): Expression {
  assert(isPlain(expression), 'what a plan cannot hold has been taken out of its expressions');
  return expression;
}

function isPlain(expression: Bound): expression is Expression {
  const { node } = expression;
  if (node === 'outer' || node === 'subquery' || node === 'aggregate' || node === 'window' || node === 'interval') {
    return false;
  }
  return children(expression).every(isPlain);
}
