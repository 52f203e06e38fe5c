import { OrasiError } from '../core/errors.ts';

/** A stored file that is not what was written: truncated, altered, or of a version this build does not know. */
export function corruptFile(what: string): OrasiError {
  return new OrasiError('corrupt_file', what);
}

/** Reads what `ByteWriter` wrote. Every step is checked against the end; a fault throws `corrupt_file`. */
export class ByteCursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    if (at < 0 || at > end || end > bytes.length) throw corruptFile(`bytes ${at} to ${end} leave a block`);
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  #take(length: number): number {
    if (length < 0 || length > this.end - this.at) throw corruptFile('a block ends before its contents');
    const at = this.at;
    this.at += length;
    return at;
  }

  u8(): number {
    return this.bytes[this.#take(1)];
  }

  u32(): number {
    const at = this.#take(4);
    const { bytes } = this;
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
  }

  varint(): number {
    // One byte is by far the usual length.
    if (this.at < this.end && this.bytes[this.at] < 128) return this.bytes[this.at++];
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 127) * factor;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      factor *= 128;
    }
    throw corruptFile('a varint is too long');
  }

  /** A varint that counts things of at least `itemBytes` bytes each in what is left. */
  count(itemBytes = 1): number {
    const count = this.varint();
    if (count * itemBytes > this.left) throw corruptFile(`a block says ${count} items and has no room for them`);
    return count;
  }

  /** Steps over bytes and says where they begin. */
  skip(length: number): number {
    return this.#take(length);
  }

  take(length: number): Uint8Array {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  text(): string {
    return new TextDecoder().decode(this.take(this.count()));
  }
}
