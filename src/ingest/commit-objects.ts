import type { IndexMessage } from '../core/protocol/messages.ts';
import type { PipelineSnapshot } from '../core/protocol/pipeline.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import type { CommitRequest } from '../storage/commit.ts';
import { declaresIndexes } from './pipeline-choice.ts';
import type { IngestPorts } from './ports.ts';

/** Segments of one message to the index queue. */
const INDEX_SEGMENTS = 100;

/**
 * Commits objects of one dataset and asks for the indexes of their segments; false where a claim was lost. The
 * message may be lost in turn: the sweep finds segments without their indexes.
 */
export async function commitObjects(
  ports: IngestPorts,
  pipelines: PipelineSnapshot,
  { namespaceUid, datasetId, dataset }: LedgerObject,
  request: Omit<CommitRequest, 'namespaceUid' | 'datasetId'>,
): Promise<boolean> {
  await ports.faults.reach('before-commit');
  const outcome = await ports.catalog.commit({ ...request, namespaceUid, datasetId });
  if (!outcome.committed) return false;
  await ports.faults.reach('after-commit');
  if (declaresIndexes(pipelines, dataset) && outcome.segmentIds.length > 0) {
    const messages: IndexMessage[] = [];
    for (let at = 0; at < outcome.segmentIds.length; at += INDEX_SEGMENTS) {
      const segmentIds = outcome.segmentIds.slice(at, at + INDEX_SEGMENTS);
      messages.push({ v: 1, type: 'index', namespaceUid, datasetId, segmentIds });
    }
    await ports.indexQueue.send(messages);
  }
  return true;
}
