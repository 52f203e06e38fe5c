import { THRIFT } from './thrift.ts';

const encoder = new TextEncoder();

/** Builds compact-protocol bytes. Fields of a struct are written in ascending order of their ids. */
export class ThriftWriter {
  #bytes = new Uint8Array(256);
  #length = 0;
  #field = 0;
  readonly #outer: number[] = [];

  get length(): number {
    return this.#length;
  }

  /** The bytes so far; the writer is used up. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  begin(): this {
    this.#outer.push(this.#field);
    this.#field = 0;
    return this;
  }

  end(): this {
    this.#byte(THRIFT.stop);
    this.#field = this.#outer.pop() ?? 0;
    return this;
  }

  boolean(field: number, value: boolean): this {
    return this.#head(field, value ? THRIFT.true : THRIFT.false);
  }

  i32(field: number, value: number): this {
    this.#head(field, THRIFT.i32);
    return this.zigzag(value);
  }

  i64(field: number, value: number): this {
    this.#head(field, THRIFT.i64);
    return this.zigzag(value);
  }

  byte(field: number, value: number): this {
    this.#head(field, THRIFT.byte);
    this.#byte(value & 0xff);
    return this;
  }

  binary(field: number, value: Uint8Array): this {
    this.#head(field, THRIFT.binary);
    return this.elementBinary(value);
  }

  text(field: number, value: string): this {
    return this.binary(field, encoder.encode(value));
  }

  /** Opens a struct in a field; `end` closes it. */
  struct(field: number): this {
    this.#head(field, THRIFT.struct);
    return this.begin();
  }

  list(field: number, element: 'struct' | 'binary' | 'i32' | 'i64' | 'boolean', count: number): this {
    this.#head(field, THRIFT.list);
    const type = element === 'boolean' ? THRIFT.true : THRIFT[element];
    if (count < 15) {
      this.#byte((count << 4) | type);
      return this;
    }
    this.#byte(0xf0 | type);
    return this.#varint(count);
  }

  elementBinary(value: Uint8Array): this {
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  elementText(value: string): this {
    return this.elementBinary(encoder.encode(value));
  }

  elementBoolean(value: boolean): this {
    this.#byte(value ? 1 : 2);
    return this;
  }

  zigzag(value: number): this {
    return this.#varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  #head(field: number, type: number): this {
    const delta = field - this.#field;
    if (delta > 0 && delta < 16) {
      this.#byte((delta << 4) | type);
    } else {
      this.#byte(type);
      this.zigzag(field);
    }
    this.#field = field;
    return this;
  }

  #varint(value: number): this {
    let rest = value;
    while (rest >= 128) {
      this.#byte((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.#byte(rest);
    return this;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
