/**
 * PostgreSQL's parse tree as libpg-query writes it: every node is an object with one key, its type; fields
 * with their default value (0, false, empty) are left out. Only what the binder reads is typed here; a node
 * of another type is refused by name. `location` is an offset in the SQL text as written.
 */
export type Node = Readonly<Partial<NodeTypes>>;

export interface NodeTypes {
  SelectStmt: SelectStmt;
  ResTarget: { readonly name?: string; readonly val?: Node; readonly location?: number };
  ColumnRef: { readonly fields: readonly Node[]; readonly location?: number };
  A_Star: Record<string, never>;
  String: { readonly sval?: string };
  A_Const: AConst;
  ParamRef: { readonly number?: number; readonly location?: number };
  A_Expr: AExpr;
  BoolExpr: {
    readonly boolop: 'AND_EXPR' | 'OR_EXPR' | 'NOT_EXPR';
    readonly args: readonly Node[];
    readonly location?: number;
  };
  NullTest: { readonly arg: Node; readonly nulltesttype: 'IS_NULL' | 'IS_NOT_NULL'; readonly location?: number };
  BooleanTest: {
    readonly arg: Node;
    readonly booltesttype: 'IS_TRUE' | 'IS_NOT_TRUE' | 'IS_FALSE' | 'IS_NOT_FALSE' | 'IS_UNKNOWN' | 'IS_NOT_UNKNOWN';
    readonly location?: number;
  };
  TypeCast: { readonly arg: Node; readonly typeName: TypeName; readonly location?: number };
  FuncCall: FuncCall;
  CaseExpr: {
    readonly arg?: Node;
    readonly args: readonly Node[];
    readonly defresult?: Node;
    readonly location?: number;
  };
  CaseWhen: { readonly expr: Node; readonly result: Node; readonly location?: number };
  CoalesceExpr: { readonly args: readonly Node[]; readonly location?: number };
  MinMaxExpr: { readonly op: 'IS_GREATEST' | 'IS_LEAST'; readonly args: readonly Node[]; readonly location?: number };
  SQLValueFunction: { readonly op: string; readonly typmod?: number; readonly location?: number };
  SubLink: SubLink;
  RowExpr: { readonly args?: readonly Node[]; readonly location?: number };
  List: { readonly items?: readonly Node[] };
  A_ArrayExpr: { readonly elements?: readonly Node[]; readonly location?: number };
  A_Indirection: { readonly arg: Node; readonly indirection: readonly Node[] };
  A_Indices: { readonly is_slice?: boolean; readonly lidx?: Node; readonly uidx?: Node };
  CollateClause: { readonly arg: Node; readonly collname?: readonly Node[]; readonly location?: number };
  GroupingFunc: { readonly args: readonly Node[]; readonly location?: number };
  GroupingSet: {
    readonly kind:
      | 'GROUPING_SET_EMPTY'
      | 'GROUPING_SET_SIMPLE'
      | 'GROUPING_SET_ROLLUP'
      | 'GROUPING_SET_CUBE'
      | 'GROUPING_SET_SETS';
    readonly content?: readonly Node[];
    readonly location?: number;
  };
  RangeVar: {
    readonly catalogname?: string;
    readonly schemaname?: string;
    readonly relname: string;
    readonly alias?: Alias;
    readonly location?: number;
  };
  RangeSubselect: { readonly lateral?: boolean; readonly subquery: Node; readonly alias?: Alias };
  RangeFunction: { readonly lateral?: boolean; readonly functions?: readonly Node[]; readonly alias?: Alias };
  JoinExpr: JoinExpr;
  SortBy: {
    readonly node: Node;
    readonly sortby_dir: 'SORTBY_DEFAULT' | 'SORTBY_ASC' | 'SORTBY_DESC' | 'SORTBY_USING';
    readonly sortby_nulls: 'SORTBY_NULLS_DEFAULT' | 'SORTBY_NULLS_FIRST' | 'SORTBY_NULLS_LAST';
  };
  WindowDef: WindowDef;
  CommonTableExpr: {
    readonly ctename: string;
    readonly aliascolnames?: readonly Node[];
    readonly ctequery: Node;
    readonly location?: number;
  };
}

export interface AConst {
  readonly isnull?: boolean;
  readonly ival?: { readonly ival?: number };
  /** A number that is not a 32-bit integer, as written. */
  readonly fval?: { readonly fval: string };
  readonly sval?: { readonly sval?: string };
  readonly boolval?: { readonly boolval?: boolean };
  readonly bsval?: { readonly bsval?: string };
  readonly location?: number;
}

export interface AExpr {
  readonly kind:
    | 'AEXPR_OP'
    | 'AEXPR_OP_ANY'
    | 'AEXPR_OP_ALL'
    | 'AEXPR_DISTINCT'
    | 'AEXPR_NOT_DISTINCT'
    | 'AEXPR_NULLIF'
    | 'AEXPR_IN'
    | 'AEXPR_LIKE'
    | 'AEXPR_ILIKE'
    | 'AEXPR_SIMILAR'
    | 'AEXPR_BETWEEN'
    | 'AEXPR_NOT_BETWEEN'
    | 'AEXPR_BETWEEN_SYM'
    | 'AEXPR_NOT_BETWEEN_SYM';
  readonly name: readonly Node[];
  readonly lexpr?: Node;
  readonly rexpr?: Node;
  readonly location?: number;
}

export interface FuncCall {
  readonly funcname: readonly Node[];
  readonly args?: readonly Node[];
  readonly agg_order?: readonly Node[];
  readonly agg_filter?: Node;
  readonly over?: WindowDef;
  readonly agg_within_group?: boolean;
  readonly agg_star?: boolean;
  readonly agg_distinct?: boolean;
  readonly func_variadic?: boolean;
  readonly location?: number;
}

export interface SubLink {
  readonly subLinkType:
    | 'EXISTS_SUBLINK'
    | 'ALL_SUBLINK'
    | 'ANY_SUBLINK'
    | 'ROWCOMPARE_SUBLINK'
    | 'EXPR_SUBLINK'
    | 'MULTIEXPR_SUBLINK'
    | 'ARRAY_SUBLINK'
    | 'CTE_SUBLINK';
  readonly testexpr?: Node;
  readonly operName?: readonly Node[];
  readonly subselect: Node;
  readonly location?: number;
}

export interface TypeName {
  readonly names: readonly Node[];
  readonly typmods?: readonly Node[];
  readonly arrayBounds?: readonly Node[];
  readonly location?: number;
}

export interface Alias {
  readonly aliasname: string;
  readonly colnames?: readonly Node[];
}

export interface JoinExpr {
  readonly jointype: 'JOIN_INNER' | 'JOIN_LEFT' | 'JOIN_FULL' | 'JOIN_RIGHT';
  readonly isNatural?: boolean;
  readonly larg: Node;
  readonly rarg: Node;
  readonly usingClause?: readonly Node[];
  readonly quals?: Node;
  readonly alias?: Alias;
}

export interface WindowDef {
  readonly name?: string;
  readonly refname?: string;
  readonly partitionClause?: readonly Node[];
  readonly orderClause?: readonly Node[];
  /** Bits of FRAMEOPTION_… in PostgreSQL's parsenodes.h. */
  readonly frameOptions?: number;
  readonly startOffset?: Node;
  readonly endOffset?: Node;
  readonly location?: number;
}

export interface SelectStmt {
  readonly distinctClause?: readonly Node[];
  readonly intoClause?: unknown;
  readonly targetList?: readonly Node[];
  readonly fromClause?: readonly Node[];
  readonly whereClause?: Node;
  readonly groupClause?: readonly Node[];
  readonly groupDistinct?: boolean;
  readonly havingClause?: Node;
  readonly windowClause?: readonly Node[];
  readonly valuesLists?: readonly Node[];
  readonly sortClause?: readonly Node[];
  readonly limitOffset?: Node;
  readonly limitCount?: Node;
  readonly limitOption?: string;
  readonly lockingClause?: unknown;
  readonly withClause?: { readonly ctes: readonly Node[]; readonly recursive?: boolean; readonly location?: number };
  readonly op: 'SETOP_NONE' | 'SETOP_UNION' | 'SETOP_INTERSECT' | 'SETOP_EXCEPT';
  readonly all?: boolean;
  readonly larg?: SelectStmt;
  readonly rarg?: SelectStmt;
}

/** The type of a node: its only key. */
export function nodeKind(node: Node): string {
  return Object.keys(node)[0] ?? 'nothing';
}

/** The texts of a list of `String` nodes, e.g. a qualified name. */
export function names(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).map((node) => node.String?.sval ?? '');
}
