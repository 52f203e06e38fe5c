import { newBitmap } from '../../columns/bitmap.ts';
import type { Column } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import { grownBytes, grownInt32, grownLength } from '../../core/grow.ts';

const LOAD = 0.6;

/** A hash table from byte strings to dense ids 0, 1, 2, … in order of first appearance; the bytes lie in one arena. */
export class TextTable {
  #slots = new Int32Array(64);
  #hashes: Int32Array = new Int32Array(32);
  #offsets: Int32Array = new Int32Array(33);
  #arena: Uint8Array = new Uint8Array(512);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#slots.byteLength + this.#hashes.byteLength + this.#offsets.byteLength + this.#arena.byteLength;
  }

  /** The id of a string of bytes, a new one where it is new. */
  idOf(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const id = this.#slots[slot] - 1;
      if (id < 0) return this.#insert(slot, hash, bytes, start, end);
      if (this.#hashes[id] === hash && this.#holds(id, bytes, start, end)) return id;
      slot = (slot + 1) & mask;
    }
  }

  /** The id of a string of bytes, or -1 where it is not there. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(bytes, start, end);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const id = this.#slots[slot] - 1;
      if (id < 0 || (this.#hashes[id] === hash && this.#holds(id, bytes, start, end))) return id;
      slot = (slot + 1) & mask;
    }
  }

  /** A null in row 0, then the value of id `i` in row `i + 1`. Shares the table's memory. */
  column(type: ColumnType): Column {
    const length = this.#count + 1;
    const offsets = new Int32Array(length + 1);
    offsets.set(this.#offsets.subarray(0, length), 1);
    const validity = newBitmap(length, true);
    validity[0] &= ~1;
    return { type, length, validity, data: { layout: 'varlen', offsets, bytes: this.#arena } };
  }

  #holds(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.#offsets[id];
    const length = end - start;
    if (this.#offsets[id + 1] - at !== length) return false;
    const arena = this.#arena;
    for (let i = 0; i < length; i++) if (arena[at + i] !== bytes[start + i]) return false;
    return true;
  }

  #insert(slot: number, hash: number, bytes: Uint8Array, start: number, end: number): number {
    const id = this.#count++;
    if (id === this.#hashes.length) {
      this.#hashes = grownInt32(this.#hashes, 2 * id);
      this.#offsets = grownInt32(this.#offsets, 2 * id + 1);
    }
    const at = this.#offsets[id];
    const next = at + end - start;
    if (next > this.#arena.length) this.#arena = grownBytes(this.#arena, grownLength(this.#arena.length, next));
    this.#arena.set(bytes.subarray(start, end), at);
    this.#offsets[id + 1] = next;
    this.#hashes[id] = hash;
    this.#slots[slot] = id + 1;
    if (this.#count > this.#slots.length * LOAD) this.#rehash();
    return id;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let id = 0; id < this.#count; id++) {
      let slot = this.#hashes[id] & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
    this.#slots = slots;
  }
}

/** FNV-1a with a last fold, since its low bits alone are weak. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
