import { BatchBuilder, type TextReading } from '../columns/build.ts';
import { LIMITS } from '../core/limits.ts';
import { badRow, type Fault, rawText } from './bad-row.ts';
import type { BadRow, Decoded, DecodeLimits, DecodeRequest, RowOrigins } from './format.ts';

/** Bad rows handed over at a time, so that a file of nothing else stays within bounds. */
const BAD_ROWS = 1000;

/** What a row-wise decoder fills: the batch under construction, the bad rows beside it, and the count of both. */
export class RowOutput {
  readonly batch: BatchBuilder;
  readonly limits: DecodeLimits;
  /** Rows decoded so far in the object, bad ones included. */
  rows: number;
  #bad: BadRow[] = [];
  #textBytes = 0;
  /** The rows' own text is kept while a declared schema may still turn them down. */
  readonly #origins: Origins | null;

  /** `reading`: how the texts of columns that are not declared are taken. */
  constructor(request: DecodeRequest, reading: TextReading) {
    this.rows = request.from?.rows ?? 0;
    this.limits = { ...LIMITS, ...request.limits };
    const checked = request.declared.length > 0 || request.additionalColumns === false;
    this.#origins = checked ? new Origins() : null;
    const declared = new Set(request.declared.map(({ name }) => name));
    this.batch = new BatchBuilder((name) => (declared.has(name) ? 'strings' : reading));
  }

  /** Keeps the batch's current row, which was `bytes[start .. end)` of the source. */
  keep(bytes: Uint8Array, start: number, end: number, line?: number): void {
    this.#origins?.add(this.rows, line, bytes, start, end);
    this.batch.commitRow();
    this.rows++;
    this.#textBytes += end - start;
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
    if (this.batch.row === 0) return { batch: null, bad };
    const batch = this.batch.finish();
    return this.#origins === null ? { batch, bad } : { batch, bad, origins: this.#origins.take() };
  }
}

class Origins {
  #rows: number[] = [];
  #lines: (number | undefined)[] = [];
  #offsets: number[] = [0];
  #text = new Uint8Array(64 * 1024);

  add(row: number, line: number | undefined, bytes: Uint8Array, start: number, end: number): void {
    const at = this.#offsets[this.#offsets.length - 1];
    const behind = at + end - start;
    if (behind > this.#text.length) {
      const text = new Uint8Array(Math.max(2 * this.#text.length, behind));
      text.set(this.#text.subarray(0, at));
      this.#text = text;
    }
    this.#text.set(bytes.subarray(start, end), at);
    this.#rows.push(row);
    this.#lines.push(line);
    this.#offsets.push(behind);
  }

  /** The origins of the rows added since the last time; valid until the next row is added. */
  take(): RowOrigins {
    const [rows, lines, offsets, text] = [this.#rows, this.#lines, this.#offsets, this.#text];
    this.#rows = [];
    this.#lines = [];
    this.#offsets = [0];
    return {
      row: (index) => rows[index],
      line: (index) => lines[index],
      raw: (index) => rawText(text, offsets[index], offsets[index + 1]),
    };
  }
}
