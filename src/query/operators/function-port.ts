import type { Scalar } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';

/** What evaluation needs to know of a function of the catalogue. */
export interface ScalarFunction {
  /** The same arguments always give the same answer, so that one evaluation may stand for many rows. */
  readonly deterministic: boolean;
  /** A null argument makes the answer null, and `evaluate` is not asked. */
  readonly strict: boolean;
  evaluate(args: readonly Scalar[], argTypes: readonly ColumnType[], type: ColumnType): Scalar;
}

/** Scalar functions by their name in `Expression`. */
export interface ScalarFunctions {
  find(name: string): ScalarFunction | undefined;
}
