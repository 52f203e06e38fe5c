import { NULL_TYPE, type Schema } from '../../columns/types.ts';
import { commonType } from '../functions/coercion.ts';
import { type Node, names, type SelectStmt } from '../parse/ast.ts';
import { castTo, column, literal } from './bound.ts';
import { makeCall, unify } from './calls.ts';
import type { BoundQuery, CommonTable, CommonTables, StatementContext } from './context.ts';
import { sqlError, typeNames } from './errors.ts';
import { ExpressionBinder } from './expressions.ts';
import { Windows } from './grouping.ts';
import { joinPlan, uniqueNames } from './joins.ts';
import type { Bound, Logical, LogicalSortKey } from './logical.ts';
import { type Relation, Scope } from './scope.ts';
import { bindSelect, sortAndLimit } from './select.ts';
import { sortDirection } from './sort-keys.ts';

/** Binds any query: WITH, set operations, VALUES, SELECT. */
export function bindQuery(
  context: StatementContext,
  select: SelectStmt,
  outer: Scope | null,
  tables: CommonTables,
): BoundQuery {
  context.spend(1, 0);
  if (select.intoClause !== undefined)
    throw sqlError('unsupported_sql', 0, 'only SELECT is supported, not SELECT INTO');
  if (select.lockingClause !== undefined) throw sqlError('unsupported_sql', 0, 'FOR UPDATE is not supported');
  const inSight = select.withClause === undefined ? tables : bindCommonTables(context, select, outer, tables);
  if (select.op !== 'SETOP_NONE')
    return { plan: ordered(context, select, bindSetOperation(context, select, outer, inSight)) };
  if (select.valuesLists !== undefined) {
    return { plan: ordered(context, select, bindValues(context, select.valuesLists, outer, inSight)) };
  }
  return bindSelect(context, select, outer, inSight);
}

/** The common tables of a WITH clause beside those around it. Each use binds the expression anew. */
function bindCommonTables(
  context: StatementContext,
  select: SelectStmt,
  outer: Scope | null,
  around: CommonTables,
): CommonTables {
  let tables = around;
  for (const { CommonTableExpr: expression } of select.withClause?.ctes ?? []) {
    if (expression === undefined) continue;
    const { ctename, aliascolnames, ctequery, location = 0 } = expression;
    const query = ctequery.SelectStmt;
    if (query === undefined) throw sqlError('unsupported_sql', location, 'only SELECT is supported in WITH');
    const before = tables;
    const columnNames = names(aliascolnames);
    const name = ctename.toLowerCase();
    const recursive = select.withClause?.recursive === true && mentions(query, name);
    const bind = () =>
      renamed(
        recursive
          ? bindRecursive(context, query, name, columnNames, outer, before)
          : bindQuery(context, query, outer, before).plan,
        columnNames,
        location,
      );
    // Bound once here, so that an error shows even where the table is not used.
    let bound: BoundQuery | undefined = { plan: bind() };
    const table: CommonTable = {
      kind: 'query',
      bind() {
        const first = bound ?? { plan: bind() };
        bound = undefined;
        return first;
      },
    };
    tables = { find: (wanted) => (wanted === name ? table : before.find(wanted)) };
  }
  return tables;
}

/** Whether a query names a table in some FROM clause. */
function mentions(query: SelectStmt, name: string): boolean {
  const visit = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(value).some(
      ([key, field]) =>
        (key === 'RangeVar' && String((field as { relname?: string }).relname).toLowerCase() === name) || visit(field),
    );
  };
  return visit(query);
}

function renamed(plan: Logical, columnNames: readonly string[], at: number): Logical {
  if (columnNames.length === 0) return plan;
  if (columnNames.length > plan.schema.length) {
    throw sqlError('invalid_sql', at, `the query gives ${plan.schema.length} columns, not ${columnNames.length}`);
  }
  const schema = uniqueNames(plan.schema.map((field, i) => ({ ...field, name: columnNames[i] ?? field.name })));
  return { op: 'project', input: plan, expressions: schema.map(({ type }, i) => column(i, type, at)), schema };
}

function bindRecursive(
  context: StatementContext,
  query: SelectStmt,
  name: string,
  columnNames: readonly string[],
  outer: Scope | null,
  tables: CommonTables,
): Logical {
  const { larg, rarg } = query;
  if (query.op !== 'SETOP_UNION' || larg === undefined || rarg === undefined) {
    throw sqlError('invalid_sql', 0, `${name} refers to itself: it must be a first part UNION [ALL] a recursive part`);
  }
  if (query.sortClause !== undefined || query.limitCount !== undefined) {
    throw sqlError('unsupported_sql', 0, 'a recursive query has neither ORDER BY nor LIMIT; put them around it');
  }
  const base = renamed(bindQuery(context, larg, outer, tables).plan, columnNames, 0);
  const schema = base.schema.map((field) => ({ ...field, nullable: true }));
  const id = context.nextId();
  const working: CommonTable = { kind: 'working', id, schema };
  const within: CommonTables = { find: (wanted) => (wanted === name ? working : tables.find(wanted)) };
  const step = bindQuery(context, rarg, outer, within).plan;
  return {
    op: 'recursive',
    id,
    base: { ...base, schema },
    step: castPlan(step, schema, 'the recursive part'),
    all: query.all === true,
    schema,
  };
}

/** The plan with its columns in the types of a schema, and its names. */
function castPlan(plan: Logical, schema: Schema, what: string): Logical {
  if (plan.schema.length !== schema.length) {
    throw sqlError('invalid_sql', 0, `${what} has ${plan.schema.length} columns, not ${schema.length}`);
  }
  const expressions = schema.map(({ type }, i) => castTo(column(i, plan.schema[i].type, 0), type));
  if (expressions.every((expression) => expression.node === 'column')) {
    return plan.schema.every(({ name }, i) => name === schema[i].name)
      ? plan
      : { op: 'project', input: plan, expressions, schema };
  }
  return { op: 'project', input: plan, expressions, schema };
}

function bindValues(
  context: StatementContext,
  lists: readonly Node[],
  outer: Scope | null,
  tables: CommonTables,
): Logical {
  const binder = new ExpressionBinder(context, new Scope(outer), tables);
  const rules = { place: 'VALUES', aggregates: false, windows: false };
  const rows = lists.map(({ List: list }) => (list?.items ?? []).map((item) => binder.bindValue(item, rules)));
  const width = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== width))
    throw sqlError('invalid_sql', 0, 'the rows of VALUES have different lengths');
  const columns = Array.from({ length: width }, (_, i) =>
    unify(
      rows.map((row) => row[i]),
      rows[0][i].at,
      'VALUES',
    ),
  );
  return {
    op: 'values',
    rows: rows.map((_, r) => columns.map(({ all }) => all[r])),
    schema: columns.map(({ type }, i) => ({ name: `col${i}`, type, nullable: true })),
  };
}

function bindSetOperation(
  context: StatementContext,
  select: SelectStmt,
  outer: Scope | null,
  tables: CommonTables,
): Logical {
  const { larg, rarg, op, all } = select;
  if (larg === undefined || rarg === undefined) throw sqlError('invalid_sql', 0, 'a set operation has two sides');
  const word = op.replace('SETOP_', '');
  const sides = [larg, rarg].map((side) => bindQuery(context, side, outer, tables).plan);
  const [left, right] = unified(sides[0], sides[1], word);
  if (op === 'SETOP_UNION') {
    const union: Logical = { op: 'union', inputs: [left, right], schema: left.schema };
    return all ? union : { op: 'distinct', input: union, schema: union.schema };
  }
  const kind = op === 'SETOP_INTERSECT' ? 'semi' : 'anti';
  if (!all) {
    const distinct: Logical = { op: 'distinct', input: left, schema: left.schema };
    return sameRowsJoin(kind, distinct, right);
  }
  // With ALL the n-th occurrence of a row meets the n-th: rows are numbered among their like.
  const matched = sameRowsJoin(kind, numbered(left), numbered(right));
  const expressions = left.schema.map(({ type }, i) => column(i, type, 0));
  return { op: 'project', input: matched, expressions, schema: left.schema };
}

/** Both sides in common types, under the left side's names. */
function unified(left: Logical, right: Logical, word: string): [Logical, Logical] {
  if (left.schema.length !== right.schema.length) {
    throw sqlError(
      'invalid_sql',
      0,
      `the sides of ${word} have ${left.schema.length} and ${right.schema.length} columns`,
    );
  }
  const schema = left.schema.map((field, i): Schema[number] => {
    const other = right.schema[i];
    const type = commonType(field.type, other.type);
    if (type === undefined) {
      throw sqlError('type_error', 0, `column ${i + 1} of ${word} mixes ${typeNames([field.type, other.type])}`);
    }
    return { name: field.name, type, nullable: field.nullable || other.nullable || type.kind === NULL_TYPE.kind };
  });
  return [castPlan(left, schema, word), castPlan(right, schema, word)];
}

/** Rows of the left that are among the right's (semi) or are not (anti), null being the same as null. */
function sameRowsJoin(kind: 'semi' | 'anti', left: Logical, right: Logical): Logical {
  const on = left.schema.flatMap(({ type }, i) =>
    nullSafeKeys(column(i, type, 0), left.schema[i].nullable || right.schema[i].nullable),
  );
  return joinPlan(
    kind,
    left,
    right,
    on.map((key) => ({ left: key, right: key })),
    null,
  );
}

/** Keys that are never null and equal exactly where the value is the same, null included. */
function nullSafeKeys(value: Bound, nullable: boolean): Bound[] {
  if (!nullable) return [value];
  const isNull = makeCall('is_null', [value], 0);
  const filler = fillerOf(value);
  return filler === undefined ? [isNull] : [isNull, makeCall('coalesce', [value, filler], 0)];
}

function fillerOf({ type }: Bound): Bound | undefined {
  switch (type.kind) {
    case 'null':
      return undefined;
    case 'bool':
      return literal(false, type, 0);
    case 'double':
    case 'date':
      return literal(0, type, 0);
    case 'string':
    case 'json':
      return literal('', type, 0);
    case 'bytes':
      return literal(new Uint8Array(0), type, 0);
    default:
      return literal(0n, type, 0);
  }
}

function numbered(plan: Logical): Logical {
  const windows = new Windows(plan.schema.length);
  windows.over({
    node: 'window',
    function: 'row_number',
    args: [],
    filter: null,
    partitionBy: plan.schema.map(({ type }, i) => column(i, type, 0)),
    orderBy: [],
    frame: { mode: 'range', start: { kind: 'unboundedPreceding' }, end: { kind: 'currentRow' }, exclude: 'none' },
    type: { kind: 'int64' },
    at: 0,
  });
  return windows.plan(plan);
}

/** ORDER BY and LIMIT over a set operation or VALUES: only output columns, and expressions of them, can be named. */
function ordered(context: StatementContext, select: SelectStmt, plan: Logical): Logical {
  const scope = new Scope(null);
  const relation: Relation = {
    alias: '',
    columns: plan.schema.map(({ name, type }, index) => ({ name, type, index })),
    score: null,
  };
  scope.relations.push(relation);
  const binder = new ExpressionBinder(context, scope, { find: () => undefined });
  const rules = { place: 'ORDER BY', aggregates: false, windows: false };
  const keys = (select.sortClause ?? []).flatMap(({ SortBy: sort }): LogicalSortKey[] => {
    if (sort === undefined) return [];
    const direction = sortDirection(sort);
    if (names(sort.node.ColumnRef?.fields)[0] === '$all') {
      return plan.schema.map(({ type }, i) => ({ ...direction, expression: column(i, type, 0) }));
    }
    const position = sort.node.A_Const?.ival;
    if (position === undefined) return [{ ...direction, expression: binder.bindValue(sort.node, rules) }];
    const field = plan.schema[(position.ival ?? 0) - 1];
    if (field === undefined) {
      throw sqlError(
        'invalid_sql',
        sort.node.A_Const?.location ?? 0,
        `ORDER BY: there is no column ${position.ival ?? 0}`,
      );
    }
    return [{ ...direction, expression: column((position.ival ?? 0) - 1, field.type, 0) }];
  });
  return sortAndLimit(plan, keys, select, binder);
}
