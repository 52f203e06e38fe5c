import type { Expression } from './expression.ts';
import type { JoinPlan, Plan, ScanPlan } from './plan.ts';
import { substitute } from './scan/substitute.ts';

/** How many rows a scan reads at most. */
export type RowsOf = (scan: ScanPlan) => number;

/** Part of the rows that a condition is guessed to leave; nothing better is known before it runs. */
const SELECTIVITY = 0.25;

/** About how many rows a plan puts out: good enough to tell a large input from a small one. */
function estimateRows(plan: Plan, rowsOf: RowsOf): number {
  const inputRows = (input: Plan) => estimateRows(input, rowsOf);
  switch (plan.op) {
    case 'scan':
      return rowsOf(plan) * (plan.filter === null && plan.matches.length === 0 ? 1 : SELECTIVITY);
    case 'values':
      return plan.rows.length;
    case 'filter':
      return inputRows(plan.input) * SELECTIVITY;
    case 'project':
    case 'distinct':
      return inputRows(plan.input);
    case 'aggregate':
      return plan.keys.length === 0 ? 1 : inputRows(plan.input) * SELECTIVITY;
    case 'sort':
    case 'limit':
      return Math.min(plan.limit ?? Number.POSITIVE_INFINITY, inputRows(plan.input));
    case 'union':
      return plan.inputs.reduce((sum, input) => sum + inputRows(input), 0);
    case 'fallback':
      return plan.inputs.reduce((most, input) => Math.max(most, inputRows(input)), 1);
    case 'join': {
      const [left, right] = [inputRows(plan.left), inputRows(plan.right)];
      if (plan.kind === 'cross') return left * right;
      return plan.kind === 'semi' || plan.kind === 'anti' ? left : Math.max(left, right);
    }
  }
}

const MIRRORED = { inner: 'inner', cross: 'cross', full: 'full', left: 'right', right: 'left' } as const;

/** A join with its sides changed over, and above it the columns in the order they had. */
export type TurnedJoin = Extract<Plan, { op: 'project' }> & { readonly input: JoinPlan };

/**
 * The join turned so that its right side, the one held in memory, is the smaller; undefined where it is so
 * already, or where the kind has no mirror image.
 */
export function turnedJoin(plan: JoinPlan, rowsOf: RowsOf): TurnedJoin | undefined {
  if (plan.kind === 'semi' || plan.kind === 'anti') return undefined;
  if (estimateRows(plan.left, rowsOf) >= estimateRows(plan.right, rowsOf)) return undefined;
  const leftWidth = plan.left.schema.length;
  const rightWidth = plan.right.schema.length;
  // Ordinals over left then right, as columns of right then left.
  const columns = plan.schema.map(({ type }, i): Expression => {
    const index = i < leftWidth ? rightWidth + i : i - leftWidth;
    return { node: 'column', index, type, at: 0 };
  });
  const input: JoinPlan = {
    op: 'join',
    kind: MIRRORED[plan.kind],
    left: plan.right,
    right: plan.left,
    on: plan.on.map(({ left, right }) => ({ left: right, right: left })),
    residual: plan.residual === null ? null : substitute(plan.residual, columns),
    schema: [...plan.schema.slice(leftWidth), ...plan.schema.slice(0, leftWidth)],
  };
  return { op: 'project', input, expressions: columns, schema: plan.schema };
}
