import type { MultipartUpload, ObjectStore } from './object-store.ts';

/** What an object store was asked to do. R2 bills class A (writes, lists) and class B (reads); deletes are free. */
export interface StoreCounts {
  classA: number;
  classB: number;
  deletes: number;
  bytesRead: number;
  bytesWritten: number;
}

/** Counts at zero. */
export function newStoreCounts(): StoreCounts {
  return { classA: 0, classB: 0, deletes: 0, bytesRead: 0, bytesWritten: 0 };
}

/** The same store, counting. Bytes of a stream count as they pass. */
export function countingObjectStore(store: ObjectStore, counts: StoreCounts): ObjectStore {
  const passing = (stream: ReadableStream<Uint8Array>, count: (bytes: number) => void) =>
    stream.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          count(chunk.length);
          controller.enqueue(chunk);
        },
      }),
    );
  const written = (body: Uint8Array | ReadableStream<Uint8Array>) => {
    if (!(body instanceof Uint8Array)) {
      return passing(body, (bytes) => {
        counts.bytesWritten += bytes;
      });
    }
    counts.bytesWritten += body.length;
    return body;
  };
  const countUpload = (upload: MultipartUpload): MultipartUpload => ({
    key: upload.key,
    uploadId: upload.uploadId,
    uploadPart(part, bytes, sizeBytes) {
      counts.classA++;
      return upload.uploadPart(part, written(bytes), sizeBytes);
    },
    complete(parts) {
      counts.classA++;
      return upload.complete(parts);
    },
    abort: () => upload.abort(),
  });
  return {
    head(key) {
      counts.classB++;
      return store.head(key);
    },
    async read(key, offset, length, etag) {
      counts.classB++;
      const bytes = await store.read(key, offset, length, etag);
      counts.bytesRead += bytes.length;
      return bytes;
    },
    async stream(key, offset, etag) {
      counts.classB++;
      return passing(await store.stream(key, offset, etag), (bytes) => {
        counts.bytesRead += bytes;
      });
    },
    put(key, body, options) {
      counts.classA++;
      return store.put(key, written(body), options);
    },
    async createUpload(key, options) {
      counts.classA++;
      return countUpload(await store.createUpload(key, options));
    },
    resumeUpload: (key, uploadId) => countUpload(store.resumeUpload(key, uploadId)),
    delete(keys) {
      counts.deletes += keys.length;
      return store.delete(keys);
    },
    list(prefix, cursor, limit) {
      counts.classA++;
      return store.list(prefix, cursor, limit);
    },
  };
}
