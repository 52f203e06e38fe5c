import { grownInt32 } from '../core/grow.ts';
/** Row ordinals below `limit` in any order, each once, given out ascending. */
export class RowSet {
  readonly #limit: number;
  #rows = new Int32Array(256);
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#length;
  }

  add(row: number): void {
    if (this.#length === this.#rows.length) {
      this.#rows = grownInt32(this.#rows, this.#rows.length * 2);
    }
    this.#rows[this.#length++] = row;
  }

  /** The rows ascending, repeats dropped. */
  ascending(): Int32Array {
    const rows = this.#rows.subarray(0, this.#length);
    // Marking bits beats sorting as soon as the rows are not few.
    if (rows.length * 64 < this.#limit) return dropRepeats(rows.slice().sort());
    const words = new Uint32Array((this.#limit + 31) >> 5);
    for (const row of rows) words[row >> 5] |= 1 << (row & 31);
    const out = new Int32Array(rows.length);
    let at = 0;
    for (let w = 0; w < words.length; w++) {
      for (let word = words[w]; word !== 0; word &= word - 1) out[at++] = w * 32 + 31 - Math.clz32(word & -word);
    }
    return out.subarray(0, at);
  }
}

function dropRepeats(rows: Int32Array): Int32Array {
  let kept = 0;
  for (let i = 0; i < rows.length; i++) if (i === 0 || rows[i] !== rows[i - 1]) rows[kept++] = rows[i];
  return rows.subarray(0, kept);
}
