import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { inPieces, readAll } from './byte-streams.ts';
import type { MultipartUpload, ObjectInfo, ObjectStore, PutOptions } from './object-store.ts';

/** R2's error for an upload that was completed or aborted: code 10024, NoSuchUpload. */
const NO_SUCH_UPLOAD = /\(10024\)|NoSuchUpload|upload does not exist/i;

/** The most keys R2 deletes in one call. */
const DELETE_KEYS = 1000;

/** The object store on R2. Source: https://developers.cloudflare.com/r2/api/workers/workers-api-reference/ */
export function r2ObjectStore(bucket: R2Bucket): ObjectStore {
  /** R2 answers a failed condition with the object's metadata and no body. */
  async function get(key: string, etag: string | undefined, range?: R2Range): Promise<R2ObjectBody> {
    const options: R2GetOptions = { ...(range && { range }), ...(etag && { onlyIf: { etagMatches: etag } }) };
    const found = await bucket.get(key, options);
    if (found === null) throw new OrasiError('source_missing', `there is no object ${key}`);
    if (!('body' in found)) throw new OrasiError('source_changed', `object ${key} is no longer ${etag}`);
    return found;
  }

  async function putStream(
    key: string,
    body: ReadableStream<Uint8Array>,
    options: PutOptions,
  ): Promise<ObjectInfo | null> {
    const pieces = inPieces(body, LIMITS.uploadPartBytes);
    const first = await pieces.next();
    let piece = first.value ?? new Uint8Array(0);
    let next = await pieces.next();
    if (next.done) return await put(key, piece, options);
    if (options.ifAbsent && (await bucket.head(key)) !== null) {
      await pieces.return(undefined);
      return null;
    }
    const upload = await bucket.createMultipartUpload(key, metadataOf(options));
    try {
      const parts: R2UploadedPart[] = [];
      for (;;) {
        parts.push(await upload.uploadPart(parts.length + 1, piece));
        if (next.done) break;
        piece = next.value;
        next = await pieces.next();
      }
      return toInfo(await upload.complete(parts));
    } catch (error) {
      // The upload would be aborted by R2 after a week; until then its parts are paid for.
      await upload.abort().catch(() => undefined);
      throw error;
    }
  }

  async function put(
    key: string,
    body: Uint8Array | ReadableStream<Uint8Array>,
    options: PutOptions,
  ): Promise<ObjectInfo | null> {
    const condition = options.ifAbsent ? { onlyIf: { etagDoesNotMatch: '*' } } : {};
    const stored = await bucket.put(key, body, { ...metadataOf(options), ...condition });
    return stored === null ? null : toInfo(stored);
  }

  function toUpload(upload: R2MultipartUpload): MultipartUpload {
    return {
      key: upload.key,
      uploadId: upload.uploadId,
      async uploadPart(part, bytes, sizeBytes) {
        const { partNumber, etag } = await orGone(upload.key, async () => {
          if (bytes instanceof Uint8Array) return await upload.uploadPart(part, bytes);
          if (sizeBytes === undefined) return await upload.uploadPart(part, await readAll(bytes));
          return await withLength(bytes, sizeBytes, (body) => upload.uploadPart(part, body));
        });
        return { part: partNumber, etag };
      },
      async complete(parts) {
        const ordered = parts.map(({ part, etag }) => ({ partNumber: part, etag }));
        return toInfo(await orGone(upload.key, () => upload.complete(ordered)));
      },
      abort: () => upload.abort(),
    };
  }

  return {
    async head(key) {
      const found = await bucket.head(key);
      return found === null ? null : toInfo(found);
    },
    async read(key, offset, length, etag) {
      if (length === 0) return new Uint8Array(0);
      try {
        return new Uint8Array(await (await get(key, etag, { offset, length })).arrayBuffer());
      } catch (error) {
        if (error instanceof OrasiError) throw error;
        // R2 refuses a range that begins beyond the end (10039); the local simulator breaks down over it.
        const found = await bucket.head(key).catch(() => null);
        if (found !== null && offset >= found.size && (etag ?? found.etag) === found.etag) return new Uint8Array(0);
        throw error;
      }
    },
    async stream(key, offset = 0, etag) {
      return inGulps((await get(key, etag, offset === 0 ? undefined : { offset })).body);
    },
    async put(key, body, options = {}) {
      if (body instanceof Uint8Array) return await put(key, body, options);
      if (options.sizeBytes === undefined) return await putStream(key, body, options);
      return await withLength(body, options.sizeBytes, (stream) => put(key, stream, options));
    },
    async createUpload(key, options = {}) {
      return toUpload(await bucket.createMultipartUpload(key, metadataOf(options)));
    },
    resumeUpload: (key, uploadId) => toUpload(bucket.resumeMultipartUpload(key, uploadId)),
    async delete(keys) {
      for (let at = 0; at < keys.length; at += DELETE_KEYS) await bucket.delete(keys.slice(at, at + DELETE_KEYS));
    },
    async list(prefix, cursor, limit = 1000) {
      let token: string | undefined;
      for (;;) {
        const page: R2Objects = await bucket.list({
          prefix,
          limit,
          include: ['httpMetadata', 'customMetadata'],
          ...(token === undefined ? { startAfter: cursor } : { cursor: token }),
        });
        const objects = page.objects.map(toInfo);
        if (!page.truncated) return { objects, cursor: undefined };
        // A page may be empty and not the last; only R2's own cursor leads past it.
        if (objects.length > 0) return { objects, cursor: objects[objects.length - 1].key };
        token = page.cursor;
      }
    },
  };
}

/** Large enough that what a chunk costs does not count, small enough to be held without a thought. */
const GULP_BYTES = 256 * 1024;

/** The same bytes in larger chunks: unless asked, the runtime hands out 4 KB at a time, a turn of the loop each. */
function inGulps(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader({ mode: 'byob' });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.readAtLeast(GULP_BYTES, new Uint8Array(GULP_BYTES));
        if (value !== undefined && value.length > 0) controller.enqueue(value);
        if (done) controller.close();
        else if (value === undefined || value.length === 0) throw new OrasiError('internal', 'a read gave nothing');
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function orGone<T>(key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (NO_SUCH_UPLOAD.test(String(error)))
      throw new OrasiError('gone', `the upload of ${key} has ended`, { cause: error });
    throw error;
  }
}

/** The runtime's error where a stream of a stated length is shorter or longer. */
const WRONG_LENGTH = /FixedLengthStream/;

/** R2 takes a stream only with a length known beforehand, which the runtime attaches to the stream itself. */
async function withLength<T>(
  body: ReadableStream<Uint8Array>,
  sizeBytes: number,
  write: (body: ReadableStream<Uint8Array>) => Promise<T>,
): Promise<T> {
  const { readable, writable } = new FixedLengthStream(sizeBytes);
  const aborted = new AbortController();
  const piped = body.pipeTo(writable, { signal: aborted.signal });
  const written = write(readable).catch((error: unknown) => {
    // Nobody reads on, so nobody would ever be done writing.
    aborted.abort(error);
    throw error;
  });
  const [result, pipe] = await Promise.allSettled([written, piped]);
  const faults = [result, pipe].flatMap((settled) =>
    settled.status === 'rejected' ? [settled.reason as unknown] : [],
  );
  if (faults.some((fault) => WRONG_LENGTH.test(String(fault)))) {
    throw new OrasiError('bad_request', `the body is not the ${sizeBytes} bytes it was said to be`, {
      cause: faults[0],
    });
  }
  if (result.status === 'rejected') throw pipe.status === 'rejected' ? pipe.reason : result.reason;
  return result.value;
}

function metadataOf({ metadata, contentType, contentEncoding }: PutOptions): R2PutOptions & R2MultipartOptions {
  return {
    ...(metadata && { customMetadata: { ...metadata } }),
    httpMetadata: { ...(contentType && { contentType }), ...(contentEncoding && { contentEncoding }) },
  };
}

function toInfo(object: R2Object): ObjectInfo {
  return {
    key: object.key,
    sizeBytes: object.size,
    etag: object.etag,
    uploadedAtMs: object.uploaded.getTime(),
    metadata: object.customMetadata ?? {},
    contentType: object.httpMetadata?.contentType,
    contentEncoding: object.httpMetadata?.contentEncoding,
  };
}
