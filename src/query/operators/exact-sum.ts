import { grownDoubles, grownLength } from '../../core/grow.ts';
import type { GroupedRows } from './aggregates/accumulator.ts';
import { addCoded, type CodedNumbers } from './coded-numbers.ts';

const UNIT = 4_294_967_296;

/**
 * Exact sums of integers, a sum for each group. A sum is four limbs of 32 bits kept as doubles (the last
 * signed), so that adding is plain arithmetic without bigints; limbs may exceed 32 bits until `#carry`
 * moves what is over to the next.
 *
 * Invariant: `#room` bounds what any limb may still grow by before a double could round (2^53).
 */
export class ExactSum {
  #limbs: [Float64Array, Float64Array, Float64Array, Float64Array] = [
    new Float64Array(0),
    new Float64Array(0),
    new Float64Array(0),
    new Float64Array(0),
  ];
  #groups = 0;
  /** Limbs above the first that have been touched; the others are not allocated. */
  #used = 1;
  #room = 2 ** 52;

  get bytes(): number {
    return this.#limbs.reduce((sum, limb) => sum + limb.byteLength, 0);
  }

  grow(groups: number): void {
    this.#groups = Math.max(this.#groups, groups);
    for (let i = 0; i < this.#used; i++) {
      const limb = this.#limbs[i];
      if (limb.length < groups) this.#limbs[i] = grownDoubles(limb, grownLength(limb.length, groups));
    }
  }

  /** Adds small integers: |value| ≤ 2^31. */
  addInt32({ groups, leftOut, single }: GroupedRows, values: Int32Array): void {
    this.#reserve(values.length * 2 ** 31, 1);
    const sums = this.#limbs[0];
    if (single) sums[0] += sumOfInt32(values);
    else if (leftOut === null) for (let i = 0; i < values.length; i++) sums[groups[i]] += values[i];
    else for (let i = 0; i < values.length; i++) if (groups[i] >= 0) sums[groups[i]] += values[i];
  }

  /** Adds integers given by their codes, where they are small enough to be added as they stand; says whether they were. */
  addCoded(rows: GroupedRows, coded: CodedNumbers): boolean {
    const growth = coded.codes.length * largest(coded.entries);
    if (!(growth < 2 ** 51)) return false;
    this.#reserve(growth, 1);
    addCoded(this.#limbs[0], rows, coded);
    return true;
  }

  /** Adds integers within ±2^53 in doubles. */
  addDoubles({ groups, single }: GroupedRows, values: Float64Array): void {
    const growth = values.length * largest(values);
    if (growth < 2 ** 51) {
      this.#reserve(growth, 1);
      const sums = this.#limbs[0];
      if (single) sums[0] += sumOfDoubles(values);
      else for (let i = 0; i < values.length; i++) if (groups[i] >= 0) sums[groups[i]] += values[i];
      return;
    }
    this.#reserve(values.length * UNIT, 2);
    const [low, high] = this.#limbs;
    for (let i = 0; i < values.length; i++) {
      const group = groups[i];
      if (group < 0) continue;
      const upper = Math.floor(values[i] / UNIT);
      low[group] += values[i] - upper * UNIT;
      high[group] += upper;
    }
  }

  /** Adds 64-bit integers, read as halves: a bigint would be an object a row. */
  addBigInts({ groups, single }: GroupedRows, values: BigInt64Array): void {
    this.#reserve(values.length * UNIT, 2);
    const halves = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
    const [low, high] = this.#limbs;
    if (single) {
      let lower = 0;
      let upper = 0;
      for (let i = 0; i < halves.length; i += 2) {
        lower += halves[i] >>> 0;
        upper += halves[i + 1];
      }
      low[0] += lower;
      high[0] += upper;
      return;
    }
    for (let i = 0; i < values.length; i++) {
      const group = groups[i];
      if (group < 0) continue;
      low[group] += halves[2 * i] >>> 0;
      high[group] += halves[2 * i + 1];
    }
  }

  /** Adds 128-bit integers laid out as pairs of 64-bit words. */
  addInt128({ groups }: GroupedRows, values: BigInt64Array): void {
    this.#reserve((values.length / 2) * UNIT, 4);
    const quarters = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
    const [a, b, c, d] = this.#limbs;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group < 0) continue;
      a[group] += quarters[4 * i] >>> 0;
      b[group] += quarters[4 * i + 1] >>> 0;
      c[group] += quarters[4 * i + 2] >>> 0;
      d[group] += quarters[4 * i + 3];
    }
  }

  /** The sum of a group. */
  total(group: number): bigint {
    let sum = 0n;
    for (let i = this.#used - 1; i >= 0; i--) sum = sum * BigInt(UNIT) + BigInt(this.#limbs[i][group]);
    return sum;
  }

  /** The sum of a group rounded to a double once. */
  totalDouble(group: number): number {
    return this.#used === 1 ? this.#limbs[0][group] : Number(this.total(group));
  }

  /** Makes sure that `limbs` limbs exist and each may grow by `amount`. */
  #reserve(amount: number, limbs: number): void {
    if (limbs > this.#used) {
      this.#used = limbs;
      this.grow(this.#groups);
    }
    if (this.#room < amount) this.#carry();
    this.#room -= amount;
  }

  #carry(): void {
    // The last limb in use holds the sign and is not carried out of; before it could round, one more is taken.
    if (this.#used === 1 || (this.#used < 4 && largest(this.#limbs[this.#used - 1]) > 2 ** 44)) {
      this.#used++;
      this.grow(this.#groups);
    }
    for (let limb = 0; limb + 1 < this.#used; limb++) {
      const from = this.#limbs[limb];
      const into = this.#limbs[limb + 1];
      for (let group = 0; group < this.#groups; group++) {
        const over = Math.floor(from[group] / UNIT);
        from[group] -= over * UNIT;
        into[group] += over;
      }
    }
    this.#room = 2 ** 52;
  }
}

function sumOfInt32(values: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

function sumOfDoubles(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (size > most) most = size;
  }
  return most;
}
