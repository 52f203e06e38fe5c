import type { BucketEvent, IngestMessage } from '../core/protocol/messages.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import type { UploadPart, UploadRecord } from '../storage/uploads.ts';
import { type CleanPage, cleanNamespace } from './clean-namespace.ts';
import { eraseNamespace } from './collect.ts';
import { acceptUpload, type IncomingObject, readQuarantine, retryObject, takeInFound } from './doors.ts';
import { handleBatch, type MessageOutcome } from './handle-batch.ts';
import { type MergeReport, mergeSegments } from './merge-segments.ts';
import type { IngestPorts } from './ports.ts';
import { type SweepOptions, type SweepReport, sweep } from './sweep.ts';
import {
  abortUpload,
  completeUpload,
  createUpload,
  type ExpectedUpload,
  putUploadPart,
  readUpload,
  type UploadRef,
} from './uploads.ts';

type Body = Uint8Array | ReadableStream<Uint8Array>;

/** Everything the doors ask of ingestion. */
export interface Ingest {
  /** See `acceptUpload`. */
  put(object: IncomingObject, body: Body, sizeBytes?: number): Promise<LedgerObject>;
  readonly uploads: {
    /** See `src/ingest/uploads.ts`. */
    create(object: IncomingObject, partBytes?: number): Promise<UploadRecord>;
    get(upload: UploadRef): Promise<{ readonly upload: UploadRecord; readonly parts: readonly UploadPart[] }>;
    putPart(upload: UploadRef, part: number, body: Body, sizeBytes?: number): Promise<UploadPart>;
    complete(upload: UploadRef, expected?: ExpectedUpload): Promise<LedgerObject>;
    abort(upload: UploadRef): Promise<void>;
  };
  /** See `takeInFound`. */
  takeIn(namespaceUid: string, key: string, format?: string): Promise<LedgerObject | null>;
  /** Puts a failed object back to be taken in; null where it is not failed. */
  retry(namespaceUid: string, objectId: string): Promise<LedgerObject | null>;
  /** The rows of an object that were set aside, as NDJSON. */
  quarantine(namespaceUid: string, objectId: string): Promise<ReadableStream<Uint8Array>>;
  /** Does what the messages of a queue batch ask, and says of each what became of it. Never throws. */
  handle(messages: readonly (IngestMessage | BucketEvent)[]): Promise<readonly MessageOutcome[]>;
  /** Marks the object of a message that the queue gave up as failed, unless somebody is at work on it or it has ended. */
  abandon(message: IngestMessage): Promise<boolean>;
  /** See `sweep`. Never throws. */
  sweep(options?: SweepOptions): Promise<SweepReport>;
  /** See `mergeSegments`. */
  merge(
    namespace: { readonly name: string; readonly uid: string },
    dataset: string,
    smallerThanRows: number,
  ): Promise<MergeReport | null>;
  /** See `cleanNamespace`. */
  clean(namespaceUid: string, olderThanMs: number, cursor?: string): Promise<CleanPage>;
  /** See `eraseNamespace`. */
  eraseNamespace(name: string, uid: string): Promise<boolean>;
}

/** The machine that takes objects in, over its ports. */
export function createIngest(ports: IngestPorts): Ingest {
  return {
    put: (object, body, sizeBytes) => acceptUpload(ports, object, body, sizeBytes),
    uploads: {
      create: (object, partBytes) => createUpload(ports, object, partBytes),
      get: (upload) => readUpload(ports, upload),
      putPart: (upload, part, body, sizeBytes) => putUploadPart(ports, upload, part, body, sizeBytes),
      complete: (upload, expected) => completeUpload(ports, upload, expected),
      abort: (upload) => abortUpload(ports, upload),
    },
    takeIn: (namespaceUid, key, format) => takeInFound(ports, namespaceUid, key, format),
    retry: (namespaceUid, objectId) => retryObject(ports, namespaceUid, objectId),
    quarantine: (namespaceUid, objectId) => readQuarantine(ports, namespaceUid, objectId),
    handle: (messages) => handleBatch(ports, messages),
    abandon: ({ namespaceUid, objectId }) =>
      ports.catalog.ledger.abandon(namespaceUid, objectId, {
        code: 'attempts_exhausted',
        message: 'the queue gave up delivering its message',
      }),
    merge: (namespace, dataset, smallerThanRows) => mergeSegments(ports, namespace, dataset, smallerThanRows),
    clean: (namespaceUid, olderThanMs, cursor) => cleanNamespace(ports, namespaceUid, olderThanMs, cursor),
    sweep: (options) => sweep(ports, options),
    eraseNamespace: (name, uid) => eraseNamespace(ports, name, uid),
  };
}
