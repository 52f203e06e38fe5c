import { INT64, type Schema } from '../../columns/types.ts';
import { type Node, names, type SelectStmt } from '../parse/ast.ts';
import { column, integer, keyOf, some } from './bound.ts';
import { makeCall } from './calls.ts';
import { columnName } from './column-names.ts';
import type { BoundQuery, CommonTables, StatementContext } from './context.ts';
import { sqlError } from './errors.ts';
import { ExpressionBinder, type WindowSpecification } from './expressions.ts';
import { bindFrom } from './from.ts';
import { aggregatePlan, Grouping, Windows } from './grouping.ts';
import { groupingSets } from './grouping-sets.ts';
import { uniqueNames } from './joins.ts';
import type { Bound, Logical, LogicalSortKey } from './logical.ts';
import { Scope, sameName } from './scope.ts';
import { sortDirection } from './sort-keys.ts';
import { applyConditions, replaceSubqueries } from './subqueries.ts';
import { bindWindow } from './window-calls.ts';

/** One column of a select list. */
interface Target {
  readonly name: string;
  readonly expression: Bound;
}

/** An ORDER BY item: a column of the select list by its ordinal, or an expression of its own. */
interface OrderItem {
  readonly direction: Pick<LogicalSortKey, 'descending' | 'nullsFirst'>;
  readonly target: number | null;
  readonly expression: Bound;
}

const OUTPUT = { place: 'SELECT', aggregates: true, windows: true };

/** Binds a SELECT that is neither a set operation nor VALUES: FROM, WHERE, GROUP BY, HAVING, windows, SELECT, DISTINCT, ORDER BY, LIMIT. */
export function bindSelect(
  context: StatementContext,
  select: SelectStmt,
  outer: Scope | null,
  tables: CommonTables,
): BoundQuery {
  const from = bindFrom(context, select.fromClause ?? [], outer, tables);
  const scope = new Scope(outer);
  scope.relations.push(...from.relations);
  scope.merged.push(...from.merged);
  for (const { ResTarget: target } of select.targetList ?? []) {
    if (target?.name !== undefined && target.val !== undefined)
      scope.aliases.set(target.name.toLowerCase(), target.val);
  }
  const plain = new ExpressionBinder(context, scope, tables);
  const binder = new ExpressionBinder(context, scope, tables, namedWindows(plain, select.windowClause ?? []));

  let plan: Logical = from.plan;
  if (select.whereClause !== undefined) {
    const condition = binder.bindCondition(select.whereClause, { place: 'WHERE', aggregates: false, windows: false });
    plan = applyConditions(plan, [condition]);
  }
  const targets = bindTargets(binder, select.targetList ?? []);
  if (targets.length === 0) throw sqlError('invalid_sql', 0, 'the select list is empty');
  const { having, qualify } = splitHaving(select.havingClause);
  const havingCondition =
    having === undefined ? null : binder.bindCondition(having, { place: 'HAVING', aggregates: true, windows: false });
  const qualifyCondition =
    qualify === undefined ? null : binder.bindCondition(qualify, { place: 'QUALIFY', aggregates: true, windows: true });
  const distinctOn = (select.distinctClause ?? []).filter((node) => Object.keys(node).length > 0);
  const onKeys = distinctOn.map((node) => bindOutputReference(binder, node, targets));
  const order = bindOrder(binder, select.sortClause ?? [], targets);

  // Everything behind GROUP BY is rewritten step by step: over the groups, then over the windows' columns.
  let outputs: Bound[] = targets.map(({ expression }) => expression);
  let keys: Bound[] = order.map(({ expression }) => expression);
  let on: Bound[] = onKeys;
  let kept: Bound | null = qualifyCondition;
  const isAggregate = (expression: Bound) => some(expression, (part) => part.node === 'aggregate');
  const grouped =
    select.groupClause !== undefined ||
    havingCondition !== null ||
    [...outputs, ...keys, ...on, ...(kept === null ? [] : [kept])].some(isAggregate);
  if (grouped) {
    const sets = groupingSets(binder, select.groupClause ?? [], targets);
    // Values of subqueries among the keys become columns before the rows are grouped.
    const prepared = sets.keys.map((key) => {
      const result = replaceSubqueries(plan, key);
      plan = result.plan;
      return result.expression;
    });
    const grouping = new Grouping(sets.keys);
    const condition = havingCondition === null ? null : grouping.over(havingCondition);
    outputs = outputs.map((expression) => grouping.over(expression));
    keys = keys.map((expression) => grouping.over(expression));
    on = on.map((expression) => grouping.over(expression));
    kept = kept === null ? null : grouping.over(kept);
    plan = withAggregateSubqueries(plan, grouping);
    plan = aggregatePlan(plan, grouping, prepared, sets.sets);
    if (condition !== null) plan = applyConditions(plan, [grouping.groupingColumn(condition)]);
    const settle = (expression: Bound) => grouping.groupingColumn(expression);
    outputs = outputs.map(settle);
    keys = keys.map(settle);
    on = on.map(settle);
    kept = kept === null ? null : settle(kept);
  }

  // Subqueries in the select list and in ORDER BY become columns beside the row.
  const attach = (expression: Bound): Bound => {
    const result = replaceSubqueries(plan, expression);
    plan = result.plan;
    return result.expression;
  };
  outputs = outputs.map(attach);
  keys = keys.map(attach);

  const windows = new Windows(plan.schema.length);
  outputs = outputs.map((expression) => windows.over(expression));
  keys = keys.map((expression) => windows.over(expression));
  kept = kept === null ? null : windows.over(kept);
  if (on.length > 0) {
    const sortKeys = order.map(({ direction }, i) => ({ ...direction, expression: keys[i] }));
    const first = makeCall('=', [windows.over(rowNumber(on, sortKeys)), integer(1n, 0)], 0);
    kept = kept === null ? first : { node: 'and', args: [kept, first], type: { kind: 'bool' }, at: 0 };
  }
  plan = windows.plan(plan);
  if (kept !== null) plan = applyConditions(plan, [kept]);

  const schema = uniqueNames(
    targets.map(({ name }, i) => ({ name, type: outputs[i].type, nullable: isNullable(outputs[i], plan.schema) })),
  );
  const distinct = select.distinctClause !== undefined && on.length === 0;
  return { plan: finish(plan, select, { schema, outputs, order, keys, distinct }, binder) };
}

function isNullable(expression: Bound, schema: Schema): boolean {
  return expression.node === 'column' ? schema[expression.index].nullable : true;
}

/** Values of subqueries within aggregates become columns before the rows are grouped. */
function withAggregateSubqueries(plan: Logical, grouping: Grouping): Logical {
  let rows = plan;
  const attach = (expression: Bound): Bound => {
    const result = replaceSubqueries(rows, expression);
    rows = result.plan;
    return result.expression;
  };
  grouping.aggregates.forEach((aggregate, i) => {
    grouping.aggregates[i] = {
      ...aggregate,
      args: aggregate.args.map(attach),
      filter: aggregate.filter === null ? null : attach(aggregate.filter),
    };
  });
  return rows;
}

function rowNumber(partitionBy: readonly Bound[], orderBy: readonly LogicalSortKey[]): Bound {
  return {
    node: 'window',
    function: 'row_number',
    args: [],
    filter: null,
    partitionBy,
    orderBy,
    frame: { mode: 'range', start: { kind: 'unboundedPreceding' }, end: { kind: 'currentRow' }, exclude: 'none' },
    type: INT64,
    at: 0,
  };
}

function namedWindows(binder: ExpressionBinder, clause: readonly Node[]): Map<string, WindowSpecification> {
  const windows = new Map<string, WindowSpecification>();
  for (const { WindowDef: window } of clause) {
    if (window?.name === undefined) continue;
    const inner = new ExpressionBinder(binder.context, binder.scope, binder.tables, windows);
    const { name, ...definition } = window;
    windows.set(name.toLowerCase(), bindWindow(inner, definition, { ...OUTPUT, windows: false }));
  }
  return windows;
}

/** The select list with stars written out. */
function bindTargets(binder: ExpressionBinder, list: readonly Node[]): Target[] {
  const targets: Target[] = [];
  let star = { from: 0, count: 0 };
  for (const { ResTarget: target } of list) {
    const node = target?.val;
    if (node === undefined) continue;
    const fields = node.ColumnRef?.fields;
    if (fields?.at(-1)?.A_Star !== undefined) {
      const columns = expandStar(binder, names(fields.slice(0, -1)), node.ColumnRef?.location ?? 0);
      star = { from: targets.length, count: columns.length };
      targets.push(...columns);
      continue;
    }
    const marker = names(node.FuncCall?.funcname).at(-1);
    if (marker === '$exclude' || marker === '$replace') {
      const changed = changeStar(binder, marker, node, targets.slice(star.from, star.from + star.count));
      targets.splice(star.from, star.count, ...changed);
      star = { from: star.from, count: changed.length };
      continue;
    }
    const name = target?.name ?? nameOf(binder, node);
    targets.push({ name, expression: binder.bindValue(node, OUTPUT) });
  }
  return targets;
}

/** A column keeps the case its table gives it. */
function nameOf(binder: ExpressionBinder, node: Node): string {
  const written = columnName(node);
  if (node.ColumnRef === undefined) return written;
  const known = binder.scope.allColumns(0).find(({ name }) => sameName(name, written));
  return known?.name ?? written;
}

function expandStar(binder: ExpressionBinder, qualifier: readonly string[], at: number): Target[] {
  const { scope } = binder;
  const [name] = qualifier;
  if (name === undefined) {
    if (scope.relations.length === 0) throw sqlError('invalid_sql', at, '* needs a FROM clause');
    return scope.allColumns(at).map((entry) => ({ name: entry.name, expression: entry.expression }));
  }
  const relation = scope.findRelation(name);
  if (relation === undefined) throw sqlError('invalid_sql', at, `there is no table ${name}`);
  return relation.columns.map((entry) => ({ name: entry.name, expression: column(entry.index, entry.type, at) }));
}

function changeStar(binder: ExpressionBinder, marker: string, node: Node, columns: readonly Target[]): Target[] {
  const args = node.FuncCall?.args ?? [];
  const at = node.FuncCall?.location ?? 0;
  const nameAt = (arg: Node) => {
    const name = names(arg.ColumnRef?.fields).at(-1) ?? '';
    if (!columns.some((entry) => sameName(entry.name, name)))
      throw sqlError('invalid_sql', at, `* has no column ${name}`);
    return name;
  };
  if (marker === '$exclude') {
    const dropped = args.map(nameAt);
    return columns.filter((entry) => !dropped.some((name) => sameName(entry.name, name)));
  }
  const replaced = [...columns];
  for (let i = 0; i + 1 < args.length; i += 2) {
    const name = nameAt(args[i + 1]);
    const position = replaced.findIndex((entry) => sameName(entry.name, name));
    replaced[position] = { name: replaced[position].name, expression: binder.bindValue(args[i], OUTPUT) };
  }
  return replaced;
}

/** QUALIFY comes from the parser as a call within HAVING. */
function splitHaving(clause: Node | undefined): { having: Node | undefined; qualify: Node | undefined } {
  const condition = (node: Node) =>
    names(node.FuncCall?.funcname).at(-1) === '$qualify' ? node.FuncCall?.args?.[0] : undefined;
  if (clause === undefined) return { having: undefined, qualify: undefined };
  const alone = condition(clause);
  if (alone !== undefined) return { having: undefined, qualify: alone };
  const parts = clause.BoolExpr?.boolop === 'AND_EXPR' ? clause.BoolExpr.args : [];
  const qualify = parts.map(condition).find((node) => node !== undefined);
  if (qualify === undefined) return { having: clause, qualify: undefined };
  const rest = parts.filter((node) => condition(node) === undefined);
  const having: Node = rest.length === 1 ? rest[0] : { BoolExpr: { boolop: 'AND_EXPR', args: rest } };
  return { having, qualify };
}

/** An expression of ORDER BY or DISTINCT ON: a position, a name of the select list, or any other. */
function outputTarget(node: Node, targets: readonly Target[], what: string): number | undefined {
  const position = node.A_Const?.ival;
  if (position !== undefined) {
    const ordinal = position.ival ?? 0;
    if (ordinal < 1 || ordinal > targets.length) {
      throw sqlError(
        'invalid_sql',
        node.A_Const?.location ?? 0,
        `${what}: there is no column ${ordinal} in the select list`,
      );
    }
    return ordinal - 1;
  }
  const parts = names(node.ColumnRef?.fields);
  if (parts.length !== 1) return undefined;
  const named = targets.findIndex(({ name }) => sameName(name, parts[0]));
  return named < 0 ? undefined : named;
}

function bindOutputReference(binder: ExpressionBinder, node: Node, targets: readonly Target[]): Bound {
  const target = outputTarget(node, targets, 'DISTINCT ON');
  return target === undefined ? binder.bindValue(node, OUTPUT) : targets[target].expression;
}

function bindOrder(binder: ExpressionBinder, clause: readonly Node[], targets: readonly Target[]): OrderItem[] {
  return clause.flatMap(({ SortBy: sort }): OrderItem[] => {
    if (sort === undefined) return [];
    if (sort.sortby_dir === 'SORTBY_USING') throw sqlError('unsupported_sql', 0, 'ORDER BY … USING is not supported');
    const direction = sortDirection(sort);
    if (names(sort.node.ColumnRef?.fields)[0] === '$all') {
      return targets.map(({ expression }, target) => ({ direction, target, expression }));
    }
    const target = outputTarget(sort.node, targets, 'ORDER BY');
    if (target !== undefined) return [{ direction, target, expression: targets[target].expression }];
    const expression = binder.bindValue(sort.node, OUTPUT);
    const same = targets.findIndex((candidate) => keyOf(candidate.expression) === keyOf(expression));
    return [{ direction, target: same < 0 ? null : same, expression }];
  });
}

interface Output {
  readonly schema: Schema;
  readonly outputs: readonly Bound[];
  readonly order: readonly OrderItem[];
  readonly keys: readonly Bound[];
  readonly distinct: boolean;
}

/** The select list, then DISTINCT, ORDER BY and LIMIT. Keys that are not selected ride along and are dropped. */
function finish(rows: Logical, select: SelectStmt, output: Output, binder: ExpressionBinder): Logical {
  const { schema, outputs, order, keys, distinct } = output;
  const extra: Bound[] = [];
  const sortKeys = order.map(({ direction, target }, i): LogicalSortKey => {
    if (target !== null) return { ...direction, expression: column(target, schema[target].type, keys[i].at) };
    if (distinct) {
      throw sqlError('invalid_sql', keys[i].at, 'with DISTINCT, ORDER BY takes columns of the select list only');
    }
    extra.push(keys[i]);
    return { ...direction, expression: column(outputs.length + extra.length - 1, keys[i].type, keys[i].at) };
  });
  const wide = uniqueNames([
    ...schema,
    ...extra.map((expression, i) => ({ name: `$order${i}`, type: expression.type, nullable: true })),
  ]);
  let plan: Logical = { op: 'project', input: rows, expressions: [...outputs, ...extra], schema: wide };
  if (distinct) plan = { op: 'distinct', input: plan, schema: wide };
  plan = sortAndLimit(plan, sortKeys, select, binder);
  if (extra.length === 0) return plan;
  const kept = schema.map(({ type }, i) => column(i, type, 0));
  return { op: 'project', input: plan, expressions: kept, schema };
}

/** ORDER BY with LIMIT and OFFSET, or either. */
export function sortAndLimit(
  input: Logical,
  keys: readonly LogicalSortKey[],
  select: SelectStmt,
  binder: ExpressionBinder,
): Logical {
  const limit = bindCount(binder, select.limitCount, 'LIMIT');
  const offset = bindCount(binder, select.limitOffset, 'OFFSET') ?? 0;
  if (select.limitOption === 'LIMIT_OPTION_WITH_TIES')
    throw sqlError('unsupported_sql', 0, 'WITH TIES is not supported');
  const { schema } = input;
  // A sort by constants orders nothing.
  const ordering = keys.filter(({ expression }) => expression.node !== 'literal');
  if (ordering.length > 0) return { op: 'sort', input, keys: ordering, limit, offset, schema };
  return limit === null && offset === 0 ? input : { op: 'limit', input, limit, offset, schema };
}

function bindCount(binder: ExpressionBinder, node: Node | undefined, what: string): number | null {
  if (node === undefined) return null;
  const bound = binder.bind(node, { place: what, aggregates: false, windows: false });
  if (bound.node !== 'literal') throw sqlError('unsupported_sql', bound.at, `${what} takes a constant`);
  if (bound.value === null) return null;
  const count = bound.type.kind === 'int64' || typeof bound.value === 'string' ? Number(bound.value) : Number.NaN;
  if (!Number.isSafeInteger(count) || count < 0)
    throw sqlError('invalid_sql', bound.at, `${what} takes a whole number from 0`);
  return count;
}
