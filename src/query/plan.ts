import type { Scalar } from '../columns/column.ts';
import type { ColumnType, Schema } from '../columns/types.ts';
import type { Expression } from './expression.ts';

/**
 * The bound plan: what a statement means, as a tree of relational operators. Every node says the schema
 * it puts out; expressions refer to the ordinals of their input (a join's input is left then right).
 * Output order matters only above a `sort`.
 */
export type Plan =
  | ScanPlan
  | { readonly op: 'values'; readonly rows: readonly (readonly Expression[])[]; readonly schema: Schema }
  | { readonly op: 'filter'; readonly input: Plan; readonly predicate: Expression; readonly schema: Schema }
  | {
      readonly op: 'project';
      readonly input: Plan;
      readonly expressions: readonly Expression[];
      readonly schema: Schema;
    }
  | AggregatePlan
  | JoinPlan
  /** With `limit`, a top-k: only `offset + limit` rows are kept. */
  | {
      readonly op: 'sort';
      readonly input: Plan;
      readonly keys: readonly SortKey[];
      readonly limit: number | null;
      readonly offset: number;
      readonly schema: Schema;
    }
  | {
      readonly op: 'limit';
      readonly input: Plan;
      readonly limit: number | null;
      readonly offset: number;
      readonly schema: Schema;
    }
  | { readonly op: 'distinct'; readonly input: Plan; readonly schema: Schema }
  /** All rows of the inputs, whose schemas have the same types. */
  | { readonly op: 'union'; readonly inputs: readonly Plan[]; readonly schema: Schema }
  | FallbackPlan;

/**
 * Rows of one dataset. Puts out the columns named in `columns` (ordinals into the dataset's schema), then,
 * where `score` is set, a double column `$score`.
 */
export interface ScanPlan {
  readonly op: 'scan';
  readonly dataset: string;
  readonly columns: readonly number[];
  /** A conjunction to hold of every row put out; its ordinals are into the dataset's whole schema. */
  readonly filter: Expression | null;
  /** Full text to match, beside `filter`; at most one may be scored. `column` is an ordinal of the dataset's schema. */
  readonly matches: readonly { readonly column: number; readonly query: string; readonly at: number }[];
  /** Which of `matches` `$score` is computed from, or null. */
  readonly score: number | null;
  readonly schema: Schema;
}

/** What rows are ordered by, one of several. */
export interface SortKey {
  readonly expression: Expression;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface AggregateCall {
  readonly function:
    | 'count_all'
    | 'count'
    | 'sum'
    | 'avg'
    | 'min'
    | 'max'
    | 'approx_quantile'
    | 'bool_and'
    | 'bool_or'
    | 'stddev_samp'
    | 'stddev_pop'
    | 'var_samp'
    | 'var_pop'
    | 'any_value'
    | 'string_agg';
  readonly arg: Expression | null;
  readonly distinct: boolean;
  /** FILTER (WHERE …). */
  readonly filter: Expression | null;
  /** Constants after the argument: the quantile, the separator. */
  readonly parameters: readonly (number | string)[];
  readonly type: ColumnType;
  readonly at: number;
}

/** Groups by `keys` (one group over everything where there are none); puts out keys, then aggregates. */
export interface AggregatePlan {
  readonly op: 'aggregate';
  readonly input: Plan;
  readonly keys: readonly Expression[];
  readonly aggregates: readonly AggregateCall[];
  readonly schema: Schema;
}

export interface JoinPlan {
  readonly op: 'join';
  /** semi and anti put out the left columns only; the others left then right. */
  readonly kind: 'inner' | 'left' | 'right' | 'full' | 'cross' | 'semi' | 'anti';
  readonly left: Plan;
  readonly right: Plan;
  /** Equalities `left = right`; null keys never meet. Each side's ordinals are its own. */
  readonly on: readonly { readonly left: Expression; readonly right: Expression }[];
  /** What else must hold of a pair; ordinals over left then right. */
  readonly residual: Expression | null;
  readonly schema: Schema;
}

/**
 * What the column operators do not cover: a statement for SQLite over inputs as virtual tables `input0`,
 * `input1`, …, whose columns are `c0`, `c1`, ….
 */
export interface FallbackPlan {
  readonly op: 'fallback';
  readonly sql: string;
  readonly inputs: readonly Plan[];
  /** Functions of our own that the texts call, by the names they have there. */
  readonly functions: readonly FallbackFunction[];
  /** Values of `?1`, `?2`, … in the texts. */
  readonly constants: readonly { readonly value: Scalar; readonly type: ColumnType }[];
  /** Tables `recursive0`, … made round by round before `sql` runs; in order, for a later one may use an earlier. */
  readonly recursions: readonly FallbackRecursion[];
  /** Why it came here, for explain: `window function`, `recursive common table expression`, … */
  readonly reason: string;
  readonly schema: Schema;
}

export type FallbackFunction =
  | {
      readonly kind: 'scalar';
      readonly name: string;
      readonly function: string;
      readonly argTypes: readonly ColumnType[];
      readonly type: ColumnType;
      /** Its offset in the SQL text, for errors. */
      readonly at: number;
    }
  | {
      readonly kind: 'cast';
      readonly name: string;
      readonly from: ColumnType;
      readonly lenient: boolean;
      readonly type: ColumnType;
      readonly at: number;
    }
  /** Arguments, then the values of `orderBy`. */
  | {
      readonly kind: 'aggregate';
      readonly name: string;
      readonly function: string;
      readonly distinct: boolean;
      readonly argTypes: readonly ColumnType[];
      readonly parameters: readonly (number | string)[];
      readonly orderBy: readonly {
        readonly type: ColumnType;
        readonly descending: boolean;
        readonly nullsFirst: boolean;
      }[];
      readonly type: ColumnType;
    }
  /** Word `index` (0 the lowest) of the 32-bit words of an integer, for sums that SQLite could not hold. */
  | { readonly kind: 'word'; readonly name: string; readonly index: number; readonly from: ColumnType }
  /** The exact sum whose words were summed apart, or its mean where a count comes last. */
  | {
      readonly kind: 'sum' | 'mean';
      readonly name: string;
      readonly words: number;
      readonly scale: number;
      readonly type: ColumnType;
    };

export interface FallbackRecursion {
  /** The table's name; what the last round gave is `<name>_working` to the step. */
  readonly name: string;
  readonly base: string;
  readonly step: string;
  /** UNION ALL: repeats stay. */
  readonly all: boolean;
  readonly schema: Schema;
}
