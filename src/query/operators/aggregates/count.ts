import type { Column } from '../../../columns/column.ts';
import { INT64 } from '../../../columns/types.ts';
import { grownDoubles, grownLength } from '../grow.ts';
import type { Accumulator } from './accumulator.ts';

/** Rows of each group; counts stay exact to 2^53. */
export class CountAccumulator implements Accumulator {
  #counts: Float64Array = new Float64Array(0);

  get bytes(): number {
    return this.#counts.byteLength;
  }

  grow(groups: number): void {
    if (groups > this.#counts.length)
      this.#counts = grownDoubles(this.#counts, grownLength(this.#counts.length, groups));
  }

  add(groups: Int32Array): void {
    const counts = this.#counts;
    for (let i = 0; i < groups.length; i++) if (groups[i] >= 0) counts[groups[i]]++;
  }

  /** Counts rows of one group that need not be looked at. */
  addRows(group: number, rows: number): void {
    this.#counts[group] += rows;
  }

  of(group: number): number {
    return this.#counts[group];
  }

  finish(groups: number): Column {
    const values = this.#counts.slice(0, groups);
    return { type: INT64, length: groups, validity: null, data: { layout: 'fixed', values } };
  }
}
