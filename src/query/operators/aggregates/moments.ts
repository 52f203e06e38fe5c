import { newBitmap, setBit } from '../../../columns/bitmap.ts';
import type { Column } from '../../../columns/column.ts';
import { plainColumn, toDoubles } from '../../../columns/plain.ts';
import { DOUBLE } from '../../../columns/types.ts';
import { assert } from '../../../core/errors.ts';
import { grownDoubles, grownLength } from '../../../core/grow.ts';
import type { Accumulator, GroupedRows } from './accumulator.ts';

export type Moment = 'stddev_samp' | 'stddev_pop' | 'var_samp' | 'var_pop';

/**
 * Variance and standard deviation of doubles by Welford's recurrence, which does not cancel as the sum of
 * squares does (B. P. Welford, Technometrics 4(3), 1962). Null for a group of no values, and for the sample
 * forms for a group of one.
 */
export class MomentAccumulator implements Accumulator {
  readonly #moment: Moment;
  #counts: Float64Array = new Float64Array(0);
  #means: Float64Array = new Float64Array(0);
  #squares: Float64Array = new Float64Array(0);

  constructor(moment: Moment) {
    this.#moment = moment;
  }

  get bytes(): number {
    return 3 * this.#counts.byteLength;
  }

  grow(groups: number): void {
    if (groups <= this.#counts.length) return;
    const length = grownLength(this.#counts.length, groups);
    this.#counts = grownDoubles(this.#counts, length);
    this.#means = grownDoubles(this.#means, length);
    this.#squares = grownDoubles(this.#squares, length);
  }

  add({ groups }: GroupedRows, column: Column): void {
    const { data } = plainColumn(column);
    if (data.layout === 'none') return;
    assert(data.layout === 'fixed', 'moments are of numbers');
    const values = toDoubles(data.values);
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group < 0) continue;
      const count = ++this.#counts[group];
      const off = values[i] - this.#means[group];
      this.#means[group] += off / count;
      this.#squares[group] += off * (values[i] - this.#means[group]);
    }
  }

  finish(groups: number): Column {
    const sample = this.#moment === 'stddev_samp' || this.#moment === 'var_samp';
    const root = this.#moment === 'stddev_samp' || this.#moment === 'stddev_pop';
    const values = new Float64Array(groups);
    const validity = newBitmap(groups, false);
    for (let group = 0; group < groups; group++) {
      const divisor = this.#counts[group] - (sample ? 1 : 0);
      if (divisor <= 0) continue;
      setBit(validity, group);
      const variance = this.#squares[group] / divisor;
      values[group] = root ? Math.sqrt(variance) : variance;
    }
    return { type: DOUBLE, length: groups, validity, data: { layout: 'fixed', values } };
  }
}
