import { column, conjunction, conjuncts, holdsSubquery, inputColumns, remapColumns, shiftColumns } from './bound.ts';
import { makeCall } from './calls.ts';
import { joinPlan, splitCondition } from './joins.ts';
import type { Bound, Logical } from './logical.ts';
import { mapInputs } from './plan-expressions.ts';

/**
 * Orders the tables of `FROM a, b, c WHERE …` so that each meets the ones before it by a condition. As written,
 * two tables that only a third connects would be multiplied first. Orders that are fine already stay.
 */
export function orderJoins(plan: Logical): Logical {
  if (!isInner(plan)) return mapInputs(plan, orderJoins);
  const chain = flatten(plan, 0);
  const leaves = chain.leaves.map((leaf) => ({ ...leaf, plan: orderJoins(leaf.plan) }));
  const order = connectedOrder(leaves, chain.conditions);
  const asWritten = leaves.map((_, i) => i);
  if (products(asWritten, leaves, chain.conditions) <= products(order, leaves, chain.conditions)) {
    return mapInputs(plan, orderJoins);
  }
  return rebuilt(
    order.map((i) => leaves[i]),
    chain.conditions,
    plan,
  );
}

/** A table of the chain and where its columns are in the chain's row, as written. */
interface Leaf {
  readonly plan: Logical;
  readonly offset: number;
}

interface Chain {
  readonly leaves: readonly Leaf[];
  /** Over the chain's row, as written. */
  readonly conditions: readonly Bound[];
}

function isInner(plan: Logical): plan is Extract<Logical, { op: 'join' }> {
  return plan.op === 'join' && (plan.kind === 'inner' || plan.kind === 'cross');
}

function flatten(plan: Logical, offset: number): Chain {
  if (!isInner(plan)) return { leaves: [{ plan, offset }], conditions: [] };
  const width = plan.left.schema.length;
  const left = flatten(plan.left, offset);
  const right = flatten(plan.right, offset + width);
  const own = plan.on.map(({ left: a, right: b }) =>
    makeCall('=', [shiftColumns(a, offset), shiftColumns(b, offset + width)], a.at),
  );
  const residual = conjuncts(plan.residual).map((condition) => shiftColumns(condition, offset));
  return {
    leaves: [...left.leaves, ...right.leaves],
    conditions: [...left.conditions, ...right.conditions, ...own, ...residual],
  };
}

/** The leaves a condition reads, by their places in the list. */
function leavesOf(condition: Bound, leaves: readonly Leaf[]): Set<number> {
  const found = new Set<number>();
  for (const index of inputColumns(condition)) {
    found.add(leaves.findIndex(({ plan, offset }) => index >= offset && index < offset + plan.schema.length));
  }
  return found;
}

/** Whether a leaf meets those placed by a condition that needs no other. */
function isConnected(leaf: number, placed: ReadonlySet<number>, needs: readonly Set<number>[]): boolean {
  return needs.some((need) => {
    return need.size > 1 && need.has(leaf) && [...need].every((other) => other === leaf || placed.has(other));
  });
}

/** The first table first, then always the first that is connected to those before it. */
function connectedOrder(leaves: readonly Leaf[], conditions: readonly Bound[]): number[] {
  const needs = conditions.map((condition) => leavesOf(condition, leaves));
  const placed = new Set<number>();
  const rest = leaves.map((_, i) => i);
  while (rest.length > 0) {
    const connected = rest.findIndex((leaf) => placed.size === 0 || isConnected(leaf, placed, needs));
    placed.add(rest.splice(Math.max(0, connected), 1)[0]);
  }
  return [...placed];
}

/** How many tables of an order are multiplied with those before them. */
function products(order: readonly number[], leaves: readonly Leaf[], conditions: readonly Bound[]): number {
  const needs = conditions.map((condition) => leavesOf(condition, leaves));
  const placed = new Set<number>();
  let count = 0;
  for (const leaf of order) {
    if (placed.size > 0 && !isConnected(leaf, placed, needs)) count++;
    placed.add(leaf);
  }
  return count;
}

/** The joins in a new order; a projection puts the columns back as they were written. */
function rebuilt(order: readonly Leaf[], conditions: readonly Bound[], as: Logical): Logical {
  const places = new Map<number, number>();
  let left: Logical | undefined;
  let open = [...conditions];
  for (const leaf of order) {
    const width = left?.schema.length ?? 0;
    leaf.plan.schema.forEach((_, i) => {
      places.set(leaf.offset + i, width + i);
    });
    if (left === undefined) {
      left = leaf.plan;
      continue;
    }
    const isReady = (condition: Bound) =>
      !holdsSubquery(condition) && [...inputColumns(condition)].every((index) => places.has(index));
    const ready = open.filter(isReady).map((condition) => remapColumns(condition, (index) => places.get(index) ?? -1));
    open = open.filter((condition) => !isReady(condition));
    const { on, residual } = splitCondition(conjunction(ready), width);
    const kind = on.length === 0 && residual === null ? 'cross' : 'inner';
    left = joinPlan(kind, left, leaf.plan, on, residual);
  }
  const joined = left ?? as;
  const expressions = as.schema.map(({ type }, i) => column(places.get(i) ?? i, type, 0));
  const projected: Logical = { op: 'project', input: joined, expressions, schema: as.schema };
  const rest = conjunction(open);
  return rest === null ? projected : { op: 'filter', input: projected, predicate: rest, schema: as.schema };
}
