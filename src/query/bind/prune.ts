import { column, inputColumns, remapColumns } from './bound.ts';
import { joinPlan } from './joins.ts';
import type { Bound, Logical, LogicalAggregate, LogicalSortKey, WindowCall } from './logical.ts';
import { columnsUsedWithin, rewriteOuter } from './plan-expressions.ts';

/** A plan that puts out only some of its columns, and where each of them went. */
interface Pruned {
  readonly plan: Logical;
  readonly to: (index: number) => number;
}

/** Drops columns nobody reads, all the way down to the scans. The plan's own output stays as it is. */
export function pruneColumns(plan: Logical): Logical {
  const all = plan.schema.map((_, i) => i);
  const pruned = prune(plan, new Set(all));
  if (pruned.plan.schema.length === all.length && all.every((i) => pruned.to(i) === i)) return pruned.plan;
  return {
    op: 'project',
    input: pruned.plan,
    expressions: all.map((i) => column(pruned.to(i), plan.schema[i].type, 0)),
    schema: plan.schema,
  };
}

/** The columns of its input an expression reads, those that its subqueries refer to among them. */
function reads(expression: Bound, into: Set<number>): void {
  inputColumns(expression, into);
  columnsUsedWithin(expression, into);
}

function readsOfKeys(keys: readonly LogicalSortKey[], into: Set<number>): void {
  for (const { expression } of keys) reads(expression, into);
}

/** The expression over columns that have moved, within its subqueries too. */
function moved(expression: Bound, to: (index: number) => number): Bound {
  return rewriteOuter(remapColumns(expression, to), 0, (outer) => ({ ...outer, index: to(outer.index) }));
}

/** Which of `count` columns are kept, in order, and where they go. */
function keep(needed: ReadonlySet<number>, count: number): { kept: number[]; to: (index: number) => number } {
  const kept = Array.from({ length: count }, (_, i) => i).filter((i) => needed.has(i));
  const places = new Map(kept.map((index, place) => [index, place]));
  return { kept, to: (index) => places.get(index) ?? -1 };
}

function prune(plan: Logical, needed: ReadonlySet<number>): Pruned {
  switch (plan.op) {
    case 'scan': {
      // A scan is pruned when it is lowered: its filter's ordinals are the whole dataset's.
      const { kept, to } = keep(needed, plan.schema.length);
      if (kept.length === plan.schema.length) return { plan, to };
      return { plan: selected(plan, kept), to };
    }
    case 'values': {
      const { kept, to } = keep(needed, plan.schema.length);
      const rows = plan.rows.map((row) => kept.map((index) => row[index]));
      return { plan: { ...plan, rows, schema: kept.map((index) => plan.schema[index]) }, to };
    }
    case 'filter': {
      const wanted = new Set(needed);
      reads(plan.predicate, wanted);
      const { plan: input, to } = prune(plan.input, wanted);
      return { plan: { ...plan, input, predicate: moved(plan.predicate, to), schema: input.schema }, to };
    }
    case 'project': {
      const { kept, to } = keep(needed, plan.schema.length);
      const wanted = new Set<number>();
      for (const index of kept) reads(plan.expressions[index], wanted);
      const input = prune(plan.input, wanted);
      const expressions = kept.map((index) => moved(plan.expressions[index], input.to));
      return { plan: { ...plan, input: input.plan, expressions, schema: kept.map((index) => plan.schema[index]) }, to };
    }
    case 'aggregate':
      return pruneAggregate(plan, needed);
    case 'window':
      return pruneWindow(plan, needed);
    case 'sort': {
      const wanted = new Set(needed);
      readsOfKeys(plan.keys, wanted);
      const { plan: input, to } = prune(plan.input, wanted);
      const keys = plan.keys.map((key) => ({ ...key, expression: moved(key.expression, to) }));
      return { plan: { ...plan, input, keys, schema: input.schema }, to };
    }
    case 'limit': {
      const { plan: input, to } = prune(plan.input, needed);
      return { plan: { ...plan, input, schema: input.schema }, to };
    }
    case 'union': {
      const { kept, to } = keep(needed, plan.schema.length);
      const inputs = plan.inputs.map((input) => narrowed(input, kept));
      return { plan: { ...plan, inputs, schema: kept.map((index) => plan.schema[index]) }, to };
    }
    case 'join':
      return pruneJoin(plan, needed);
    case 'distinct':
      // What is distinct depends on every column.
      return { plan: { ...plan, input: pruneColumns(plan.input) }, to: (index) => index };
    case 'recursive':
      return {
        plan: { ...plan, base: pruneColumns(plan.base), step: pruneColumns(plan.step) },
        to: (index) => index,
      };
    case 'working':
      return { plan, to: (index) => index };
  }
}

/** Exactly these columns of a plan, in this order. */
function narrowed(plan: Logical, kept: readonly number[]): Logical {
  const { plan: input, to } = prune(plan, new Set(kept));
  if (input.schema.length === kept.length && kept.every((index, place) => to(index) === place)) return input;
  return {
    op: 'project',
    input,
    expressions: kept.map((index) => column(to(index), plan.schema[index].type, 0)),
    schema: kept.map((index) => plan.schema[index]),
  };
}

function selected(plan: Logical, kept: readonly number[]): Logical {
  return {
    op: 'project',
    input: plan,
    expressions: kept.map((index) => column(index, plan.schema[index].type, 0)),
    schema: kept.map((index) => plan.schema[index]),
  };
}

function pruneAggregate(plan: Extract<Logical, { op: 'aggregate' }>, needed: ReadonlySet<number>): Pruned {
  const keys = plan.keys.length;
  // Keys decide the groups, so they stay.
  const wantedOutput = new Set(needed);
  for (let i = 0; i < keys; i++) wantedOutput.add(i);
  const { kept, to } = keep(wantedOutput, plan.schema.length);
  const aggregates = plan.aggregates.filter((_, i) => wantedOutput.has(keys + i));
  const wanted = new Set<number>();
  for (const key of plan.keys) reads(key, wanted);
  for (const { args, filter, orderBy } of aggregates) {
    for (const arg of args) reads(arg, wanted);
    if (filter !== null) reads(filter, wanted);
    readsOfKeys(orderBy, wanted);
  }
  const input = prune(plan.input, wanted);
  const shift = (expression: Bound) => moved(expression, input.to);
  return {
    plan: {
      ...plan,
      input: input.plan,
      keys: plan.keys.map(shift),
      aggregates: aggregates.map((aggregate) => shifted(aggregate, shift)),
      schema: kept.map((index) => plan.schema[index]),
    },
    to,
  };
}

function shifted(aggregate: LogicalAggregate, shift: (expression: Bound) => Bound): LogicalAggregate {
  return {
    ...aggregate,
    args: aggregate.args.map(shift),
    filter: aggregate.filter === null ? null : shift(aggregate.filter),
    orderBy: aggregate.orderBy.map((key) => ({ ...key, expression: shift(key.expression) })),
  };
}

function pruneWindow(plan: Extract<Logical, { op: 'window' }>, needed: ReadonlySet<number>): Pruned {
  const width = plan.input.schema.length;
  const calls = plan.calls.filter((_, i) => needed.has(width + i));
  const wanted = new Set([...needed].filter((index) => index < width));
  for (const call of calls) {
    for (const part of [...call.args, ...call.partitionBy]) reads(part, wanted);
    if (call.filter !== null) reads(call.filter, wanted);
    readsOfKeys(call.orderBy, wanted);
  }
  const input = prune(plan.input, wanted);
  const places = new Map(calls.map((call, place) => [plan.calls.indexOf(call), input.plan.schema.length + place]));
  const to = (index: number) => (index < width ? input.to(index) : (places.get(index - width) ?? -1));
  if (calls.length === 0) return { plan: input.plan, to };
  const shift = (expression: Bound) => moved(expression, input.to);
  const schema = [...input.plan.schema, ...calls.map((call) => plan.schema[width + plan.calls.indexOf(call)])];
  return {
    plan: { ...plan, input: input.plan, calls: calls.map((call) => shiftedCall(call, shift)), schema },
    to,
  };
}

function shiftedCall(call: WindowCall, shift: (expression: Bound) => Bound): WindowCall {
  return {
    ...call,
    args: call.args.map(shift),
    filter: call.filter === null ? null : shift(call.filter),
    partitionBy: call.partitionBy.map(shift),
    orderBy: call.orderBy.map((key) => ({ ...key, expression: shift(key.expression) })),
  };
}

function pruneJoin(plan: Extract<Logical, { op: 'join' }>, needed: ReadonlySet<number>): Pruned {
  const width = plan.left.schema.length;
  const both = new Set(needed);
  if (plan.residual !== null) reads(plan.residual, both);
  const wantedLeft = new Set([...both].filter((index) => index < width));
  const wantedRight = new Set([...both].filter((index) => index >= width).map((index) => index - width));
  for (const { left, right } of plan.on) {
    reads(left, wantedLeft);
    reads(right, wantedRight);
  }
  const left = prune(plan.left, wantedLeft);
  const right = prune(plan.right, wantedRight);
  const leftWidth = left.plan.schema.length;
  const to = (index: number) => (index < width ? left.to(index) : leftWidth + right.to(index - width));
  const on = plan.on.map((pair) => ({ left: moved(pair.left, left.to), right: moved(pair.right, right.to) }));
  const residual = plan.residual === null ? null : moved(plan.residual, to);
  return { plan: joinPlan(plan.kind, left.plan, right.plan, on, residual), to };
}
