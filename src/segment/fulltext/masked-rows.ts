import type { RowRanges } from '../read-plan.ts';

/** Answers whether rows, asked for in ascending order, are masked. */
export class MaskedRows {
  readonly #ranges: RowRanges;
  #next = 0;

  constructor(ranges: RowRanges) {
    this.#ranges = ranges;
  }

  has(row: number): boolean {
    while (this.#next < this.#ranges.length && this.#ranges[this.#next][1] <= row) this.#next++;
    return this.#next < this.#ranges.length && this.#ranges[this.#next][0] <= row;
  }
}
