import type { Column } from '../../../columns/column.ts';

/**
 * One aggregate over many groups, its state in flat arrays by group. What a row adds depends on its group
 * and its value alone; rows of a negative group are left out, which is how nulls and FILTER are told.
 */
export interface Accumulator {
  /** Bytes held, for the query's budget. */
  readonly bytes: number;
  /** Makes room for this many groups; new ones are empty. */
  grow(groups: number): void;
  /** Takes a row of `column` for each entry of `groups`. */
  add(groups: Int32Array, column: Column): void;
  /** The answer of each group, in order. */
  finish(groups: number): Column;
}
