import { DOUBLE, INT64, type Schema } from '../../columns/types.ts';
import { type Alias, type JoinExpr, type Node, names, nodeKind } from '../parse/ast.ts';
import { conjunction, conjuncts, inputColumns, integer, remapColumns, shiftColumns, some } from './bound.ts';
import { makeCall, unify } from './calls.ts';
import type { CommonTables, StatementContext } from './context.ts';
import { sqlError } from './errors.ts';
import { ExpressionBinder } from './expressions.ts';
import type { Bound, Logical, LogicalJoin } from './logical.ts';
import { type MergedColumn, nearNames, type Relation, Scope, sameName } from './scope.ts';

/** The rows of a FROM clause, or of a part of it, and what its columns are called. */
export interface FromRows {
  readonly plan: Logical;
  readonly relations: readonly Relation[];
  readonly merged: readonly MergedColumn[];
}

/** The name of the hidden column that holds a row's full-text score. */
export const SCORE_COLUMN = '$score';

/** Most rows a function in FROM may be written out as. */
const MAX_SERIES = 100_000;

/** Binds the items of a FROM clause; several are joined without a condition. None at all is one row without columns. */
export function bindFrom(
  context: StatementContext,
  items: readonly Node[],
  outer: Scope | null,
  tables: CommonTables,
): FromRows {
  const [first, ...rest] = items.map((item) => bindItem(context, item, outer, tables));
  if (first === undefined) return { plan: { op: 'values', rows: [[]], schema: [] }, relations: [], merged: [] };
  return rest.reduce((left, right) => combine(left, right, 'cross', [], null), first);
}

function bindItem(context: StatementContext, item: Node, outer: Scope | null, tables: CommonTables): FromRows {
  if (item.RangeVar !== undefined) return bindTable(context, item.RangeVar, tables);
  if (item.JoinExpr !== undefined) return bindJoin(context, item.JoinExpr, outer, tables);
  if (item.RangeSubselect !== undefined) {
    const { lateral, subquery, alias } = item.RangeSubselect;
    if (lateral) throw sqlError('unsupported_sql', 0, 'LATERAL is not supported');
    if (subquery.SelectStmt === undefined) throw sqlError('unsupported_sql', 0, 'a subquery is a SELECT');
    const { plan } = context.bindQuery(subquery.SelectStmt, outer, tables);
    return relationOf(plan, alias?.aliasname ?? `subquery${context.nextId()}`, alias, 0);
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
    return relationOf(plan, table.alias?.aliasname ?? name, table.alias, at);
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
  const rows = relationOf({ ...plan, schema }, table.alias?.aliasname ?? name, table.alias, at);
  return { ...rows, plan, relations: rows.relations.map((relation) => ({ ...relation, score: schema.length })) };
}

function relationOf(plan: Logical, name: string, alias: Alias | undefined, at: number): FromRows {
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
  const last = start + BigInt(rows.length) * step;
  if (inclusive && last === end) rows.push([integer(last, at)]);
  const column = name === 'range' ? 'range' : 'generate_series';
  const plan: Logical = { op: 'values', rows, schema: [{ name: column, type: INT64, nullable: false }] };
  return relationOf(plan, item.alias?.aliasname ?? name, item.alias, at);
}

function bindJoin(context: StatementContext, join: JoinExpr, outer: Scope | null, tables: CommonTables): FromRows {
  const left = bindItem(context, join.larg, outer, tables);
  const right = bindItem(context, join.rarg, outer, tables);
  const at = join.rarg.RangeVar?.location ?? 0;
  const width = left.plan.schema.length;
  checkAliases(left, right, at);
  const kind = joinKind(context, join, at);
  if (join.isNatural || join.usingClause !== undefined) {
    const shared = join.isNatural ? sharedNames(left, right) : names(join.usingClause);
    return bindUsing(left, right, kind, shared, at);
  }
  if (join.quals === undefined) return combine(left, right, kind === 'inner' ? 'cross' : kind, [], null);
  const scope = new Scope(outer);
  scope.relations.push(...left.relations, ...shiftRelations(right.relations, width));
  scope.merged.push(...left.merged, ...shiftMerged(right.merged, width));
  const binder = new ExpressionBinder(context, scope, tables);
  const condition = binder.bindCondition(join.quals, { place: 'ON', aggregates: false, windows: false });
  return joinOn(left, right, kind, condition);
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

/** A join on a condition over both sides: equalities between them become keys, the rest stays beside. */
export function joinOn(left: FromRows, right: FromRows, kind: LogicalJoin['kind'], condition: Bound): FromRows {
  const { on, residual } = splitCondition(condition, left.plan.schema.length);
  return combine(left, right, kind, on, residual);
}

/** Splits a condition over left then right columns. Key expressions count each side's columns from 0. */
export function splitCondition(
  condition: Bound | null,
  leftWidth: number,
): { on: { left: Bound; right: Bound }[]; residual: Bound | null } {
  const on: { left: Bound; right: Bound }[] = [];
  const rest: Bound[] = [];
  for (const part of conjuncts(condition)) {
    const key = part.node === 'call' && part.function === '=' ? equalityKey(part.args, leftWidth) : undefined;
    if (key === undefined) rest.push(part);
    else on.push(key);
  }
  return { on, residual: conjunction(rest) };
}

function equalityKey(args: readonly Bound[], leftWidth: number): { left: Bound; right: Bound } | undefined {
  const sides = args.map((arg) => {
    const used = [...inputColumns(arg)];
    if (used.length === 0 || some(arg, (part) => part.node === 'subquery')) return 'neither';
    if (used.every((index) => index < leftWidth)) return 'left';
    return used.every((index) => index >= leftWidth) ? 'right' : 'neither';
  });
  const toRight = (expression: Bound) => remapColumns(expression, (index) => index - leftWidth);
  if (sides[0] === 'left' && sides[1] === 'right') return { left: args[0], right: toRight(args[1]) };
  if (sides[0] === 'right' && sides[1] === 'left') return { left: args[1], right: toRight(args[0]) };
  return undefined;
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

/** A join with its schema: the side that may be missing becomes nullable, names are made unique. */
export function joinPlan(
  kind: LogicalJoin['kind'],
  left: Logical,
  right: Logical,
  on: LogicalJoin['on'],
  residual: Bound | null,
): LogicalJoin {
  const base = { op: 'join', kind, left, right, on, residual } as const;
  if (kind === 'semi' || kind === 'anti') return { ...base, schema: left.schema };
  const optional = (schema: Schema, missing: boolean) =>
    missing ? schema.map((field) => ({ ...field, nullable: true })) : schema;
  const schema = [
    ...optional(left.schema, kind === 'right' || kind === 'full'),
    ...optional(right.schema, kind === 'left' || kind === 'full'),
  ];
  return { ...base, schema: uniqueNames(schema) };
}

/** The schema with repeated names told apart by a suffix. */
export function uniqueNames(schema: Schema): Schema {
  const taken = new Set<string>();
  return schema.map((field) => {
    let { name } = field;
    for (let i = 1; taken.has(name); i++) name = `${field.name}_${i}`;
    taken.add(name);
    return name === field.name ? field : { ...field, name };
  });
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
