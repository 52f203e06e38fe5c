import type { Schema } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import type { ParsedStatement } from '../parse/parser.ts';
import type { Plan } from '../plan.ts';
import { rewrite } from './bound.ts';
import type { Parameter, StatementContext } from './context.ts';
import { orderJoins } from './join-order.ts';
import type { Bound, Logical } from './logical.ts';
import { lowerPlan, lowerToFallback } from './lower.ts';
import { mapExpressions, mapInputs } from './plan-expressions.ts';
import { pruneColumns } from './prune.ts';
import { checkFullText, pushConditions } from './push-down.ts';
import { bindQuery } from './query.ts';
import { statementSize } from './size.ts';
import { NO_TABLES } from './tables.ts';

export interface BindOptions {
  /** The schema of a dataset, or undefined where there is none of that name. */
  dataset(name: string): Schema | undefined;
  /** Values of `$1`, `$2`, …. */
  readonly parameters?: readonly Parameter[];
  /** `now()`; microseconds since the epoch. */
  readonly nowMicros: bigint;
  /** Runs everything but scans in the fallback executor. Its answers are the same, which tests rely on. */
  readonly fallbackOnly?: boolean;
}

/**
 * From a parsed statement to the plan that runs: names resolved, types found, subqueries made joins, conditions
 * and columns pushed down to the scans.
 *
 * @throws OrasiError `invalid_sql`, `type_error` or `unsupported_sql` with the place in the text;
 *   `query_too_large` where the statement is nested too deeply or comes to too much.
 */
export function bindStatement(statement: ParsedStatement, options: BindOptions): Plan {
  const lower = options.fallbackOnly === true ? lowerToFallback : lowerPlan;
  return deeply(() => lower(optimize(bindLogical(statement, options))));
}

/** What the statement means, before it is decided how to run it. */
function bindLogical(statement: ParsedStatement, options: BindOptions): Logical {
  let ids = 0;
  const context: StatementContext = {
    marks: statement.marks,
    parameters: options.parameters ?? [],
    nowMicros: options.nowMicros,
    dataset: (name) => options.dataset(name),
    bindQuery: (select, outer, tables) => bindQuery(context, select, outer, tables),
    nextId: () => ids++,
    spend: statementSize(),
  };
  return bindQuery(context, statement.select, null, NO_TABLES).plan;
}

/** The same answer for less work. */
function optimize(plan: Logical): Logical {
  const pushed = pushConditions(withOptimizedSubqueries(plan));
  checkFullText(pushed);
  return pruneColumns(orderJoins(pushed));
}

/** Subqueries that could not be made joins are plans of their own. */
function withOptimizedSubqueries(plan: Logical): Logical {
  const optimizeWithin = (expression: Bound): Bound =>
    rewrite(expression, (part) => {
      if (part.node !== 'subquery') return undefined;
      const arg = part.arg === null ? null : optimizeWithin(part.arg);
      return { ...part, arg, plan: optimize(part.plan) };
    });
  return mapExpressions(mapInputs(plan, withOptimizedSubqueries), optimizeWithin);
}

/** Every step goes down the statement by recursion; one that runs out of stack says so in words. */
function deeply<T>(compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (error instanceof RangeError && /call stack/i.test(error.message)) {
      throw new OrasiError('query_too_large', 'the statement is nested too deeply');
    }
    throw error;
  }
}
