import { type Batch, batchBytes, gatherBatch } from '../columns/column.ts';
import { concatBatches } from '../columns/concat.ts';
import { conformBatch } from '../columns/conform.ts';
import { mergeSchemas, type Schema, sameType } from '../columns/types.ts';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { createSegmentWriter, type SegmentWriter } from '../segment/write.ts';
import type { NewSegment, RowRanges } from '../storage/catalog-records.ts';
import { segmentId, segmentKey } from '../storage/layout.ts';
import { createObjectSink, type ObjectSink } from '../storage/object-sink.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { sortedRows } from './sort-rows.ts';

export interface SegmentShape {
  readonly segmentBufferBytes: number;
  readonly segmentRows: number;
  /** Columns the rows of each segment are sorted by. */
  readonly sortKey: readonly string[];
}

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
  /** Of the types the file has; what else is known of the columns goes on with the rows. */
  schema: Schema;
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
  readonly #shape: SegmentShape;
  #schema: Schema;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #pendingRows = 0;
  #open: OpenSegment | undefined;
  #count = 0;

  /** `schema` is what earlier parts of the same object came to. */
  constructor(store: ObjectStore, owner: SegmentOwner, shape: SegmentShape, schema: Schema = []) {
    this.#store = store;
    this.#owner = owner;
    this.#shape = shape;
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
    if (this.#open !== undefined) {
      this.#open.schema = this.#schema;
      return await this.#write(this.#open, { batch, objectId });
    }
    this.#pending.push({ batch, objectId });
    this.#pendingBytes += batchBytes(batch);
    this.#pendingRows += batch.length;
    if (this.#pendingBytes >= this.#shape.segmentBufferBytes || this.#pendingRows >= this.#shape.segmentRows) {
      await this.#flush();
    }
  }

  /** Writes what is held. The segments are then all there. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.#close();
  }

  /** Gives up what was begun; segments already written are left to collection. */
  async abort(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#pending = [];
    await open?.sink.abort();
  }

  async #flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#pendingRows = 0;
    if (this.#shape.sortKey.length > 0 && pending.length > 0) return await this.#writeSorted(pending);
    for (const item of pending) {
      this.#open ??= this.#begin();
      await this.#write(this.#open, item);
    }
  }

  /** A sorted segment is what the buffer held, no more: what comes later would have to go in between. */
  async #writeSorted(pending: readonly Pending[]): Promise<void> {
    const schema = this.#schema;
    const all = concatBatches(
      schema,
      pending.map(({ batch }) => conformBatch(batch, schema)),
    );
    const objects = [...new Set(pending.map(({ objectId }) => objectId))];
    const sourceOf = new Int32Array(all.length);
    let at = 0;
    for (const { batch, objectId } of pending) {
      sourceOf.fill(objects.indexOf(objectId), at, at + batch.length);
      at += batch.length;
    }
    const rows = sortedRows(all, this.#shape.sortKey);
    const open = this.#begin();
    this.#open = open;
    for (let start = 0; start < rows.length; start += LIMITS.batchRows) {
      const slice = rows.subarray(start, start + LIMITS.batchRows);
      await open.writer.write(gatherBatch(all, slice));
      for (let i = 0; i < slice.length; i++) {
        addRange(open.sources, objects[sourceOf[slice[i]]], start + i, start + i + 1);
      }
    }
    await this.#close();
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
    if (open.writer.rows >= this.#shape.segmentRows) await this.#close();
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
