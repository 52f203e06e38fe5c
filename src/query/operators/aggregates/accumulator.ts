import type { Column } from '../../../columns/column.ts';

/** The rows of one batch as an aggregate sees them. */
export interface GroupedRows {
  /** The group of each row; -1 for a row left out: its value is null, or FILTER does not let it in. */
  readonly groups: Int32Array;
  /** The groups of the rows left out, or null where there are none. */
  readonly leftOut: Int32Array | null;
  /** Every row is of group 0 and none is left out: there are no keys. */
  readonly single: boolean;
}

/** One aggregate over many groups, its state in flat arrays by group. */
export interface Accumulator {
  /** Bytes held, for the query's budget. */
  readonly bytes: number;
  /** Makes room for this many groups; new ones are empty. */
  grow(groups: number): void;
  /** Takes a batch of rows and the values they have. */
  add(rows: GroupedRows, column: Column): void;
  /** The answer of each group, in order. */
  finish(groups: number): Column;
}
