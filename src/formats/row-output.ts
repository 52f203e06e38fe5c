import { BatchBuilder } from '../columns/build.ts';
import { LIMITS } from '../core/limits.ts';
import { badRow, type Fault } from './bad-row.ts';
import type { BadRow, Decoded, DecodeLimits } from './format.ts';

/** Bad rows handed over at a time, so that a file of nothing else stays within bounds. */
const BAD_ROWS = 1000;

/** What a row-wise decoder fills: the batch under construction, the bad rows beside it, and the count of both. */
export class RowOutput {
  readonly batch = new BatchBuilder();
  readonly limits: DecodeLimits;
  /** Rows decoded so far in the object, bad ones included. */
  rows: number;
  #bad: BadRow[] = [];
  #textBytes = 0;

  constructor(rows: number, limits: Partial<DecodeLimits> = {}) {
    this.rows = rows;
    this.limits = { ...LIMITS, ...limits };
  }

  /** Keeps the batch's current row, which took `sizeBytes` of the source. */
  keep(sizeBytes: number): void {
    this.batch.commitRow();
    this.rows++;
    this.#textBytes += sizeBytes;
  }

  reject(fault: Fault, raw: string, line?: number): void {
    this.#bad.push(badRow(this.rows, line, fault, raw));
    this.rows++;
  }

  /** Whether it is time to hand over. */
  get full(): boolean {
    return (
      this.batch.row >= this.limits.batchRows ||
      this.#textBytes + this.batch.fixedBytes >= this.limits.batchBytes ||
      this.#bad.length >= BAD_ROWS
    );
  }

  get empty(): boolean {
    return this.batch.row === 0 && this.#bad.length === 0;
  }

  take(): Decoded {
    const bad = this.#bad;
    this.#bad = [];
    this.#textBytes = 0;
    return { batch: this.batch.row === 0 ? null : this.batch.finish(), bad };
  }
}
