import { BOOL, type ColumnType, DATE, INT64, NULL_TYPE, TIMESTAMP } from '../../columns/types.ts';
import { canCast, castScalar } from '../functions/cast.ts';
import { comparisonType } from '../functions/coercion.ts';
import { type Node, names, nodeKind, type SubLink } from '../parse/ast.ts';
import { branchOf, castTo, integer, literal, nullOf, text } from './bound.ts';
import { allOf, argumentType, asCondition, caseOf, makeCall, not, or, withJsonContent } from './calls.ts';
import { bindConstant, bindParameter } from './constants.ts';
import type { CommonTables, StatementContext } from './context.ts';
import { locate, sqlError, typeNames } from './errors.ts';
import { bindFunction } from './function-calls.ts';
import { intervalOfText, intervalText } from './intervals.ts';
import type { Bound, WindowFrame } from './logical.ts';
import { bindOperation } from './operators.ts';
import { quantified } from './quantified.ts';
import { nearNames, type Scope } from './scope.ts';
import { checkedSize } from './size.ts';
import { namedType } from './type-names.ts';

/** Collations that are the order text has anyway. */
const BYTE_ORDER = new Set(['c', 'posix', 'binary', 'default']);

/** What an expression may hold where it stands. */
export interface ExpressionRules {
  /** How the place is called in an error, e.g. `WHERE`. */
  readonly place: string;
  readonly aggregates: boolean;
  readonly windows: boolean;
}

/** A named window of the WINDOW clause, or the parts of an OVER. */
export interface WindowSpecification {
  readonly partitionBy: readonly Bound[];
  readonly orderBy: readonly {
    readonly expression: Bound;
    readonly descending: boolean;
    readonly nullsFirst: boolean;
  }[];
  readonly frame: WindowFrame | null;
}

/** Binds the expressions of one query: names to columns, every node to its type. */
export class ExpressionBinder {
  readonly context: StatementContext;
  readonly scope: Scope;
  readonly tables: CommonTables;
  readonly windows: ReadonlyMap<string, WindowSpecification>;
  readonly #aliasesInUse = new Set<string>();
  /** Calls of `bind` within one another. */
  #depth = 0;

  constructor(
    context: StatementContext,
    scope: Scope,
    tables: CommonTables,
    windows: ReadonlyMap<string, WindowSpecification> = new Map(),
  ) {
    this.context = context;
    this.scope = scope;
    this.tables = tables;
    this.windows = windows;
  }

  /** A value that can be a column: a span of time becomes its text. */
  bindValue(node: Node, rules: ExpressionRules): Bound {
    const bound = this.bind(node, rules);
    return bound.node === 'interval' ? intervalText(bound) : bound;
  }

  bindCondition(node: Node, rules: ExpressionRules): Bound {
    return asCondition(this.bind(node, rules), rules.place);
  }

  /** What a node means. Throws `query_too_large` where it, or the statement up to it, comes to too much. */
  bind(node: Node, rules: ExpressionRules): Bound {
    this.#depth++;
    try {
      const bound = this.#bindNode(node, rules);
      const size = checkedSize(bound);
      if (this.#depth === 1) this.context.spend(size, bound.at);
      return bound;
    } finally {
      this.#depth--;
    }
  }

  #bindNode(node: Node, rules: ExpressionRules): Bound {
    if (node.A_Const !== undefined) return bindConstant(node.A_Const);
    if (node.ColumnRef !== undefined)
      return this.#columnReference(node.ColumnRef.fields, node.ColumnRef.location ?? 0, rules);
    if (node.ParamRef !== undefined)
      return bindParameter(this.context.parameters, node.ParamRef.number ?? 0, node.ParamRef.location ?? 0);
    if (node.A_Expr !== undefined) return bindOperation(this, node.A_Expr, rules);
    if (node.FuncCall !== undefined) return bindFunction(this, node.FuncCall, rules);
    if (node.SubLink !== undefined) return this.#subquery(node.SubLink, rules);
    if (node.BoolExpr !== undefined) {
      const { boolop, args, location = 0 } = node.BoolExpr;
      if (boolop === 'NOT_EXPR') return not(asCondition(this.bind(args[0], rules), 'NOT'));
      const conditions = args.map((arg) => asCondition(this.bind(arg, rules), boolop === 'AND_EXPR' ? 'AND' : 'OR'));
      return boolop === 'AND_EXPR' ? allOf(conditions) : or(conditions, location);
    }
    if (node.NullTest !== undefined) {
      const { arg, nulltesttype, location = 0 } = node.NullTest;
      return makeCall(nulltesttype === 'IS_NULL' ? 'is_null' : 'is_not_null', [this.bindValue(arg, rules)], location);
    }
    if (node.BooleanTest !== undefined) {
      const { arg, booltesttype, location = 0 } = node.BooleanTest;
      const value = asCondition(this.bind(arg, rules), 'IS');
      const negated = booltesttype.startsWith('IS_NOT');
      if (booltesttype.endsWith('UNKNOWN')) return makeCall(negated ? 'is_not_null' : 'is_null', [value], location);
      const wanted = literal(booltesttype.endsWith('TRUE'), BOOL, location);
      return makeCall(negated ? 'is_distinct_from' : 'is_not_distinct_from', [value, wanted], location);
    }
    if (node.TypeCast !== undefined) return this.#cast(node.TypeCast, rules);
    if (node.CaseExpr !== undefined) return this.#case(node.CaseExpr, rules);
    if (node.CoalesceExpr !== undefined) {
      return this.#alternatives('coalesce', node.CoalesceExpr.args, node.CoalesceExpr.location ?? 0, rules);
    }
    if (node.MinMaxExpr !== undefined) {
      const { op, args, location = 0 } = node.MinMaxExpr;
      return this.#alternatives(op === 'IS_GREATEST' ? 'greatest' : 'least', args, location, rules);
    }
    if (node.SQLValueFunction !== undefined)
      return this.#valueFunction(node.SQLValueFunction.op, node.SQLValueFunction.location ?? 0);
    if (node.A_Indirection !== undefined)
      return this.#indirection(node.A_Indirection.arg, node.A_Indirection.indirection, rules);
    if (node.CollateClause !== undefined) {
      const { arg, collname, location = 0 } = node.CollateClause;
      const name = (names(collname).at(-1) ?? '').toLowerCase();
      if (!BYTE_ORDER.has(name)) {
        throw sqlError(
          'unsupported_sql',
          location,
          `the collation ${name} is not supported: text compares by its UTF-8 bytes`,
        );
      }
      return this.bind(arg, rules);
    }
    if (node.GroupingFunc !== undefined) {
      const { args, location = 0 } = node.GroupingFunc;
      if (!rules.aggregates) throw sqlError('invalid_sql', location, `${rules.place} cannot hold GROUPING`);
      const bound = args.map((arg) => this.bindValue(arg, { ...rules, aggregates: false, windows: false }));
      return { node: 'call', function: 'grouping', args: bound, type: INT64, at: location };
    }
    if (node.RowExpr !== undefined)
      throw sqlError('unsupported_sql', node.RowExpr.location ?? 0, 'a row stands only beside = or IN');
    if (node.A_ArrayExpr !== undefined) {
      throw sqlError('unsupported_sql', node.A_ArrayExpr.location ?? 0, 'a list stands only beside = ANY or <> ALL');
    }
    throw sqlError('unsupported_sql', 0, `${nodeKind(node)} is not supported`);
  }

  #columnReference(fields: readonly Node[], at: number, rules: ExpressionRules): Bound {
    if (fields.some((field) => field.A_Star !== undefined)) throw sqlError('invalid_sql', at, '* does not stand here');
    const parts = names(fields);
    const found = this.#resolve(parts, at, rules);
    if (found !== undefined) return found;
    const [first, second] = parts;
    const relation = this.scope.findRelation(first);
    if (parts.length === 1 && relation !== undefined) {
      throw sqlError('unsupported_sql', at, `${first} is a table; name one of its columns`);
    }
    const near =
      second !== undefined && relation !== undefined
        ? nearNames(
            second,
            relation.columns.map(({ name }) => name),
          )
        : nearNames(
            first,
            this.scope.allColumns(0).map(({ name }) => name),
          );
    throw sqlError('invalid_sql', at, `there is no column ${parts.join('.')}${near}`);
  }

  #resolve(parts: readonly string[], at: number, rules: ExpressionRules): Bound | undefined {
    const own = this.#resolveIn(this.scope, parts, at);
    if (own !== undefined) return own;
    const alias = parts.length === 1 ? this.#alias(parts[0], rules) : undefined;
    if (alias !== undefined) return alias;
    let depth = 1;
    for (let scope = this.scope.parent; scope !== null; scope = scope.parent) {
      const outer = this.#resolveIn(scope, parts, at);
      if (outer !== undefined) return asOuter(outer, depth);
      depth++;
    }
    return undefined;
  }

  /** `column`, `table.column`, and members of a json column behind either. */
  #resolveIn(scope: Scope, parts: readonly string[], at: number): Bound | undefined {
    const [first, second, ...rest] = parts;
    const relation = second === undefined ? undefined : scope.findRelation(first);
    const match =
      relation?.columns.find(({ name }) => name === second) ??
      relation?.columns.find(({ name }) => name.toLowerCase() === second.toLowerCase());
    if (match !== undefined) {
      return this.#members({ node: 'column', index: match.index, type: match.type, at }, rest);
    }
    const column = scope.findColumn(first, at);
    if (column === undefined || (parts.length > 1 && column.type.kind !== 'json')) return undefined;
    return this.#members(column, parts.slice(1));
  }

  #members(value: Bound, path: readonly string[]): Bound {
    return path.reduce((from, name) => makeCall('json_extract', [from, text(name, value.at)], value.at), value);
  }

  /** What the select list calls so. An alias that refers to itself is a column that does not exist. */
  #alias(name: string, rules: ExpressionRules): Bound | undefined {
    const key = name.toLowerCase();
    const node = this.scope.aliases.get(key);
    if (node === undefined || this.#aliasesInUse.has(key)) return undefined;
    this.#aliasesInUse.add(key);
    try {
      return this.bind(node, rules);
    } finally {
      this.#aliasesInUse.delete(key);
    }
  }

  #cast(
    cast: { readonly arg: Node; readonly typeName: Parameters<typeof namedType>[0]; readonly location?: number },
    rules: ExpressionRules,
  ): Bound {
    const at = cast.location || cast.typeName.location || 0;
    const { type, range } = namedType(cast.typeName);
    const lenient = this.context.marks.tryCasts.has(cast.location ?? 0);
    const value = this.bind(cast.arg, rules);
    if (type === 'interval') {
      if (value.node === 'interval') return value;
      if (value.node === 'literal' && typeof value.value === 'string') {
        return intervalOfText(value.value, cast.typeName.typmods?.[0]?.A_Const?.ival?.ival, at);
      }
      throw sqlError(
        'unsupported_sql',
        at,
        'only a constant is cast to an interval; to_days(n) and its like take columns',
      );
    }
    const converted = this.castExplicitly(value, type, lenient, at);
    if (range === undefined || (converted.node === 'literal' && converted.value === null)) return converted;
    const bounds = [integer(range[0], at), integer(range[1], at), literal(lenient, BOOL, at)];
    return makeCall('narrow', [converted, ...bounds], at);
  }

  /** A cast said aloud. One of a constant that fails stays: it may stand in a branch that is never taken. */
  castExplicitly(value: Bound, type: ColumnType, lenient: boolean, at: number): Bound {
    if (value.node === 'interval') return this.castExplicitly(intervalText(value), type, lenient, at);
    if (!canCast(value.type, type)) {
      throw sqlError('type_error', at, `${typeNames([value.type])} cannot be cast to ${typeNames([type])}`);
    }
    if (value.node === 'literal') {
      try {
        return literal(castScalar(value.value, value.type, type, lenient), type, at);
      } catch {
        return { node: 'cast', arg: value, lenient, type, at };
      }
    }
    if (value.type.kind === 'null') return nullOf(type, at);
    const cast = castTo(value, type);
    return cast.node === 'cast' && cast !== value ? { ...cast, lenient, at } : cast;
  }

  #case(
    expression: {
      readonly arg?: Node;
      readonly args: readonly Node[];
      readonly defresult?: Node;
      readonly location?: number;
    },
    rules: ExpressionRules,
  ): Bound {
    const at = expression.location ?? 0;
    const subject = expression.arg === undefined ? undefined : this.bindValue(expression.arg, rules);
    const branches = expression.args.map(({ CaseWhen: branch }) => {
      const when = this.bind(branch?.expr ?? {}, rules);
      const condition = subject === undefined ? asCondition(when, 'WHEN') : makeCall('=', [subject, when], at);
      return branchOf(condition, this.bindValue(branch?.result ?? {}, rules));
    });
    const otherwise =
      expression.defresult === undefined ? nullOf(NULL_TYPE, at) : this.bindValue(expression.defresult, rules);
    return caseOf(branches, otherwise, at);
  }

  #alternatives(name: string, args: readonly Node[], at: number, rules: ExpressionRules): Bound {
    return makeCall(
      name,
      args.map((arg) => this.bindValue(arg, rules)),
      at,
    );
  }

  #valueFunction(op: string, at: number): Bound {
    if (op.startsWith('SVFOP_CURRENT_TIMESTAMP') || op.startsWith('SVFOP_LOCALTIMESTAMP')) {
      return literal(this.context.nowMicros, TIMESTAMP, at);
    }
    if (op === 'SVFOP_CURRENT_DATE') {
      return literal(castScalar(this.context.nowMicros, TIMESTAMP, DATE, false), DATE, at);
    }
    throw sqlError('unsupported_sql', at, `${op.replace('SVFOP_', '')} is not supported`);
  }

  /** `json[0]`, `json['key']`, `(json).member`, `text[2:3]`. */
  #indirection(arg: Node, steps: readonly Node[], rules: ExpressionRules): Bound {
    let value = this.bindValue(arg, rules);
    for (const step of steps) {
      const { at } = value;
      if (step.String !== undefined) value = this.#members(value, [step.String.sval ?? '']);
      else if (step.A_Indices !== undefined) {
        const { is_slice: slice, lidx, uidx } = step.A_Indices;
        if (value.type.kind === 'json' && !slice && uidx !== undefined) {
          value = makeCall('json_extract', [value, this.bind(uidx, rules)], at);
        } else if (value.type.kind === 'string') {
          value = this.#slice(value, slice ? lidx : uidx, uidx, rules);
        } else throw sqlError('unsupported_sql', at, `${typeNames([value.type])} has no elements`);
      } else throw sqlError('unsupported_sql', at, '* does not stand here');
    }
    return value;
  }

  #slice(value: Bound, from: Node | undefined, to: Node | undefined, rules: ExpressionRules): Bound {
    const { at } = value;
    const start = from === undefined ? integer(1n, at) : this.bind(from, rules);
    if (to === undefined) return makeCall('substring', [value, start], at);
    const end = this.bind(to, rules);
    const length = makeCall('+', [makeCall('-', [end, start], at), integer(1n, at)], at);
    return makeCall('substring', [value, start, makeCall('greatest', [length, integer(0n, at)], at)], at);
  }

  #subquery(link: SubLink, rules: ExpressionRules): Bound {
    const at = link.location ?? 0;
    const select = link.subselect.SelectStmt;
    if (select === undefined) throw sqlError('unsupported_sql', at, 'a subquery is a SELECT');
    const { plan } = this.context.bindQuery(select, this.scope, this.tables);
    const first = plan.schema[0]?.type ?? NULL_TYPE;
    const oneColumn = () => {
      if (plan.schema.length !== 1) throw sqlError('invalid_sql', at, 'the subquery gives more than one column');
    };
    switch (link.subLinkType) {
      case 'EXISTS_SUBLINK':
        return { node: 'subquery', kind: 'exists', plan, arg: null, negated: false, type: BOOL, at };
      case 'EXPR_SUBLINK':
        oneColumn();
        return { node: 'subquery', kind: 'scalar', plan, arg: null, negated: false, type: first, at };
      case 'ANY_SUBLINK':
      case 'ALL_SUBLINK': {
        const operator = names(link.operName).at(-1) ?? '=';
        const negated = link.subLinkType === 'ALL_SUBLINK';
        if (link.testexpr?.RowExpr !== undefined) {
          throw sqlError('unsupported_sql', at, 'IN of rows over a subquery is not supported; write EXISTS');
        }
        oneColumn();
        const arg = this.bindValue(link.testexpr ?? {}, rules);
        if (operator !== (negated ? '<>' : '=')) return quantified(operator, negated, arg, plan, at);
        return membership(arg, plan, negated, at);
      }
      default:
        throw sqlError('unsupported_sql', at, 'a subquery does not stand here');
    }
  }
}

/** `arg IN (subquery)` with both sides in one type. */
function membership(
  arg: Bound,
  plan: Extract<Bound, { node: 'subquery' }>['plan'],
  negated: boolean,
  at: number,
): Bound {
  const field = plan.schema[0];
  const [a, b] = withJsonContent([arg, { node: 'column', index: 0, type: field.type, at }]);
  const type = comparisonType(argumentType(a), argumentType(b));
  if (type === undefined) {
    throw sqlError(
      'type_error',
      at,
      `IN compares ${typeNames([arg.type])} with ${typeNames([field.type])}; cast one of them`,
    );
  }
  const [left, right] = [locate(at, () => castTo(a, type)), castTo(b, type)];
  const typed =
    right.node === 'column'
      ? plan
      : {
          op: 'project' as const,
          input: plan,
          expressions: [right],
          schema: [{ ...field, type: right.type, nullable: true }],
        };
  return { node: 'subquery', kind: 'in', plan: typed, arg: left, negated, type: BOOL, at };
}

/** A bound name of an enclosing query, seen from `depth` queries within. */
function asOuter(found: Bound, depth: number): Bound {
  switch (found.node) {
    case 'column':
      return { node: 'outer', depth, index: found.index, type: found.type, at: found.at };
    case 'call':
      return { ...found, args: found.args.map((arg) => asOuter(arg, depth)) };
    default:
      return found;
  }
}
