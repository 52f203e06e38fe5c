import { Buffer } from 'node:buffer';

/** Random access to a file of known size; one call is one read of the store, and counts as such. */
export interface RangeReader {
  readonly sizeBytes: number;
  /** Bytes `offset` to `offset + length`; throws where the range leaves the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Where a file under construction goes, front to back. */
export interface ByteSink {
  /** Takes the bytes over; resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
}

/** A range reader over bytes in memory. */
export function memoryReader(bytes: Uint8Array): RangeReader {
  return {
    sizeBytes: bytes.length,
    async read(offset, length) {
      if (offset < 0 || offset + length > bytes.length) {
        throw new RangeError(`read ${offset}+${length} leaves a file of ${bytes.length} bytes`);
      }
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** A sink that keeps what it is given. */
export function memorySink(): ByteSink & { bytes(): Uint8Array } {
  const chunks: Uint8Array[] = [];
  return {
    async write(bytes) {
      chunks.push(bytes);
    },
    bytes: () => concatBytes(chunks),
  };
}

/** The chunks one after another; a single one comes back as it is, not copied. */
export function concatBytes(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const out = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    out.set(chunk, offset);
    offset += chunk.length;
  }
  return out;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]];
  return text;
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** The bytes of a text that is base64; what is none in it is passed over. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
