import type { Bitmap } from '../columns/bitmap.ts';
import type { Codes } from '../columns/column.ts';
import { unpackBytes } from './bit-unpack.ts';
import { decodeDelta32, decodeDelta64, decodeDeltaStrings } from './delta.ts';
import { decodeBytes } from './hybrid.ts';
import type { Encoding } from './metadata.ts';
import { spreadBytes, spreadDoubles, spreadFixed, spreadInt32, spreadPairs } from './spread.ts';
import { malformed } from './thrift.ts';
import {
  joinStreams,
  MOST_SLICE_BYTES,
  type PhysicalValues,
  requireBytes,
  unsupported,
  type ValueTarget,
} from './values.ts';

/*
 * A class a type that pages store, alike as they are: each loop then sees one kind of array, and a loop that has seen
 * two runs at half the speed.
 */

/** Bools, a byte each. */
export class BooleanTarget implements ValueTarget {
  readonly #values: Uint8Array;

  constructor(length: number) {
    this.#values = new Uint8Array(length);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    if (encoding === 'PLAIN') {
      requireBytes(page, from, (count + 7) >> 3);
      unpackBytes(page, from, 1, this.#values, at, count);
    } else if (encoding === 'RLE') {
      // The length of the runs stands before them.
      requireBytes(page, from, 4);
      decodeBytes(page, from + 4, page.length, 1, this.#values, at, count);
    } else throw unsupported(encoding, 'BOOLEAN');
  }

  gather(): void {
    throw malformed('a boolean column has a dictionary');
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadBytes(this.#values, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'boolean', values: this.#values };
  }
}

/** 32-bit integers. */
export class Int32Target implements ValueTarget {
  readonly #values: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(length: number) {
    this.#values = new Int32Array(length);
    this.#bytes = new Uint8Array(this.#values.buffer);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    if (encoding === 'PLAIN') {
      requireBytes(page, from, 4 * count);
      this.#bytes.set(page.subarray(from, from + 4 * count), 4 * at);
    } else if (encoding === 'DELTA_BINARY_PACKED') decodeDelta32(page, from, page.length, this.#values, at, count);
    else if (encoding === 'BYTE_STREAM_SPLIT') joinStreams(page, from, 4, this.#bytes, 4 * at, count);
    else throw unsupported(encoding, 'INT32');
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'int32') throw malformed('a dictionary is of another type');
    const source = dictionary.values;
    for (let i = 0; i < count; i++) this.#values[at + i] = source[codes[i]];
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadInt32(this.#values, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'int32', values: this.#values };
  }
}

/** 64-bit integers as word pairs, low word first. */
export class Int64Target implements ValueTarget {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(length: number) {
    this.#words = new Int32Array(2 * length);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    if (encoding === 'PLAIN') {
      requireBytes(page, from, 8 * count);
      this.#bytes.set(page.subarray(from, from + 8 * count), 8 * at);
    } else if (encoding === 'DELTA_BINARY_PACKED') decodeDelta64(page, from, page.length, this.#words, at, count);
    else if (encoding === 'BYTE_STREAM_SPLIT') joinStreams(page, from, 8, this.#bytes, 8 * at, count);
    else throw unsupported(encoding, 'INT64');
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'int64') throw malformed('a dictionary is of another type');
    const source = dictionary.words;
    for (let i = 0; i < count; i++) {
      const code = codes[i];
      this.#words[2 * (at + i)] = source[2 * code];
      this.#words[2 * (at + i) + 1] = source[2 * code + 1];
    }
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadPairs(this.#words, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'int64', words: this.#words };
  }
}

/** Doubles, and floats as the doubles they are. */
export class DoubleTarget implements ValueTarget {
  readonly #stored: 'FLOAT' | 'DOUBLE';
  readonly #values: Float64Array;
  readonly #bytes: Uint8Array;

  constructor(stored: 'FLOAT' | 'DOUBLE', length: number) {
    this.#stored = stored;
    this.#values = new Float64Array(length);
    this.#bytes = new Uint8Array(this.#values.buffer);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    if (this.#stored === 'DOUBLE') {
      this.#decodeInto(this.#bytes, 8, encoding, page, from, at, count);
      return;
    }
    const floats = new Float32Array(count);
    this.#decodeInto(new Uint8Array(floats.buffer), 4, encoding, page, from, 0, count);
    this.#values.set(floats, at);
  }

  #decodeInto(
    bytes: Uint8Array,
    width: 4 | 8,
    encoding: Encoding,
    page: Uint8Array,
    from: number,
    at: number,
    count: number,
  ): void {
    if (encoding === 'PLAIN') {
      requireBytes(page, from, width * count);
      bytes.set(page.subarray(from, from + width * count), width * at);
    } else if (encoding === 'BYTE_STREAM_SPLIT') joinStreams(page, from, width, bytes, width * at, count);
    else throw unsupported(encoding, this.#stored);
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'double') throw malformed('a dictionary is of another type');
    const source = dictionary.values;
    for (let i = 0; i < count; i++) this.#values[at + i] = source[codes[i]];
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadDoubles(this.#values, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'double', values: this.#values };
  }
}

/** Values that all take the same number of bytes, one after another; INT96 is among them. */
export class FixedTarget implements ValueTarget {
  readonly #width: number;
  readonly #bytes: Uint8Array;

  constructor(width: number, length: number) {
    if (width * length > MOST_SLICE_BYTES) throw malformed('a column has too many bytes to hold');
    this.#width = width;
    this.#bytes = new Uint8Array(width * length);
  }

  decode(encoding: Encoding, page: Uint8Array, from: number, at: number, count: number): void {
    const width = this.#width;
    if (encoding === 'PLAIN') {
      requireBytes(page, from, width * count);
      this.#bytes.set(page.subarray(from, from + width * count), width * at);
    } else if (encoding === 'BYTE_STREAM_SPLIT') joinStreams(page, from, width, this.#bytes, width * at, count);
    else if (encoding === 'DELTA_BYTE_ARRAY') {
      const slices = decodeDeltaStrings(page, from, page.length, count, width * count);
      for (let i = 0; i <= count; i++) {
        if (slices.offsets[i] !== i * width) throw malformed('a value of fixed length has another length');
      }
      this.#bytes.set(slices.bytes, width * at);
    } else throw unsupported(encoding, 'FIXED_LEN_BYTE_ARRAY');
  }

  gather(dictionary: PhysicalValues, codes: Codes, at: number, count: number): void {
    if (dictionary.kind !== 'fixed' || dictionary.width !== this.#width)
      throw malformed('a dictionary is of another type');
    const width = this.#width;
    for (let i = 0; i < count; i++) {
      let source = codes[i] * width;
      let to = (at + i) * width;
      for (let k = 0; k < width; k++) this.#bytes[to++] = dictionary.bytes[source++];
    }
  }

  spread(validity: Bitmap, at: number, count: number, present: number): void {
    spreadFixed(this.#bytes, this.#width, validity, at, count, present);
  }

  finish(): PhysicalValues {
    return { kind: 'fixed', width: this.#width, bytes: this.#bytes };
  }
}
