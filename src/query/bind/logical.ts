import type { Scalar } from '../../columns/column.ts';
import type { ColumnType, Schema } from '../../columns/types.ts';
import type { Expression } from '../expression.ts';

/**
 * What the binder makes of a statement before it decides who runs what. The expressions and operators of a
 * `Plan`, and beside them those that are rewritten away, or else handed to the fallback executor: windows, set
 * differences, recursion, subqueries, references to an enclosing query's row.
 */
export type Bound =
  | Exclude<Expression, { node: 'call' | 'and' | 'or' | 'case' | 'cast' | 'in' }>
  | {
      readonly node: 'call';
      readonly function: string;
      readonly args: readonly Bound[];
      readonly type: ColumnType;
      readonly at: number;
    }
  | { readonly node: 'and' | 'or'; readonly args: readonly Bound[]; readonly type: ColumnType; readonly at: number }
  | {
      readonly node: 'case';
      readonly branches: readonly { readonly when: Bound; readonly then: Bound }[];
      readonly otherwise: Bound | null;
      readonly type: ColumnType;
      readonly at: number;
    }
  | {
      readonly node: 'cast';
      readonly arg: Bound;
      readonly lenient: boolean;
      readonly type: ColumnType;
      readonly at: number;
    }
  | {
      readonly node: 'in';
      readonly arg: Bound;
      readonly values: readonly Scalar[];
      readonly hasNull: boolean;
      readonly negated: boolean;
      readonly type: ColumnType;
      readonly at: number;
    }
  /** A column of the row that an enclosing query is at, `depth` queries out (1 is the next). */
  | {
      readonly node: 'outer';
      readonly depth: number;
      readonly index: number;
      readonly type: ColumnType;
      readonly at: number;
    }
  /** A span of time: never a column, so it is taken apart before a plan is made. */
  | {
      readonly node: 'interval';
      readonly months: Bound;
      readonly days: Bound;
      readonly micros: Bound;
      readonly type: ColumnType;
      readonly at: number;
    }
  | (LogicalAggregate & { readonly node: 'aggregate' })
  | (WindowCall & { readonly node: 'window' })
  | SubqueryExpression;

export interface SubqueryExpression {
  readonly node: 'subquery';
  readonly kind: 'scalar' | 'exists' | 'in';
  readonly plan: Logical;
  /** For `in`: what is looked for among the subquery's first column. */
  readonly arg: Bound | null;
  readonly negated: boolean;
  readonly type: ColumnType;
  readonly at: number;
}

/** An aggregate over bound arguments; `orderBy` matters to those that keep an order. */
export interface LogicalAggregate {
  readonly function: string;
  readonly args: readonly Bound[];
  readonly distinct: boolean;
  readonly filter: Bound | null;
  readonly orderBy: readonly LogicalSortKey[];
  /** Constants after the argument: the quantile, the separator. */
  readonly parameters: readonly (number | string)[];
  readonly type: ColumnType;
  readonly at: number;
}

export interface LogicalSortKey {
  readonly expression: Bound;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export type FrameBound =
  | { readonly kind: 'unboundedPreceding' | 'unboundedFollowing' | 'currentRow' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Scalar };

export interface WindowFrame {
  readonly mode: 'rows' | 'range' | 'groups';
  readonly start: FrameBound;
  readonly end: FrameBound;
  readonly exclude: 'none' | 'currentRow' | 'group' | 'ties';
}

export interface WindowCall {
  readonly function: string;
  readonly args: readonly Bound[];
  readonly filter: Bound | null;
  readonly partitionBy: readonly Bound[];
  readonly orderBy: readonly LogicalSortKey[];
  readonly frame: WindowFrame;
  readonly type: ColumnType;
  readonly at: number;
}

export interface LogicalScan {
  readonly op: 'scan';
  readonly dataset: string;
  /** The dataset's columns, then the hidden double `$score`. */
  readonly schema: Schema;
  readonly filter: Bound | null;
  readonly matches: readonly { readonly column: number; readonly query: string; readonly at: number }[];
  readonly at: number;
}

export interface LogicalJoin {
  readonly op: 'join';
  readonly kind: 'inner' | 'left' | 'right' | 'full' | 'cross' | 'semi' | 'anti';
  readonly left: Logical;
  readonly right: Logical;
  readonly on: readonly { readonly left: Bound; readonly right: Bound }[];
  /** Over left then right. */
  readonly residual: Bound | null;
  readonly schema: Schema;
}

export type Logical =
  | LogicalScan
  | LogicalJoin
  | { readonly op: 'values'; readonly rows: readonly (readonly Bound[])[]; readonly schema: Schema }
  | { readonly op: 'filter'; readonly input: Logical; readonly predicate: Bound; readonly schema: Schema }
  | { readonly op: 'project'; readonly input: Logical; readonly expressions: readonly Bound[]; readonly schema: Schema }
  | {
      readonly op: 'aggregate';
      readonly input: Logical;
      readonly keys: readonly Bound[];
      readonly aggregates: readonly LogicalAggregate[];
      readonly schema: Schema;
    }
  /** Puts out the input's columns, then one for each call. */
  | { readonly op: 'window'; readonly input: Logical; readonly calls: readonly WindowCall[]; readonly schema: Schema }
  | {
      readonly op: 'sort';
      readonly input: Logical;
      readonly keys: readonly LogicalSortKey[];
      readonly limit: number | null;
      readonly offset: number;
      readonly schema: Schema;
    }
  | {
      readonly op: 'limit';
      readonly input: Logical;
      readonly limit: number | null;
      readonly offset: number;
      readonly schema: Schema;
    }
  | { readonly op: 'distinct'; readonly input: Logical; readonly schema: Schema }
  | { readonly op: 'union'; readonly inputs: readonly Logical[]; readonly schema: Schema }
  /** A recursive common table expression: `step` refers to what the last round gave by `working` of the same id. */
  | {
      readonly op: 'recursive';
      readonly id: number;
      readonly base: Logical;
      readonly step: Logical;
      readonly all: boolean;
      readonly schema: Schema;
    }
  | { readonly op: 'working'; readonly id: number; readonly schema: Schema };
