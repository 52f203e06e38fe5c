import { DOUBLE, INT64 } from '../../columns/types.ts';
import { type Alias, type JoinExpr, type Node, names, nodeKind } from '../parse/ast.ts';
import { conjunction, integer, shiftColumns } from './bound.ts';
import { makeCall, unify } from './calls.ts';
import type { CommonTables, StatementContext } from './context.ts';
import { sqlError } from './errors.ts';
import { ExpressionBinder } from './expressions.ts';
import { joinPlan, splitCondition } from './joins.ts';
import type { Bound, Logical, LogicalJoin } from './logical.ts';
import { pulledBeside } from './pull-up.ts';
import { type MergedColumn, nearNames, type Relation, Scope, sameName } from './scope.ts';

/** The rows of a FROM clause, or of a part of it, and what its columns are called. */
export interface FromRows {
  readonly plan: Logical;
  readonly relations: readonly Relation[];
  readonly merged: readonly MergedColumn[];
}

/** The name of the hidden column that holds a row's full-text score. */
const SCORE_COLUMN = '$score';

/** Most rows a function in FROM may be written out as, and how many of them weigh as much as an expression. */
const MAX_SERIES = 100_000;
const SERIES_ROWS = 4;

/** Binds the items of a FROM clause; several are joined without a condition. None at all is one row without columns. */
export function bindFrom(
  context: StatementContext,
  items: readonly Node[],
  outer: Scope | null,
  tables: CommonTables,
): FromRows {
  let rows: FromRows | undefined;
  for (const item of items) {
    if (rows === undefined) rows = bindItem(context, item, outer, tables);
    else if (item.RangeSubselect?.lateral)
      rows = bindLateral(context, rows, item.RangeSubselect, 'inner', outer, tables);
    else rows = combine(rows, bindItem(context, item, outer, tables), 'cross', [], null);
  }
  return rows ?? { plan: { op: 'values', rows: [[]], schema: [] }, relations: [], merged: [] };
}

/** A subquery that may refer to the tables left of it: its references become the condition of a join. */
function bindLateral(
  context: StatementContext,
  left: FromRows,
  item: NonNullable<Node['RangeSubselect']>,
  kind: LogicalJoin['kind'],
  outer: Scope | null,
  tables: CommonTables,
  quals?: Node,
): FromRows {
  const select = item.subquery.SelectStmt;
  if (select === undefined) throw sqlError('unsupported_sql', 0, 'a subquery is a SELECT');
  const scope = new Scope(outer);
  scope.relations.push(...left.relations);
  scope.merged.push(...left.merged);
  const { plan } = context.bindQuery(select, scope, tables);
  const width = left.plan.schema.length;
  const pulled = kind === 'inner' || kind === 'left' ? pulledBeside(plan, width) : undefined;
  if (pulled === undefined) {
    throw sqlError('unsupported_sql', 0, 'LATERAL is supported over conditions only, not under aggregates or limits');
  }
  // Columns made for the condition follow the subquery's own, which alone have names.
  const named = relationOf(
    context,
    { ...pulled.plan, schema: pulled.plan.schema.slice(0, plan.schema.length) },
    item.alias?.aliasname ?? `subquery${context.nextId()}`,
    item.alias,
    0,
  );
  const right: FromRows = { ...named, plan: pulled.plan };
  const conditions = pulled.condition === null ? [] : [pulled.condition];
  if (quals !== undefined) conditions.push(bindOn(context, left, right, quals, outer, tables));
  const condition = conjunction(conditions);
  if (condition === null && kind === 'inner') return combine(left, right, 'cross', [], null);
  const { on, residual } = splitCondition(condition, width);
  return combine(left, right, kind, on, residual);
}

function bindItem(context: StatementContext, item: Node, outer: Scope | null, tables: CommonTables): FromRows {
  if (item.RangeVar !== undefined) return bindTable(context, item.RangeVar, tables);
  if (item.JoinExpr !== undefined) return bindJoin(context, item.JoinExpr, outer, tables);
  if (item.RangeSubselect !== undefined) {
    const { subquery, alias } = item.RangeSubselect;
    if (subquery.SelectStmt === undefined) throw sqlError('unsupported_sql', 0, 'a subquery is a SELECT');
    const { plan } = context.bindQuery(subquery.SelectStmt, outer, tables);
    return relationOf(context, plan, alias?.aliasname ?? `subquery${context.nextId()}`, alias, 0);
  }
  if (item.RangeFunction !== undefined) return bindSeries(context, item.RangeFunction, outer, tables);
  throw sqlError('unsupported_sql', 0, `${nodeKind(item)} is not supported in FROM`);
}

function bindTable(context: StatementContext, table: NonNullable<Node['RangeVar']>, tables: CommonTables): FromRows {
  const at = table.location ?? 0;
  const name = table.relname;
  const common = table.schemaname === undefined ? tables.find(name.toLowerCase()) : undefined;
  if (common !== undefined) {
    const plan: Logical =
      common.kind === 'query' ? common.bind().plan : { op: 'working', id: common.id, schema: common.schema };
    return relationOf(context, plan, table.alias?.aliasname ?? name, table.alias, at);
  }
  if (table.schemaname !== undefined) {
    throw sqlError('invalid_sql', at, `${table.schemaname}.${name}: a dataset is named alone, within its namespace`);
  }
  const dataset = [name, name.toLowerCase()].find((candidate) => context.dataset(candidate) !== undefined);
  const schema = dataset === undefined ? undefined : context.dataset(dataset);
  if (dataset === undefined || schema === undefined) throw sqlError('invalid_sql', at, `there is no dataset ${name}`);
  const plan: Logical = {
    op: 'scan',
    dataset,
    schema: [...schema, { name: SCORE_COLUMN, type: DOUBLE, nullable: true }],
    filter: null,
    matches: [],
    at,
  };
  const rows = relationOf(context, { ...plan, schema }, table.alias?.aliasname ?? name, table.alias, at);
  return { ...rows, plan, relations: rows.relations.map((relation) => ({ ...relation, score: schema.length })) };
}

function relationOf(
  context: StatementContext,
  plan: Logical,
  name: string,
  alias: Alias | undefined,
  at: number,
): FromRows {
  context.spend(plan.schema.length, at);
  const columnNames = names(alias?.colnames);
  if (columnNames.length > plan.schema.length) {
    throw sqlError('invalid_sql', at, `${name} has ${plan.schema.length} columns, not ${columnNames.length}`);
  }
  const columns = plan.schema.map((field, index) => ({
    name: columnNames[index] ?? field.name,
    type: field.type,
    index,
  }));
  return { plan, relations: [{ alias: name, columns, score: null }], merged: [] };
}

/** `range(n)` and `generate_series(a, b, step)` of constants, written out. */
function bindSeries(
  context: StatementContext,
  item: NonNullable<Node['RangeFunction']>,
  outer: Scope | null,
  tables: CommonTables,
): FromRows {
  const call = item.functions?.[0]?.List?.items?.[0]?.FuncCall;
  const at = call?.location ?? 0;
  const name = (names(call?.funcname).at(-1) ?? '').toLowerCase();
  if (call === undefined || (name !== 'range' && name !== 'generate_series')) {
    throw sqlError('unsupported_sql', at, `${name || 'this function'} is not supported in FROM`);
  }
  const binder = new ExpressionBinder(context, new Scope(outer), tables);
  const rules = { place: 'FROM', aggregates: false, windows: false };
  const args = (call.args ?? []).map((node) => {
    const bound = binder.bind(node, rules);
    if (bound.node !== 'literal' || typeof bound.value !== 'bigint' || bound.type.kind !== 'int64') {
      throw sqlError('unsupported_sql', at, `${name} takes constant integers`);
    }
    return bound.value;
  });
  const [start, end, step = 1n] = args.length === 1 ? [0n, args[0]] : args;
  if (end === undefined || step === 0n) throw sqlError('invalid_sql', at, `${name} takes a start, an end and a step`);
  const rows: Bound[][] = [];
  const inclusive = name === 'generate_series';
  for (let value = start; step > 0n ? value < end : value > end; value += step) {
    if (rows.length >= MAX_SERIES) throw sqlError('query_too_large', at, `${name} gives more than ${MAX_SERIES} rows`);
    rows.push([integer(value, at)]);
  }
  context.spend(rows.length / SERIES_ROWS, at);
  const last = start + BigInt(rows.length) * step;
  if (inclusive && last === end) rows.push([integer(last, at)]);
  const column = name === 'range' ? 'range' : 'generate_series';
  const plan: Logical = { op: 'values', rows, schema: [{ name: column, type: INT64, nullable: false }] };
  return relationOf(context, plan, item.alias?.aliasname ?? name, item.alias, at);
}

function bindJoin(context: StatementContext, join: JoinExpr, outer: Scope | null, tables: CommonTables): FromRows {
  const left = bindItem(context, join.larg, outer, tables);
  const at = join.rarg.RangeVar?.location ?? 0;
  const kind = joinKind(context, join, at);
  if (join.rarg.RangeSubselect?.lateral && join.usingClause === undefined && !join.isNatural) {
    return bindLateral(context, left, join.rarg.RangeSubselect, kind, outer, tables, join.quals);
  }
  const right = bindItem(context, join.rarg, outer, tables);
  checkAliases(left, right, at);
  if (join.isNatural || join.usingClause !== undefined) {
    const shared = join.isNatural ? sharedNames(left, right) : names(join.usingClause);
    return bindUsing(left, right, kind, shared, at);
  }
  if (join.quals === undefined) return combine(left, right, kind === 'inner' ? 'cross' : kind, [], null);
  const condition = bindOn(context, left, right, join.quals, outer, tables);
  const { on, residual } = splitCondition(condition, left.plan.schema.length);
  return combine(left, right, kind, on, residual);
}

/** The condition of a join, over left then right columns. */
function bindOn(
  context: StatementContext,
  left: FromRows,
  right: FromRows,
  quals: Node,
  outer: Scope | null,
  tables: CommonTables,
): Bound {
  const width = left.plan.schema.length;
  const scope = new Scope(outer);
  scope.relations.push(...left.relations, ...shiftRelations(right.relations, width));
  scope.merged.push(...left.merged, ...shiftMerged(right.merged, width));
  const binder = new ExpressionBinder(context, scope, tables);
  return binder.bindCondition(quals, { place: 'ON', aggregates: false, windows: false });
}

function joinKind(context: StatementContext, join: JoinExpr, at: number): LogicalJoin['kind'] {
  if (join.rarg.RangeVar !== undefined && context.marks.semiJoins.has(at)) return 'semi';
  if (join.rarg.RangeVar !== undefined && context.marks.antiJoins.has(at)) return 'anti';
  const kinds = { JOIN_INNER: 'inner', JOIN_LEFT: 'left', JOIN_RIGHT: 'right', JOIN_FULL: 'full' } as const;
  return kinds[join.jointype];
}

function checkAliases(left: FromRows, right: FromRows, at: number): void {
  for (const { alias } of right.relations) {
    if (left.relations.some((relation) => relation.alias === alias)) {
      throw sqlError('invalid_sql', at, `two tables are called ${alias}; give one another name with AS`);
    }
  }
}

function sharedNames(left: FromRows, right: FromRows): string[] {
  const own = visibleNames(left);
  return visibleNames(right).filter((name) => own.some((other) => sameName(name, other)));
}

function visibleNames(rows: FromRows): string[] {
  return scopeOf(rows)
    .allColumns(0)
    .map(({ name }) => name);
}

function scopeOf(rows: FromRows): Scope {
  const scope = new Scope(null);
  scope.relations.push(...rows.relations);
  scope.merged.push(...rows.merged);
  return scope;
}

function bindUsing(
  left: FromRows,
  right: FromRows,
  kind: LogicalJoin['kind'],
  shared: readonly string[],
  at: number,
): FromRows {
  const width = left.plan.schema.length;
  const on: { left: Bound; right: Bound }[] = [];
  const merged: MergedColumn[] = [];
  for (const name of shared) {
    const [a, b] = [left, right].map((side) => {
      const found = scopeOf(side).findColumn(name, at);
      if (found === undefined)
        throw sqlError('invalid_sql', at, `USING: there is no column ${name}${nearNames(name, visibleNames(side))}`);
      return found;
    });
    const { all } = unify([a, b], at, 'USING');
    on.push({ left: all[0], right: all[1] });
    const [ours, theirs] = [all[0], shiftColumns(all[1], width)];
    const expression = kind === 'full' ? makeCall('coalesce', [ours, theirs], at) : kind === 'right' ? theirs : ours;
    merged.push({ name, expression });
  }
  const joined = combine(left, right, kind === 'inner' && on.length === 0 ? 'cross' : kind, on, null);
  const others = joined.merged.filter(({ name }) => !shared.some((candidate) => sameName(candidate, name)));
  return { ...joined, merged: [...merged, ...others] };
}

function combine(
  left: FromRows,
  right: FromRows,
  kind: LogicalJoin['kind'],
  on: LogicalJoin['on'],
  residual: Bound | null,
): FromRows {
  const width = left.plan.schema.length;
  const plan: Logical = joinPlan(kind, left.plan, right.plan, on, residual);
  if (kind === 'semi' || kind === 'anti') return { ...left, plan };
  return {
    plan,
    relations: [...left.relations, ...shiftRelations(right.relations, width)],
    merged: [...left.merged, ...shiftMerged(right.merged, width)],
  };
}

function shiftRelations(relations: readonly Relation[], by: number): Relation[] {
  return relations.map((relation) => ({
    ...relation,
    columns: relation.columns.map((entry) => ({ ...entry, index: entry.index + by })),
    score: relation.score === null ? null : relation.score + by,
  }));
}

function shiftMerged(merged: readonly MergedColumn[], by: number): MergedColumn[] {
  return merged.map(({ name, expression }) => ({ name, expression: shiftColumns(expression, by) }));
}
