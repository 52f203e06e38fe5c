import { newBitmap, setBit } from '../../../columns/bitmap.ts';
import type { Column } from '../../../columns/column.ts';
import type { ColumnType } from '../../../columns/types.ts';
import { grownBytes, grownInt32, grownLength } from '../../../core/grow.ts';
import { textsOf } from '../compare-text.ts';
import type { Accumulator, GroupedRows } from './accumulator.ts';

/** `string_agg`: the texts of a group in the order they came, a separator between; null for a group without one. */
export class StringAggAccumulator implements Accumulator {
  readonly #type: ColumnType;
  readonly #separator: Uint8Array;
  /** The texts of all groups as they came: whose each is, and where its bytes end. */
  #owners: Int32Array = new Int32Array(16);
  #ends: Int32Array = new Int32Array(16);
  #arena: Uint8Array = new Uint8Array(256);
  #count = 0;

  constructor(type: ColumnType, separator: string) {
    this.#type = type;
    this.#separator = new TextEncoder().encode(separator);
  }

  get bytes(): number {
    return this.#arena.byteLength + 2 * this.#owners.byteLength;
  }

  grow(): void {}

  add({ groups }: GroupedRows, column: Column): void {
    const plain = column.data.layout === 'dictionary' ? column.data.dictionary : column;
    if (plain.data.layout === 'none') return;
    const codes = column.data.layout === 'dictionary' ? column.data.codes : undefined;
    const { offsets, bytes } = textsOf(plain);
    for (let i = 0; i < groups.length; i++) {
      if (groups[i] < 0) continue;
      const row = codes === undefined ? i : codes[i];
      this.#append(groups[i], bytes, offsets[row], offsets[row + 1]);
    }
  }

  #append(group: number, bytes: Uint8Array, start: number, end: number): void {
    const at = this.#count === 0 ? 0 : this.#ends[this.#count - 1];
    const next = at + end - start;
    if (next > this.#arena.length) this.#arena = grownBytes(this.#arena, grownLength(this.#arena.length, next));
    if (this.#count === this.#owners.length) {
      this.#owners = grownInt32(this.#owners, 2 * this.#count);
      this.#ends = grownInt32(this.#ends, 2 * this.#count);
    }
    this.#arena.set(bytes.subarray(start, end), at);
    this.#owners[this.#count] = group;
    this.#ends[this.#count++] = next;
  }

  finish(groups: number): Column {
    const offsets = new Int32Array(groups + 1);
    const seen = new Uint8Array(groups);
    const validity = newBitmap(groups, false);
    for (let i = 0; i < this.#count; i++) {
      const group = this.#owners[i];
      offsets[group + 1] += this.#ends[i] - this.#startOf(i) + (seen[group] === 1 ? this.#separator.length : 0);
      seen[group] = 1;
      setBit(validity, group);
    }
    for (let group = 0; group < groups; group++) offsets[group + 1] += offsets[group];
    const bytes = new Uint8Array(offsets[groups]);
    const places = offsets.slice();
    seen.fill(0);
    for (let i = 0; i < this.#count; i++) {
      const group = this.#owners[i];
      if (seen[group] === 1) {
        bytes.set(this.#separator, places[group]);
        places[group] += this.#separator.length;
      }
      seen[group] = 1;
      bytes.set(this.#arena.subarray(this.#startOf(i), this.#ends[i]), places[group]);
      places[group] += this.#ends[i] - this.#startOf(i);
    }
    return { type: this.#type, length: groups, validity, data: { layout: 'varlen', offsets, bytes } };
  }

  #startOf(entry: number): number {
    return entry === 0 ? 0 : this.#ends[entry - 1];
  }
}
