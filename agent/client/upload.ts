import { LIMITS } from '../../src/core/limits.ts';
import { type Random, systemRandom } from '../../src/core/random.ts';
import { type Backoff, pause, pauseMs } from './backoff.ts';
import { type Client, pathOf } from './client.ts';
import { ApiError, isTransient } from './errors.ts';

/** An object version as the API shows it. */
export interface ObjectView {
  readonly objectId: string;
  readonly dataset: string;
  readonly name: string;
  readonly format: string | null;
  readonly sizeBytes: number;
  readonly state: 'received' | 'processing' | 'committed' | 'failed';
  readonly rowsCommitted: number;
  readonly rowsQuarantined: number;
  readonly error?: { readonly code: string; readonly message: string };
}

interface UploadView {
  readonly uploadId: string;
  readonly name: string;
  readonly partBytes: number;
  readonly state: 'open' | 'completed' | 'aborted';
  readonly parts: readonly { readonly part: number; readonly sizeBytes: number }[];
}

/** Bytes by ranges, each as often as it takes. */
export interface PartSource {
  /** Null where it is known only at the end. */
  readonly sizeBytes: number | null;
  /** The bytes of one part, at most `partBytes` of them; null beyond the end. Asked for in order. */
  read(part: number, partBytes: number): Promise<Uint8Array | null>;
}

export interface UploadRequest {
  readonly namespace: string;
  readonly dataset: string;
  readonly name: string;
  readonly format?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  /** Otherwise the smallest that gets by with as many parts as there may be. */
  readonly partBytes?: number;
  /** Takes an upload up that was begun before: parts that are there in full are not sent again. */
  readonly resume?: string;
  /** Seconds the server holds its answer at most, until the object is committed or failed. */
  readonly waitSeconds: number;
  readonly onBegin?: (uploadId: string) => void;
  /** Told after each part: bytes that are there now. */
  readonly onProgress?: (sentBytes: number) => void;
  readonly onRetry?: (part: number, error: unknown) => void;
  readonly random?: Random;
  readonly backoff?: Backoff;
}

/** A part is tried so often before the upload is given up; it can still be resumed. */
const ATTEMPTS = 8;
const BACKOFF: Backoff = { firstMs: 500, capMs: 15_000 };
/** A whole part without an answer: longer than a slow line needs for the largest. */
const PART_IDLE_MS = 120_000;

/**
 * Uploads in equal parts, one after the other, each repeated over broken connections; all of it is in one object or
 * none is, since `complete` is told what there should be. Throws what the last attempt threw.
 */
export async function uploadParts(client: Client, source: PartSource, request: UploadRequest): Promise<ObjectView> {
  const uploads = pathOf('v1', 'namespaces', request.namespace, 'datasets', request.dataset, 'uploads');
  const repeat = <T>(part: number, work: () => Promise<T>) => repeated(work, part, request);
  const upload = await repeat(0, () => begun(client, uploads, source, request));
  if (upload.state !== 'open') throw new Error(`upload ${upload.uploadId} is ${upload.state}; begin a new one`);
  const { uploadId, partBytes } = upload;
  request.onBegin?.(uploadId);
  const present = new Map(upload.parts.map(({ part, sizeBytes }) => [part, sizeBytes]));
  let sentBytes = 0;
  let parts = 0;
  for (;;) {
    const bytes = await source.read(parts + 1, partBytes);
    if (bytes === null) break;
    const part = ++parts;
    if (part > LIMITS.uploadParts) throw new Error(`it does not fit ${LIMITS.uploadParts} parts; choose larger ones`);
    if (present.get(part) !== bytes.length) {
      const path = uploads + pathOf(uploadId, 'parts', part);
      await repeat(part, () => client.send({ method: 'PUT', path, body: bytes, idleMs: PART_IDLE_MS }));
    }
    sentBytes += bytes.length;
    request.onProgress?.(sentBytes);
    if (bytes.length < partBytes) break;
  }
  return await repeat(parts, () =>
    client.json<ObjectView>({
      method: 'POST',
      path: uploads + pathOf(uploadId, 'complete'),
      query: { parts, sizeBytes: sentBytes, wait: request.waitSeconds },
      idleMs: PART_IDLE_MS + request.waitSeconds * 1000,
    }),
  );
}

async function begun(client: Client, uploads: string, source: PartSource, request: UploadRequest): Promise<UploadView> {
  if (request.resume !== undefined) {
    return await client.json<UploadView>({ method: 'GET', path: uploads + pathOf(request.resume) });
  }
  const { name, format, contentType, contentEncoding } = request;
  const partBytes = request.partBytes ?? partBytesFor(source.sizeBytes);
  return await client.json<UploadView>({
    method: 'POST',
    path: uploads,
    json: { name, format, contentType, contentEncoding, partBytes },
  });
}

const MiB = 1024 * 1024;

/** The size of parts for a source of `sizeBytes`, whole MiB of it. */
export function partBytesFor(sizeBytes: number | null): number {
  if (sizeBytes === null) return LIMITS.uploadPartBytes;
  return Math.max(LIMITS.uploadPartBytes, Math.ceil(sizeBytes / LIMITS.uploadParts / MiB) * MiB);
}

async function repeated<T>(work: () => Promise<T>, part: number, request: UploadRequest): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isTransient(error)) throw error;
      request.onRetry?.(part, error);
      const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
      await pause(Math.max(asked, pauseMs(request.backoff ?? BACKOFF, attempt, request.random ?? systemRandom)));
    }
  }
}
