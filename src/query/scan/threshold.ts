import type { Scalar } from '../../columns/column.ts';
import { compareScalars } from '../../columns/compare.ts';
import type { Bounds } from './prune.ts';

/**
 * The worst first key among the best rows a top-k holds so far. Whoever keeps the best rows lowers it, and
 * the scan leaves out what cannot be among them any more.
 */
export class Threshold {
  /** Ordinal of the column in the dataset's schema. */
  readonly column: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  #worst: Scalar | undefined;

  constructor(column: number, order: { readonly descending: boolean; readonly nullsFirst: boolean }) {
    this.column = column;
    this.descending = order.descending;
    this.nullsFirst = order.nullsFirst;
  }

  /** From now on only rows whose key is as good or better are wanted. */
  lower(worst: Scalar): void {
    this.#worst = worst;
  }

  get isSet(): boolean {
    return this.#worst !== undefined;
  }

  /** Orders sets of rows by the best key they may hold, the best first; what is not known may be the best. */
  compare(a: Bounds | undefined, b: Bounds | undefined): number {
    const [x, y] = [this.#bestOf(a), this.#bestOf(b)];
    if (x === undefined || y === undefined) return (x === undefined ? 0 : 1) - (y === undefined ? 0 : 1);
    return compareScalars(x, y) * (this.descending ? -1 : 1);
  }

  #bestOf(bounds: Bounds | undefined): Exclude<Scalar, null> | undefined {
    return this.descending ? bounds?.max : bounds?.min;
  }

  /** Whether rows within these bounds may still be wanted; one as good as the worst may be, by its other keys. */
  mayPass(bounds: Bounds | undefined): boolean {
    const worst = this.#worst;
    if (worst === undefined || bounds === undefined) return true;
    if (this.nullsFirst && bounds.hasNulls) return true;
    if (worst === null) return !this.nullsFirst || bounds.hasNulls;
    if (!bounds.hasValues) return false;
    if (this.descending) return bounds.max === undefined || compareScalars(bounds.max, worst) >= 0;
    return bounds.min === undefined || compareScalars(bounds.min, worst) <= 0;
  }
}
