import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { OrasiError } from '../core/errors.ts';
import { lz4Uncompress } from './lz4.ts';
import type { Codec } from './metadata.ts';
import { snappyUncompress } from './snappy.ts';
import { malformed } from './thrift.ts';

/**
 * Undoes a page's compression. The result has exactly `uncompressedBytes`, which the page header has
 * bounded; a stream that holds more is stopped there. Throws `malformed_input`.
 */
export function uncompress(codec: Codec, input: Uint8Array, uncompressedBytes: number): Uint8Array {
  if (codec === 'UNCOMPRESSED') return checkedSize(input, uncompressedBytes);
  // An empty page may be stored as no bytes at all, which no codec would accept.
  if (uncompressedBytes === 0) return new Uint8Array(0);
  try {
    return checkedSize(run(codec, input, uncompressedBytes), uncompressedBytes);
  } catch (error) {
    if (error instanceof OrasiError) throw error;
    throw malformed(`a ${codec} page cannot be uncompressed: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * The Workers runtime grows its output in pieces and refuses one that may pass the bound, even where the data ends
 * before it: a tight bound failed 149 of 400 sound zstd frames, 64 KiB more none. The size is checked afterwards.
 */
const OUTPUT_SLACK_BYTES = 128 * 1024;

function run(codec: Exclude<Codec, 'UNCOMPRESSED'>, input: Uint8Array, uncompressedBytes: number): Uint8Array {
  const limit = { maxOutputLength: uncompressedBytes + OUTPUT_SLACK_BYTES };
  switch (codec) {
    case 'SNAPPY':
      return snappyUncompress(input, uncompressedBytes);
    // Concatenated members are one stream.
    case 'GZIP':
      return gunzipSync(input, limit);
    case 'ZSTD':
      return zstdDecompressSync(input, limit);
    case 'BROTLI':
      return brotliDecompressSync(input, limit);
    case 'LZ4_RAW':
      return lz4Uncompress(input, uncompressedBytes);
    case 'LZ4':
    case 'LZO':
      throw malformed(`the codec ${codec} is not supported; write the file with SNAPPY, ZSTD, GZIP or LZ4_RAW`);
  }
}

function checkedSize(output: Uint8Array, expectedBytes: number): Uint8Array {
  if (output.length !== expectedBytes) {
    throw malformed(`a page has ${output.length} bytes where its header says ${expectedBytes}`);
  }
  return output;
}
