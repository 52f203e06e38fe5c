import type { PipelineSpec } from '../core/protocol/pipeline.ts';
import type { DecodeSource } from '../formats/format.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import { type DecodeCheckpoint, type PartCheckpoint, readCheckpoint } from './checkpoint.ts';
import { compressionOfObject, type Decoding, readHead, settleDecoding, settledDecoding } from './decoding.ts';
import { inflateObject } from './inflate.ts';
import type { IngestPorts } from './ports.ts';
import { memorySource, type StoredBytes, storedSource } from './source.ts';

/** An object ready to be decoded. */
export interface Prepared {
  readonly kind: 'ready';
  readonly source: DecodeSource;
  /** Where a later part finds the same bytes; undefined where they are only in memory, which is never more than a part. */
  readonly stored: StoredBytes | undefined;
  readonly decoding: Decoding;
  readonly progress: DecodeCheckpoint['progress'];
}

/** Its bytes have to be inflated first, and that was this part's work. */
export interface HandOver {
  readonly kind: 'hand-over';
  readonly checkpoint: PartCheckpoint;
  /** The inflated copy, where it is complete. */
  readonly copy: string | undefined;
}

/**
 * Opens a claimed object: its bytes, uncompressed, and how they decode. Every read is of the version in the ledger;
 * it throws `source_changed` or `source_missing` where that is gone.
 */
export async function prepare(
  ports: IngestPorts,
  object: LedgerObject,
  pipeline: PipelineSpec,
  stillOurs: () => Promise<void>,
): Promise<Prepared | HandOver> {
  const before = object.checkpoint === undefined ? undefined : readCheckpoint(object.checkpoint);
  if (before?.step === 'decode') {
    const source = storedSource(ports.store, before.source);
    const decoding =
      before.progress === undefined
        ? settleDecoding(object, pipeline, await readHead(source))
        : settledDecoding(before.progress);
    return { kind: 'ready', source, stored: before.source, decoding, progress: before.progress };
  }

  const raw = await openRaw(ports, object);
  const head = await readHead(raw);
  const compression = before?.compression ?? (await compressionOfObject(object, raw, head));
  if (compression.length === 0) {
    const { key, etag, sizeBytes } = object;
    const decoding = settleDecoding(object, pipeline, head);
    return { kind: 'ready', source: raw, stored: { key, etag, sizeBytes }, decoding, progress: undefined };
  }

  const inflated = await inflateObject(ports, object, compression, before, stillOurs);
  switch (inflated.kind) {
    case 'memory': {
      const source = memorySource(inflated.bytes);
      const decoding = settleDecoding(object, pipeline, await readHead(source));
      return { kind: 'ready', source, stored: undefined, decoding, progress: undefined };
    }
    case 'stored':
      return { kind: 'hand-over', checkpoint: { step: 'decode', source: inflated.source }, copy: inflated.source.key };
    case 'more':
      return { kind: 'hand-over', checkpoint: inflated.checkpoint, copy: undefined };
  }
}

/** A small object costs one read, whatever looks at it afterwards. */
async function openRaw({ store, limits }: IngestPorts, object: LedgerObject): Promise<DecodeSource> {
  if (object.sizeBytes > limits.groupObjectBytes || object.sizeBytes === 0) return storedSource(store, object);
  return memorySource(await storedSource(store, object).ranges.read(0, object.sizeBytes));
}
