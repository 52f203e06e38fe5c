import { type Batch, batchBytes } from '../columns/column.ts';
import type { PipelineSnapshot, PipelineSpec } from '../core/protocol/pipeline.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import type { CommittedObject } from '../storage/commit.ts';
import { quarantineKey } from '../storage/layout.ts';
import { commitObjects } from './commit-objects.ts';
import { openDecoder } from './decoding.ts';
import { choosePipeline } from './pipeline-choice.ts';
import type { IngestPorts } from './ports.ts';
import { prepare } from './prepare.ts';
import { QuarantineFile } from './quarantine.ts';
import { SegmentAssembler } from './segment-assembler.ts';
import type { PartRemains } from './take-in.ts';

/** Rows of one sorted commit: each may be a range of its own, and an object's ranges are one value of the catalogue. */
const SORTED_ROWS = 131_072;

/** What became of the members of a group. */
export interface GroupOutcome {
  readonly committed: readonly LedgerObject[];
  /** Members with a fault of their own; the others do not suffer from it. */
  readonly faults: readonly { readonly object: LedgerObject; readonly error: unknown; readonly remains: PartRemains }[];
  /** Members that are too much for a group after all, or came when it was full: to be taken in by themselves. */
  readonly alone: readonly LedgerObject[];
  /** Members whose common commit did not happen, and why. */
  readonly uncommitted: readonly LedgerObject[];
  readonly error: unknown;
}

/** What objects must share to be taken in together. */
export function groupKey(
  pipelines: PipelineSnapshot,
  { namespaceUid, datasetId, dataset, name }: LedgerObject,
): string {
  const { sortKey, versions } = choosePipeline(pipelines, dataset, name);
  return JSON.stringify([namespaceUid, datasetId, sortKey, versions]);
}

/**
 * Takes in small objects of one dataset together: shared segments, one commit. Every object is decoded to its end
 * before any of its rows are written, so that one that fails leaves none behind.
 */
export async function takeGroup(
  ports: IngestPorts,
  pipelines: PipelineSnapshot,
  objects: readonly LedgerObject[],
): Promise<GroupOutcome> {
  const [leader] = objects;
  const { sortKey, versions } = choosePipeline(pipelines, leader.dataset, leader.name);
  // Named after the first that decodes: one that is put aside may write segments of its own under the same claim.
  let assembler: SegmentAssembler | undefined;
  const done: { object: LedgerObject; entry: CommittedObject }[] = [];
  const faults: GroupOutcome['faults'][number][] = [];
  const alone: LedgerObject[] = [];
  let rows = 0;
  let error: unknown;
  try {
    for (const object of objects) {
      if (sortKey.length > 0 && rows >= SORTED_ROWS) {
        alone.push(object);
        continue;
      }
      const remains: PartRemains = { format: undefined, quarantine: undefined };
      const own = choosePipeline(pipelines, object.dataset, object.name);
      let decoded: Awaited<ReturnType<typeof decodeWhole>>;
      try {
        decoded = await decodeWhole(ports, own, object, remains);
      } catch (fault) {
        faults.push({ object, error: fault, remains });
        continue;
      }
      if (decoded === null) {
        alone.push(object);
        continue;
      }
      // From here on a fault is the whole group's: what is written holds rows of several members.
      assembler ??= new SegmentAssembler(ports.store, object, { ...ports.limits, sortKey });
      for (const batch of decoded.batches) await assembler.add(batch, object.objectId);
      rows += decoded.entry.rowsCommitted;
      done.push({ object, entry: decoded.entry });
    }
    if (assembler !== undefined) {
      await assembler.finish();
      await ports.faults.reach('after-segment');
      const committed = await commitObjects(ports, pipelines, leader, {
        objects: done.map(({ entry }) => entry),
        segments: assembler.segments,
        schema: assembler.schema,
        replace: versions === 'replace',
      });
      if (committed) return { committed: done.map(({ object }) => object), faults, alone, uncommitted: [], error };
      error = new Error('a member of the group was no longer ours');
    }
  } catch (fault) {
    await assembler?.abort();
    error = fault;
  }
  const settled = new Set([...faults.map(({ object }) => object), ...alone]);
  return { committed: [], faults, alone, uncommitted: objects.filter((object) => !settled.has(object)), error };
}

/** All rows of a small object; null where they are more than may be held. */
async function decodeWhole(
  ports: IngestPorts,
  pipeline: PipelineSpec,
  object: LedgerObject,
  remains: PartRemains,
): Promise<{ batches: readonly Batch[]; entry: CommittedObject } | null> {
  const { limits, store } = ports;
  const prepared = await prepare(ports, object, pipeline, async () => {});
  if (prepared.kind === 'hand-over') return null;
  remains.format = prepared.decoding.format.name;
  const key = quarantineKey(object.namespaceUid, object.objectId, object.attempt, object.part);
  const quarantine = new QuarantineFile(store, key, limits.quarantineRows, 0);
  remains.quarantine = quarantine;
  const batches: Batch[] = [];
  let rows = 0;
  let bytes = 0;
  const { decoding, source } = prepared;
  for await (const { batch, bad } of await openDecoder(decoding, pipeline, source, undefined, limits.partBytes)) {
    await quarantine.add(bad);
    if (batch === null) continue;
    batches.push(batch);
    rows += batch.length;
    bytes += batchBytes(batch);
    if (bytes > limits.segmentBufferBytes / 2) return null;
  }
  const entry = {
    token: object,
    format: prepared.decoding.format.name,
    rowsCommitted: rows,
    rowsQuarantined: quarantine.total,
    quarantine: await quarantine.finish(),
  };
  return { batches, entry };
}
