import { ByteWriter } from '../core/byte-writer.ts';
import { THRIFT } from './thrift.ts';

/** Builds compact-protocol bytes. Fields of a struct are written in ascending order of their ids. */
export class ThriftWriter {
  readonly #out = new ByteWriter(256);
  #field = 0;
  readonly #outer: number[] = [];

  get length(): number {
    return this.#out.length;
  }

  /** The bytes so far; the writer is used up. */
  finish(): Uint8Array {
    return this.#out.view();
  }

  begin(): this {
    this.#outer.push(this.#field);
    this.#field = 0;
    return this;
  }

  end(): this {
    this.#out.u8(THRIFT.stop);
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
    this.#out.u8(value & 0xff);
    return this;
  }

  binary(field: number, value: Uint8Array): this {
    this.#head(field, THRIFT.binary);
    return this.elementBinary(value);
  }

  text(field: number, value: string): this {
    this.#head(field, THRIFT.binary);
    return this.elementText(value);
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
      this.#out.u8((count << 4) | type);
      return this;
    }
    this.#out.u8(0xf0 | type);
    return this.#varint(count);
  }

  elementBinary(value: Uint8Array): this {
    this.#varint(value.length);
    this.#out.append(value);
    return this;
  }

  elementText(value: string): this {
    this.#out.text(value);
    return this;
  }

  elementBoolean(value: boolean): this {
    this.#out.u8(value ? 1 : 2);
    return this;
  }

  zigzag(value: number): this {
    return this.#varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  #head(field: number, type: number): this {
    const delta = field - this.#field;
    if (delta > 0 && delta < 16) {
      this.#out.u8((delta << 4) | type);
    } else {
      this.#out.u8(type);
      this.zigzag(field);
    }
    this.#field = field;
    return this;
  }

  #varint(value: number): this {
    this.#out.varint(value);
    return this;
  }
}
