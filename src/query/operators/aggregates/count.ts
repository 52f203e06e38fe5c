import type { Column } from '../../../columns/column.ts';
import { INT64 } from '../../../columns/types.ts';
import { grownDoubles, grownInt32, grownLength } from '../../../core/grow.ts';
import type { Accumulator, GroupedRows } from './accumulator.ts';

/** What 32 bits count up to. */
const MOST_COUNTED = 2 ** 31 - 1;

/** How many rows each group has had. Counted in 32 bits, which is fastest, and moved to doubles before those are full. */
export class RowCounts {
  #recent: Int32Array = new Int32Array(0);
  #earlier: Float64Array = new Float64Array(0);
  #rowsCounted = 0;

  get bytes(): number {
    return this.#recent.byteLength + this.#earlier.byteLength;
  }

  grow(groups: number): void {
    if (groups > this.#recent.length) this.#recent = grownInt32(this.#recent, grownLength(this.#recent.length, groups));
  }

  /** Counts a row for each entry. */
  add(groups: Int32Array): void {
    this.#makeRoom(groups.length);
    const counts = this.#recent;
    for (let i = 0; i < groups.length; i++) counts[groups[i]]++;
  }

  /** Counts rows of one group. */
  addTo(group: number, rows: number): void {
    this.#makeRoom(rows);
    this.#recent[group] += rows;
  }

  of(group: number): number {
    return this.#recent[group] + (group < this.#earlier.length ? this.#earlier[group] : 0);
  }

  /** The counts of the first `groups` groups. */
  all(groups: number): Float64Array {
    const counts = new Float64Array(this.#recent.subarray(0, groups));
    const earlier = Math.min(groups, this.#earlier.length);
    for (let group = 0; group < earlier; group++) counts[group] += this.#earlier[group];
    return counts;
  }

  #makeRoom(rows: number): void {
    this.#rowsCounted += rows;
    if (this.#rowsCounted <= MOST_COUNTED) return;
    this.#earlier = grownDoubles(this.#earlier, this.#recent.length);
    for (let group = 0; group < this.#recent.length; group++) this.#earlier[group] += this.#recent[group];
    this.#recent.fill(0);
    this.#rowsCounted = rows;
  }
}

/**
 * How many values each group has: its rows, which all aggregates of an operator share, less those left out.
 * So nothing is counted for an aggregate over a column without nulls.
 */
export class PresentCounts {
  readonly #rows: RowCounts;
  #absent: RowCounts | undefined;

  constructor(rows: RowCounts) {
    this.#rows = rows;
  }

  get bytes(): number {
    return this.#absent?.bytes ?? 0;
  }

  grow(groups: number): void {
    this.#absent?.grow(groups);
  }

  add({ leftOut }: GroupedRows, groups: number): void {
    if (leftOut === null) return;
    this.#absent ??= new RowCounts();
    this.#absent.grow(groups);
    this.#absent.add(leftOut);
  }

  of(group: number): number {
    return this.#rows.of(group) - (this.#absent?.of(group) ?? 0);
  }

  /** The counts of the first `groups` groups. */
  all(groups: number): Float64Array {
    const counts = this.#rows.all(groups);
    const absent = this.#absent?.all(groups);
    if (absent !== undefined) for (let group = 0; group < absent.length; group++) counts[group] -= absent[group];
    return counts;
  }
}

/** Rows, or values, of each group. */
export class CountAccumulator implements Accumulator {
  readonly #counts: PresentCounts;
  #groups = 0;

  constructor(rows: RowCounts) {
    this.#counts = new PresentCounts(rows);
  }

  get bytes(): number {
    return this.#counts.bytes;
  }

  grow(groups: number): void {
    this.#groups = groups;
    this.#counts.grow(groups);
  }

  add(rows: GroupedRows): void {
    this.#counts.add(rows, this.#groups);
  }

  finish(groups: number): Column {
    const values = this.#counts.all(groups);
    return { type: INT64, length: groups, validity: null, data: { layout: 'fixed', values } };
  }
}
