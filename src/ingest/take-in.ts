import { batchBytes } from '../columns/column.ts';
import type { PipelineSnapshot } from '../core/protocol/pipeline.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import { stagedSegment } from '../storage/commit.ts';
import { quarantineKey } from '../storage/layout.ts';
import type { StagedFile } from '../storage/ledger.ts';
import { type PartCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { commitObjects } from './commit-objects.ts';
import { openDecoder } from './decoding.ts';
import { keepLease } from './lease.ts';
import { choosePipeline } from './pipeline-choice.ts';
import type { IngestPorts } from './ports.ts';
import { prepare } from './prepare.ts';
import { QuarantineFile } from './quarantine.ts';
import { SegmentAssembler } from './segment-assembler.ts';

/** Decoded bytes of a part, as a multiple of its source's: a small file may hold a great many rows. */
const EXPANSION = 4;

/** What of a failed part is worth keeping: why its rows were bad. */
export interface PartRemains {
  format: string | undefined;
  quarantine: QuarantineFile | undefined;
}

/**
 * Takes in the next part of a claimed object: to its end and then commits it, or up to the bounds of one invocation
 * and then hands over with a checkpoint and a new message. `remains` tells whoever catches a fault what there is.
 */
export async function takePart(
  ports: IngestPorts,
  pipelines: PipelineSnapshot,
  object: LedgerObject,
  remains: PartRemains,
): Promise<void> {
  const { store, limits } = ports;
  const pipeline = choosePipeline(pipelines, object.dataset, object.name);
  const stillOurs = keepLease(ports, object);
  const prepared = await prepare(ports, object, pipeline, stillOurs);
  if (prepared.kind === 'hand-over') {
    const copy: StagedFile[] =
      prepared.copy === undefined ? [] : [{ kind: 'source', key: prepared.copy, record: '{}' }];
    await handOver(ports, object, prepared.checkpoint, copy);
    return;
  }
  const { decoding, source, stored, progress } = prepared;
  remains.format = decoding.format.name;
  const quarantine = new QuarantineFile(
    store,
    quarantineKey(object.namespaceUid, object.objectId, object.attempt, object.part),
    limits.quarantineRows,
    progress?.rowsQuarantined ?? 0,
  );
  remains.quarantine = quarantine;
  const assembler = new SegmentAssembler(store, object, { ...limits, sortKey: pipeline.sortKey }, progress?.schema);
  const decoder = await openDecoder(decoding, pipeline, source, progress, limits.partBytes);
  const beginning = progress?.decoder.offset ?? 0;
  let rows = progress?.rowsCommitted ?? 0;
  let decodedBytes = 0;
  let ended = true;
  try {
    for await (const { batch, bad } of decoder) {
      await quarantine.add(bad);
      if (batch !== null) {
        await assembler.add(batch, object.objectId);
        rows += batch.length;
        decodedBytes += batchBytes(batch);
      }
      await stillOurs();
      const { offset } = decoder.checkpoint();
      const spent = offset - beginning >= limits.partBytes || decodedBytes >= EXPANSION * limits.partBytes;
      if (spent && offset < source.sizeBytes && stored !== undefined) {
        ended = false;
        break;
      }
    }
    await assembler.finish();
  } catch (error) {
    await assembler.abort();
    throw error;
  }
  const bad = await quarantine.finish();
  await ports.faults.reach('after-segment');

  if (!ended && stored !== undefined) {
    const next: PartCheckpoint = {
      step: 'decode',
      source: stored,
      progress: {
        format: decoding.format.name,
        options: decoding.options,
        decoder: decoder.checkpoint(),
        schema: assembler.schema,
        rowsCommitted: rows,
        rowsQuarantined: quarantine.total,
      },
    };
    const files: StagedFile[] = assembler.segments.map((segment) => ({
      kind: 'segment',
      key: segment.key,
      record: stagedSegment(segment),
    }));
    if (bad !== undefined) files.push({ kind: 'quarantine', key: bad.key, record: JSON.stringify({ rows: bad.rows }) });
    await handOver(ports, object, next, files);
    return;
  }
  const committed = await commitObjects(ports, pipelines, object, {
    objects: [
      {
        token: object,
        format: decoding.format.name,
        rowsCommitted: rows,
        rowsQuarantined: quarantine.total,
        quarantine: bad,
      },
    ],
    segments: assembler.segments,
    schema: assembler.schema,
    replace: pipeline.versions === 'replace',
  });
  // The inflated copy has served; were it not removed here, collection would find it.
  if (committed && stored !== undefined && stored.key !== object.key) await store.delete([stored.key]);
}

async function handOver(
  ports: IngestPorts,
  object: LedgerObject,
  checkpoint: PartCheckpoint,
  files: readonly StagedFile[],
): Promise<void> {
  await ports.faults.reach('before-hand-over');
  if (!(await ports.catalog.ledger.handOver(object, writeCheckpoint(checkpoint), files))) return;
  await ports.faults.reach('after-hand-over');
  const { namespaceUid, objectId } = object;
  await ports.ingestQueue.send([{ v: 1, type: 'ingest', namespaceUid, objectId }]);
}
