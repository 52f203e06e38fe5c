import { type Batch, batchBytes } from '../columns/column.ts';
import { conformBatch } from '../columns/concat.ts';
import { mergeSchemas, type Schema, sameType } from '../columns/types.ts';
import { OrasiError } from '../core/errors.ts';
import { createSegmentWriter, type SegmentWriter } from '../segment/write.ts';
import type { NewSegment, RowRanges } from '../storage/catalog-records.ts';
import { segmentId, segmentKey } from '../storage/layout.ts';
import { createObjectSink, type ObjectSink } from '../storage/object-sink.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** Whose segments these are: the claim that every key is named after. */
export interface SegmentOwner {
  readonly namespaceUid: string;
  readonly datasetId: string;
  readonly objectId: string;
  readonly attempt: number;
  readonly part: number;
}

interface OpenSegment {
  readonly id: string;
  readonly key: string;
  readonly schema: Schema;
  readonly sink: ObjectSink;
  readonly writer: SegmentWriter;
  readonly sources: Map<string, [start: number, end: number][]>;
}

interface Pending {
  readonly batch: Batch;
  readonly objectId: string;
}

/**
 * Turns batches into segments. Batches are held until they fill the buffer, so that types that widen early do not
 * cost a segment each; then a segment opens with the merged schema and the following batches stream into it. One
 * that does not fit the open segment's schema ends it.
 */
export class SegmentAssembler {
  readonly segments: NewSegment[] = [];
  readonly #store: ObjectStore;
  readonly #owner: SegmentOwner;
  readonly #limits: { readonly segmentBufferBytes: number; readonly segmentRows: number };
  #schema: Schema;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #open: OpenSegment | undefined;
  #count = 0;

  /** `schema` is what earlier parts of the same object came to. */
  constructor(
    store: ObjectStore,
    owner: SegmentOwner,
    limits: { readonly segmentBufferBytes: number; readonly segmentRows: number },
    schema: Schema = [],
  ) {
    this.#store = store;
    this.#owner = owner;
    this.#limits = limits;
    this.#schema = schema;
  }

  /** The merged schema of all rows so far. */
  get schema(): Schema {
    return this.#schema;
  }

  async add(batch: Batch, objectId: string): Promise<void> {
    if (batch.length === 0) return;
    this.#schema = this.#schema.length === 0 ? batch.schema : mergeSchemas(this.#schema, batch.schema);
    if (this.#open !== undefined && !fits(this.#schema, this.#open.schema)) await this.#close();
    if (this.#open !== undefined) return await this.#write(this.#open, { batch, objectId });
    this.#pending.push({ batch, objectId });
    this.#pendingBytes += batchBytes(batch);
    if (this.#pendingBytes >= this.#limits.segmentBufferBytes) await this.#flush();
  }

  /** Writes what is held. The segments are then all there. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.#close();
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    for (const item of pending) {
      this.#open ??= this.#begin();
      await this.#write(this.#open, item);
    }
  }

  #begin(): OpenSegment {
    const { namespaceUid, datasetId, objectId, attempt, part } = this.#owner;
    const id = segmentId(objectId, attempt, part, this.#count++);
    const key = segmentKey(namespaceUid, datasetId, id);
    const sink = createObjectSink(this.#store, key, { contentType: 'application/vnd.apache.parquet' });
    return { id, key, schema: this.#schema, sink, writer: createSegmentWriter(sink, this.#schema), sources: new Map() };
  }

  async #write(open: OpenSegment, { batch, objectId }: Pending): Promise<void> {
    const start = open.writer.rows;
    await open.writer.write(conformBatch(batch, open.schema));
    addRange(open.sources, objectId, start, start + batch.length);
    if (open.writer.rows >= this.#limits.segmentRows) await this.#close();
  }

  async #close(): Promise<void> {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const summary = await open.writer.finish();
    const stored = await open.sink.finish();
    if (stored === null) throw new OrasiError('internal', `segment ${open.id} was already there`);
    this.segments.push({
      segmentId: open.id,
      key: open.key,
      etag: stored.etag,
      sizeBytes: summary.sizeBytes,
      footerBytes: summary.footerBytes,
      rows: summary.rows,
      schema: open.schema,
      statistics: summary.statistics,
      sources: [...open.sources].map(([objectId, ranges]) => ({ objectId, ranges: ranges as RowRanges })),
    });
  }
}

function addRange(sources: Map<string, [number, number][]>, objectId: string, start: number, end: number): void {
  const ranges = sources.get(objectId) ?? [];
  const last = ranges.at(-1);
  if (last !== undefined && last[1] === start) last[1] = end;
  else ranges.push([start, end]);
  sources.set(objectId, ranges);
}

/** Whether rows of the merged schema go into a file of another: the same columns, and no type or null it cannot hold. */
function fits(schema: Schema, file: Schema): boolean {
  return (
    schema.length === file.length &&
    schema.every((field, i) => sameType(field.type, file[i].type) && (file[i].nullable || !field.nullable))
  );
}
