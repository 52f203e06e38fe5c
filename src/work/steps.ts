import { type BuiltInPayload, type BuiltInType, parsePayload } from '../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../core/protocol/messages.ts';
import { runIndexing } from './indexing.ts';
import { runIngestion } from './ingestion.ts';
import type { Job, StepOutcome } from './job.ts';
import { backUp } from './maintenance/backup.ts';
import { cleanUp } from './maintenance/cleanup.ts';
import { checkHealth } from './maintenance/health-check.ts';
import { optimize } from './maintenance/optimize.ts';
import { repair } from './maintenance/repair.ts';
import { restore } from './maintenance/restore.ts';
import { update } from './maintenance/update.ts';
import type { WorkPorts } from './ports.ts';
import { runProcessing } from './processing.ts';
import { runQuery } from './query.ts';

/** Does the next step of a task, from its beginning where there is no state. */
export async function runStep(
  ports: WorkPorts,
  job: Job,
  type: BuiltInType,
  payload: unknown,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  switch (type) {
    case 'Query':
      return await runQuery(ports, job, parsePayload(type, payload));
    case 'Processing':
      return await runProcessing(ports, job, parsePayload(type, payload), state);
    case 'Ingestion':
      return await runIngestion(ports, job, parsePayload(type, payload), state);
    case 'Indexing':
      return await runIndexing(ports, job, parsePayload(type, payload), state);
    case 'Maintenance':
      return await maintain(ports, job, parsePayload(type, payload), state);
  }
}

async function maintain(
  ports: WorkPorts,
  job: Job,
  payload: BuiltInPayload<'Maintenance'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  switch (payload.operation) {
    case 'cleanup':
      return await cleanUp(ports, job, payload, state);
    case 'optimize':
      return await optimize(ports, job, payload, state);
    case 'backup':
      return await backUp(ports, job, payload, state);
    case 'restore':
      return await restore(ports, job, payload, state);
    case 'health_check':
      return await checkHealth(ports, job, payload, state);
    case 'update':
      return await update(ports, job, payload, state);
    case 'repair':
      return await repair(ports, job, payload, state);
  }
}
