import type { Node, NodeTypes } from '../parse/ast.ts';
import type { ExpressionBinder, ExpressionRules } from './expressions.ts';
import type { LogicalSortKey } from './logical.ts';

/** Direction and place of nulls. They come last unless said otherwise, in both directions, as in DuckDB. */
export function sortDirection(sort: NodeTypes['SortBy']): Pick<LogicalSortKey, 'descending' | 'nullsFirst'> {
  return {
    descending: sort.sortby_dir === 'SORTBY_DESC',
    nullsFirst: sort.sortby_nulls === 'SORTBY_NULLS_FIRST',
  };
}

/** The keys of an ORDER BY within a call or a window; there a number is a constant, not a column's position. */
export function bindSortKeys(
  binder: ExpressionBinder,
  nodes: readonly Node[],
  rules: ExpressionRules,
): LogicalSortKey[] {
  return nodes.flatMap(({ SortBy: sort }) =>
    sort === undefined ? [] : [{ expression: binder.bindValue(sort.node, rules), ...sortDirection(sort) }],
  );
}
