import type { DatasetRecord } from '../../storage/catalog-records.ts';
import { theDataset } from '../indexing.ts';
import type { Job } from '../job.ts';
import type { WorkPorts } from '../ports.ts';

/** The next dataset by name of those a task is for: those it names, which must be there, or all. Null after the last. */
export async function nextDataset(
  ports: WorkPorts,
  job: Job,
  named: readonly string[] | undefined,
  after: string,
): Promise<DatasetRecord | null> {
  if (named === undefined) {
    const { items } = await ports.catalog.datasets.list(job.namespaceUid, 1, after);
    return items[0] ?? null;
  }
  const next = [...named].sort().find((name) => name > after);
  return next === undefined ? null : await theDataset(ports, job, next);
}
