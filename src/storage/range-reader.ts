import type { RangeReader } from '../core/bytes.ts';
import { OrasiError } from '../core/errors.ts';
import type { ObjectStore } from './object-store.ts';

/** Random access to one version of an object; a read throws `source_changed` or `source_missing` where it is gone. */
export function objectReader(
  store: ObjectStore,
  { key, sizeBytes, etag }: { readonly key: string; readonly sizeBytes: number; readonly etag: string },
): RangeReader {
  return {
    sizeBytes,
    async read(offset, length) {
      if (offset < 0 || offset + length > sizeBytes) {
        throw new RangeError(`read ${offset}+${length} leaves ${key} of ${sizeBytes} bytes`);
      }
      if (length === 0) return new Uint8Array(0);
      const bytes = await store.read(key, offset, length, etag);
      if (bytes.length !== length) {
        throw new OrasiError('unavailable', `${key} gave ${bytes.length} bytes of ${length}`, { retryAfterSeconds: 1 });
      }
      return bytes;
    },
  };
}
