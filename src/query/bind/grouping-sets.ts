import { type Node, names } from '../parse/ast.ts';
import { keyOf, some } from './bound.ts';
import { sqlError } from './errors.ts';
import type { ExpressionBinder } from './expressions.ts';
import type { Bound } from './logical.ts';
import { sameName } from './scope.ts';

interface Target {
  readonly name: string;
  readonly expression: Bound;
}

/** The distinct expressions of GROUP BY, and the sets of them that are grouped by, as ordinals. */
export interface GroupingSets {
  readonly keys: readonly Bound[];
  readonly sets: readonly (readonly number[])[];
}

/** CUBE makes two to the power of its columns; more sets than this are refused. */
const MAX_SETS = 64;

const GROUP_BY = { place: 'GROUP BY', aggregates: false, windows: false };

/** GROUP BY with positions, aliases, ALL, ROLLUP, CUBE and GROUPING SETS. No clause at all is one group over everything. */
export function groupingSets(
  binder: ExpressionBinder,
  clause: readonly Node[],
  targets: readonly Target[],
): GroupingSets {
  const keys: Bound[] = [];
  const ordinals = new Map<string, number>();
  const add = (expression: Bound): number => {
    const key = keyOf(expression);
    let ordinal = ordinals.get(key);
    if (ordinal === undefined) {
      ordinal = keys.push(expression) - 1;
      ordinals.set(key, ordinal);
    }
    return ordinal;
  };
  const one = (node: Node): number[] => {
    if (names(node.ColumnRef?.fields)[0] === '$all') {
      return targets.filter(({ expression }) => !isComputed(expression)).map(({ expression }) => add(expression));
    }
    if (node.RowExpr !== undefined) return (node.RowExpr.args ?? []).flatMap(one);
    return [add(groupKey(binder, node, targets))];
  };
  // Items multiply: each set of one is joined with each set of the next.
  let sets: number[][] = [[]];
  for (const item of clause) {
    const choices = expand(item, one);
    sets = sets.flatMap((set) => choices.map((choice) => [...new Set([...set, ...choice])]));
    if (sets.length > MAX_SETS)
      throw sqlError('query_too_large', 0, `GROUP BY makes more than ${MAX_SETS} grouping sets`);
  }
  return { keys, sets };
}

function isComputed(expression: Bound): boolean {
  return some(expression, (part) => part.node === 'aggregate' || part.node === 'window');
}

function groupKey(binder: ExpressionBinder, node: Node, targets: readonly Target[]): Bound {
  const position = node.A_Const?.ival;
  if (position !== undefined) {
    const target = targets[(position.ival ?? 0) - 1];
    if (target === undefined) {
      throw sqlError(
        'invalid_sql',
        node.A_Const?.location ?? 0,
        `GROUP BY: there is no column ${position.ival ?? 0} in the select list`,
      );
    }
    return checked(target.expression);
  }
  const parts = names(node.ColumnRef?.fields);
  const at = node.ColumnRef?.location ?? 0;
  if (parts.length === 1 && binder.scope.findColumn(parts[0], at) === undefined) {
    const alias = targets.find(({ name }) => sameName(name, parts[0]));
    if (alias !== undefined) return checked(alias.expression);
  }
  return binder.bindValue(node, GROUP_BY);
}

function checked(expression: Bound): Bound {
  if (isComputed(expression)) throw sqlError('invalid_sql', expression.at, 'GROUP BY cannot hold an aggregate');
  return expression;
}

/** The sets one item of GROUP BY stands for. */
function expand(item: Node, one: (node: Node) => number[]): number[][] {
  const set = item.GroupingSet;
  if (set === undefined) return [one(item)];
  const content = set.content ?? [];
  switch (set.kind) {
    case 'GROUPING_SET_EMPTY':
      return [[]];
    case 'GROUPING_SET_SIMPLE':
      return [content.flatMap(one)];
    case 'GROUPING_SET_SETS':
      return content.flatMap((inner) => expand(inner, one));
    case 'GROUPING_SET_ROLLUP': {
      const parts = content.map(one);
      return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, parts.length - i).flat());
    }
    case 'GROUPING_SET_CUBE': {
      const parts = content.map(one);
      if (2 ** parts.length > MAX_SETS) {
        throw sqlError('query_too_large', set.location ?? 0, `GROUP BY makes more than ${MAX_SETS} grouping sets`);
      }
      return Array.from({ length: 2 ** parts.length }, (_, mask) =>
        parts.filter((__, i) => (mask >> i) % 2 === 0).flat(),
      );
    }
  }
}
