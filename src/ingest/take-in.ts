import { OrasiError } from '../core/errors.ts';
import type { IndexMessage } from '../core/protocol/messages.ts';
import type { PipelineSpec } from '../core/protocol/pipeline.ts';
import type { Format } from '../formats/format.ts';
import { FORMATS, formatNamed } from '../formats/registry.ts';
import type { LedgerObject, NewSegment } from '../storage/catalog-records.ts';
import { stagedSegment } from '../storage/commit.ts';
import { quarantineKey } from '../storage/layout.ts';
import type { ClaimToken, ObjectRef, StagedFile } from '../storage/ledger.ts';
import { type PartCheckpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { afterFault } from './outcome.ts';
import { choosePipeline, declaresIndexes } from './pipeline-choice.ts';
import type { IngestPorts } from './ports.ts';
import { QuarantineFile } from './quarantine.ts';
import { SegmentAssembler } from './segment-assembler.ts';
import { storedSource } from './source.ts';

/** What became of a message's object. */
export type TakeInOutcome =
  /** Nothing more to do with this message: committed, failed, handed over to a new message, or another's work. */
  | { readonly kind: 'done' }
  /** It could not be done now; the message should come back. */
  | { readonly kind: 'again'; readonly delaySeconds: number };

/** Takes in one object, or its next part. */
export async function takeIn(ports: IngestPorts, ref: ObjectRef): Promise<TakeInOutcome> {
  const object = await ports.catalog.ledger.claim(ref.namespaceUid, ref.objectId, ports.limits.leaseMs);
  if (object === null) return { kind: 'done' };
  await ports.faults.reach('after-claim');
  return await underClaim(ports, object, () => takePart(ports, object));
}

/** Runs work on a claimed object; a fault ends the object or gives it back, as `afterFault` decides. */
async function underClaim(ports: IngestPorts, object: LedgerObject, work: () => Promise<void>): Promise<TakeInOutcome> {
  const { ledger } = ports.catalog;
  const log = ports.log.with({ objectId: object.objectId, attempt: object.attempt, part: object.part });
  try {
    await work();
    return { kind: 'done' };
  } catch (error) {
    const next = afterFault(error, object.failures, ports.limits.attempts);
    log.warn('object not taken in', { error, next: next.kind });
    if (next.kind === 'fail') {
      await ledger.fail(object, next.error);
      return { kind: 'done' };
    }
    await ledger.release(object, next.error, ports.clock.now() + next.delaySeconds * 1000);
    return { kind: 'again', delaySeconds: next.delaySeconds };
  }
}

async function takePart(ports: IngestPorts, object: LedgerObject): Promise<void> {
  const { store, catalog, limits } = ports;
  const pipelines = await ports.control.pipelines(object.namespace);
  const pipeline = choosePipeline(pipelines, object.dataset, object.name);
  const before = object.checkpoint === undefined ? undefined : readCheckpoint(object.checkpoint);
  const source = before?.source ?? { key: object.key, etag: object.etag, sizeBytes: object.sizeBytes };
  const format = before === undefined ? chooseFormat(object, pipeline) : formatOf(before.format);
  const decoder = await format.decode({
    source: storedSource(store, source),
    options: object.decode.options ?? pipeline.formatOptions,
    declared: [],
    from: before?.decoder,
  });
  const assembler = new SegmentAssembler(store, object, limits, before?.schema);
  const quarantine = new QuarantineFile(
    store,
    quarantineKey(object.namespaceUid, object.objectId, object.attempt, object.part),
  );
  let rows = before?.rowsCommitted ?? 0;
  let ended = true;
  const beginning = before?.decoder.offset ?? 0;
  for await (const { batch, bad } of decoder) {
    await quarantine.add(bad);
    if (batch !== null) {
      await assembler.add(batch, object.objectId);
      rows += batch.length;
    }
    const { offset } = decoder.checkpoint();
    if (offset - beginning >= limits.partBytes && offset < source.sizeBytes) {
      ended = false;
      break;
    }
  }
  await assembler.finish();
  const bad = await quarantine.finish();
  await ports.faults.reach('after-segment');
  const rowsQuarantined = (before?.rowsQuarantined ?? 0) + quarantine.rows;
  if (!ended) {
    const next: PartCheckpoint = {
      format: format.name,
      source,
      decoder: decoder.checkpoint(),
      schema: assembler.schema,
      rowsCommitted: rows,
      rowsQuarantined,
    };
    await handOver(ports, object, next, stagedFiles(assembler.segments, bad));
    return;
  }
  await ports.faults.reach('before-commit');
  const outcome = await catalog.commit({
    namespaceUid: object.namespaceUid,
    datasetId: object.datasetId,
    objects: [{ token: object, format: format.name, rowsCommitted: rows, rowsQuarantined, quarantine: bad }],
    segments: assembler.segments,
    schema: assembler.schema,
    replace: pipeline.versions === 'replace',
  });
  await ports.faults.reach('after-commit');
  if (outcome.committed && declaresIndexes(pipelines, object.dataset)) {
    await ports.indexQueue.send(indexMessages(object, outcome.segmentIds));
  }
}

async function handOver(
  ports: IngestPorts,
  token: ClaimToken,
  next: PartCheckpoint,
  files: StagedFile[],
): Promise<void> {
  await ports.faults.reach('before-hand-over');
  if (!(await ports.catalog.ledger.handOver(token, writeCheckpoint(next), files))) return;
  await ports.faults.reach('after-hand-over');
  const { namespaceUid, objectId } = token;
  await ports.ingestQueue.send([{ v: 1, type: 'ingest', namespaceUid, objectId }]);
}

function stagedFiles(
  segments: readonly NewSegment[],
  bad: { readonly key: string; readonly rows: number } | undefined,
): StagedFile[] {
  const files: StagedFile[] = segments.map((segment) => ({
    kind: 'segment',
    key: segment.key,
    record: stagedSegment(segment),
  }));
  if (bad !== undefined) files.push({ kind: 'quarantine', key: bad.key, record: JSON.stringify({ rows: bad.rows }) });
  return files;
}

/** Segments of one message to the index queue. */
const INDEX_SEGMENTS = 100;

function indexMessages({ namespaceUid, datasetId }: LedgerObject, segmentIds: readonly string[]): IndexMessage[] {
  const messages: IndexMessage[] = [];
  for (let at = 0; at < segmentIds.length; at += INDEX_SEGMENTS) {
    messages.push({
      v: 1,
      type: 'index',
      namespaceUid,
      datasetId,
      segmentIds: segmentIds.slice(at, at + INDEX_SEGMENTS),
    });
  }
  return messages;
}

function formatOf(name: string): Format {
  const format = formatNamed(name);
  if (format === undefined) throw new OrasiError('unsupported_format', `there is no format "${name}"`);
  return format;
}

function chooseFormat(object: LedgerObject, pipeline: PipelineSpec): Format {
  return formatOf(object.decode.format ?? pipeline.format ?? FORMATS[0].name);
}
