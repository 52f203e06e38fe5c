import { LIMITS } from '../../core/limits.ts';
import { children, substitute } from './bound.ts';
import { sqlError } from './errors.ts';
import type { Bound, Logical } from './logical.ts';
import { expressionsOf, inputsOf } from './plan-expressions.ts';

/** What a subquery weighs beside an expression: it is planned and run by itself wherever it stands. */
const SUBQUERY_NODES = 100;

const sizes = new WeakMap<Bound | Logical, number>();

/**
 * Nodes of an expression as it is written out: one that is part of another in two places, as the subject of BETWEEN is,
 * counts twice, so a short statement can come to any number. Throws `query_too_large` where they are more than a
 * statement may have.
 */
export function checkedSize(expression: Bound): number {
  const known = sizes.get(expression);
  if (known !== undefined) return known;
  let size = expression.node === 'subquery' ? SUBQUERY_NODES + planSize(expression.plan) : 1;
  for (const child of children(expression)) size += checkedSize(child);
  if (size > LIMITS.statementNodes) throw tooLarge(expression.at);
  sizes.set(expression, size);
  return size;
}

/** The expressions of a plan and of all below it. */
function planSize(plan: Logical): number {
  const known = sizes.get(plan);
  if (known !== undefined) return known;
  let size = 1;
  if (plan.op !== 'values') for (const expression of expressionsOf(plan)) size += checkedSize(expression);
  for (const input of inputsOf(plan)) size += planSize(input);
  sizes.set(plan, size);
  return size;
}

/** `substitute`, where conditions double as they go down through projections. Throws `query_too_large`. */
export function checkedSubstitute(expression: Bound, inputs: readonly Bound[]): Bound {
  const substituted = substitute(expression, inputs);
  checkedSize(substituted);
  return substituted;
}

/** Counts what a statement comes to. `spend` throws `query_too_large` where it is more than it may have. */
export function statementSize(): (nodes: number, at: number) => void {
  let spent = 0;
  return (nodes, at) => {
    spent += nodes;
    if (spent > LIMITS.statementNodes) throw tooLarge(at);
  };
}

function tooLarge(at: number) {
  const reason = 'with what it repeats written out, common tables and aliases among it';
  return sqlError('query_too_large', at, `the statement has more than ${LIMITS.statementNodes} parts, ${reason}`);
}
