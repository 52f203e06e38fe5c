import type { Batch, Scalar } from '../../src/columns/column.ts';
import { scalarAt } from '../../src/columns/column.ts';
import type { IndexDefinition } from '../../src/columns/index-definition.ts';
import { mergeSchemas, type Schema } from '../../src/columns/types.ts';
import { memorySink } from '../../src/core/bytes.ts';
import { manualClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Log } from '../../src/observe/log.ts';
import { newQueryStats, type QueryContext, Turns } from '../../src/query/context.ts';
import { execute, type Runtime } from '../../src/query/execute.ts';
import { SCALAR_FUNCTIONS } from '../../src/query/functions/catalogue.ts';
import { MemoryBudget } from '../../src/query/memory-budget.ts';
import type { ScalarFunctions } from '../../src/query/operators/function-port.ts';
import type { Plan } from '../../src/query/plan.ts';
import { FileCache } from '../../src/query/scan/file-cache.ts';
import { OpenFiles } from '../../src/query/scan/open-files.ts';
import { ReadGate } from '../../src/query/scan/read-gate.ts';
import { type ScanSource, scanRows } from '../../src/query/scan/scan.ts';
import { topScanRows } from '../../src/query/scan/top-scan.ts';
import { UnreadableIndexes } from '../../src/query/scan/unreadable-indexes.ts';
import { INDEX_KINDS } from '../../src/segment/index-kinds.ts';
import { openSegment } from '../../src/segment/read.ts';
import { createSegmentWriter, type SegmentOptions } from '../../src/segment/write.ts';
import type { DatasetSnapshot, RowRanges, SegmentRecord } from '../../src/storage/catalog-records.ts';
import { memoryObjectStore } from '../../src/storage/memory-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { objectReader } from '../../src/storage/range-reader.ts';

/** The catalogue's functions. */
export const functions: ScalarFunctions = SCALAR_FUNCTIONS;

export function newContext(memoryBytes: number = LIMITS.queryOperatorBytes): QueryContext {
  return {
    memory: new MemoryBudget(memoryBytes),
    stats: newQueryStats(),
    turns: new Turns(),
    checkpoint: () => undefined,
  };
}

export const SILENT: Log = { debug: noop, info: noop, warn: noop, error: noop, with: () => SILENT };

function noop(): void {}

/** Datasets in memory, without a catalogue: segments are written and a snapshot kept. */
export class World {
  readonly store: ObjectStore = memoryObjectStore(manualClock());
  readonly files = new FileCache(1 << 22);
  /** 0 makes every index look cheap. */
  indexCostFactor = 1;
  readonly warnings: string[] = [];
  readonly snapshots = new Map<string, DatasetSnapshot>();

  /** Writes each batch as a segment of its own and adds them to the dataset, whose schema widens to hold them. */
  async add(name: string, batches: readonly Batch[], options: SegmentOptions & { masked?: RowRanges } = {}) {
    for (const batch of batches) {
      const before = this.snapshots.get(name);
      const segment = await this.#write(name, before?.segments.length ?? 0, batch, options);
      this.snapshots.set(name, {
        datasetId: name,
        name,
        schema: before === undefined ? batch.schema : mergeSchemas(before.schema, batch.schema),
        schemaVersion: (before?.schemaVersion ?? 0) + 1,
        segments: [...(before?.segments ?? []), segment],
        indexes: before?.indexes ?? [],
      });
    }
  }

  async #write(
    datasetId: string,
    place: number,
    batch: Batch,
    options: SegmentOptions & { masked?: RowRanges },
  ): Promise<SegmentRecord> {
    const key = `${datasetId}/${place}`;
    const sink = memorySink();
    const writer = createSegmentWriter(sink, batch.schema, options);
    await writer.write(batch);
    const summary = await writer.finish();
    const stored = await this.store.put(key, sink.bytes());
    if (stored === null) throw new Error(`${key} is taken`);
    const { masked = [] } = options;
    return { ...summary, datasetId, segmentId: key, key, etag: stored.etag, masked, indexes: {} };
  }

  /** Declares an index and builds its files for the segments there are, or for those of `segments`. */
  async build(name: string, definition: IndexDefinition, segments?: readonly number[]): Promise<void> {
    const before = this.snapshot(name);
    const kind = INDEX_KINDS.get(definition.kind);
    if (kind === undefined) throw new Error(`there is no kind ${definition.kind}`);
    const built: SegmentRecord[] = [];
    for (const [i, segment] of before.segments.entries()) {
      const known = definition.fields.every((field) => segment.schema.some((column) => column.name === field));
      if (!known || !(segments?.includes(i) ?? true)) {
        built.push(segment);
        continue;
      }
      const sink = memorySink();
      const summary = await kind.build(this.#batches(segment, kind.columns(definition)), definition, sink);
      const key = `${segment.key}.${definition.name}`;
      await this.store.put(key, sink.bytes());
      built.push({ ...segment, indexes: { ...segment.indexes, [definition.name]: { key, generation: 1, summary } } });
    }
    this.snapshots.set(name, { ...before, segments: built, indexes: [...before.indexes, definition] });
  }

  async *#batches(segment: SegmentRecord, columns: readonly string[]): AsyncGenerator<Batch> {
    const file = await openSegment(objectReader(this.store, segment), { footerBytes: segment.footerBytes });
    for (const group of file.rowGroups.keys()) yield await file.readColumns(group, columns);
  }

  snapshot(name: string): DatasetSnapshot {
    const found = this.snapshots.get(name);
    if (found === undefined) throw new Error(`there is no dataset ${name}`);
    return found;
  }

  source(context: QueryContext): ScanSource {
    const gate = new ReadGate(context, LIMITS.concurrentReads);
    return {
      snapshot: (name) => this.snapshot(name),
      files: new OpenFiles(this.store, gate, this.files),
      kinds: INDEX_KINDS,
      unreadable: new UnreadableIndexes({ ...SILENT, warn: (message) => this.warnings.push(message) }),
      indexCostFactor: this.indexCostFactor,
      functions,
      context,
    };
  }

  runtime(context: QueryContext = newContext()): Runtime {
    const source = this.source(context);
    return {
      context,
      functions,
      scan: (plan) => scanRows(plan, source),
      topScan: (top) => topScanRows(top, source),
      rowsOf: (plan) => this.snapshot(plan.dataset).segments.reduce((sum, { rows }) => sum + rows, 0),
      fallback: () => {
        throw new Error('these tests have no fallback executor');
      },
    };
  }

  async run(plan: Plan, context?: QueryContext): Promise<Scalar[][]> {
    return await rowsOf(execute(plan, this.runtime(context)));
  }

  schema(name: string): Schema {
    return this.snapshot(name).schema;
  }
}

/** All rows of batches as values. */
export async function rowsOf(batches: AsyncIterable<Batch>): Promise<Scalar[][]> {
  const rows: Scalar[][] = [];
  for await (const batch of batches) {
    for (let row = 0; row < batch.length; row++) rows.push(batch.columns.map((column) => scalarAt(column, row)));
  }
  return rows;
}
