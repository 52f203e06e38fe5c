import type { IndexMessage } from '../core/protocol/messages.ts';
import type { IndexFile, MissingIndex } from '../storage/index-catalog.ts';
import { buildIndex } from './build.ts';
import { afterFailure } from './failure.ts';
import { planBuilds } from './plan-builds.ts';
import type { IndexingPorts } from './ports.ts';
import { reconcileDataset } from './reconcile.ts';

/** What became of a message. */
export type IndexOutcome =
  /** Nothing more to do with it: built, handed over to a new message, or not wanted any more. */
  | { readonly kind: 'done' }
  /** Something could not be built now. */
  | { readonly kind: 'again'; readonly delaySeconds: number };

const DONE: IndexOutcome = { kind: 'done' };

/** Files looked up at a time: a segment may want several. */
const LOOK_UP = 500;

/**
 * Brings the index files of the segments a message names up to what the pipelines declare. Repeating it builds
 * nothing twice that is published. `delivery` counts from 1: from the second one each build is counted as failed
 * before it begins, so that one which takes the whole invocation down with it is left alone in the end.
 */
export async function handleMessage(
  ports: IndexingPorts,
  message: IndexMessage,
  delivery: number,
): Promise<IndexOutcome> {
  const { namespaceUid, datasetId, segmentIds } = message;
  if (!(await reconcileDataset(ports, namespaceUid, datasetId))) return DONE;
  const missing = await ports.catalog.indexes.missing(namespaceUid, datasetId, {
    segmentIds,
    maxFailures: ports.limits.attempts,
    limit: LOOK_UP,
  });
  const { builds, laterSegmentIds } = planBuilds(missing, ports.limits.messageRows);
  let delayMs: number | undefined;
  for (const wanted of builds) {
    const wait = await buildAndPublish(ports, namespaceUid, datasetId, wanted, delivery > 1);
    if (wait !== undefined) delayMs = Math.min(delayMs ?? wait, wait);
  }
  // What was not looked up may want files as well.
  const left =
    missing.length === LOOK_UP ? segmentIds.filter((id) => id >= (missing.at(-1)?.segment.segmentId ?? '')) : [];
  const later = [...new Set([...laterSegmentIds, ...left])];
  if (later.length > 0) await ports.queue.send([{ ...message, segmentIds: later }]);
  return delayMs === undefined ? DONE : { kind: 'again', delaySeconds: Math.ceil(delayMs / 1000) };
}

/** Answers how long to wait where the build failed and may be tried again. */
async function buildAndPublish(
  ports: IndexingPorts,
  namespaceUid: string,
  datasetId: string,
  wanted: MissingIndex,
  cautious: boolean,
): Promise<number | undefined> {
  const { catalog, store, clock, random, limits, log } = ports;
  const { definition, generation, segment } = wanted;
  const file: IndexFile = { namespaceUid, datasetId, segmentId: segment.segmentId, name: definition.name, generation };
  if (cautious) await catalog.indexes.recordFailure(file, 'its build began and did not end');
  const startedAtMs = clock.now();
  try {
    const { key, summary } = await buildIndex(ports, namespaceUid, datasetId, wanted);
    await ports.faults.reach('in-index-publish');
    if (await catalog.indexes.publish(file, key, summary)) {
      const elapsedMs = clock.now() - startedAtMs;
      log.info('index built', { ...file, rows: summary.rows, sizeBytes: summary.sizeBytes, elapsedMs });
    } else {
      // Another build was first, or nobody wants it any more: no one can have seen the key.
      await store.delete([key]);
      log.info('index built for nothing', { ...file });
    }
    return undefined;
  } catch (error) {
    const next = afterFailure(error, wanted.failures, limits.attempts, random);
    log.warn('index not built', { ...file, next: next.kind, error });
    const reason = error instanceof Error ? error.message : String(error);
    switch (next.kind) {
      case 'forget':
        return undefined;
      case 'give-up':
        await catalog.indexes.recordFailure(file, reason, { final: true, counted: cautious });
        return undefined;
      case 'retry':
        await catalog.indexes.recordFailure(file, reason, {
          retryAtMs: clock.now() + next.delayMs,
          counted: cautious,
        });
        return next.delayMs;
    }
  }
}
