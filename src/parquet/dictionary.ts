import { ByteWriter } from '../core/byte-writer.ts';
import { grownInt32 } from '../core/grow.ts';

/** Probes before a table is given up: colliding keys, chosen or not, must not make building it quadratic. */
const MOST_PROBES = 64;

/** Codes of values in the order of their first appearance, for values of 64 bits given as two words. */
export class WordDictionary {
  words = new Int32Array(512);
  length = 0;
  #slots = new Int32Array(1024);

  /** The value's code, or -1 where the dictionary would grow beyond `most` entries. */
  code(low: number, high: number, most: number): number {
    const mask = this.#slots.length - 1;
    let hash = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let probe = 0; probe < MOST_PROBES; probe++) {
      const slot = (hash + probe) & mask;
      const code = this.#slots[slot] - 1;
      if (code < 0) return this.length < most ? this.#add(low, high, slot) : -1;
      if (this.words[2 * code] === low && this.words[2 * code + 1] === high) return code;
    }
    return -1;
  }

  #add(low: number, high: number, slot: number): number {
    const code = this.length++;
    if (2 * code === this.words.length) {
      this.words = grownInt32(this.words, 2 * this.words.length);
    }
    this.words[2 * code] = low;
    this.words[2 * code + 1] = high;
    this.#slots[slot] = code + 1;
    if (2 * this.length > this.#slots.length) this.#grow();
    return code;
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    const mask = this.#slots.length - 1;
    for (let code = 0; code < this.length; code++) {
      let hash = Math.imul(this.words[2 * code], 0x9e3779b1) ^ Math.imul(this.words[2 * code + 1], 0x85ebca6b);
      hash ^= hash >>> 15;
      while (this.#slots[hash & mask] !== 0) hash++;
      this.#slots[hash & mask] = code + 1;
    }
  }

  clear(): void {
    this.length = 0;
    if (this.#slots.length > 4096) this.#slots = new Int32Array(1024);
    else this.#slots.fill(0);
  }
}

/** Bytes of a long value that enter its hash: this many from each end. */
const HASHED_END_BYTES = 24;

/** Codes of byte strings in the order of their first appearance. */
export class SliceDictionary {
  readonly arena = new ByteWriter(8192);
  /** Value `code` ends at `ends[code + 1]` of the arena. */
  ends = new Int32Array(513);
  length = 0;
  #hashes = new Int32Array(512);
  #slots = new Int32Array(1024);

  /** The code of `bytes[start .. end)`, or -1 where the dictionary would grow beyond its bounds. */
  code(bytes: Uint8Array, start: number, end: number, most: number, mostBytes: number): number {
    const size = end - start;
    const hash = hashOf(bytes, start, end);
    const mask = this.#slots.length - 1;
    const arena = this.arena.bytes;
    for (let probe = 0; probe < MOST_PROBES; probe++) {
      const slot = (hash + probe) & mask;
      const code = this.#slots[slot] - 1;
      if (code < 0) {
        if (this.length >= most || this.arena.length + size + 4 * (this.length + 1) > mostBytes) return -1;
        return this.#add(bytes, start, end, hash, slot);
      }
      if (this.#hashes[code] !== hash) continue;
      const at = this.ends[code];
      if (this.ends[code + 1] - at !== size) continue;
      let i = 0;
      while (i < size && arena[at + i] === bytes[start + i]) i++;
      if (i === size) return code;
    }
    return -1;
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const code = this.length++;
    if (code === this.#hashes.length) {
      this.#hashes = grownInt32(this.#hashes, 2 * code);
      this.ends = grownInt32(this.ends, 2 * code + 1);
    }
    this.arena.append(bytes, start, end);
    this.ends[code + 1] = this.arena.length;
    this.#hashes[code] = hash;
    this.#slots[slot] = code + 1;
    if (2 * this.length > this.#slots.length) this.#grow();
    return code;
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    const mask = this.#slots.length - 1;
    for (let code = 0; code < this.length; code++) {
      let hash = this.#hashes[code];
      while (this.#slots[hash & mask] !== 0) hash++;
      this.#slots[hash & mask] = code + 1;
    }
  }

  clear(): void {
    this.length = 0;
    this.arena.clear();
    if (this.#slots.length > 4096) this.#slots = new Int32Array(1024);
    else this.#slots.fill(0);
  }
}

/** FNV-1a over the length and the bytes, or over both ends of a long value; equality is checked in full. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ (end - start);
  if (end - start <= 2 * HASHED_END_BYTES) {
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  } else {
    for (let i = start; i < start + HASHED_END_BYTES; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    for (let i = end - HASHED_END_BYTES; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
