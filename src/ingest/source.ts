import type { DecodeSource } from '../formats/format.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { objectReader } from '../storage/range-reader.ts';

/** One version of a stored object: what is read is that version, or the read throws. */
export interface StoredBytes {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
}

/** The bytes of a stored object as a decoder takes them. */
export function storedSource(store: ObjectStore, bytes: StoredBytes): DecodeSource {
  return {
    sizeBytes: bytes.sizeBytes,
    // A range that begins at the end is no range to the store.
    stream: async (offset) =>
      offset >= bytes.sizeBytes ? new Blob([]).stream() : await store.stream(bytes.key, offset, bytes.etag),
    ranges: objectReader(store, bytes),
  };
}

/** Small bytes in memory as a decoder takes them. */
export function memorySource(bytes: Uint8Array): DecodeSource {
  return {
    sizeBytes: bytes.length,
    stream: async (offset) => new Blob([bytes.slice(offset)]).stream(),
    ranges: {
      sizeBytes: bytes.length,
      read: async (offset, length) => bytes.subarray(offset, offset + length),
    },
  };
}
