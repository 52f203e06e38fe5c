import type { Batch } from '../columns/column.ts';
import { unreachable } from '../core/errors.ts';
import type { QueryContext } from './context.ts';
import { type RowsOf, turnedJoin } from './join-sides.ts';
import { aggregateRows } from './operators/aggregate.ts';
import { distinctRows } from './operators/distinct.ts';
import { filterRows } from './operators/filter.ts';
import type { ScalarFunctions } from './operators/function-port.ts';
import { joinRows } from './operators/join.ts';
import { limitRows } from './operators/limit.ts';
import { projectRows } from './operators/project.ts';
import { sortRows } from './operators/sort.ts';
import { topRows } from './operators/top-k.ts';
import { unionRows } from './operators/union.ts';
import { valueRows } from './operators/values.ts';
import type { FallbackPlan, JoinPlan, Plan, ScanPlan } from './plan.ts';
import { asTopScan, type TopScan } from './scan/top-scan.ts';

/** What running a plan needs besides the plan. */
export interface Runtime {
  readonly context: QueryContext;
  readonly functions: ScalarFunctions;
  scan(plan: ScanPlan): AsyncIterable<Batch>;
  topScan(top: TopScan): AsyncIterable<Batch>;
  /** How many rows a scan reads at most, from the catalogue. */
  readonly rowsOf: RowsOf;
  fallback(plan: FallbackPlan, inputs: readonly AsyncIterable<Batch>[]): AsyncIterable<Batch>;
}

/**
 * Runs a plan: a tree of generators, each drawing on its inputs. Nothing is read before the first batch is
 * asked for, and leaving the loop early ends every operator below. Between batches the query's checkpoint is
 * asked whether to go on, and now and then others have their turn.
 */
export async function* execute(plan: Plan, runtime: Runtime): AsyncGenerator<Batch> {
  const { context } = runtime;
  for await (const batch of start(plan, runtime)) {
    const turn = context.turns.next();
    if (turn !== undefined) await turn;
    context.checkpoint();
    yield batch;
  }
}

function start(plan: Plan, runtime: Runtime): AsyncIterable<Batch> {
  const { context, functions } = runtime;
  switch (plan.op) {
    case 'scan':
      return runtime.scan(plan);
    case 'values':
      return valueRows(plan.rows, plan.schema, functions);
    case 'filter':
      return filterRows(execute(plan.input, runtime), plan.predicate, functions);
    case 'project':
      return projectRows(execute(plan.input, runtime), plan.expressions, plan.schema, functions);
    case 'aggregate':
      return aggregateRows(execute(plan.input, runtime), plan, functions, context);
    case 'join': {
      const turned = turnedJoin(plan, runtime.rowsOf);
      if (turned !== undefined) {
        const joined = joinPlan(turned.input, runtime);
        return projectRows(joined, turned.expressions, turned.schema, functions);
      }
      return joinPlan(plan, runtime);
    }
    case 'sort': {
      const top = asTopScan(plan, functions);
      if (top !== undefined) return runtime.topScan(top);
      const input = execute(plan.input, runtime);
      if (plan.limit !== null) return topRows(input, { ...plan, limit: plan.limit }, functions, context);
      return limitRows(sortRows(input, plan.keys, plan.schema, functions, context), null, plan.offset);
    }
    case 'limit':
      return limitRows(execute(plan.input, runtime), plan.limit, plan.offset);
    case 'distinct':
      return distinctRows(execute(plan.input, runtime), plan.schema, context);
    case 'union':
      return unionRows(
        plan.inputs.map((input) => execute(input, runtime)),
        plan.schema,
      );
    case 'fallback':
      return runtime.fallback(
        plan,
        plan.inputs.map((input) => execute(input, runtime)),
      );
    default:
      return unreachable(plan);
  }
}

function joinPlan(plan: JoinPlan, runtime: Runtime): AsyncIterable<Batch> {
  const [left, right] = [execute(plan.left, runtime), execute(plan.right, runtime)];
  return joinRows(plan, left, right, runtime.functions, runtime.context);
}
