import type { TaskStepState } from '../../core/protocol/messages.ts';
import type { DatasetRecord } from '../../storage/catalog-records.ts';
import { BUILDING, indexProgress } from '../indexing.ts';
import { done, type Job, later, POLL_SECONDS, plus, type StepOutcome } from '../job.ts';
import type { WorkPorts } from '../ports.ts';
import { nextDataset } from './datasets.ts';

/**
 * What `update` and `repair` have in common: something is done for each dataset that has files built, a dataset a
 * step; then they wait until no dataset lacks a file, or the lack is for good.
 */
export async function buildForEach(
  ports: WorkPorts,
  job: Job,
  { operation, datasets }: { readonly operation: string; readonly datasets?: readonly string[] | undefined },
  state: TaskStepState | undefined,
  begin: (dataset: DatasetRecord) => Promise<Readonly<Record<string, number>>>,
): Promise<StepOutcome> {
  const { phase = 'beginning', cursor = '', counts = {} } = state ?? {};
  const dataset = await nextDataset(ports, job, datasets, cursor);
  if (phase === BUILDING) {
    if (dataset === null) return done({ operation, ...counts });
    const { waiting, failed } = indexProgress(dataset);
    if (waiting > 0) return later({ phase, cursor, counts }, POLL_SECONDS);
    return later({ phase, cursor: dataset.name, counts: plus(counts, { filesFailed: failed }) }, 0);
  }
  if (dataset === null) return later({ phase: BUILDING, counts: plus(counts, { filesFailed: 0 }) }, POLL_SECONDS);
  return later({ phase, cursor: dataset.name, counts: plus(counts, await begin(dataset)) }, 0);
}
