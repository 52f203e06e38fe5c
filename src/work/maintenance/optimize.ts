import type { MaintenancePayload } from '../../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../../core/protocol/messages.ts';
import { done, type Job, later, plus, type StepOutcome } from '../job.ts';
import type { WorkPorts } from '../ports.ts';
import { nextDataset } from './datasets.ts';

/** Merges small segments, one merge a step; the rows stay the same but those that no longer count, which go. */
export async function optimize(
  ports: WorkPorts,
  job: Job,
  { operation, datasets, smallerThanRows }: MaintenancePayload<'optimize'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  const counts = plus(state?.counts, { segmentsMerged: 0, segmentsWritten: 0, bytesBefore: 0, bytesAfter: 0 });
  const after = state?.cursor ?? '';
  const dataset = await nextDataset(ports, job, datasets, after);
  if (dataset === null) return done({ operation, ...counts });
  const merge = await ports.ingest.merge({ name: job.namespace, uid: job.namespaceUid }, dataset.name, smallerThanRows);
  if (merge === null) return later({ phase: 'merging', cursor: dataset.name, counts }, 0);
  const { merged, into, bytesBefore, bytesAfter } = merge;
  const sums = plus(counts, { segmentsMerged: merged, segmentsWritten: into, bytesBefore, bytesAfter });
  return later({ phase: 'merging', cursor: after, counts: sums }, 0);
}
