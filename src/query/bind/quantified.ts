import { BOOL, INT64 } from '../../columns/types.ts';
import { branchOf, column, integer, literal, nullOf, rewrite, some } from './bound.ts';
import { caseOf, makeCall } from './calls.ts';
import { sqlError } from './errors.ts';
import type { Bound, Logical, LogicalAggregate } from './logical.ts';

/**
 * `x > ALL (subquery)` and `x > ANY (subquery)`: how many rows the comparison decides, and how many it leaves
 * open, as the value of a subquery. ALL is false where one is false, else null where one is null; ANY likewise of
 * true.
 */
export function quantified(operator: string, isAll: boolean, subject: Bound, plan: Logical, at: number): Bound {
  if (some(subject, (part) => part.node === 'subquery')) {
    throw sqlError('unsupported_sql', at, 'a subquery beside ANY or ALL is not supported');
  }
  const compared = makeCall(operator, [fromWithin(subject), column(0, plan.schema[0].type, at)], at);
  const deciding = isAll ? makeCall('not', [compared], at) : compared;
  const count = (name: string, args: readonly Bound[], filter: Bound | null): LogicalAggregate => ({
    function: name,
    args,
    distinct: false,
    filter,
    orderBy: [],
    parameters: [],
    type: INT64,
    at,
  });
  const counted: Logical = {
    op: 'aggregate',
    input: plan,
    keys: [],
    aggregates: [count('count_all', [], deciding), count('count_all', [], null), count('count', [compared], null)],
    schema: ['$decided', '$rows', '$known'].map((name) => ({ name, type: INT64, nullable: false })),
  };
  const [decided, rows, known] = [0, 1, 2].map((index) => column(index, INT64, at));
  const verdict = caseOf(
    [
      branchOf(makeCall('>', [decided, integer(0n, at)], at), literal(!isAll, BOOL, at)),
      branchOf(makeCall('<', [known, rows], at), nullOf(BOOL, at)),
    ],
    literal(isAll, BOOL, at),
    at,
  );
  const value: Logical = {
    op: 'project',
    input: counted,
    expressions: [verdict],
    schema: [{ name: '$verdict', type: BOOL, nullable: true }],
  };
  return { node: 'subquery', kind: 'scalar', plan: value, arg: null, negated: false, type: BOOL, at };
}

/** An expression of this row as a query within it sees it. */
function fromWithin(expression: Bound): Bound {
  return rewrite(expression, (part) => {
    if (part.node === 'column') return { node: 'outer', depth: 1, index: part.index, type: part.type, at: part.at };
    return part.node === 'outer' ? { ...part, depth: part.depth + 1 } : undefined;
  });
}
