import { OrasiError } from '../core/errors.ts';
import type { BuiltInPayload } from '../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../core/protocol/messages.ts';
import type { DatasetRecord } from '../storage/catalog-records.ts';
import { done, type Job, later, POLL_SECONDS, type StepOutcome } from './job.ts';
import type { WorkPorts } from './ports.ts';

/** The phase in which a task waits for index files. */
export const BUILDING = 'waiting for index files';

/** Has the index queue build what is missing of a dataset's indexes, or all anew, and waits until it is there. */
export async function runIndexing(
  ports: WorkPorts,
  job: Job,
  { dataset, index, rebuild }: BuiltInPayload<'Indexing'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  const { indexing } = ports;
  const { namespace, namespaceUid } = job;
  if (state === undefined) {
    await indexing.reconcileNamespace({ name: namespace, uid: namespaceUid });
    const { datasetId, indexes } = await theDataset(ports, job, dataset);
    const names = indexes.map(({ definition }) => definition.name);
    if (index !== undefined && !names.includes(index)) {
      throw new OrasiError('not_found', `no pipeline declares an index "${index}" of dataset "${dataset}"`);
    }
    if (rebuild) {
      for (const name of index === undefined ? names : [index]) await indexing.rebuild(namespaceUid, datasetId, name);
    } else {
      await indexing.buildMissing(namespaceUid, datasetId);
    }
    return later({ phase: BUILDING }, POLL_SECONDS);
  }
  const progress = indexProgress(await theDataset(ports, job, dataset), index);
  if (progress.waiting > 0) return later({ phase: BUILDING, counts: { waiting: progress.waiting } }, POLL_SECONDS);
  if (progress.failed > 0) {
    throw new OrasiError('unavailable', `${progress.failed} index files of "${dataset}" could not be built`);
  }
  return done({ dataset, indexes: progress.indexes });
}

/** How far a dataset's indexes are: files that are neither built nor failed, and those that failed. */
export function indexProgress(record: DatasetRecord, only?: string) {
  const chosen = record.indexes.filter(({ definition }) => only === undefined || definition.name === only);
  const { segments } = record;
  const indexes = chosen.map(({ definition: { name, kind }, generation, segmentsIndexed, segmentsFailed }) => ({
    name,
    kind,
    generation,
    segments,
    segmentsIndexed,
    segmentsFailed,
  }));
  const sum = (count: (index: (typeof indexes)[number]) => number) =>
    indexes.reduce((total, index) => total + Math.max(0, count(index)), 0);
  return {
    indexes,
    waiting: sum(({ segmentsIndexed, segmentsFailed }) => segments - segmentsIndexed - segmentsFailed),
    failed: sum(({ segmentsFailed }) => segmentsFailed),
  };
}

/** Throws `not_found` where there is no dataset of that name. */
export async function theDataset({ catalog }: WorkPorts, { namespaceUid }: Job, name: string): Promise<DatasetRecord> {
  const record = await catalog.datasets.get(namespaceUid, name);
  if (record === null) throw new OrasiError('not_found', `there is no dataset "${name}"`);
  return record;
}
