import { children, holdsSubquery } from '../bind/bound.ts';
import type { Bound, Logical, LogicalAggregate } from '../bind/logical.ts';
import { expressionsOf, inputsOf } from '../bind/plan-expressions.ts';
import { findAggregate } from '../functions/aggregates.ts';

/** Whether a node itself is one the column operators cannot run, or refers to a table only SQLite has. */
export function reasonForSqlite(plan: Logical): string | undefined {
  if (plan.op === 'window') return 'window function';
  if (plan.op === 'recursive' || plan.op === 'working') return 'recursive common table expression';
  if (plan.op === 'aggregate') {
    const foreign = plan.aggregates.find((aggregate) => !isNative(aggregate));
    if (foreign !== undefined) return `the aggregate ${foreign.function}`;
  }
  return expressionsOf(plan).some(holdsSubquery) ? 'correlated subquery' : undefined;
}

function isNative(aggregate: LogicalAggregate): boolean {
  if (findAggregate(aggregate.function)?.native !== true) return false;
  return aggregate.orderBy.length === 0 && aggregate.args.length <= 1;
}

/**
 * Whether the plan reads a working table of a recursion outside it. It must then be written into the statement around
 * it, where alone the table is; any other need of SQLite is met by a statement of its own, whose answer is an input.
 */
export function usesWorking(plan: Logical, inside: ReadonlySet<number> = new Set()): boolean {
  if (plan.op === 'working') return !inside.has(plan.id);
  const known = plan.op === 'recursive' ? new Set([...inside, plan.id]) : inside;
  if (inputsOf(plan).some((input) => usesWorking(input, known))) return true;
  return expressionsOf(plan).some((expression) => subqueriesOf(expression).some((inner) => usesWorking(inner, known)));
}

function subqueriesOf(expression: Bound): Logical[] {
  const inner = children(expression).flatMap(subqueriesOf);
  return expression.node === 'subquery' ? [expression.plan, ...inner] : inner;
}
