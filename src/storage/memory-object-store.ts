import { concatBytes, toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { OrasiError } from '../core/errors.ts';
import { readAll } from './byte-streams.ts';
import type { MultipartUpload, ObjectInfo, ObjectStore, PutOptions } from './object-store.ts';

interface Stored {
  readonly info: ObjectInfo;
  readonly bytes: Uint8Array;
}

/** An object store in memory, for tests and simulation. As in R2, the same bytes under the same key have the same etag. */
export function memoryObjectStore(clock: Clock): ObjectStore {
  const objects = new Map<string, Stored>();
  const uploads = new Map<string, { options: PutOptions; parts: Map<number, Uint8Array> }>();
  let uploadCount = 0;

  function store(key: string, bytes: Uint8Array, options: PutOptions, etag: string): ObjectInfo {
    const info: ObjectInfo = {
      key,
      sizeBytes: bytes.length,
      etag,
      uploadedAtMs: clock.now(),
      metadata: { ...options.metadata },
      contentType: options.contentType,
      contentEncoding: options.contentEncoding,
    };
    objects.set(key, { info, bytes: bytes.slice() });
    return info;
  }

  function open(key: string, etag: string | undefined): Uint8Array {
    const found = objects.get(key);
    if (found === undefined) throw new OrasiError('source_missing', `there is no object ${key}`);
    if (etag !== undefined && found.info.etag !== etag) {
      throw new OrasiError('source_changed', `object ${key} is no longer ${etag}`);
    }
    return found.bytes;
  }

  function upload(key: string, uploadId: string): MultipartUpload {
    const find = () => {
      const found = uploads.get(`${key}\0${uploadId}`);
      if (found === undefined) throw new OrasiError('gone', `there is no upload ${uploadId} of ${key}`);
      return found;
    };
    return {
      key,
      uploadId,
      async uploadPart(part, body) {
        const bytes = body instanceof Uint8Array ? body.slice() : await readAll(body);
        find().parts.set(part, bytes);
        return { part, etag: await etagOf(bytes) };
      },
      async complete(parts) {
        const { options, parts: stored } = find();
        const bytes = parts.map(({ part }) => stored.get(part) ?? new Uint8Array(0));
        if (bytes.slice(0, -1).some((chunk) => chunk.length !== bytes[0].length)) {
          throw new OrasiError('bad_request', 'all parts but the last have the same size');
        }
        uploads.delete(`${key}\0${uploadId}`);
        const whole = concatBytes(bytes);
        return store(key, whole, options, `${await etagOf(whole)}-${parts.length}`);
      },
      async abort() {
        uploads.delete(`${key}\0${uploadId}`);
      },
    };
  }

  return {
    async head(key) {
      return objects.get(key)?.info ?? null;
    },
    async read(key, offset, length, etag) {
      return open(key, etag).slice(offset, offset + length);
    },
    async stream(key, offset = 0, etag) {
      const bytes = open(key, etag);
      let at = offset;
      return new ReadableStream({
        pull(controller) {
          if (at >= bytes.length) return controller.close();
          const end = Math.min(bytes.length, at + 65_536);
          controller.enqueue(bytes.slice(at, end));
          at = end;
        },
      });
    },
    async put(key, body, options = {}) {
      const bytes = body instanceof Uint8Array ? body : await readAll(body);
      if (options.sizeBytes !== undefined && bytes.length !== options.sizeBytes) {
        throw new OrasiError('bad_request', `the body is not the ${options.sizeBytes} bytes it was said to be`);
      }
      const etag = await etagOf(bytes);
      if (options.ifAbsent && objects.has(key)) return null;
      return store(key, bytes, options, etag);
    },
    async createUpload(key, options = {}) {
      const uploadId = `upload-${++uploadCount}`;
      uploads.set(`${key}\0${uploadId}`, { options, parts: new Map() });
      return upload(key, uploadId);
    },
    resumeUpload: upload,
    async delete(keys) {
      for (const key of keys) objects.delete(key);
    },
    async list(prefix, cursor = '', limit = 1000) {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > cursor).sort();
      const page = keys.slice(0, limit);
      return {
        objects: page.flatMap((key) => objects.get(key)?.info ?? []),
        cursor: keys.length > page.length ? page[page.length - 1] : undefined,
      };
    },
  };
}

async function etagOf(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()));
  return toHex(digest.subarray(0, 16));
}
