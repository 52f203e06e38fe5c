import { compareKeys } from './btree-keys.ts';
import { ByteWriter } from './byte-codec.ts';

/**
 * Distinct byte strings, numbered in order of first sight: an open-addressing hash table over one arena,
 * so that a million of them cost no objects. FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/).
 */
export class StringTable {
  readonly #arena = new ByteWriter(1 << 16);
  #slots = new Int32Array(1 << 12).fill(-1);
  #hashes = new Int32Array(1 << 11);
  #ends = new Int32Array(1 << 11);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory the table holds. */
  get heldBytes(): number {
    return this.#arena.bytes.length + this.#slots.byteLength + this.#hashes.byteLength + this.#ends.byteLength;
  }

  /** Bytes of memory in use, which `clear` makes none of. */
  get usedBytes(): number {
    return this.#arena.length + this.#size * 16;
  }

  /** The number of the string; a new one takes the next. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 16_777_619);
    return this.internHashed(bytes, start, end, hash);
  }

  /** As `intern`, with the FNV-1a hash of the bytes at hand. */
  internHashed(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = this.#slots.length - 1;
    const length = end - start;
    const arena = this.#arena.bytes;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (;;) {
      const id = this.#slots[slot];
      if (id < 0) break;
      if (this.#hashes[id] === hash) {
        const from = id === 0 ? 0 : this.#ends[id - 1];
        if (this.#ends[id] - from === length) {
          let i = 0;
          while (i < length && arena[from + i] === bytes[start + i]) i++;
          if (i === length) return id;
        }
      }
      slot = (slot + 1) & mask;
    }
    const id = this.#size++;
    if (id >= this.#hashes.length) this.#growEntries();
    this.#arena.append(bytes, start, end);
    this.#hashes[id] = hash;
    this.#ends[id] = this.#arena.length;
    this.#slots[slot] = id;
    if (this.#size * 2 > this.#slots.length) this.#growSlots();
    return id;
  }

  /** A view of a string's bytes, good until the next `intern`. */
  at(id: number): Uint8Array {
    return this.#arena.bytes.subarray(id === 0 ? 0 : this.#ends[id - 1], this.#ends[id]);
  }

  /** The numbers of all strings in byte order. */
  sorted(): Int32Array {
    const size = this.#size;
    // The first four bytes settle most comparisons without touching the arena.
    const heads = new Uint32Array(size);
    for (let id = 0; id < size; id++) {
      const from = id === 0 ? 0 : this.#ends[id - 1];
      const length = this.#ends[id] - from;
      let head = 0;
      for (let i = 0; i < 4; i++) head = (head << 8) | (i < length ? this.#arena.bytes[from + i] : 0);
      heads[id] = head;
    }
    const order = new Int32Array(size);
    for (let id = 0; id < size; id++) order[id] = id;
    return order.sort((a, b) => heads[a] - heads[b] || compareKeys(this.at(a), this.at(b)));
  }

  /** Forgets all strings and keeps the memory. */
  clear(): void {
    this.#arena.clear();
    this.#slots.fill(-1);
    this.#size = 0;
  }

  #growEntries(): void {
    const hashes = new Int32Array(this.#hashes.length * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    const ends = new Int32Array(this.#ends.length * 2);
    ends.set(this.#ends);
    this.#ends = ends;
  }

  #growSlots(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    for (let id = 0; id < this.#size; id++) {
      let slot = (this.#hashes[id] ^ (this.#hashes[id] >>> 15)) & mask;
      while (slots[slot] >= 0) slot = (slot + 1) & mask;
      slots[slot] = id;
    }
    this.#slots = slots;
  }
}
