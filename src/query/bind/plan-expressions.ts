import { mapChildren, rewrite } from './bound.ts';
import type { Bound, Logical } from './logical.ts';

/** The direct inputs of a logical plan. */
export function inputsOf(plan: Logical): readonly Logical[] {
  switch (plan.op) {
    case 'scan':
    case 'values':
    case 'working':
      return [];
    case 'join':
      return [plan.left, plan.right];
    case 'union':
      return plan.inputs;
    case 'recursive':
      return [plan.base, plan.step];
    default:
      return [plan.input];
  }
}

/** The plan with its direct inputs replaced. */
export function mapInputs(plan: Logical, map: (input: Logical) => Logical): Logical {
  switch (plan.op) {
    case 'scan':
    case 'values':
    case 'working':
      return plan;
    case 'join':
      return { ...plan, left: map(plan.left), right: map(plan.right) };
    case 'union':
      return { ...plan, inputs: plan.inputs.map(map) };
    case 'recursive':
      return { ...plan, base: map(plan.base), step: map(plan.step) };
    default:
      return { ...plan, input: map(plan.input) };
  }
}

/** The plan with the expressions of its root replaced; inputs stay. */
export function mapExpressions(plan: Logical, map: (expression: Bound) => Bound): Logical {
  const optional = (expression: Bound | null) => (expression === null ? null : map(expression));
  const sorted = <T extends { readonly expression: Bound }>(keys: readonly T[]) =>
    keys.map((key) => ({ ...key, expression: map(key.expression) }));
  switch (plan.op) {
    case 'scan':
      return { ...plan, filter: optional(plan.filter) };
    case 'values':
      return { ...plan, rows: plan.rows.map((row) => row.map(map)) };
    case 'filter':
      return { ...plan, predicate: map(plan.predicate) };
    case 'project':
      return { ...plan, expressions: plan.expressions.map(map) };
    case 'aggregate':
      return {
        ...plan,
        keys: plan.keys.map(map),
        aggregates: plan.aggregates.map((aggregate) => ({
          ...aggregate,
          args: aggregate.args.map(map),
          filter: optional(aggregate.filter),
          orderBy: sorted(aggregate.orderBy),
        })),
      };
    case 'window':
      return {
        ...plan,
        calls: plan.calls.map((call) => ({
          ...call,
          args: call.args.map(map),
          filter: optional(call.filter),
          partitionBy: call.partitionBy.map(map),
          orderBy: sorted(call.orderBy),
        })),
      };
    case 'sort':
      return { ...plan, keys: sorted(plan.keys) };
    case 'join':
      return {
        ...plan,
        on: plan.on.map(({ left, right }) => ({ left: map(left), right: map(right) })),
        residual: optional(plan.residual),
      };
    default:
      return plan;
  }
}

/** Every expression of the plan's root. */
export function expressionsOf(plan: Logical): Bound[] {
  const found: Bound[] = [];
  mapExpressions(plan, (expression) => {
    found.push(expression);
    return expression;
  });
  return found;
}

/**
 * The expression with references to a row around it replaced. `depth` is how many queries out that row is from
 * here: 1 the enclosing query's, 0 the expression's own, which only its subqueries refer to in this way.
 * Plans of subqueries are gone into, one deeper each.
 */
export function rewriteOuter(
  expression: Bound,
  depth: number,
  replace: (outer: Extract<Bound, { node: 'outer' }>) => Bound,
): Bound {
  return rewrite(expression, (part) => {
    if (part.node === 'outer') return part.depth === depth ? replace(part) : part;
    if (part.node !== 'subquery') return undefined;
    const inner = mapChildren(part, (child) => rewriteOuter(child, depth, replace));
    return inner.node === 'subquery' ? { ...inner, plan: rewriteOuterInPlan(inner.plan, depth + 1, replace) } : inner;
  });
}

/** As `rewriteOuter`, for every expression of a plan. */
export function rewriteOuterInPlan(
  plan: Logical,
  depth: number,
  replace: (outer: Extract<Bound, { node: 'outer' }>) => Bound,
): Logical {
  const inner = mapInputs(plan, (input) => rewriteOuterInPlan(input, depth, replace));
  return mapExpressions(inner, (expression) => rewriteOuter(expression, depth, replace));
}

/** Whether an expression refers to an enclosing query's row, `depth` out or farther. */
export function refersOutside(expression: Bound, depth = 1): boolean {
  let refers = false;
  rewrite(expression, (part) => {
    if (part.node === 'outer' && part.depth >= depth) refers = true;
    if (part.node === 'subquery' && planRefersOutside(part.plan, depth + 1)) refers = true;
    return undefined;
  });
  return refers;
}

/** As `refersOutside`, for every expression of a plan. */
export function planRefersOutside(plan: Logical, depth = 1): boolean {
  return (
    expressionsOf(plan).some((expression) => refersOutside(expression, depth)) ||
    inputsOf(plan).some((input) => planRefersOutside(input, depth))
  );
}

/** The ordinals of this row's columns that the plans of an expression's subqueries refer to. */
export function columnsUsedWithin(expression: Bound, into: Set<number>): void {
  rewriteOuter(expression, 0, (outer) => {
    into.add(outer.index);
    return outer;
  });
}
