import { hasExpired } from '../storage/expiry.ts';
import {
  BACKUPS,
  CLUSTER_BACKUPS,
  INBOX,
  INDEXES,
  QUARANTINE,
  RESULTS,
  SEGMENTS,
  STAGING,
  UPLOADS,
} from '../storage/layout.ts';
import type { UploadRecord } from '../storage/uploads.ts';
import type { IngestPorts } from './ports.ts';

const DEAD_SEGMENTS = 200;
/** Rows of a deleted dataset marked in one transaction, and transactions in one sweep. */
const CLEAR_ROWS = 1000;
const CLEAR_ROUNDS = 10;
const STALE_UPLOADS = 20;
/** R2 itself ends a multipart upload after a week. */
const UPLOAD_LIFE_MS = 7 * 24 * 60 * 60_000;
const ERASE_ROWS = 500;

/**
 * Removes files that mean nothing any more, some at a time: segments that have been dead for longer than any query
 * runs, files of attempts that came to nothing, index files nobody wants. Answers how many.
 */
export async function collectGarbage(ports: IngestPorts): Promise<number> {
  const { catalog, clock, limits, store } = ports;
  const before = clock.now() - limits.garbageGraceMs;
  for (let round = 0; round < CLEAR_ROUNDS; round++) {
    if (!(await catalog.collection.clearDeletedDataset(clock.now(), CLEAR_ROWS))) break;
  }
  const forgotten = [
    ...(await catalog.collection.forgetDeadSegments(before, DEAD_SEGMENTS)),
    ...(await catalog.collection.forgetIndexFiles(before, DEAD_SEGMENTS)),
  ];
  // Were this the last thing an isolate does, the walks below would find the files again, now unreferenced.
  await store.delete(forgotten);
  let collected = forgotten.length;
  const { unreferenced, unreferencedIndexFiles } = catalog.collection;
  for (const prefix of [SEGMENTS, QUARANTINE, STAGING]) collected += await walk(ports, prefix, before, unreferenced);
  collected += await walk(ports, INDEXES, before, unreferencedIndexFiles);
  collected += await walkExpired(ports, RESULTS);
  await endUploads(ports, await catalog.uploads.stale(clock.now() - UPLOAD_LIFE_MS, STALE_UPLOADS));
  return collected;
}

/** One page of a prefix: what is old enough and unreferenced goes. */
async function walk(
  { catalog, store }: IngestPorts,
  prefix: string,
  beforeMs: number,
  unreferenced: (keys: readonly string[]) => Promise<readonly string[]>,
): Promise<number> {
  const name = `collect ${prefix}`;
  const { objects, cursor } = await store.list(prefix, await catalog.collection.readCursor(name));
  const old = objects.filter(({ uploadedAtMs }) => uploadedAtMs <= beforeMs).map(({ key }) => key);
  const dead = old.length === 0 ? [] : await unreferenced(old);
  await store.delete(dead);
  await catalog.collection.writeCursor(name, cursor);
  return dead.length;
}

/** One page of a prefix whose objects each have a time of their own. */
async function walkExpired({ catalog, store, clock }: IngestPorts, prefix: string): Promise<number> {
  const name = `collect ${prefix}`;
  const { objects, cursor } = await store.list(prefix, await catalog.collection.readCursor(name));
  const expired = objects.filter((object) => hasExpired(object, clock.now())).map(({ key }) => key);
  await store.delete(expired);
  await catalog.collection.writeCursor(name, cursor);
  return expired.length;
}

async function endUploads({ catalog, store, log }: IngestPorts, uploads: readonly UploadRecord[]): Promise<void> {
  for (const upload of uploads) {
    await catalog.uploads.abort(upload.namespaceUid, upload.uploadId);
    await store
      .resumeUpload(upload.key, upload.storageUploadId)
      .abort()
      .catch((error: unknown) => log.debug('upload already ended', { uploadId: upload.uploadId, error }));
  }
}

/**
 * Removes some of what a namespace had, files and catalogue, its inbox too; true when nothing was left. For a
 * namespace that is being deleted: called until it is true, before its name may be used again.
 */
export async function eraseNamespace(ports: IngestPorts, name: string, uid: string): Promise<boolean> {
  const { catalog, store } = ports;
  await catalog.collection.closeNamespace(uid);
  // Their parts are in no list: were an open upload forgotten, R2 would keep them for a week.
  const open = await catalog.uploads.openOf(uid, STALE_UPLOADS);
  await endUploads(ports, open);
  if (open.length === STALE_UPLOADS) return false;
  if (!(await catalog.collection.eraseNamespace(uid, ERASE_ROWS))) return false;
  const prefixes = [UPLOADS, SEGMENTS, INDEXES, QUARANTINE, STAGING, RESULTS, BACKUPS, CLUSTER_BACKUPS].map(
    (prefix) => `${prefix}${uid}/`,
  );
  for (const prefix of [...prefixes, `${INBOX}${name}/`]) {
    const { objects } = await store.list(prefix);
    if (objects.length === 0) continue;
    await store.delete(objects.map(({ key }) => key));
    return false;
  }
  return true;
}
