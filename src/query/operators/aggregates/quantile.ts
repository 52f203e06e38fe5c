import type { Column, Scalar } from '../../../columns/column.ts';
import { plainColumn, toDoubles } from '../../../columns/plain.ts';
import type { ColumnType } from '../../../columns/types.ts';
import { assert } from '../../../core/errors.ts';
import { columnOfScalars } from '../build-column.ts';
import { grownDoubles, grownInt32, grownLength } from '../grow.ts';
import type { Accumulator, GroupedRows } from './accumulator.ts';

/** Points a group keeps at most between two merges, and about how many are left by one. */
const MOST_POINTS = 512;
const COMPRESSION = 200;

/**
 * Approximate quantiles by a merging t-digest for each group (T. Dunning, O. Ertl, "Computing extremely
 * accurate quantiles using t-digests", arXiv:1902.04023; scale function k1). A group of at most 512 values is
 * exact but for interpolation; beyond, the rank is off by less than 1 % of the rows in the middle and by
 * much less towards the ends (docs/decisions/0072).
 *
 * Points (mean, weight) lie in one arena; a group's room in it doubles up to `MOST_POINTS`.
 */
export class QuantileAccumulator implements Accumulator {
  readonly #type: ColumnType;
  readonly #quantile: number;
  #means: Float64Array = new Float64Array(256);
  #weights: Float64Array = new Float64Array(256);
  #arenaEnd = 0;
  #starts: Int32Array = new Int32Array(0);
  #rooms: Int32Array = new Int32Array(0);
  #counts: Int32Array = new Int32Array(0);
  /** How many of a group's points come from its last merge. */
  #merged: Int32Array = new Int32Array(0);

  constructor(type: ColumnType, quantile: number) {
    this.#type = type;
    this.#quantile = quantile;
  }

  get bytes(): number {
    return 2 * this.#means.byteLength + 4 * this.#starts.byteLength;
  }

  grow(groups: number): void {
    if (groups <= this.#starts.length) return;
    const length = grownLength(this.#starts.length, groups);
    this.#starts = grownInt32(this.#starts, length);
    this.#rooms = grownInt32(this.#rooms, length);
    this.#counts = grownInt32(this.#counts, length);
    this.#merged = grownInt32(this.#merged, length);
  }

  add({ groups }: GroupedRows, column: Column): void {
    const { data } = plainColumn(column);
    if (data.layout === 'none') return;
    assert(data.layout === 'fixed', 'quantiles are of numbers');
    const values = toDoubles(data.values);
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      // NaN has no place in an order of means.
      if (group < 0 || Number.isNaN(values[i])) continue;
      if (this.#counts[group] === this.#rooms[group]) this.#makeRoom(group);
      const at = this.#starts[group] + this.#counts[group]++;
      this.#means[at] = values[i];
      this.#weights[at] = 1;
    }
  }

  #makeRoom(group: number): void {
    const room = this.#rooms[group];
    if (room === MOST_POINTS) {
      this.#compress(group);
      return;
    }
    const wanted = Math.min(MOST_POINTS, Math.max(8, 2 * room));
    if (this.#arenaEnd + wanted > this.#means.length) {
      const length = grownLength(this.#means.length, this.#arenaEnd + wanted);
      this.#means = grownDoubles(this.#means, length);
      this.#weights = grownDoubles(this.#weights, length);
    }
    const start = this.#starts[group];
    this.#means.copyWithin(this.#arenaEnd, start, start + room);
    this.#weights.copyWithin(this.#arenaEnd, start, start + room);
    this.#starts[group] = this.#arenaEnd;
    this.#rooms[group] = wanted;
    this.#arenaEnd += wanted;
  }

  /** Sorts a group's points and joins neighbours while the scale function allows. */
  #compress(group: number): void {
    const { means, weights } = this.#sorted(group);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const start = this.#starts[group];
    let count = 0;
    let mean = means[0];
    let weight = weights[0];
    let before = 0;
    let limit = total * nextQuantile(0);
    for (let i = 1; i < means.length; i++) {
      if (before + weight + weights[i] <= limit) {
        weight += weights[i];
        mean += ((means[i] - mean) * weights[i]) / weight;
        continue;
      }
      this.#means[start + count] = mean;
      this.#weights[start + count++] = weight;
      before += weight;
      limit = total * nextQuantile(before / total);
      mean = means[i];
      weight = weights[i];
    }
    this.#means[start + count] = mean;
    this.#weights[start + count++] = weight;
    this.#counts[group] = count;
    this.#merged[group] = count;
  }

  /** A group's points in order of their means: those of the last merge, which are in order, and the values since. */
  #sorted(group: number): { means: Float64Array; weights: Float64Array } {
    const start = this.#starts[group];
    const count = this.#counts[group];
    const merged = this.#merged[group];
    // Sorting an array of doubles without a comparator is many times faster than sorting with one.
    const values = this.#means.slice(start + merged, start + count).sort();
    const means = new Float64Array(count);
    const weights = new Float64Array(count);
    let next = 0;
    let point = 0;
    for (let i = 0; i < count; i++) {
      if (point < merged && (next === values.length || this.#means[start + point] <= values[next])) {
        means[i] = this.#means[start + point];
        weights[i] = this.#weights[start + point++];
      } else {
        means[i] = values[next++];
        weights[i] = 1;
      }
    }
    return { means, weights };
  }

  finish(groups: number): Column {
    const values: Scalar[] = [];
    for (let group = 0; group < groups; group++) {
      const estimate = this.#counts[group] === 0 ? null : this.#estimate(group);
      values.push(estimate === null ? null : this.#typed(estimate));
    }
    return columnOfScalars(this.#type, values);
  }

  #typed(estimate: number): Scalar {
    switch (this.#type.kind) {
      case 'int64':
      case 'timestamp':
      case 'decimal':
        return BigInt(Math.round(estimate));
      case 'date':
        return Math.round(estimate);
      default:
        return estimate;
    }
  }

  /** Between the means of the two points around the rank, in proportion. */
  #estimate(group: number): number {
    const { means, weights } = this.#sorted(group);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    // A point of weight w covers ranks from its start to its start + w; its mean stands at the middle.
    const rank = this.#quantile * (total - 1) + 0.5;
    let before = 0;
    for (let i = 0; i < means.length; i++) {
      const middle = before + weights[i] / 2;
      if (rank <= middle) {
        if (i === 0) return means[0];
        const previous = before - weights[i - 1] / 2;
        const share = (rank - previous) / (middle - previous);
        return means[i - 1] + share * (means[i] - means[i - 1]);
      }
      before += weights[i];
    }
    return means[means.length - 1];
  }
}

/** The quantile up to which one point may reach that begins at `quantile`: k1 moves on by one step. */
function nextQuantile(quantile: number): number {
  const k = (COMPRESSION / (2 * Math.PI)) * Math.asin(2 * quantile - 1) + 1;
  return k >= COMPRESSION / 4 ? 1 : (Math.sin((2 * Math.PI * k) / COMPRESSION) + 1) / 2;
}
