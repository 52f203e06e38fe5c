import { OrasiError } from '../core/errors.ts';
import { grownBytes, grownInt32 } from '../core/grow.ts';
import { sortStrings } from './sort-strings.ts';

/** The text lies in chunks, so that growing never copies it all. No string straddles two. */
const CHUNK_BITS = 23;
const CHUNK_BYTES = 1 << CHUNK_BITS;
const FIRST_CHUNK_BYTES = 1 << 16;

/**
 * Distinct byte strings, numbered in order of first sight: an open-addressing hash table over flat memory,
 * so that a million of them cost no objects. FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/).
 */
export class StringTable {
  readonly #chunks: Uint8Array[] = [new Uint8Array(FIRST_CHUNK_BYTES)];
  /** Chunk, and place within it, of the next string. */
  #end = 0;
  #slots = new Int32Array(1 << 12).fill(-1);
  #hashes = new Int32Array(1 << 11);
  #starts = new Int32Array(1 << 11);
  #lengths = new Int32Array(1 << 11);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory held. */
  get heldBytes(): number {
    const text = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return text + this.#slots.byteLength + 3 * this.#hashes.byteLength;
  }

  /** Bytes of memory in use, which `clear` makes none of. */
  get usedBytes(): number {
    return this.#end + this.#size * 20;
  }

  /** The number of the string; a new one takes the next. Throws `value_too_large` beyond 8 MiB. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0x811c9dc5 | 0;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 16_777_619);
    return this.internHashed(bytes, start, end, hash);
  }

  /** As `intern`, with the FNV-1a hash of the bytes at hand. */
  internHashed(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const length = end - start;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (let id = slots[slot]; id >= 0; slot = (slot + 1) & mask, id = slots[slot]) {
      if (this.#hashes[id] !== hash || this.#lengths[id] !== length) continue;
      const position = this.#starts[id];
      const chunk = this.#chunks[position >> CHUNK_BITS];
      const from = position & (CHUNK_BYTES - 1);
      let i = 0;
      while (i < length && chunk[from + i] === bytes[start + i]) i++;
      if (i === length) return id;
    }
    const id = this.#size++;
    if (id === this.#hashes.length) this.#growEntries();
    this.#hashes[id] = hash;
    this.#starts[id] = this.#keep(bytes, start, end);
    this.#lengths[id] = length;
    slots[slot] = id;
    if (this.#size * 2 > slots.length) this.#growSlots();
    return id;
  }

  /** A view of a string's bytes. */
  at(id: number): Uint8Array {
    const position = this.#starts[id];
    const from = position & (CHUNK_BYTES - 1);
    return this.#chunks[position >> CHUNK_BITS].subarray(from, from + this.#lengths[id]);
  }

  /** The numbers of all strings in byte order. */
  sorted(): Int32Array {
    return sortStrings({
      size: this.#size,
      bytesOf: (id) => this.#chunks[this.#starts[id] >> CHUNK_BITS],
      startOf: (id) => this.#starts[id] & (CHUNK_BYTES - 1),
      lengthOf: (id) => this.#lengths[id],
    });
  }

  /** Forgets all strings and keeps the memory. */
  clear(): void {
    this.#slots.fill(-1);
    this.#size = 0;
    this.#end = 0;
  }

  /** Copies a string behind the others; answers where. */
  #keep(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > CHUNK_BYTES)
      throw new OrasiError('value_too_large', `a value of ${length} bytes is too long to index`);
    let place = this.#end & (CHUNK_BYTES - 1);
    let ordinal = this.#end >> CHUNK_BITS;
    if (place + length > CHUNK_BYTES || ordinal === this.#chunks.length) {
      if (place > 0) ordinal++;
      place = 0;
      if (ordinal === this.#chunks.length) this.#chunks.push(new Uint8Array(CHUNK_BYTES));
    }
    let chunk = this.#chunks[ordinal];
    if (place + length > chunk.length) {
      // Only the first chunk begins small.
      chunk = grownBytes(chunk, Math.min(CHUNK_BYTES, Math.max(chunk.length * 2, place + length)));
      this.#chunks[ordinal] = chunk;
    }
    if (length < 32) for (let i = 0; i < length; i++) chunk[place + i] = bytes[start + i];
    else chunk.set(bytes.subarray(start, end), place);
    const position = (ordinal << CHUNK_BITS) | place;
    this.#end = position + length;
    return position;
  }

  #growEntries(): void {
    const grow = (array: Int32Array) => grownInt32(array, array.length * 2);
    this.#hashes = grow(this.#hashes);
    this.#starts = grow(this.#starts);
    this.#lengths = grow(this.#lengths);
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
