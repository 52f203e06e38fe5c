import { column, conjunction, conjuncts, inputColumns, remapColumns, rewrite, some } from './bound.ts';
import { joinPlan, uniqueNames } from './joins.ts';
import type { Bound, Logical } from './logical.ts';
import { mapExpressions, mapInputs, refersOutside, rewriteOuter } from './plan-expressions.ts';

/*
 * Correlated subqueries become joins by pulling what refers to the row around them up and out of them, until it stands
 * where the two meet.
 */

/** Conditions over an enclosing row (as outer references) and the pulled plan's row. */
export interface Pulled {
  readonly plan: Logical;
  readonly conditions: readonly Bound[];
}

/**
 * The plan without references to the row around it, and the conditions that held them. The plan's columns keep
 * their ordinals; columns that the conditions need may follow them.
 */
export function pullUp(plan: Logical): Pulled | undefined {
  if (!refersToRow(plan)) return { plan: lowered(plan), conditions: [] };
  switch (plan.op) {
    case 'filter': {
      const below = pullUp(plan.input);
      if (below === undefined) return undefined;
      const parts = conjuncts(plan.predicate);
      const outward = parts.filter((part) => refersOutside(part));
      if (outward.some((part) => some(part, (inner) => inner.node === 'subquery'))) return undefined;
      const rest = conjunction(parts.filter((part) => !refersOutside(part)).map(loweredExpression));
      const input = below.plan;
      const kept: Logical = rest === null ? input : { op: 'filter', input, predicate: rest, schema: input.schema };
      return { plan: kept, conditions: [...below.conditions, ...outward] };
    }
    case 'project': {
      if (plan.expressions.some((expression) => refersOutside(expression))) return undefined;
      const below = pullUp(plan.input);
      if (below === undefined) return undefined;
      const needed = [...new Set(below.conditions.flatMap((condition) => [...inputColumns(condition)]))];
      const expressions = [
        ...plan.expressions.map(loweredExpression),
        ...needed.map((index) => column(index, below.plan.schema[index].type, 0)),
      ];
      const schema = uniqueNames([...plan.schema, ...needed.map((index) => below.plan.schema[index])]);
      const moved = (index: number) => plan.expressions.length + needed.indexOf(index);
      return {
        plan: { op: 'project', input: below.plan, expressions, schema },
        conditions: below.conditions.map((condition) => remapColumns(condition, moved)),
      };
    }
    case 'distinct': {
      const below = pullUp(plan.input);
      return below && { ...below, plan: { op: 'distinct', input: below.plan, schema: below.plan.schema } };
    }
    case 'sort':
      return plan.limit === null && plan.offset === 0 ? pullUp(plan.input) : undefined;
    case 'join':
      return pullUpJoin(plan);
    default:
      return undefined;
  }
}

function pullUpJoin(plan: Extract<Logical, { op: 'join' }>): Pulled | undefined {
  if (plan.kind !== 'inner' && plan.kind !== 'cross') return undefined;
  if (plan.on.some(({ left, right }) => refersOutside(left) || refersOutside(right))) return undefined;
  const left = pullUp(plan.left);
  const right = pullUp(plan.right);
  if (left === undefined || right === undefined) return undefined;
  const [ownLeft, ownRight] = [plan.left.schema.length, plan.right.schema.length];
  const wideLeft = left.plan.schema.length;
  // Own columns of both sides first, as the plan had them; then what the sides appended.
  const toWide = (index: number) => (index < ownLeft ? index : index - ownLeft + wideLeft);
  const parts = conjuncts(plan.residual);
  const outward = parts.filter((part) => refersOutside(part)).map((part) => remapColumns(part, toWide));
  if (outward.some((part) => some(part, (inner) => inner.node === 'subquery'))) return undefined;
  const rest = parts
    .filter((part) => !refersOutside(part))
    .map((part) => loweredExpression(remapColumns(part, toWide)));
  const joined = joinPlan(
    plan.kind,
    left.plan,
    right.plan,
    plan.on.map(({ left: a, right: b }) => ({ left: loweredExpression(a), right: loweredExpression(b) })),
    conjunction(rest),
  );
  const conditions = [
    ...left.conditions,
    ...right.conditions.map((condition) => remapColumns(condition, (index) => index + wideLeft)),
    ...outward,
  ];
  if (wideLeft === ownLeft) return { plan: joined, conditions };
  const order = [
    ...range(0, ownLeft),
    ...range(wideLeft, wideLeft + ownRight),
    ...range(ownLeft, wideLeft),
    ...range(wideLeft + ownRight, joined.schema.length),
  ];
  return {
    plan: {
      op: 'project',
      input: joined,
      expressions: order.map((index) => column(index, joined.schema[index].type, 0)),
      schema: order.map((index) => joined.schema[index]),
    },
    conditions: conditions.map((condition) => remapColumns(condition, (index) => order.indexOf(index))),
  };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** A pulled condition over the enclosing row then the subquery's. */
export function beside(condition: Bound, width: number): Bound {
  return overRow(remapColumns(condition, (index) => index + width));
}

/** Equalities between what is inside (no outer references) and what is around (no columns); undefined for any other condition. */
export function equalities(conditions: readonly Bound[]): { inner: Bound; around: Bound }[] | undefined {
  const found: { inner: Bound; around: Bound }[] = [];
  for (const condition of conditions) {
    if (condition.node !== 'call' || condition.function !== '=') return undefined;
    const [a, b] = condition.args;
    const isAround = (side: Bound) => refersOutside(side) && inputColumns(side).size === 0;
    if (isAround(a) && !refersOutside(b)) found.push({ inner: b, around: a });
    else if (isAround(b) && !refersOutside(a)) found.push({ inner: a, around: b });
    else return undefined;
  }
  return found;
}

/** References to the row around as columns of it; references farther out count one less. */
export function overRow(expression: Bound): Bound {
  return rewrite(expression, (part) => {
    if (part.node !== 'outer') return undefined;
    return part.depth === 1 ? column(part.index, part.type, part.at) : { ...part, depth: part.depth - 1 };
  });
}

/**
 * The rows of a LATERAL subquery beside each row of what stands left of it, and the condition they meet on (over
 * left then right), or undefined where the subquery's references cannot be pulled up.
 */
export function pulledBeside(
  subquery: Logical,
  leftWidth: number,
): { plan: Logical; condition: Bound | null } | undefined {
  const pulled = pullUp(subquery);
  if (pulled === undefined) return undefined;
  return { plan: pulled.plan, condition: conjunction(pulled.conditions.map((part) => beside(part, leftWidth))) };
}

/** Whether the plan refers to the row right around it (and not only to ones farther out). */
export function refersToRow(plan: Logical): boolean {
  let refers = false;
  mapDeep(plan, (expression) =>
    rewriteOuter(expression, 1, (outer) => {
      refers = true;
      return outer;
    }),
  );
  return refers;
}

function mapDeep(plan: Logical, map: (expression: Bound) => Bound): Logical {
  return mapExpressions(
    mapInputs(plan, (input) => mapDeep(input, map)),
    map,
  );
}

/** The plan one query farther out: its references beyond the row around it count one less. */
export function lowered(plan: Logical): Logical {
  return mapDeep(plan, loweredExpression);
}

/** The expression one query farther out, in the same way. */
export function loweredExpression(expression: Bound): Bound {
  return lowerBeyond(expression, 1);
}

function lowerBeyond(expression: Bound, depth: number): Bound {
  return rewrite(expression, (part) => {
    if (part.node === 'outer') return part.depth > depth ? { ...part, depth: part.depth - 1 } : part;
    if (part.node !== 'subquery') return undefined;
    const inner = mapDeep(part.plan, (nested) => lowerBeyond(nested, depth + 1));
    return { ...part, plan: inner, arg: part.arg === null ? null : lowerBeyond(part.arg, depth) };
  });
}
