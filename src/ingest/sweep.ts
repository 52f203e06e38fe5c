import { objectIdOf } from '../core/ids.ts';
import { LIMITS } from '../core/limits.ts';
import type { IndexMessage, IngestMessage } from '../core/protocol/messages.ts';
import { INBOX, inboxKey, parseInboxKey, UPLOADS } from '../storage/layout.ts';
import type { ObjectInfo } from '../storage/object-store.ts';
import { collectGarbage } from './collect.ts';
import { enterFound, inboxProblem, registerFound } from './doors.ts';
import { decodeOf, uploadNames } from './object-metadata.ts';
import type { IngestPorts } from './ports.ts';

/** What one sweep did. */
export interface SweepReport {
  /** Messages sent for objects whose own may be lost. */
  requeued: number;
  /** Objects found that nobody had announced. */
  found: number;
  /** Segments whose indexes were asked for again. */
  indexed: number;
  /** Files removed that nothing refers to. */
  collected: number;
  /** Steps that failed; the next sweep tries them again. */
  failed: string[];
}

export interface SweepOptions {
  /** Nothing that ran before is alive and no message survived: every unfinished object is begun again at once. */
  readonly restarted?: boolean;
}

const REQUEUE_OBJECTS = 500;
const INBOX_PAGES = 5;
/** Objects entered in one sweep: each costs the ledger a transaction. */
const FOUND_OBJECTS = 500;
const INDEX_DATASETS = 20;
const INDEX_SEGMENTS = 100;

/**
 * Finds what the hints lost: objects nobody announced, messages that never came, claimants that died, segments
 * without their indexes, files without meaning. Each step is bounded and goes on at the next sweep where this one
 * stopped; one that fails does not keep the others from being done.
 */
export async function sweep(ports: IngestPorts, options: SweepOptions = {}): Promise<SweepReport> {
  const report: SweepReport = { requeued: 0, found: 0, indexed: 0, collected: 0, failed: [] };
  const step = async (name: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      ports.log.error('sweep step failed', { step: name, error });
      report.failed.push(name);
    }
  };
  await step('requeue', async () => {
    report.requeued = await requeue(ports, options.restarted ?? false);
  });
  await step('inbox', async () => {
    report.found += await walkInbox(ports);
  });
  await step('uploads', async () => {
    report.found += await walkUploads(ports);
  });
  await step('indexes', async () => {
    report.indexed = await askForIndexes(ports);
  });
  await step('collect', async () => {
    report.collected = await collectGarbage(ports);
  });
  if (report.requeued + report.found + report.indexed + report.collected > 0 || report.failed.length > 0) {
    ports.log.info('swept', { ...report });
  }
  return report;
}

async function requeue({ catalog, clock, limits, ingestQueue }: IngestPorts, restarted: boolean): Promise<number> {
  if (restarted) await catalog.ledger.expireLeases();
  const queuedBeforeMs = restarted ? clock.now() + 1 : clock.now() - limits.requeueAfterMs;
  const overdue = await catalog.ledger.takeOverdue(queuedBeforeMs, REQUEUE_OBJECTS);
  await ingestQueue.send(overdue.map((ref): IngestMessage => ({ v: 1, type: 'ingest', ...ref })));
  return overdue.length;
}

/** Lists the inbox against the ledger. An object of a namespace or by a name that cannot be is left where it is. */
async function walkInbox(ports: IngestPorts): Promise<number> {
  const { store, catalog, bucketName } = ports;
  const uids = await namespaceUids(ports);
  let cursor = await catalog.collection.readCursor('inbox');
  let found = 0;
  for (let page = 0; page < INBOX_PAGES && found < FOUND_OBJECTS; page++) {
    const { objects, cursor: next } = await store.list(INBOX, cursor);
    const candidates = objects.flatMap((stored) => {
      const names = inboxProblem(stored.key) === undefined ? parseInboxKey(stored.key) : null;
      const namespaceUid = names === null ? undefined : uids.get(names.namespace);
      return namespaceUid === undefined ? [] : [{ stored, namespaceUid }];
    });
    const refs = await Promise.all(
      candidates.map(async ({ stored, namespaceUid }) => ({
        namespaceUid,
        objectId: await objectIdOf(bucketName, stored.key, stored.etag),
      })),
    );
    const known = await catalog.ledger.known(refs);
    cursor = next;
    for (const [i, { stored, namespaceUid }] of candidates.entries()) {
      const entry = known.get(refs[i].objectId);
      if (entry !== undefined && stored.uploadedAtMs <= entry.uploadedAtMs) continue;
      if (found === FOUND_OBJECTS) {
        cursor = candidates[i - 1].stored.key;
        break;
      }
      if (await enterFound(ports, await registerFound(ports, namespaceUid, stored))) found++;
    }
    await catalog.collection.writeCursor('inbox', cursor);
    if (cursor === undefined) break;
  }
  return found;
}

/**
 * Finds bodies given over HTTP whose request died before it entered them in the ledger, and enters them; and removes
 * those the ledger does not need: another upload of the same version came first, or the object was deleted.
 */
async function walkUploads(ports: IngestPorts): Promise<number> {
  const { store, catalog, bucketName, clock, limits } = ports;
  const uids = await namespaceUids(ports);
  const { objects, cursor } = await store.list(UPLOADS, await catalog.collection.readCursor('uploads'));
  // A request that is still at work enters its own.
  const settled = objects.filter(({ uploadedAtMs }) => uploadedAtMs <= clock.now() - limits.requeueAfterMs);
  const candidates = settled.map((stored) => {
    const names = uploadNames(stored);
    const namespaceUid = stored.key.split('/')[1];
    return { stored, namespaceUid, names: names !== null && uids.get(names.namespace) === namespaceUid ? names : null };
  });
  const ids = await Promise.all(
    candidates.map(async ({ stored, names }) =>
      names === null ? undefined : await objectIdOf(bucketName, inboxKey(names), stored.etag),
    ),
  );
  const known = await catalog.ledger.known(
    candidates.flatMap(({ namespaceUid }, i) => {
      const objectId = ids[i];
      return objectId === undefined ? [] : [{ namespaceUid, objectId }];
    }),
  );
  let found = 0;
  const unneeded: ObjectInfo[] = [];
  for (const [i, { stored, namespaceUid, names }] of candidates.entries()) {
    const objectId = ids[i];
    const entry = objectId === undefined ? undefined : known.get(objectId);
    if (names === null) {
      unneeded.push(stored);
    } else if (entry === undefined) {
      const object = { ...names, namespaceUid, decode: decodeOf(stored) };
      const registration = await registerFound(ports, namespaceUid, stored, object);
      if (registration === null) unneeded.push(stored);
      else if (await enterFound(ports, registration)) found++;
    } else if (entry.key !== stored.key || entry.maskReason === 'deleted' || entry.maskReason === 'dataset_deleted') {
      unneeded.push(stored);
    }
  }
  const old = unneeded.filter(({ uploadedAtMs }) => uploadedAtMs <= clock.now() - limits.garbageGraceMs);
  await store.delete(old.map(({ key }) => key));
  await catalog.collection.writeCursor('uploads', cursor);
  return found;
}

async function namespaceUids({ control }: IngestPorts): Promise<ReadonlyMap<string, string>> {
  return new Map((await control.namespaces()).map(({ name, uid }) => [name, uid]));
}

/** Asks once more for the indexes of segments that lack them, dataset after dataset. */
async function askForIndexes({ catalog, indexQueue }: IngestPorts): Promise<number> {
  const cursor = await catalog.collection.readCursor('indexes');
  const after = cursor === undefined ? undefined : (JSON.parse(cursor) as { namespaceUid: string; datasetId: string });
  const datasets = await catalog.indexes.indexedDatasets(INDEX_DATASETS, after);
  let asked = 0;
  for (const { namespaceUid, datasetId } of datasets) {
    const missing = await catalog.indexes.missing(namespaceUid, datasetId, {
      maxFailures: LIMITS.indexAttempts,
      limit: INDEX_SEGMENTS,
    });
    if (missing.length === 0) continue;
    const segmentIds = [...new Set(missing.map(({ segment }) => segment.segmentId))];
    const message: IndexMessage = { v: 1, type: 'index', namespaceUid, datasetId, segmentIds };
    await indexQueue.send([message]);
    asked += segmentIds.length;
  }
  const last = datasets.at(-1);
  await catalog.collection.writeCursor(
    'indexes',
    datasets.length < INDEX_DATASETS || last === undefined ? undefined : JSON.stringify(last),
  );
  return asked;
}
