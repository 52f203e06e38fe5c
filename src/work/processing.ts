import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { BuiltInPayload } from '../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../core/protocol/messages.ts';
import type { Answer } from '../query/results/answer.ts';
import { encodeArrow } from '../query/results/encode-arrow.ts';
import { expiringMetadata } from '../storage/expiry.ts';
import { resultKey } from '../storage/layout.ts';
import type { ObjectInfo } from '../storage/object-store.ts';
import { objectResult } from './ingestion.ts';
import { done, type Job, type StepOutcome } from './job.ts';
import type { WorkPorts } from './ports.ts';
import { withAnswer } from './query.ts';
import { streamOf } from './results.ts';
import { committedObjects, waitFor } from './wait-for-objects.ts';

/** The rows are kept aside for as long as the task may be tried again. */
const KEPT_MS = 7 * 86_400_000;
const CONTENT_TYPE = 'application/vnd.apache.arrow.stream';

/**
 * Runs a statement and takes its rows in as an object of a dataset. The rows are written aside first, under a key of
 * the task: the first attempt that comes so far decides what they are, and however often the rest is repeated it is
 * the same object.
 */
export async function runProcessing(
  ports: WorkPorts,
  job: Job,
  { into, name, ...statement }: BuiltInPayload<'Processing'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  if (state === undefined) {
    const aside = await writtenAside(ports, job, statement);
    const object = await ports.ingest.put(
      {
        namespace: job.namespace,
        namespaceUid: job.namespaceUid,
        dataset: into,
        name: name ?? `tasks/${job.taskId}.arrow`,
        decode: { format: 'arrow', contentType: CONTENT_TYPE },
      },
      await ports.store.stream(aside.key, 0, aside.etag),
      aside.sizeBytes,
    );
    return waitFor([object.objectId]);
  }
  const objects = await committedObjects(ports, job, state);
  return 'kind' in objects ? objects : done(objectResult(objects[0]));
}

async function writtenAside(
  ports: WorkPorts,
  job: Job,
  statement: Omit<BuiltInPayload<'Processing'>, 'into' | 'name'>,
): Promise<ObjectInfo> {
  const { store, clock } = ports;
  const key = resultKey(job.namespaceUid, job.queue, `${job.taskId}.arrow`);
  const present = await store.head(key);
  if (present !== null) return present;
  const stored = await withAnswer(ports, job, statement, (answer) =>
    store.put(key, streamOf([], wholeRows(answer, statement.maxRows)), {
      ifAbsent: true,
      contentType: CONTENT_TYPE,
      metadata: expiringMetadata(clock.now() + KEPT_MS),
    }),
  );
  const written = stored ?? (await store.head(key));
  if (written === null) throw new OrasiError('source_changed', `${key} was removed`);
  return written;
}

/** Rows that were left out unasked would be missed by nobody until it is too late. */
async function* wholeRows(answer: Answer, maxRows: number | undefined): AsyncGenerator<Uint8Array> {
  yield* encodeArrow(answer);
  if (maxRows !== undefined || !answer.stats().truncated) return;
  throw new OrasiError(
    'query_too_large',
    `the statement has more than ${LIMITS.queryResultRows} rows: divide it, or say maxRows`,
  );
}
