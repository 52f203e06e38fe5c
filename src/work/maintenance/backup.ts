import * as z from 'zod';
import { OrasiError } from '../../core/errors.ts';
import type { MaintenancePayload } from '../../core/protocol/built-in-tasks.ts';
import type { TaskStepState } from '../../core/protocol/messages.ts';
import { openSegment } from '../../segment/read.ts';
import { createSegmentWriter } from '../../segment/write.ts';
import type { RowRanges } from '../../storage/catalog-records.ts';
import { backupKey, MANIFEST } from '../../storage/layout.ts';
import { createObjectSink } from '../../storage/object-sink.ts';
import { objectReader } from '../../storage/range-reader.ts';
import { countRows } from '../../storage/row-ranges.ts';
import { done, type Job, later, plus, type StepOutcome } from '../job.ts';
import type { WorkPorts } from '../ports.ts';
import { nextDataset } from './datasets.ts';
import { type Manifest, readJson, writeJson } from './manifest.ts';

/** What one step copies at most, but for one file. */
const STEP_BYTES = 64 * 1024 * 1024;
const STEP_FILES = 50;
/** Files of a dataset: its restore names each in one message. */
const DATASET_FILES = 2_000;
const CONTENT_TYPE = 'application/vnd.apache.parquet';

/** The segments as they were when the backup began: what happens meanwhile is not part of it. */
const Plan = z.object({
  createdAt: z.iso.datetime(),
  files: z.array(
    z.object({
      dataset: z.string(),
      name: z.string(),
      key: z.string(),
      etag: z.string(),
      sizeBytes: z.number(),
      footerBytes: z.number(),
      rows: z.number(),
      masked: z.array(z.tuple([z.number(), z.number()])),
    }),
  ),
  datasets: z.array(z.string()),
});
type Plan = z.output<typeof Plan>;

/**
 * Copies the rows of datasets, as they are at one moment each, to files of their own: a backup needs neither the
 * catalogue nor the segments. It begins with a plan and ends with a manifest, without which it is none.
 */
export async function backUp(
  ports: WorkPorts,
  job: Job,
  { operation, datasets }: MaintenancePayload<'backup'>,
  state: TaskStepState | undefined,
): Promise<StepOutcome> {
  const { store } = ports;
  // An attempt's own: what one that was given up left behind is not mixed with it.
  const backupId = `${job.queue}-${job.taskId}-${job.attempt}`;
  const keyOf = (name: string) => backupKey(job.namespaceUid, backupId, name);
  if (state === undefined) {
    await writeJson(store, keyOf('plan.json'), await planOf(ports, job, datasets));
    return later({ phase: 'copying', cursor: '0' }, 0);
  }
  const plan = Plan.parse(await readJson(store, keyOf('plan.json')));
  let counts = plus(state.counts, { files: 0, rows: 0, bytes: 0 });
  const first = Number(state.cursor);
  let stepBytes = 0;
  for (let at = first; at < plan.files.length; at++) {
    if (at - first === STEP_FILES || stepBytes >= STEP_BYTES) {
      return later({ phase: 'copying', cursor: String(at), counts }, 0);
    }
    job.signal.throwIfAborted();
    const file = plan.files[at];
    const bytes = await copy(ports, file, keyOf(file.name));
    counts = plus(counts, { files: 1, rows: countingRows(file), bytes });
    stepBytes += bytes;
  }
  const manifest: Manifest = {
    v: 1,
    backupId,
    namespace: job.namespace,
    createdAt: plan.createdAt,
    datasets: plan.datasets.map((name) => {
      const files = plan.files.filter(({ dataset }) => dataset === name);
      return {
        name,
        rows: files.reduce((sum, file) => sum + countingRows(file), 0),
        files: files.map((file) => ({ name: file.name, rows: countingRows(file) })),
      };
    }),
  };
  await writeJson(store, keyOf(MANIFEST), manifest);
  await store.delete([keyOf('plan.json')]);
  const shown = manifest.datasets.map(({ name, rows, files }) => ({ name, rows, files: files.length }));
  return done({ operation, backupId, manifest: keyOf(MANIFEST), ...counts, datasets: shown });
}

async function planOf(ports: WorkPorts, job: Job, named: readonly string[] | undefined): Promise<Plan> {
  const plan: Plan = { createdAt: new Date(ports.clock.now()).toISOString(), files: [], datasets: [] };
  for (let after = ''; ; ) {
    const dataset = await nextDataset(ports, job, named, after);
    if (dataset === null) return plan;
    after = dataset.name;
    const [snapshot] = await ports.catalog.snapshot(job.namespaceUid, [dataset.name]);
    const segments = snapshot?.segments ?? [];
    if (segments.length > DATASET_FILES) {
      throw new OrasiError(
        'unprocessable',
        `dataset "${dataset.name}" has ${segments.length} segments, and a backup takes ${DATASET_FILES}: optimize it first`,
      );
    }
    plan.datasets.push(dataset.name);
    for (const [i, { key, etag, sizeBytes, footerBytes, rows, masked }] of segments.entries()) {
      const name = `${dataset.name}/${i}.parquet`;
      const ranges = masked.map(([start, end]): [number, number] => [start, end]);
      plan.files.push({ dataset: dataset.name, name, key, etag, sizeBytes, footerBytes, rows, masked: ranges });
    }
  }
}

function countingRows({ rows, masked }: Plan['files'][number]): number {
  return rows - countRows(masked);
}

/** Byte by byte where all rows count, else written anew without the others. Answers the copy's bytes. */
async function copy({ store }: WorkPorts, file: Plan['files'][number], to: string): Promise<number> {
  if (file.masked.length === 0) {
    const body = await store.stream(file.key, 0, file.etag);
    await store.put(to, body, { sizeBytes: file.sizeBytes, contentType: CONTENT_TYPE });
    return file.sizeBytes;
  }
  const segment = await openSegment(objectReader(store, file), { footerBytes: file.footerBytes });
  const sink = createObjectSink(store, to, { contentType: CONTENT_TYPE });
  try {
    const writer = createSegmentWriter(sink, segment.schema);
    const columns = segment.schema.map(({ name }) => name);
    const rows = outside(file.masked, file.rows);
    for (let group = 0; group < segment.rowGroups.length; group++) {
      const batch = await segment.readColumns(group, columns, rows);
      if (batch.length > 0) await writer.write(batch);
    }
    const { sizeBytes } = await writer.finish();
    await sink.finish();
    return sizeBytes;
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** The rows of a file that are in none of the ranges, which are ascending. */
function outside(ranges: RowRanges, rows: number): RowRanges {
  const between: [number, number][] = [];
  let at = 0;
  for (const [start, end] of ranges) {
    if (start > at) between.push([at, start]);
    at = end;
  }
  if (at < rows) between.push([at, rows]);
  return between;
}
