import { concatBytes } from '../core/bytes.ts';
import { OrasiError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import { uploadKey } from '../storage/layout.ts';
import type { ObjectInfo } from '../storage/object-store.ts';
import type { UploadPart, UploadRecord } from '../storage/uploads.ts';
import { enterUpload, type IncomingObject } from './doors.ts';
import { metadataOf } from './object-metadata.ts';
import type { IngestPorts } from './ports.ts';

/** R2 refuses smaller parts, but for the last. */
const SMALLEST_PART_BYTES = 5 * 1024 * 1024;

/** An upload as a request addresses it: under another dataset's path there is none. */
export interface UploadRef {
  readonly namespaceUid: string;
  readonly dataset: string;
  readonly uploadId: string;
}

/** Begins a resumable upload in parts of one size. Throws `bad_request` where the size is not one that can be. */
export async function createUpload(
  ports: IngestPorts,
  object: IncomingObject,
  partBytes: number = LIMITS.uploadPartBytes,
): Promise<UploadRecord> {
  if (!Number.isInteger(partBytes) || partBytes < SMALLEST_PART_BYTES || partBytes > LIMITS.requestBodyBytes) {
    const message = `expected ${SMALLEST_PART_BYTES} to ${LIMITS.requestBodyBytes} bytes`;
    throw new OrasiError('bad_request', `partBytes: ${message}`, { errors: [{ path: 'partBytes', message }] });
  }
  const uploadId = newId(ports.clock, ports.random);
  const key = uploadKey(object.namespaceUid, uploadId);
  const upload = await ports.store.createUpload(key, metadataOf({ ...object, uploadId }));
  const record = { ...object, uploadId, key, storageUploadId: upload.uploadId, partBytes };
  if (!(await ports.catalog.uploads.create(record))) {
    await upload.abort();
    throw new OrasiError('gone', `namespace "${object.namespace}" was deleted`);
  }
  return await openUpload(ports, { ...object, uploadId });
}

/**
 * Stores one part, in any order and as often as it takes. Throws `not_found`, `gone` where the upload has ended, and
 * `bad_request` or `payload_too_large` where number or size are not right.
 */
export async function putUploadPart(
  ports: IngestPorts,
  ref: UploadRef,
  part: number,
  body: Uint8Array | ReadableStream<Uint8Array>,
  sizeBytes?: number,
): Promise<UploadPart> {
  const upload = await openUpload(ports, ref);
  if (!Number.isInteger(part) || part < 1 || part > LIMITS.uploadParts) {
    throw badPart(`expected a number from 1 to ${LIMITS.uploadParts}`);
  }
  const bytes = body instanceof Uint8Array || sizeBytes !== undefined ? body : await readPart(body, upload.partBytes);
  const size = bytes instanceof Uint8Array ? bytes.length : (sizeBytes ?? 0);
  if (size === 0) throw badPart('expected at least one byte');
  if (size > upload.partBytes) throw partTooLarge(upload.partBytes);
  const { etag } = await ports.store.resumeUpload(upload.key, upload.storageUploadId).uploadPart(part, bytes, size);
  const stored = { part, etag, sizeBytes: size };
  const { namespaceUid, uploadId } = ref;
  if (!(await ports.catalog.uploads.putPart(namespaceUid, uploadId, stored))) throw ended(uploadId);
  return stored;
}

/** What a client says its upload comes to, so that parts it forgot at the end are noticed. */
export interface ExpectedUpload {
  readonly parts?: number;
  readonly sizeBytes?: number;
}

/**
 * Makes an object of the parts and enters it in the ledger; repeating it gives the same object. Throws `bad_request`
 * where a part is missing or has the wrong size, or they are not what is expected.
 */
export async function completeUpload(
  ports: IngestPorts,
  ref: UploadRef,
  expected: ExpectedUpload = {},
): Promise<LedgerObject> {
  const { namespaceUid, uploadId } = ref;
  const upload = await findUpload(ports, ref);
  if (upload.state === 'completed' && upload.objectId !== undefined) {
    const object = await ports.catalog.ledger.get(namespaceUid, upload.objectId);
    if (object === null) throw new OrasiError('gone', `the object of upload "${uploadId}" was deleted`);
    return object;
  }
  if (upload.state !== 'open') throw ended(uploadId);
  const parts = await ports.catalog.uploads.parts(namespaceUid, uploadId);
  checkParts(parts, upload.partBytes);
  checkExpected(parts, expected);
  const stored = await storeParts(ports, upload, parts);
  await ports.faults.reach('after-upload');
  const object = await enterUpload(ports, upload, stored, true);
  await ports.catalog.uploads.complete(namespaceUid, uploadId, object.objectId);
  return object;
}

/** Gives an upload up; its parts are removed. Throws where it is not open. */
export async function abortUpload(ports: IngestPorts, ref: UploadRef): Promise<void> {
  const upload = await openUpload(ports, ref);
  await ports.catalog.uploads.abort(ref.namespaceUid, ref.uploadId);
  await ports.store.resumeUpload(upload.key, upload.storageUploadId).abort();
}

/** What is there so far, for a client that resumes. */
export async function readUpload(
  ports: IngestPorts,
  ref: UploadRef,
): Promise<{ readonly upload: UploadRecord; readonly parts: readonly UploadPart[] }> {
  const upload = await findUpload(ports, ref);
  return { upload, parts: await ports.catalog.uploads.parts(ref.namespaceUid, ref.uploadId) };
}

async function storeParts(ports: IngestPorts, upload: UploadRecord, parts: readonly UploadPart[]): Promise<ObjectInfo> {
  try {
    return await ports.store.resumeUpload(upload.key, upload.storageUploadId).complete(parts);
  } catch (error) {
    // A request that died here before may have made the object without living to say so.
    const stored = error instanceof OrasiError && error.code === 'gone' ? await ports.store.head(upload.key) : null;
    if (stored === null) throw error;
    return stored;
  }
}

function checkParts(parts: readonly UploadPart[], partBytes: number): void {
  if (parts.length === 0) throw badPart('the upload has no parts');
  const missing = parts.findIndex(({ part }, i) => part !== i + 1);
  if (missing >= 0) throw badPart(`part ${missing + 1} is missing`);
  const short = parts.slice(0, -1).find(({ sizeBytes }) => sizeBytes !== partBytes);
  if (short !== undefined)
    throw badPart(`part ${short.part} has ${short.sizeBytes} bytes; all but the last have ${partBytes}`);
}

function checkExpected(parts: readonly UploadPart[], expected: ExpectedUpload): void {
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  const told: [keyof ExpectedUpload, number][] = [
    ['parts', parts.length],
    ['sizeBytes', sizeBytes],
  ];
  for (const [path, there] of told) {
    const wanted = expected[path];
    if (wanted === undefined || wanted === there) continue;
    const message = `${there} are there, ${wanted} were expected`;
    throw new OrasiError('bad_request', `${path}: ${message}`, { errors: [{ path: `query.${path}`, message }] });
  }
}

async function findUpload(ports: IngestPorts, { namespaceUid, dataset, uploadId }: UploadRef): Promise<UploadRecord> {
  const upload = await ports.catalog.uploads.get(namespaceUid, uploadId);
  if (upload === null || upload.dataset !== dataset)
    throw new OrasiError('not_found', `there is no upload "${uploadId}"`);
  return upload;
}

async function openUpload(ports: IngestPorts, ref: UploadRef): Promise<UploadRecord> {
  const upload = await findUpload(ports, ref);
  if (upload.state !== 'open') throw ended(ref.uploadId);
  return upload;
}

/** A part whose length the client does not say is small enough to be held. */
async function readPart(body: ReadableStream<Uint8Array>, partBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > partBytes) throw partTooLarge(partBytes);
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

function ended(uploadId: string): OrasiError {
  return new OrasiError('gone', `upload "${uploadId}" has ended`);
}

function partTooLarge(partBytes: number): OrasiError {
  return new OrasiError('payload_too_large', `a part of this upload has at most ${partBytes} bytes`);
}

function badPart(message: string): OrasiError {
  return new OrasiError('bad_request', `part: ${message}`, { errors: [{ path: 'part', message }] });
}
