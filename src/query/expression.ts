import type { Scalar } from '../columns/column.ts';
import type { ColumnType } from '../columns/types.ts';

/**
 * A bound expression: every name resolved to an ordinal of its input, every node typed, every implicit
 * cast written out. `at` is the offset in the SQL text, for errors.
 *
 * Logic is three-valued: a null operand gives null unless the function says otherwise.
 */
export type Expression =
  | { readonly node: 'column'; readonly index: number; readonly type: ColumnType; readonly at: number }
  | { readonly node: 'literal'; readonly value: Scalar; readonly type: ColumnType; readonly at: number }
  /** A scalar function or operator of the catalogue, by its name there: `+ - * / % || = <> < <= > >= like ilike not is_null … lower date_trunc …`. */
  | {
      readonly node: 'call';
      readonly function: string;
      readonly args: readonly Expression[];
      readonly type: ColumnType;
      readonly at: number;
    }
  | {
      readonly node: 'and' | 'or';
      readonly args: readonly Expression[];
      readonly type: ColumnType;
      readonly at: number;
    }
  | {
      readonly node: 'case';
      readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
      readonly otherwise: Expression | null;
      readonly type: ColumnType;
      readonly at: number;
    }
  /** `lenient` gives null where the value does not convert (TRY_CAST); otherwise the query fails with `type_error`. */
  | {
      readonly node: 'cast';
      readonly arg: Expression;
      readonly lenient: boolean;
      readonly type: ColumnType;
      readonly at: number;
    }
  /** Membership in a list of constants of the argument's type; nulls in the list are said by `hasNull`. */
  | {
      readonly node: 'in';
      readonly arg: Expression;
      readonly values: readonly Scalar[];
      readonly hasNull: boolean;
      readonly negated: boolean;
      readonly type: ColumnType;
      readonly at: number;
    };

/** The ordinals of the input columns an expression reads. */
export function columnsOf(expression: Expression, into: Set<number> = new Set()): Set<number> {
  switch (expression.node) {
    case 'column':
      into.add(expression.index);
      break;
    case 'literal':
      break;
    case 'call':
    case 'and':
    case 'or':
      for (const arg of expression.args) columnsOf(arg, into);
      break;
    case 'case':
      for (const branch of expression.branches) {
        columnsOf(branch.when, into);
        columnsOf(branch.then, into);
      }
      if (expression.otherwise !== null) columnsOf(expression.otherwise, into);
      break;
    case 'cast':
    case 'in':
      columnsOf(expression.arg, into);
      break;
  }
  return into;
}
