import { getBit, newBitmap, setBit } from '../../../columns/bitmap.ts';
import type { Column } from '../../../columns/column.ts';
import { BOOL } from '../../../columns/types.ts';
import { grownBytes, grownLength } from '../../../core/grow.ts';
import { boolBits } from '../selection.ts';
import type { Accumulator, GroupedRows } from './accumulator.ts';

/** `bool_and` (all true) and `bool_or` (one true); null for a group without a value. */
export class LogicalAccumulator implements Accumulator {
  /** The value that decides a group for good: false for `and`, true for `or`. */
  readonly #decisive: boolean;
  /** 0 no value, 1 undecided, 2 decided. */
  #states: Uint8Array = new Uint8Array(0);

  constructor(operation: 'and' | 'or') {
    this.#decisive = operation === 'or';
  }

  get bytes(): number {
    return this.#states.byteLength;
  }

  grow(groups: number): void {
    if (groups > this.#states.length) this.#states = grownBytes(this.#states, grownLength(this.#states.length, groups));
  }

  add({ groups }: GroupedRows, column: Column): void {
    const bits = boolBits(column);
    for (let i = 0; i < groups.length; i++) {
      const group = groups[i];
      if (group < 0 || this.#states[group] === 2) continue;
      this.#states[group] = getBit(bits, i) === this.#decisive ? 2 : 1;
    }
  }

  finish(groups: number): Column {
    const values = newBitmap(groups, false);
    const validity = newBitmap(groups, false);
    for (let group = 0; group < groups; group++) {
      const state = this.#states[group];
      if (state === 0) continue;
      setBit(validity, group);
      if ((state === 2) === this.#decisive) setBit(values, group);
    }
    return { type: BOOL, length: groups, validity, data: { layout: 'bits', values } };
  }
}
