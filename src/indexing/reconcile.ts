import type { IndexDefinition } from '../columns/index-definition.ts';
import type { IndexMessage } from '../core/protocol/messages.ts';
import type { PipelineSnapshot } from '../core/protocol/pipeline.ts';
import { declaredIndexes } from './definitions.ts';
import type { IndexingPorts } from './ports.ts';

/**
 * Makes the indexes of a dataset these. New and changed ones are asked for at once for the segments there are, as
 * far as `reconcileSegments` goes; the sweep asks for the rest. True where anything changed.
 */
export async function reconcileIndexes(
  ports: IndexingPorts,
  namespaceUid: string,
  datasetId: string,
  definitions: readonly IndexDefinition[],
  version?: number,
): Promise<boolean> {
  const changed = await ports.catalog.indexes.define(namespaceUid, datasetId, definitions, version);
  if (changed) {
    ports.log.info('indexes defined', { namespaceUid, datasetId, indexes: definitions.map(({ name }) => name) });
    if (definitions.length > 0) await askForMissing(ports, namespaceUid, datasetId);
  }
  return changed;
}

/** Makes the indexes of a namespace's datasets what its pipelines declare. Answers how many datasets changed. */
export async function reconcileNamespace(
  ports: IndexingPorts,
  namespace: { readonly name: string; readonly uid: string },
): Promise<number> {
  const snapshot = await ports.control.pipelines(namespace.name);
  let changed = 0;
  const names = snapshot.pipelines.filter(({ spec }) => spec.indexes.length > 0).map(({ spec }) => spec.dataset);
  for (const { datasetId, name } of await ports.catalog.indexes.datasetsToIndex(namespace.uid, [...new Set(names)])) {
    const { definitions } = declared(ports, snapshot, name);
    if (await reconcileIndexes(ports, namespace.uid, datasetId, definitions, snapshot.version)) changed++;
  }
  return changed;
}

/** As `reconcileNamespace` for one dataset, known by its id; false where it or its namespace is gone. */
export async function reconcileDataset(
  ports: IndexingPorts,
  namespaceUid: string,
  datasetId: string,
): Promise<boolean> {
  const [dataset, namespaces] = await Promise.all([
    ports.catalog.indexes.datasetName(namespaceUid, datasetId),
    ports.control.namespaces(),
  ]);
  const namespace = namespaces.find(({ uid }) => uid === namespaceUid);
  if (dataset === null || namespace === undefined) return false;
  const snapshot = await ports.control.pipelines(namespace.name);
  await ports.catalog.indexes.define(
    namespaceUid,
    datasetId,
    declared(ports, snapshot, dataset).definitions,
    snapshot.version,
  );
  return true;
}

function declared(ports: IndexingPorts, snapshot: PipelineSnapshot, dataset: string) {
  const found = declaredIndexes(snapshot, dataset, ports.kinds);
  for (const { name, errors } of found.refused) {
    ports.log.warn('index refused', {
      dataset,
      index: name,
      errors: errors.map(({ path, message }) => `${path}: ${message}`),
    });
  }
  return found;
}

/** Sends messages for segments of a dataset that lack index files; answers how many segments. */
export async function askForMissing(ports: IndexingPorts, namespaceUid: string, datasetId: string): Promise<number> {
  const { attempts, reconcileSegments, messageSegments } = ports.limits;
  const missing = await ports.catalog.indexes.missing(namespaceUid, datasetId, {
    maxFailures: attempts,
    limit: reconcileSegments,
  });
  const segmentIds = [...new Set(missing.map(({ segment }) => segment.segmentId))];
  const messages: IndexMessage[] = [];
  for (let at = 0; at < segmentIds.length; at += messageSegments) {
    messages.push({
      v: 1,
      type: 'index',
      namespaceUid,
      datasetId,
      segmentIds: segmentIds.slice(at, at + messageSegments),
    });
  }
  await ports.queue.send(messages);
  return segmentIds.length;
}
