import type { MaintenancePayload } from '../../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../../core/protocol/messages.ts';
import type { Job, StepOutcome } from '../job.ts';
import type { WorkPorts } from '../ports.ts';
import { buildForEach } from './indexes.ts';

/** Has index files built anew that are damaged or gone, and those that were given up tried again. */
export async function repair(
  ports: WorkPorts,
  job: Job,
  payload: MaintenancePayload<'repair'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  const { catalog, indexing } = ports;
  const { namespaceUid, signal } = job;
  return await buildForEach(ports, job, payload, state, async ({ datasetId, name }) => {
    const [snapshot] = await catalog.snapshot(namespaceUid, [name]);
    let replaced = 0;
    let looked = 0;
    for (const { segmentId, indexes } of snapshot?.segments ?? []) {
      for (const [index, { key, generation }] of Object.entries(indexes)) {
        signal.throwIfAborted();
        const file = { namespaceUid, datasetId, segmentId, name: index, generation };
        if (await indexing.reportUnreadable(file, key)) replaced++;
        looked++;
      }
    }
    return {
      filesLookedAt: looked,
      filesReplaced: replaced,
      failuresTriedAgain: await catalog.indexes.forgetFailures(namespaceUid, datasetId),
      segmentsIndexed: await indexing.buildMissing(namespaceUid, datasetId),
    };
  });
}
