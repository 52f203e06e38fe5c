/** Tables to query: written as segments into a store in memory, and as the same files on disk for the peer. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type Batch, sliceBatch } from '../src/columns/column.ts';
import { conformBatch } from '../src/columns/conform.ts';
import { mergeSchemas, type Schema } from '../src/columns/types.ts';
import { memoryReader, memorySink } from '../src/core/bytes.ts';
import { manualClock } from '../src/core/clock.ts';
import { parquetFormat } from '../src/formats/parquet/parquet.ts';
import { createSegmentWriter } from '../src/segment/write.ts';
import type { DatasetSnapshot, SegmentRecord } from '../src/storage/catalog-records.ts';
import { memoryObjectStore } from '../src/storage/memory-object-store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';

const SEGMENT_ROWS = 1_000_000;
const FLIGHTS = join(import.meta.dirname, '../node_modules/vega-datasets/data/flights-3m.parquet');

/** Both sides over the same segments. */
export interface Tables {
  readonly store: ObjectStore;
  readonly snapshots: ReadonlyMap<string, DatasetSnapshot>;
  /** Files by dataset, as DuckDB's `read_parquet` takes a list. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  /** One connection, one thread. */
  readonly duckdb: DuckDBConnection;
  close(): void;
}

/** Five million rows: a key, a wide key, a nullable category, doubles, decimals, instants. */
function generated(rows: number): string {
  return `SELECT i AS id, hash(i) % 500000 AS customer,
    CASE WHEN i % 20 = 0 THEN NULL ELSE 'city ' || (hash(i * 7) % 300) END AS city,
    (hash(i * 3) % 1000000) / 100.0::DOUBLE AS amount,
    CASE WHEN i % 11 = 0 THEN NULL ELSE (hash(i * 5) % 100)::BIGINT END AS quantity,
    ((hash(i * 13) % 100000) / 100.0)::DECIMAL(10, 2) AS price,
    TIMESTAMP '2024-01-01' + to_seconds(CAST(i AS BIGINT)) AS at,
    9007199254740993 + i AS wide
    FROM range(${rows}) t(i)`;
}

export async function makeTables(generatedRows: number): Promise<Tables> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-bench-'));
  const duckdb = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  const source = join(folder, 'events.parquet');
  await duckdb.run(`COPY (${generated(generatedRows)}) TO '${source}' (FORMAT parquet)`);
  const store = memoryObjectStore(manualClock());
  const snapshots = new Map<string, DatasetSnapshot>();
  const files = new Map<string, string[]>();
  for (const [name, path] of [
    ['flights', FLIGHTS],
    ['events', source],
  ] as const) {
    const segments: SegmentRecord[] = [];
    const paths: string[] = [];
    for await (const { bytes, record } of segmentsOf(name, readFileSync(path))) {
      const stored = await store.put(record.key, bytes);
      segments.push({ ...record, etag: stored?.etag ?? '' });
      const file = join(folder, `${record.segmentId}.parquet`);
      writeFileSync(file, bytes);
      paths.push(file);
    }
    const { schema } = segments[0];
    snapshots.set(name, { datasetId: name, name, schema, schemaVersion: 1, segments, indexes: [] });
    files.set(name, paths);
  }
  return { store, snapshots, files, duckdb, close: () => rmSync(folder, { recursive: true }) };
}

async function* segmentsOf(
  name: string,
  source: Uint8Array,
): AsyncGenerator<{ bytes: Uint8Array; record: Omit<SegmentRecord, 'etag'> & { etag: string } }> {
  let pending: Batch[] = [];
  let rows = 0;
  let ordinal = 0;
  const flush = async () => {
    const schema: Schema = pending.map((batch) => batch.schema).reduce(mergeSchemas);
    const sink = memorySink();
    const writer = createSegmentWriter(sink, schema);
    for (const batch of pending) await writer.write(conformBatch(batch, schema));
    const summary = await writer.finish();
    const segmentId = `${name}-${ordinal++}`;
    const record = { ...summary, datasetId: name, segmentId, key: segmentId, etag: '', masked: [], indexes: {} };
    pending = [];
    rows = 0;
    return { bytes: sink.bytes(), record };
  };
  for await (const batch of decoded(source)) {
    for (let start = 0; start < batch.length; ) {
      const end = Math.min(batch.length, start + SEGMENT_ROWS - rows);
      pending.push(sliceBatch(batch, start, end));
      rows += end - start;
      start = end;
      if (rows === SEGMENT_ROWS) yield await flush();
    }
  }
  if (rows > 0) yield await flush();
}

async function* decoded(bytes: Uint8Array): AsyncGenerator<Batch> {
  const decoder = await parquetFormat.decode({
    source: {
      sizeBytes: bytes.length,
      ranges: memoryReader(bytes),
      stream: () => Promise.reject(new Error('Parquet is read by ranges')),
    },
    options: {},
    declared: [],
  });
  for await (const { batch } of decoder) if (batch !== null) yield batch;
}
