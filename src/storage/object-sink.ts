import type { ByteSink } from '../core/bytes.ts';
import { concatBytes } from '../core/bytes.ts';
import { LIMITS } from '../core/limits.ts';
import type { MultipartUpload, ObjectInfo, ObjectStore, PutOptions } from './object-store.ts';

/** A new object under construction. What fits a part is written in one go; more goes up in parts, one held at a time. */
export interface ObjectSink extends ByteSink {
  /** Writes what is left. Null where the key already holds something: nothing is overwritten. */
  finish(): Promise<ObjectInfo | null>;
  /** Throws away what was written. */
  abort(): Promise<void>;
}

/**
 * Writes a new object front to back in constant memory. The store makes only a small one's "create only if absent"
 * atomic; of a large one the key is looked up first, which is enough for keys that one attempt alone may write.
 */
export function createObjectSink(
  store: ObjectStore,
  key: string,
  options: Omit<PutOptions, 'ifAbsent'> = {},
): ObjectSink {
  const partBytes = LIMITS.uploadPartBytes;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let upload: MultipartUpload | undefined;
  const parts: { part: number; etag: string }[] = [];

  async function sendPart(bytes: Uint8Array): Promise<void> {
    upload ??= await store.createUpload(key, options);
    parts.push(await upload.uploadPart(parts.length + 1, bytes));
  }

  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        if (heldBytes === partBytes) {
          await sendPart(concatBytes(held));
          held = [];
          heldBytes = 0;
        }
        const take = Math.min(partBytes - heldBytes, bytes.length - at);
        held.push(bytes.subarray(at, at + take));
        heldBytes += take;
        at += take;
      }
    },
    async finish() {
      const last = concatBytes(held);
      if (upload === undefined) return await store.put(key, last, { ...options, ifAbsent: true });
      if ((await store.head(key)) !== null) {
        await upload.abort();
        return null;
      }
      await sendPart(last);
      return await upload.complete(parts);
    },
    async abort() {
      await upload?.abort();
    },
  };
}
