import { OrasiError } from '../../core/errors.ts';
import type { MaintenancePayload } from '../../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../../core/protocol/messages.ts';
import { openSegment } from '../../segment/read.ts';
import type { DatasetSnapshot, SegmentRecord } from '../../storage/catalog-records.ts';
import { objectReader } from '../../storage/range-reader.ts';
import { done, type Job, later, plus, type StepOutcome } from '../job.ts';
import type { WorkPorts } from '../ports.ts';
import { nextDataset } from './datasets.ts';

/** What one step reads at most, but for one segment. */
const STEP_BYTES = 64 * 1024 * 1024;
/** Damaged files that are named; the others are counted. */
const NAMED = 50;

/**
 * Reads every segment and index file to its end, against its checksums and what the catalogue says of it. Changes
 * nothing: `repair` does.
 */
export async function checkHealth(
  ports: WorkPorts,
  job: Job,
  { operation, datasets }: MaintenancePayload<'health_check'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  let counts = plus(state?.counts, { segments: 0, rows: 0, bytes: 0, indexFiles: 0, damaged: 0 });
  const damage = [...(state?.notes ?? [])];
  const found = (what: string, fault: string | undefined) => {
    if (fault === undefined) return;
    counts = plus(counts, { damaged: 1 });
    if (damage.length < NAMED) damage.push(`${what}: ${fault}`);
  };
  // The dataset before, and the segment in this one.
  const [before, segmentBefore] = (state?.cursor ?? '/').split('/');
  const dataset = await nextDataset(ports, job, datasets, before);
  if (dataset === null) return done({ operation, healthy: counts['damaged'] === 0, ...counts, damage });
  const [snapshot] = await ports.catalog.snapshot(job.namespaceUid, [dataset.name]);
  let bytes = 0;
  for (const segment of inOrder(snapshot, segmentBefore)) {
    job.signal.throwIfAborted();
    found(segment.key, await segmentFault(ports, segment));
    for (const { key } of Object.values(segment.indexes)) found(key, await ports.indexing.faultOf(key));
    const { rows, sizeBytes } = segment;
    counts = plus(counts, { segments: 1, rows, bytes: sizeBytes, indexFiles: Object.keys(segment.indexes).length });
    bytes += sizeBytes;
    if (bytes < STEP_BYTES) continue;
    return later({ phase: 'reading', cursor: `${before}/${segment.segmentId}`, counts, notes: damage }, 0);
  }
  return later({ phase: 'reading', cursor: `${dataset.name}/`, counts, notes: damage }, 0);
}

/** The segments of a dataset that may have been deleted since, behind one. */
function inOrder(snapshot: DatasetSnapshot | undefined, after: string): SegmentRecord[] {
  const behind = (snapshot?.segments ?? []).filter(({ segmentId }) => segmentId > after);
  return behind.sort((a, b) => (a.segmentId < b.segmentId ? -1 : 1));
}

/** What is wrong with a segment; every page is read, and with it its checksum. */
async function segmentFault({ store }: WorkPorts, segment: SegmentRecord): Promise<string | undefined> {
  const stored = await store.head(segment.key);
  if (stored === null) return 'it is gone';
  if (stored.etag !== segment.etag) return 'it was overwritten';
  try {
    const file = await openSegment(objectReader(store, segment), { footerBytes: segment.footerBytes });
    if (file.rows !== segment.rows) return `it has ${file.rows} rows, and the catalogue ${segment.rows}`;
    for (let group = 0; group < file.rowGroups.length; group++) {
      for (const { name } of file.schema) await file.readColumns(group, [name]);
    }
    return undefined;
  } catch (error) {
    if (error instanceof OrasiError && error.code === 'corrupt_file') return error.message;
    throw error;
  }
}
