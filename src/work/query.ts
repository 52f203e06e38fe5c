import type { BuiltInPayload } from '../core/protocol/built-in-tasks.ts';
import { done, type Job, type StepOutcome } from './job.ts';
import type { WorkPorts } from './ports.ts';
import { keepAnswer } from './results.ts';

/** Runs a statement and keeps its answer. */
export async function runQuery(
  ports: WorkPorts,
  job: Job,
  { format, ...statement }: BuiltInPayload<'Query'>,
): Promise<StepOutcome> {
  const { namespaceUid, signal } = job;
  const answer = await ports.queries.run({ namespaceUid, signal, ...statement });
  return done(await keepAnswer(ports, job, answer, format));
}
