import { OrasiError } from '../core/errors.ts';

/**
 * Thrift's compact protocol, as far as Parquet's footers and page headers use it.
 * Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export const THRIFT = {
  stop: 0,
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
  uuid: 13,
} as const;

/** Unknown fields nest at most this deep; deeper ones are an attack on the stack. */
const SKIP_DEPTH = 16;

/** `malformed_input`, for bytes that are not the Parquet file they say they are. */
export function malformed(detail: string): OrasiError {
  return new OrasiError('malformed_input', `Parquet: ${detail}`);
}

/**
 * A cursor over compact-protocol bytes. Every length is checked against the bytes that are left before
 * anything is allocated for it; whatever does not hold throws `malformed_input`.
 *
 * A struct is read as `const outer = r.begin(); while (r.next()) switch (r.field) …; r.end(outer)`, where
 * each branch reads the field's value and the default branch calls `r.skip()`.
 */
export class ThriftReader {
  readonly bytes: Uint8Array;
  offset: number;
  /** Id and wire type of the field that `next` stopped at. */
  field = 0;
  type = 0;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** Enters a struct; gives what `end` needs to come back to the struct around it. */
  begin(): number {
    const outer = this.field;
    this.field = 0;
    return outer;
  }

  end(outer: number): void {
    this.field = outer;
  }

  /** Moves to the next field; false at the end of the struct. */
  next(): boolean {
    const byte = this.byte();
    this.type = byte & 0x0f;
    if (this.type === THRIFT.stop) return false;
    const delta = byte >> 4;
    this.field = delta === 0 ? this.zigzag() : this.field + delta;
    return true;
  }

  boolean(): boolean {
    if (this.type === THRIFT.true) return true;
    if (this.type === THRIFT.false) return false;
    throw this.#wrongType('a boolean');
  }

  /** i16, i32 or i64 within ±2^52; sizes, counts and offsets beyond that cannot be meant. */
  integer(): number {
    if (this.type !== THRIFT.i32 && this.type !== THRIFT.i64 && this.type !== THRIFT.i16) {
      throw this.#wrongType('an integer');
    }
    return this.zigzag();
  }

  /** An integer that must not be negative. */
  size(): number {
    const value = this.integer();
    if (value < 0) throw malformed(`field ${this.field} is negative`);
    return value;
  }

  /** A view of the bytes, not a copy. */
  binary(): Uint8Array {
    if (this.type !== THRIFT.binary) throw this.#wrongType('bytes');
    return this.#binaryBody();
  }

  text(): string {
    return decoder.decode(this.binary());
  }

  expectStruct(): void {
    if (this.type !== THRIFT.struct) throw this.#wrongType('a struct');
  }

  /** The number of elements of a list; an element takes at least a byte, which bounds what a reader may allocate. */
  list(element: 'struct' | 'binary' | 'i32' | 'i64' | 'boolean'): number {
    if (this.type !== THRIFT.list) throw this.#wrongType('a list');
    const [count, type] = this.#listHead();
    const right = element === 'boolean' ? type === THRIFT.true || type === THRIFT.false : type === THRIFT[element];
    if (!right && count > 0) throw malformed(`field ${this.field} is not a list of ${element}`);
    return count;
  }

  /** An element of a list of booleans. */
  elementBoolean(): boolean {
    return this.byte() === 1;
  }

  /** An element of a list of i32 or i64. */
  elementInteger(): number {
    return this.zigzag();
  }

  /** An element of a list of binaries. */
  elementBinary(): Uint8Array {
    return this.#binaryBody();
  }

  elementText(): string {
    return decoder.decode(this.#binaryBody());
  }

  /** Passes over the value of the present field. */
  skip(): void {
    this.#skipValue(this.type, 0, false);
  }

  byte(): number {
    if (this.offset >= this.bytes.length) throw malformed('a header ends too early');
    return this.bytes[this.offset++];
  }

  #binaryBody(): Uint8Array {
    const length = this.varint();
    if (length > this.bytes.length - this.offset) throw malformed('a header has a text longer than itself');
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  /** An unsigned varint below 2^53, in floating point once it leaves 28 bits. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw malformed('a header has an integer that is too large');
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #listHead(): [count: number, type: number] {
    const byte = this.byte();
    const count = byte >> 4 === 15 ? this.varint() : byte >> 4;
    if (count > this.bytes.length - this.offset) throw malformed('a header has a list longer than itself');
    return [count, byte & 0x0f];
  }

  #skipValue(type: number, depth: number, inList: boolean): void {
    if (depth > SKIP_DEPTH) throw malformed('a header nests too deeply');
    switch (type) {
      case THRIFT.true:
      case THRIFT.false:
        if (inList) this.byte();
        return;
      case THRIFT.byte:
        this.byte();
        return;
      case THRIFT.i16:
      case THRIFT.i32:
      case THRIFT.i64:
        // Up to ten bytes: a field we do not read may use all 64 bits.
        for (let i = 0; i < 10; i++) if (this.byte() < 0x80) return;
        throw malformed('a header has an integer that is too large');
      case THRIFT.double:
        this.#advance(8);
        return;
      case THRIFT.uuid:
        this.#advance(16);
        return;
      case THRIFT.binary:
        this.#binaryBody();
        return;
      case THRIFT.list:
      case THRIFT.set: {
        const [count, element] = this.#listHead();
        for (let i = 0; i < count; i++) this.#skipValue(element, depth + 1, true);
        return;
      }
      case THRIFT.map: {
        const count = this.varint();
        if (count === 0) return;
        if (count > this.bytes.length - this.offset) throw malformed('a header has a map longer than itself');
        const types = this.byte();
        for (let i = 0; i < count; i++) {
          this.#skipValue(types >> 4, depth + 1, true);
          this.#skipValue(types & 0x0f, depth + 1, true);
        }
        return;
      }
      case THRIFT.struct:
        for (;;) {
          const byte = this.byte();
          if ((byte & 0x0f) === THRIFT.stop) return;
          if (byte >> 4 === 0) this.zigzag();
          this.#skipValue(byte & 0x0f, depth + 1, false);
        }
      default:
        throw malformed(`a header has a field of unknown type ${type}`);
    }
  }

  #advance(length: number): void {
    if (length > this.bytes.length - this.offset) throw malformed('a header ends too early');
    this.offset += length;
  }

  #wrongType(expected: string): OrasiError {
    return malformed(`field ${this.field} is not ${expected}`);
  }
}

const decoder = new TextDecoder();
