import type { Bitmap } from '../columns/bitmap.ts';
import type { Codes } from '../columns/column.ts';
import { decodeDeltaLengths, decodeDeltaStrings, type Slices } from './delta.ts';
import type { Encoding } from './metadata.ts';
import { spreadEnds } from './spread.ts';
import { malformed } from './thrift.ts';
import { MOST_SLICE_BYTES, type PhysicalValues, requireBytes, unsupported, type ValueTarget } from './values.ts';

/** Values below this many bytes are copied in a loop, which beats a call of `set`. */
const SHORT_BYTES = 32;

function copyShort(source: Uint8Array, from: number, target: Uint8Array, at: number, length: number): void {
  if (length < SHORT_BYTES) for (let i = 0; i < length; i++) target[at + i] = source[from + i];
  else target.set(source.subarray(from, from + length), at);
}

/** Byte strings, one after another, and where each ends. */
export class SliceTarget implements ValueTarget {
  /** `#ends[i + 1]` is where value `i` ends in `#bytes`; value 0 begins at 0. Positions are filled front to back. */
  readonly #ends: Int32Array;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Whether `#bytes` is a view of a page, to be copied before it grows. */
  #borrowed = true;
  #used = 0;

  constructor(length: number) {
    this.#ends = new Int32Array(length + 1);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number, spent: boolean): void {
    if (encoding === 'PLAIN') this.#plain(page, from, at, count, spent);
    else if (encoding === 'DELTA_LENGTH_BYTE_ARRAY')
      this.#append(decodeDeltaLengths(page, from, page.length, count), at);
    else if (encoding === 'DELTA_BYTE_ARRAY') {
      this.#append(decodeDeltaStrings(page, from, page.length, count, MOST_SLICE_BYTES - this.#used), at);
    } else throw unsupported(encoding, 'BYTE_ARRAY');
  }

  #plain(page: Uint8Array, from: number, at: number, count: number, spent: boolean): void {
    requireBytes(page, from, 4 * count);
    // Values move up over the lengths between them, in the page itself where nobody needs it: large pages of
    // text are what takes most memory.
    if (spent && this.#used === 0) this.#bytes = page;
    else this.#reserve(page.length - from - 4 * count);
    const bytes = this.#bytes;
    const end = page.length;
    let p = from;
    let used = this.#used;
    for (let i = 1; i <= count; i++) {
      if (p + 4 > end) throw malformed('a page ends before its values');
      const length = page[p] | (page[p + 1] << 8) | (page[p + 2] << 16) | (page[p + 3] << 24);
      p += 4;
      if (length < 0 || length > end - p) throw malformed('a value is longer than its page');
      copyShort(page, p, bytes, used, length);
      p += length;
      used += length;
      this.#ends[at + i] = used;
    }
    this.#used = used;
  }

  #append(slices: Slices, at: number): void {
    const count = slices.offsets.length - 1;
    const length = slices.offsets[count];
    if (this.#used === 0 && this.#borrowed) {
      this.#bytes = slices.bytes;
    } else {
      this.#reserve(length);
      this.#bytes.set(slices.bytes, this.#used);
    }
    for (let i = 1; i <= count; i++) this.#ends[at + i] = this.#used + slices.offsets[i];
    this.#used += length;
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'slices') throw malformed('a dictionary is of another type');
    const { offsets, bytes } = dictionary;
    let total = 0;
    for (let i = 0; i < count; i++) total += offsets[codes[i] + 1] - offsets[codes[i]];
    this.#reserve(total);
    let used = this.#used;
    for (let i = 0; i < count; i++) {
      const start = offsets[codes[i]];
      const length = offsets[codes[i] + 1] - start;
      copyShort(bytes, start, this.#bytes, used, length);
      used += length;
      this.#ends[at + i + 1] = used;
    }
    this.#used = used;
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadEnds(this.#ends, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'slices', offsets: this.#ends, bytes: this.#bytes.subarray(0, this.#used) };
  }

  #reserve(more: number): void {
    const needed = this.#used + more;
    if (needed > MOST_SLICE_BYTES) throw malformed('a column has too many bytes to hold');
    if (!this.#borrowed && needed <= this.#bytes.length) return;
    const grown = new Uint8Array(this.#used === 0 ? needed : Math.max(needed, Math.min(2 * needed, MOST_SLICE_BYTES)));
    grown.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = grown;
    this.#borrowed = false;
  }
}
