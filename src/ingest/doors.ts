import { OrasiError } from '../core/errors.ts';
import { newId, objectIdOf } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { BucketEvent } from '../core/protocol/messages.ts';
import type { DecodeInfo, LedgerObject } from '../storage/catalog-records.ts';
import { DATASET_NAME, inboxKey, parseInboxKey, uploadKey } from '../storage/layout.ts';
import type { ObjectRef, Registration } from '../storage/ledger.ts';
import type { ObjectInfo } from '../storage/object-store.ts';
import { decodeOf, metadataOf, type UploadMetadata } from './object-metadata.ts';
import type { IngestPorts } from './ports.ts';

/** An object as a request hands it over, its names checked. */
export interface IncomingObject {
  readonly namespace: string;
  readonly namespaceUid: string;
  readonly dataset: string;
  readonly name: string;
  readonly decode: DecodeInfo;
}

/**
 * Stores a body and enters it in the ledger; from then on it is taken in whatever happens to the caller.
 * Known to be `sizeBytes` long, it is stored in one piece. Throws `gone` where dataset or namespace is deleted
 * meanwhile.
 */
export async function acceptUpload(
  ports: IngestPorts,
  object: IncomingObject,
  body: Uint8Array | ReadableStream<Uint8Array>,
  sizeBytes?: number,
): Promise<LedgerObject> {
  const uploadId = newId(ports.clock, ports.random);
  const metadata: UploadMetadata = { ...object, uploadId };
  const stored = await ports.store.put(uploadKey(object.namespaceUid, uploadId), body, {
    ...metadataOf(metadata),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
  });
  if (stored === null) throw new OrasiError('internal', 'an unconditional write was refused');
  await ports.faults.reach('after-upload');
  return await enterUpload(ports, object, stored, true);
}

/** Enters a stored upload in the ledger and wakes the consumer. `explicit` as in `NewObject`. */
export async function enterUpload(
  ports: IngestPorts,
  object: IncomingObject,
  stored: ObjectInfo,
  explicit: boolean,
): Promise<LedgerObject> {
  const registration = await register(ports, object, stored, explicit);
  // Not to be taken in, or the same version came before and its bytes are kept; left behind, the sweep would find these.
  if (registration?.object.key !== stored.key) {
    await ports.store.delete([stored.key]).catch((error: unknown) => ports.log.warn('copy not removed', { error }));
  }
  if (registration === null) {
    throw new OrasiError('gone', `dataset "${object.dataset}" or its namespace was deleted during the upload`);
  }
  await wake(ports, registration);
  return registration.object;
}

/**
 * Takes up an event notification. It is only a hint, perhaps late: what counts is what the key holds now. Null where
 * there is nothing to take in: a deletion, a key outside the inbox or by a wrong name, an object gone or known.
 */
export async function acceptEvent(ports: IngestPorts, event: BucketEvent): Promise<ObjectRef | null> {
  if (event.bucket !== ports.bucketName || event.action === 'DeleteObject' || event.action === 'LifecycleDeletion')
    return null;
  const names = parseInboxKey(event.object.key);
  if (names === null || inboxProblem(event.object.key) !== undefined) return null;
  const namespaceUid = await ports.control.namespaceUid(names.namespace);
  if (namespaceUid === null) return null;
  const stored = await ports.store.head(event.object.key);
  if (stored === null) return null;
  const registration = await registerFound(ports, namespaceUid, stored);
  return registration === null ? null : { namespaceUid, objectId: registration.object.objectId };
}

/**
 * Enters an object that was found in the bucket; null where it is not to be taken in. Nobody is woken. Its names are
 * those of its key in the inbox, unless said otherwise.
 */
export async function registerFound(
  ports: IngestPorts,
  namespaceUid: string,
  stored: ObjectInfo,
  object?: IncomingObject,
): Promise<Registration | null> {
  if (object !== undefined) return await register(ports, object, stored, false);
  const names = parseInboxKey(stored.key);
  if (names === null || inboxProblem(stored.key) !== undefined) return null;
  return await register(ports, { ...names, namespaceUid, decode: decodeOf(stored) }, stored, false);
}

/**
 * Takes in what is at a key of the inbox now, because somebody asks for it: an earlier deletion does not stand against
 * it. `format` as a request would name it. Null where nothing is there, or it is not to be taken in.
 */
export async function takeInFound(
  ports: IngestPorts,
  namespaceUid: string,
  key: string,
  format: string | undefined,
): Promise<LedgerObject | null> {
  const names = parseInboxKey(key);
  if (names === null || inboxProblem(key) !== undefined) return null;
  const stored = await ports.store.head(key);
  if (stored === null) return null;
  const decode = { ...decodeOf(stored), ...(format === undefined ? {} : { format }) };
  const registration = await register(ports, { ...names, namespaceUid, decode }, stored, true);
  if (registration === null) return null;
  await wake(ports, registration);
  return registration.object;
}

/** Wakes the consumer for an object that was found; whether there is work that was not there before. */
export async function enterFound(ports: IngestPorts, registration: Registration | null): Promise<boolean> {
  if (registration === null) return false;
  await wake(ports, registration);
  return registration.fresh;
}

async function register(
  ports: IngestPorts,
  object: IncomingObject,
  stored: ObjectInfo,
  explicit: boolean,
): Promise<Registration | null> {
  const { namespace, namespaceUid, dataset, name, decode } = object;
  const { datasets } = ports.catalog;
  const datasetId = explicit
    ? await datasets.ensure(namespaceUid, dataset)
    : await datasets.ensureFor(namespaceUid, dataset, stored.uploadedAtMs);
  if (datasetId === null) return null;
  return await ports.catalog.ledger.register({
    namespaceUid,
    namespace,
    objectId: await objectIdOf(ports.bucketName, inboxKey(object), stored.etag),
    datasetId,
    dataset,
    name,
    key: stored.key,
    etag: stored.etag,
    sizeBytes: stored.sizeBytes,
    uploadedAtMs: stored.uploadedAtMs,
    decode,
    explicit,
  });
}

async function wake(ports: IngestPorts, { object, fresh }: Registration): Promise<void> {
  if (!fresh) return;
  const { namespaceUid, objectId } = object;
  try {
    await ports.ingestQueue.send([{ v: 1, type: 'ingest', namespaceUid, objectId }]);
  } catch (error) {
    // The ledger has the object, so it is accepted; the sweep sends the message that could not be sent now.
    ports.log.warn('message not sent; the sweep will', { objectId, error });
  }
}

/** Puts a failed object back to be taken in; null where it is not failed. */
export async function retryObject(
  ports: IngestPorts,
  namespaceUid: string,
  objectId: string,
): Promise<LedgerObject | null> {
  const object = await ports.catalog.ledger.retry(namespaceUid, objectId);
  if (object !== null) await wake(ports, { object, fresh: true });
  return object;
}

/** The rows of an object that were set aside, as NDJSON. */
export async function readQuarantine(
  ports: IngestPorts,
  namespaceUid: string,
  objectId: string,
): Promise<ReadableStream<Uint8Array>> {
  const keys = [...(await ports.catalog.ledger.quarantineFiles(namespaceUid, objectId))];
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new ReadableStream({
    async pull(controller) {
      for (;;) {
        if (reader === undefined) {
          const key = keys.shift();
          if (key === undefined) return controller.close();
          reader = (await ports.store.stream(key)).getReader();
        }
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        reader = undefined;
      }
    },
    async cancel() {
      await reader?.cancel();
    },
  });
}

/** Why a key in the inbox is not taken in, or undefined where it is: the names that a request would have been refused for. */
export function inboxProblem(key: string): string | undefined {
  const names = parseInboxKey(key);
  if (names === null || !DATASET_NAME.test(names.dataset)) return 'it is not inbox/{namespace}/{dataset}/{name}';
  if (names.name.endsWith('/')) return 'it names a folder';
  if (new TextEncoder().encode(names.name).length > LIMITS.objectNameBytes) return 'its name is too long';
  return undefined;
}
