import type { MaintenancePayload } from '../../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../../core/protocol/messages.ts';
import type { Job, StepOutcome } from '../job.ts';
import type { WorkPorts } from '../ports.ts';
import { buildForEach } from './indexes.ts';

/** Brings the indexes of datasets to what the pipelines declare now, and every segment's files to that generation. */
export async function update(
  ports: WorkPorts,
  job: Job,
  payload: MaintenancePayload<'update'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  const { indexing } = ports;
  const { namespace, namespaceUid } = job;
  let changed = 0;
  if (state === undefined) changed = await indexing.reconcileNamespace({ name: namespace, uid: namespaceUid });
  return await buildForEach(ports, job, payload, state, async ({ datasetId }) => ({
    datasets: 1,
    datasetsChanged: changed,
    segmentsIndexed: await indexing.buildMissing(namespaceUid, datasetId),
  }));
}
