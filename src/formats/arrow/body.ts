import { constants, zstdDecompressSync } from 'node:zlib';
import { malformed } from './flatbuffer.ts';
import { undoLz4Frame } from './lz4-frame.ts';
import type { RecordBatchHeader } from './metadata.ts';

/** Uncompressed bytes of one record batch; a batch is held whole. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** The buffers of a record batch, uncompressed, each within the body and all of them within bounds. */
export function buffersOf(header: RecordBatchHeader, body: Uint8Array): Uint8Array[] {
  let total = 0;
  return header.buffers.map(([offset, length]) => {
    if (offset < 0 || length < 0 || offset + length > body.length) throw malformed('a buffer lies outside its message');
    const bytes = body.subarray(offset, offset + length);
    if (header.compression === undefined || length === 0) return bytes;
    if (length < 8) throw malformed('a compressed buffer without its length');
    const size = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true));
    const compressed = bytes.subarray(8);
    // -1 says that compressing did not pay and the bytes are as they are.
    if (size === -1) return compressed;
    const left = MAX_BODY_BYTES - total;
    if (size < 0 || size > left) throw malformed(`a record batch inflates beyond ${MAX_BODY_BYTES} bytes`);
    const undone = header.compression === 'lz4' ? undoLz4Frame(compressed, size) : undoZstd(compressed, size, left);
    total += undone.length;
    return undone;
  });
}

function undoZstd(bytes: Uint8Array, size: number, most: number): Uint8Array {
  if (size === 0) return new Uint8Array(0);
  let out: Uint8Array;
  try {
    out = zstdDecompressSync(bytes, { maxOutputLength: most, params: { [constants.ZSTD_d_windowLogMax]: 27 } });
  } catch (error) {
    throw malformed(`a zstd buffer cannot be undone (${error instanceof Error ? error.message : String(error)})`);
  }
  // The JavaScript library (apache-arrow 21) writes the compressed length where the other one belongs.
  if (out.length !== size && size !== bytes.length) throw malformed('a zstd buffer of another length than it says');
  // Typed arrays over it have to be aligned, which a pooled buffer is not.
  return out.byteOffset % 8 === 0 ? out : out.slice();
}
