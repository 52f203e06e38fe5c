import { OrasiError } from '../core/errors.ts';
import type { BuiltInPayload } from '../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../core/protocol/messages.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import { done, type Job, type StepOutcome } from './job.ts';
import type { WorkPorts } from './ports.ts';
import { committedObjects, waitFor } from './wait-for-objects.ts';

/** Hands an object to the ingest queue and waits until it is taken in. */
export async function runIngestion(
  ports: WorkPorts,
  job: Job,
  payload: BuiltInPayload<'Ingestion'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  if (state === undefined) return waitFor([(await entered(ports, job, payload)).objectId]);
  const objects = await committedObjects(ports, job, state);
  return 'kind' in objects ? objects : done(objectResult(objects[0]));
}

/** Entered in the ledger, which wakes the ingest queue. However often it is done, it is one object. */
async function entered(
  { ingest, catalog }: WorkPorts,
  { namespace, namespaceUid, taskId }: Job,
  { location, objectId, dataset, name, records, format }: BuiltInPayload<'Ingestion'>,
): Promise<LedgerObject> {
  if (location !== undefined) {
    if (!location.startsWith(`inbox/${namespace}/`)) {
      throw new OrasiError('forbidden', `${location} is not in the inbox of namespace "${namespace}"`);
    }
    const object = await ingest.takeIn(namespaceUid, location, format);
    if (object === null) throw new OrasiError('not_found', `there is no object to take in at ${location}`);
    return await begun(ingest, object);
  }
  if (records !== undefined && dataset !== undefined) {
    const body = new TextEncoder().encode(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    const decode = { format: 'json', contentType: 'application/x-ndjson' };
    const object = { namespace, namespaceUid, dataset, name: name ?? `tasks/${taskId}.ndjson`, decode };
    return await begun(ingest, await ingest.put(object, body, body.length));
  }
  const object = objectId === undefined ? null : await catalog.ledger.get(namespaceUid, objectId);
  if (object === null) throw new OrasiError('not_found', `there is no object "${objectId}"`);
  return await begun(ingest, object);
}

/** One that failed is begun again: that is what the task asks for. */
async function begun(ingest: WorkPorts['ingest'], object: LedgerObject): Promise<LedgerObject> {
  if (object.state !== 'failed') return object;
  return (await ingest.retry(object.namespaceUid, object.objectId)) ?? object;
}

/** What became of an object, as its task reports it. */
export function objectResult({ objectId, dataset, name, rowsCommitted, rowsQuarantined, segments }: LedgerObject) {
  return { objectId, dataset, name, rowsCommitted, rowsQuarantined, segments };
}
