import { LIMITS } from '../core/limits.ts';
import type { BuiltInPayload } from '../core/protocol/built-in-tasks.ts';
import type { QueryRequest } from '../query/engine.ts';
import type { Answer } from '../query/results/answer.ts';
import { done, type Job, type StepOutcome } from './job.ts';
import type { WorkPorts } from './ports.ts';
import { keepAnswer } from './results.ts';

/** Runs a statement and keeps its answer. */
export async function runQuery(
  ports: WorkPorts,
  job: Job,
  { format, ...statement }: BuiltInPayload<'Query'>,
): Promise<StepOutcome> {
  return done(await withAnswer(ports, job, statement, (answer) => keepAnswer(ports, job, answer, format)));
}

/** Runs a statement when it is its turn, until `use` has drawn the answer. */
export async function withAnswer<T>(
  { queries, admission }: WorkPorts,
  { namespaceUid, signal }: Job,
  statement: Omit<QueryRequest, 'namespaceUid' | 'signal'>,
  use: (answer: Answer) => Promise<T>,
): Promise<T> {
  const leave = await admission.enter(statement.timeoutMs ?? LIMITS.queryTimeoutMs);
  try {
    return await use(await queries.run({ namespaceUid, signal, ...statement }));
  } finally {
    leave();
  }
}
