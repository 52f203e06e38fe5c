import { grownInt32 } from '../../core/grow.ts';

/** Load at which a table doubles; open addressing slows down steeply above it. */
const LOAD = 0.6;

/**
 * A hash table from pairs of 32-bit integers to dense ids 0, 1, 2, … in order of first appearance. It holds
 * 64-bit values as their two halves, and pairs of other tables' ids, so that a key of several columns is a
 * chain of such tables and no group is an object.
 */
export class PairTable {
  /** id + 1 at a pair's slot; 0 where it is free. Its length is a power of two. */
  #slots = new Int32Array(64);
  #lows: Int32Array = new Int32Array(32);
  #highs: Int32Array = new Int32Array(32);
  #count = 0;
  /** How many of the ids stand in `#slots`. */
  #hashed = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#slots.byteLength + this.#lows.byteLength + this.#highs.byteLength;
  }

  /** The first half of the pair each id stands for; only the first `count` entries mean something. */
  get lows(): Int32Array {
    return this.#lows;
  }

  get highs(): Int32Array {
    return this.#highs;
  }

  /** The id of a pair, a new one where it is new. */
  idOf(low: number, high: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashPair(low, high) & mask;
    for (;;) {
      const id = slots[slot] - 1;
      if (id < 0) return this.#insert(slot, low, high);
      if (this.#lows[id] === low && this.#highs[id] === high) return id;
      slot = (slot + 1) & mask;
    }
  }

  /** The id of a pair, or -1 where it is not there. */
  find(low: number, high: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hashPair(low, high) & mask;
    for (;;) {
      const id = slots[slot] - 1;
      if (id < 0 || (this.#lows[id] === low && this.#highs[id] === high)) return id;
      slot = (slot + 1) & mask;
    }
  }

  /** A new id for a pair whose id the caller finds by other means: `idOf` and `find` will not know it. */
  append(low: number, high: number): number {
    const id = this.#count++;
    if (id === this.#lows.length) {
      this.#lows = grownInt32(this.#lows, 2 * id);
      this.#highs = grownInt32(this.#highs, 2 * id);
    }
    this.#lows[id] = low;
    this.#highs[id] = high;
    return id;
  }

  #insert(slot: number, low: number, high: number): number {
    const id = this.append(low, high);
    this.#slots[slot] = id + 1;
    this.#hashed++;
    if (this.#hashed > this.#slots.length * LOAD) this.#rehash();
    return id;
  }

  #rehash(): void {
    const before = this.#slots;
    const slots = new Int32Array(before.length * 2);
    const mask = slots.length - 1;
    for (let i = 0; i < before.length; i++) {
      if (before[i] === 0) continue;
      const id = before[i] - 1;
      let slot = hashPair(this.#lows[id], this.#highs[id]) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
    this.#slots = slots;
  }
}

/** Two rounds of multiply and fold, so that keys that count up spread over all bits. */
function hashPair(low: number, high: number): number {
  let hash = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae3d);
  return hash ^ (hash >>> 13);
}
