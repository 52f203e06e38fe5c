import { OrasiError } from '../../core/errors.ts';
import type { MaintenancePayload } from '../../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../../core/protocol/messages.ts';
import type { LedgerObject } from '../../storage/catalog-records.ts';
import { backupKey } from '../../storage/layout.ts';
import { done, type Job, later, type StepOutcome } from '../job.ts';
import type { WorkPorts } from '../ports.ts';
import { committedObjects, WAITING, waitFor } from '../wait-for-objects.ts';
import { readManifest } from './manifest.ts';

/** Files handed to the ingest queue in one step. */
const STEP_FILES = 10;
const PAGE = 1_000;

/**
 * Brings back the rows that a dataset had at a backup, into a dataset that holds none: each file is taken in as an
 * object, so that what comes back is checked, indexed and deleted as all else. Repeated, it is the same objects.
 */
export async function restore(
  ports: WorkPorts,
  job: Job,
  { operation, backup, dataset, into = dataset }: MaintenancePayload<'restore'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  const { store, ingest } = ports;
  const { namespace, namespaceUid } = job;
  if (state?.phase === WAITING) {
    const objects = await committedObjects(ports, job, state);
    if ('kind' in objects) return objects;
    const sum = (count: (object: LedgerObject) => number) =>
      objects.reduce((total, object) => total + count(object), 0);
    return done({
      operation,
      backup,
      dataset: into,
      objects: objects.length,
      rows: sum(({ rowsCommitted }) => rowsCommitted),
      rowsQuarantined: sum(({ rowsQuarantined }) => rowsQuarantined),
    });
  }
  const manifest = await readManifest(store, namespaceUid, backup);
  const files = manifest.datasets.find(({ name }) => name === dataset)?.files;
  if (files === undefined) throw new OrasiError('not_found', `backup "${backup}" has no dataset "${dataset}"`);
  const prefix = `restore/${backup}/`;
  if (state === undefined) await refuseOtherRows(ports, namespaceUid, into, prefix);
  const ids = [...(state?.ids ?? [])];
  for (const file of files.slice(ids.length, ids.length + STEP_FILES)) {
    job.signal.throwIfAborted();
    const key = backupKey(namespaceUid, backup, file.name);
    const stored = await store.head(key);
    if (stored === null) throw new OrasiError('not_found', `${key}, a file of the backup, is gone`);
    const name = `${prefix}${file.name}`;
    const object = { namespace, namespaceUid, dataset: into, name, decode: { format: 'parquet' } };
    const body = await store.stream(key, 0, stored.etag);
    ids.push((await ingest.put(object, body, stored.sizeBytes)).objectId);
  }
  if (ids.length < files.length) return later({ phase: 'handing over', ids, counts: { files: ids.length } }, 0);
  return waitFor(ids, { counts: { files: ids.length } });
}

/** Rows of anything else would stand beside those of the backup, and nobody could tell them apart. */
async function refuseOtherRows(
  { catalog }: WorkPorts,
  namespaceUid: string,
  dataset: string,
  prefix: string,
): Promise<void> {
  const record = await catalog.datasets.get(namespaceUid, dataset);
  if (record === null || record.rows === 0) return;
  for (let cursor: string | undefined; ; ) {
    const page = await catalog.ledger.list(namespaceUid, { dataset, state: 'committed' }, PAGE, cursor);
    const other = page.items.find(({ name, maskReason }) => maskReason === undefined && !name.startsWith(prefix));
    if (other !== undefined) {
      throw new OrasiError('conflict', `dataset "${dataset}" has rows: delete it, or name another one with "into"`);
    }
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}
