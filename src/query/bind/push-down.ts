import { conjunction, conjuncts, holdsSubquery, inputColumns, remapColumns, shiftColumns, some } from './bound.ts';
import { sqlError } from './errors.ts';
import { joinPlan, splitCondition } from './joins.ts';
import type { Bound, Logical, LogicalJoin, LogicalScan } from './logical.ts';
import { mapExpressions, mapInputs } from './plan-expressions.ts';
import { simplify } from './simplify.ts';
import { checkedSubstitute } from './size.ts';

/** Moves conditions as near to the scans as they can go, and makes joins of products. */
export function pushConditions(plan: Logical): Logical {
  return push(mapExpressionsDeep(plan, simplify), []);
}

function mapExpressionsDeep(plan: Logical, map: (expression: Bound) => Bound): Logical {
  return mapExpressions(
    mapInputs(plan, (input) => mapExpressionsDeep(input, map)),
    map,
  );
}

/** The plan's rows for which the conditions, over its output, hold as well. */
function push(plan: Logical, conditions: readonly Bound[]): Logical {
  switch (plan.op) {
    case 'filter':
      return push(plan.input, [...conditions, ...conjuncts(plan.predicate)]);
    case 'project': {
      const [movable, rest] = partition(conditions, (condition) => !holdsSubquery(condition));
      const below = movable.map((condition) => simplify(checkedSubstitute(condition, plan.expressions)));
      return filtered({ ...plan, input: push(plan.input, below) }, rest);
    }
    case 'join':
      return pushIntoJoin(plan, conditions);
    case 'aggregate': {
      const keys = plan.keys.length;
      const [movable, rest] = partition(
        conditions,
        (condition) =>
          keys > 0 && !holdsSubquery(condition) && [...inputColumns(condition)].every((index) => index < keys),
      );
      const below = movable.map((condition) => simplify(checkedSubstitute(condition, plan.keys)));
      return filtered({ ...plan, input: push(plan.input, below) }, rest);
    }
    case 'window': {
      // A condition on what all windows are partitioned by keeps or drops whole partitions.
      const [movable, rest] = partition(
        conditions,
        (condition) =>
          !holdsSubquery(condition) &&
          plan.calls.every((call) => {
            const partitioned = new Set(call.partitionBy.map((key) => (key.node === 'column' ? key.index : -1)));
            return [...inputColumns(condition)].every((index) => partitioned.has(index));
          }),
      );
      return filtered({ ...plan, input: push(plan.input, movable) }, rest);
    }
    case 'sort':
      if (plan.limit !== null || plan.offset > 0) return filtered({ ...plan, input: push(plan.input, []) }, conditions);
      return { ...plan, input: push(plan.input, conditions) };
    case 'distinct':
      return { ...plan, input: push(plan.input, conditions) };
    case 'union': {
      const [movable, rest] = partition(conditions, (condition) => !holdsSubquery(condition));
      return filtered({ ...plan, inputs: plan.inputs.map((input) => push(input, movable)) }, rest);
    }
    case 'scan':
      return pushIntoScan(plan, conditions);
    case 'limit':
      return filtered({ ...plan, input: push(plan.input, []) }, conditions);
    case 'recursive':
      return filtered({ ...plan, base: push(plan.base, []), step: push(plan.step, []) }, conditions);
    case 'values':
    case 'working':
      return filtered(plan, conditions);
  }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/**
 * Comparisons of bare columns first: they cost little, cannot fail, and spare the others rows that those could
 * fail on, such as a cast guarded by a condition written behind it.
 */
function simpleFirst(conditions: readonly Bound[]): Bound[] {
  const [simple, rest] = partition(conditions, isSimple);
  return [...simple, ...rest];
}

function isSimple(condition: Bound): boolean {
  const isLeaf = (part: Bound) => part.node === 'column' || part.node === 'literal';
  if (condition.node === 'in') return isLeaf(condition.arg);
  return condition.node === 'call' && SIMPLE.has(condition.function) && condition.args.every(isLeaf);
}

const SIMPLE = new Set(['=', '<>', '<', '<=', '>', '>=', 'is_null', 'is_not_null']);

function filtered(plan: Logical, conditions: readonly Bound[]): Logical {
  const predicate = conjunction(simpleFirst(conditions));
  return predicate === null ? plan : { op: 'filter', input: plan, predicate, schema: plan.schema };
}

function isMatch(condition: Bound): condition is Extract<Bound, { node: 'call' }> {
  return condition.node === 'call' && condition.function === 'match';
}

function pushIntoScan(scan: LogicalScan, conditions: readonly Bound[]): Logical {
  const score = scan.schema.length - 1;
  const matches = [...scan.matches];
  const taken: Bound[] = [];
  const rest: Bound[] = [];
  for (const condition of conditions) {
    if (isMatch(condition)) {
      const [searched, query] = condition.args;
      if (searched.node === 'column' && query.node === 'literal') {
        matches.push({ column: searched.index, query: String(query.value), at: condition.at });
      }
      continue;
    }
    const heldBack =
      holdsSubquery(condition) ||
      inputColumns(condition).has(score) ||
      some(condition, (part) => part.node === 'outer' || isMatch(part));
    (heldBack ? rest : taken).push(condition);
  }
  const filter = conjunction(simpleFirst([...conjuncts(scan.filter), ...taken]));
  return filtered({ ...scan, filter, matches }, rest);
}

function pushIntoJoin(join: LogicalJoin, conditions: readonly Bound[]): Logical {
  const width = join.left.schema.length;
  const kind = strengthened(join, conditions, width);
  // What must hold of the joined row may be asked of a side whose rows are never made up.
  const leftSafe = kind !== 'right' && kind !== 'full';
  const rightSafe = kind === 'inner' || kind === 'cross' || kind === 'right';
  const leftward: Bound[] = [];
  const rightward: Bound[] = [];
  const above: Bound[] = [];
  const joining: Bound[] = [];
  const toRight = (condition: Bound) => shiftColumns(condition, -width);
  for (const condition of conditions) {
    const side = sideOf(condition, width);
    if (side === 'subquery') above.push(condition);
    else if (side === 'left' && leftSafe) leftward.push(condition);
    else if (side === 'right' && rightSafe) rightward.push(toRight(condition));
    else if (kind === 'inner' || kind === 'cross') joining.push(condition);
    else above.push(condition);
  }
  // What decides whether two rows meet may be asked beforehand of a side that is not preserved.
  const kept: Bound[] = [];
  for (const condition of conjuncts(join.residual)) {
    const side = sideOf(condition, width);
    if (side === 'left' && ['inner', 'cross', 'right', 'semi'].includes(kind)) leftward.push(condition);
    else if (side === 'right' && ['inner', 'cross', 'left', 'semi', 'anti'].includes(kind))
      rightward.push(toRight(condition));
    else kept.push(condition);
  }
  const split = splitCondition(conjunction([...joining, ...kept]), width);
  const on = [...join.on, ...split.on];
  const isJoined = on.length > 0 || split.residual !== null;
  const joinedBy = kind === 'cross' && isJoined ? 'inner' : kind;
  const transferred = transferConstants(on, leftward, rightward, joinedBy);
  const left = push(join.left, transferred.left);
  const right = push(join.right, transferred.right);
  const plan = joinPlan(joinedBy, left, right, on, split.residual);
  return filtered({ ...plan, schema: join.schema }, above);
}

/** Which side's columns a condition reads; one over no columns belongs to the left. */
function sideOf(condition: Bound, width: number): 'left' | 'right' | 'both' | 'subquery' {
  if (holdsSubquery(condition)) return 'subquery';
  const used = [...inputColumns(condition)];
  if (used.every((index) => index < width)) return 'left';
  return used.every((index) => index >= width) ? 'right' : 'both';
}

/** An outer join whose made-up rows the conditions drop anyway is one less outer. */
function strengthened(join: LogicalJoin, conditions: readonly Bound[], width: number): LogicalJoin['kind'] {
  const refuses = (isRight: boolean) =>
    conditions.some((condition) => refusesNulls(condition, (index) => index >= width === isRight));
  switch (join.kind) {
    case 'left':
      return refuses(true) ? 'inner' : 'left';
    case 'right':
      return refuses(false) ? 'inner' : 'right';
    case 'full': {
      const [left, right] = [refuses(false), refuses(true)];
      if (left && right) return 'inner';
      return left ? 'left' : right ? 'right' : 'full';
    }
    default:
      return join.kind;
  }
}

/** Whether a condition is never true where the side's columns are null: a comparison of a bare column of it. */
function refusesNulls(condition: Bound, isOfSide: (index: number) => boolean): boolean {
  const isColumn = (part: Bound) => part.node === 'column' && isOfSide(part.index);
  if (condition.node === 'in') return isColumn(condition.arg);
  if (condition.node !== 'call') return false;
  const strict = ['=', '<>', '<', '<=', '>', '>=', 'like', 'ilike', 'is_not_null', 'match'].includes(
    condition.function,
  );
  return strict && condition.args.some(isColumn);
}

/** `a.x = b.y AND a.x = 5` says that `b.y = 5`. */
function transferConstants(
  on: LogicalJoin['on'],
  left: readonly Bound[],
  right: readonly Bound[],
  kind: LogicalJoin['kind'],
): { left: Bound[]; right: Bound[] } {
  const out = { left: [...left], right: [...right] };
  const toLeft = kind === 'inner' || kind === 'semi' || kind === 'right';
  const toRight = kind === 'inner' || kind === 'semi' || kind === 'left';
  for (const pair of on) {
    if (pair.left.node !== 'column' || pair.right.node !== 'column') continue;
    const [a, b] = [pair.left, pair.right];
    if (toRight)
      out.right.push(
        ...left
          .filter((condition) => isAbout(condition, a.index))
          .map((condition) => remapColumns(condition, () => b.index)),
      );
    if (toLeft)
      out.left.push(
        ...right
          .filter((condition) => isAbout(condition, b.index))
          .map((condition) => remapColumns(condition, () => a.index)),
      );
  }
  return out;
}

/** A comparison of a column, and of nothing else, with constants. */
function isAbout(condition: Bound, index: number): boolean {
  const used = inputColumns(condition);
  if (used.size !== 1 || !used.has(index)) return false;
  if (condition.node === 'in') return condition.arg.node === 'column' && !condition.negated;
  if (condition.node !== 'call') return false;
  const [a, b] = condition.args;
  return ['=', '<', '<=', '>', '>='].includes(condition.function) && a.node === 'column' && b?.node === 'literal';
}

/** Refuses what no scan could take: MATCH under OR or NOT, and SCORE without MATCH. */
export function checkFullText(plan: Logical): void {
  const visit = (node: Logical): void => {
    mapExpressions(node, (expression) => {
      some(expression, (part) => {
        if (isMatch(part)) {
          throw sqlError('unsupported_sql', part.at, 'MATCH stands in WHERE, joined to other conditions by AND');
        }
        return false;
      });
      return expression;
    });
    mapInputs(node, (input) => {
      visit(input);
      return input;
    });
  };
  visit(plan);
}
