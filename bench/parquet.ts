/**
 * Parquet by itself: our encoder and decoder against hyparquet's in the same process and against DuckDB with one
 * thread, on the flights table. What a query or an ingest adds to it is measured in the other sections.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetScan } from 'hyparquet';
import { ByteWriter, parquetWrite } from 'hyparquet-writer';
import { type Batch, type Column, scalarAt } from '../src/columns/column.ts';
import { memoryReader, memorySink } from '../src/core/bytes.ts';
import { parquetFormat } from '../src/formats/parquet/parquet.ts';
import { openSegment } from '../src/segment/read.ts';
import { createSegmentWriter } from '../src/segment/write.ts';
import { type BenchRow, type BenchSection, type Comparison, compare, timed } from './harness.ts';

const ROUNDS = 5;
const FLIGHTS = join(import.meta.dirname, '../node_modules/vega-datasets/data/flights-3m.parquet');
/** Rows given to hyparquet's writer, which takes arrays of values; all three million would not fit beside them. */
const FEW_ROWS = 300_000;

export async function run(): Promise<BenchSection[]> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-bench-'));
  try {
    return [{ title: 'Parquet', setting: SETTING, rows: await rows(folder) }];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const SETTING = `flights-3m.parquet (3,000,000 rows, 5 columns, zstd) and the same rows as one segment; files in memory,
DuckDB's on disk in the page cache; Node, one process; medians of ${ROUNDS} interleaved rounds.`;

async function rows(folder: string): Promise<BenchRow[]> {
  const source = new Uint8Array(readFileSync(FLIGHTS));
  const batches = await decodeFile(source);
  const segment = await encode(batches);
  const path = join(folder, 'segment.parquet');
  writeFileSync(path, segment);
  const duckdb = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  const copy = `COPY (FROM read_parquet('${path}')) TO '${join(folder, 'copy.parquet')}' (FORMAT parquet, COMPRESSION snappy)`;
  const group = `SELECT origin, count(*), avg(delay) FROM read_parquet('${path}') GROUP BY origin`;

  const few = batches.slice(0, Math.ceil(FEW_ROWS / batches[0].length));
  const fewRows = few.reduce((sum, batch) => sum + batch.length, 0);
  const values = few[0].schema.map(({ name, type }, i) => ({
    name,
    data: few.flatMap((batch) => valuesOf(batch.columns[i])),
    ...(type.kind === 'timestamp' ? { type: 'INT64' as const } : {}),
  }));

  return [
    row(
      'write 300,000 rows',
      `of ${fewRows}; hyparquet-writer is given its arrays ready made`,
      await compare(
        [
          { name: 'ours', run: () => timed(() => encode(few)) },
          {
            name: 'hyparquet-writer',
            run: () => timed(() => parquetWrite({ writer: new ByteWriter(), columnData: values })),
          },
        ],
        ROUNDS,
      ),
    ),
    row(
      'write 3,000,000 rows',
      "DuckDB's time includes reading them from a segment",
      await compare(
        [
          { name: 'ours', run: () => timed(() => encode(batches)) },
          { name: 'DuckDB COPY', run: () => timed(() => duckdb.run(copy)) },
        ],
        ROUNDS,
      ),
    ),
    row(
      'read two columns and group',
      'origin, count and sum of delay over codes, as the aggregate operator does',
      await compare(
        [
          { name: 'ours', run: () => timed(() => groupByOrigin(segment)) },
          { name: 'DuckDB', run: () => timed(() => duckdb.runAndReadAll(group)) },
        ],
        ROUNDS,
      ),
    ),
    row(
      'read two columns',
      'row values against codes',
      await compare(
        [
          { name: 'ours', run: () => timed(() => readColumns(segment, ['origin', 'delay'])) },
          { name: 'hyparquet', run: () => timed(() => hyparquetColumns(segment, ['origin', 'delay'])) },
        ],
        2,
      ),
    ),
    row(
      'decode the whole foreign file',
      'all five columns, as ingest takes them; DuckDB counts distinct values of each instead',
      await compare(
        [
          { name: 'ours', run: () => timed(() => decodeFile(source)) },
          {
            name: 'DuckDB',
            run: () =>
              timed(() => duckdb.run(`SELECT min(COLUMNS(*)), max(COLUMNS(*)) FROM read_parquet('${FLIGHTS}')`)),
          },
        ],
        ROUNDS,
      ),
    ),
  ];
}

function row(what: string, note: string, { results }: Comparison): BenchRow {
  const [ours, peer] = results;
  const time = ({ name, medianMs }: (typeof results)[number]) => `${name} ${medianMs.toFixed(0)} ms`;
  return { what, ours: time(ours), peer: time(peer), ratio: ours.ratio, note };
}

async function decodeFile(bytes: Uint8Array): Promise<Batch[]> {
  const reader = memoryReader(bytes);
  const source = {
    sizeBytes: bytes.length,
    ranges: reader,
    stream: () => Promise.reject(new Error('a Parquet file is read by ranges')),
  };
  const batches: Batch[] = [];
  for await (const { batch } of await parquetFormat.decode({ source, options: {}, declared: [] })) {
    if (batch !== null) batches.push(batch);
  }
  return batches;
}

async function encode(batches: readonly Batch[]): Promise<Uint8Array> {
  const sink = memorySink();
  const writer = createSegmentWriter(sink, batches[0].schema);
  for (const batch of batches) await writer.write(batch);
  await writer.finish();
  return sink.bytes();
}

function valuesOf(column: Column): unknown[] {
  return Array.from({ length: column.length }, (_, i) => scalarAt(column, i) ?? undefined);
}

async function readColumns(bytes: Uint8Array, columns: readonly string[]): Promise<void> {
  const segment = await openSegment(memoryReader(bytes));
  for (let group = 0; group < segment.rowGroups.length; group++) await segment.readColumns(group, columns);
}

async function hyparquetColumns(bytes: Uint8Array, columns: readonly string[]): Promise<void> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const scan = await parquetScan({ file });
  for (const range of scan.ranges) for (const column of columns) await scan.readColumn({ column, ...range });
}

async function groupByOrigin(bytes: Uint8Array): Promise<Map<string, { count: number; sum: number }>> {
  const segment = await openSegment(memoryReader(bytes));
  const groups = new Map<string, { count: number; sum: number }>();
  for (let group = 0; group < segment.rowGroups.length; group++) {
    const batch = await segment.readColumns(group, ['origin', 'delay']);
    const [origin, delay] = batch.columns.map((column) => column.data);
    if (origin.layout !== 'dictionary' || delay.layout !== 'dictionary') throw new Error('the columns have few values');
    if (delay.dictionary.data.layout !== 'fixed') throw new Error('delays are numbers');
    const delays = Float64Array.from(delay.dictionary.data.values, Number);
    const counts = new Int32Array(origin.dictionary.length);
    const sums = new Float64Array(origin.dictionary.length);
    for (let i = 0; i < batch.length; i++) {
      const code = origin.codes[i];
      counts[code]++;
      sums[code] += delays[delay.codes[i]];
    }
    for (let code = 0; code < counts.length; code++) {
      const name = String(scalarAt(origin.dictionary, code));
      const known = groups.get(name) ?? { count: 0, sum: 0 };
      groups.set(name, { count: known.count + counts[code], sum: known.sum + sums[code] });
    }
  }
  return groups;
}
