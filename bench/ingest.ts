/**
 * Taking objects in: our decoders and segment writer against the bare libraries in the same process, against DuckDB's
 * `COPY … TO parquet` with one thread, and the whole path through the launched platform.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { type BasicType, ByteWriter, parquetWrite } from 'hyparquet-writer';
import { logLines } from '../scripts/generate-log.ts';
import { type Instance, launch } from '../scripts/launcher.ts';
import { memoryReader } from '../src/core/bytes.ts';
import { manualClock } from '../src/core/clock.ts';
import { csvFormat } from '../src/formats/csv/csv.ts';
import type { Format } from '../src/formats/format.ts';
import { jsonFormat } from '../src/formats/json/json.ts';
import { parquetFormat } from '../src/formats/parquet/parquet.ts';
import { INGEST_LIMITS } from '../src/ingest/ports.ts';
import { SegmentAssembler } from '../src/ingest/segment-assembler.ts';
import { memoryObjectStore } from '../src/storage/memory-object-store.ts';
import { type BenchRow, type BenchSection, compare, timed } from './harness.ts';

const SIZE = Number(process.env['SIZE'] ?? 1);
const LOG_LINES = Math.max(1000, Math.round(200_000 * SIZE));
const ROUNDS = 3;
const FLIGHTS = join(import.meta.dirname, '../node_modules/vega-datasets/data/flights-3m.parquet');

/** One source in one format, and who else reads it. */
interface Source {
  readonly name: string;
  readonly format: Format;
  readonly contentType: string;
  readonly file: string;
  readonly rows: number;
  /** Parses the bytes and writes them as Parquet with the libraries alone; answers the rows written. */
  bare(bytes: Uint8Array): Promise<number>;
  /** DuckDB's table function over the file. */
  readonly duckdb: string;
}

interface Column {
  readonly name: string;
  readonly type?: BasicType;
  readonly data: unknown[];
}

function writeParquet(columnData: Column[]): void {
  parquetWrite({ writer: new ByteWriter(), columnData: columnData as never });
}

/** A line, a `JSON.parse`; a column, an array. Times stay text, as the parser leaves them. */
async function bareJson(bytes: Uint8Array): Promise<number> {
  const lines = new TextDecoder().decode(bytes).split('\n');
  if (lines.at(-1) === '') lines.pop();
  const columns = new Map<string, unknown[]>();
  for (const [i, line] of lines.entries()) {
    const row: Record<string, unknown> = JSON.parse(line);
    for (const name in row) {
      let data = columns.get(name);
      if (data === undefined) {
        data = new Array(lines.length).fill(null);
        columns.set(name, data);
      }
      data[i] = row[name];
    }
  }
  writeParquet([...columns].map(([name, data]) => ({ name, data, ...doubled(name) })));
  return lines.length;
}

/** The writer infers from the first thousand values; a whole number among them must not decide. */
function doubled(name: string): { type?: BasicType } {
  return name === 'latency_ms' ? { type: 'DOUBLE' } : {};
}

/** Lines and commas split, which the file allows as it has no quotes; whole columns of numbers become numbers. */
async function bareCsv(bytes: Uint8Array): Promise<number> {
  const lines = new TextDecoder().decode(bytes).split('\n');
  if (lines.at(-1) === '') lines.pop();
  const names = lines[0].split(',');
  const texts = names.map((): string[] => new Array(lines.length - 1));
  for (let i = 1; i < lines.length; i++) {
    const values = lines[i].split(',');
    for (let k = 0; k < names.length; k++) texts[k][i - 1] = values[k];
  }
  const columns = names.map((name, k): Column => {
    const numbers = texts[k].map(Number);
    if (numbers.some(Number.isNaN)) return { name, data: texts[k] };
    return { name, data: numbers, type: numbers.every(Number.isInteger) ? 'INT32' : 'DOUBLE' };
  });
  writeParquet(columns);
  return lines.length - 1;
}

/** Column by column as hyparquet gives them, a row group at a time. */
async function bareParquet(): Promise<number> {
  const file = await asyncBufferFromFile(FLIGHTS);
  const metadata = await parquetMetadataAsync(file);
  const columns = new Map<string, unknown[]>();
  await parquetRead({
    file,
    metadata,
    compressors: { ZSTD: (bytes) => zstdDecompressSync(bytes) },
    onChunk: ({ columnName, columnData }) => {
      const data = columns.get(columnName) ?? [];
      for (let i = 0; i < columnData.length; i++) data.push(columnData[i]);
      columns.set(columnName, data);
    },
  });
  writeParquet([...columns].map(([name, data]) => ({ name, data })));
  return [...columns.values()][0].length;
}

/** Decode and write segments, as ingestion does; the store is memory. Answers the rows written. */
async function takeIn(format: Format, bytes: Uint8Array): Promise<number> {
  const owner = { namespaceUid: 'n', datasetId: 'd', objectId: 'o', attempt: 1, part: 0 };
  const store = memoryObjectStore(manualClock());
  const assembler = new SegmentAssembler(store, owner, { ...INGEST_LIMITS, sortKey: [] });
  const decoder = await format.decode({
    source: { sizeBytes: bytes.length, ranges: memoryReader(bytes), stream: async (offset) => pieces(bytes, offset) },
    options: {},
    declared: [],
  });
  for await (const { batch, bad } of decoder) {
    if (bad.length > 0) throw new Error(`a bad row: ${JSON.stringify(bad[0])}`);
    if (batch !== null) await assembler.add(batch, owner.objectId);
  }
  await assembler.finish();
  return assembler.segments.reduce((sum, { rows }) => sum + rows, 0);
}

/** Chunks of 64 KB, about what a network gives. */
function pieces(bytes: Uint8Array, offset: number): ReadableStream<Uint8Array> {
  let at = offset;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + 65_536));
      at += 65_536;
    },
  });
}

function writeSources(folder: string): Source[] {
  const json = join(folder, 'log.ndjson');
  const csv = join(folder, 'log.csv');
  const jsonFile = openSync(json, 'w');
  const csvFile = openSync(csv, 'w');
  let jsonText = '';
  let csvText = '';
  let header = true;
  for (const line of logLines(LOG_LINES)) {
    if (header) csvText = `${Object.keys(line).join(',')}\n`;
    header = false;
    jsonText += `${JSON.stringify(line)}\n`;
    csvText += `${Object.values(line).join(',')}\n`;
    if (jsonText.length > 1 << 20) {
      writeSync(jsonFile, jsonText);
      writeSync(csvFile, csvText);
      jsonText = '';
      csvText = '';
    }
  }
  writeSync(jsonFile, jsonText);
  writeSync(csvFile, csvText);
  closeSync(jsonFile);
  closeSync(csvFile);
  return [
    {
      name: 'NDJSON',
      format: jsonFormat,
      contentType: 'application/x-ndjson',
      file: json,
      rows: LOG_LINES,
      bare: bareJson,
      duckdb: `read_json('${json}', format = 'newline_delimited')`,
    },
    {
      name: 'CSV',
      format: csvFormat,
      contentType: 'text/csv',
      file: csv,
      rows: LOG_LINES,
      bare: bareCsv,
      duckdb: `read_csv('${csv}')`,
    },
    {
      name: 'Parquet',
      format: parquetFormat,
      contentType: 'application/vnd.apache.parquet',
      file: FLIGHTS,
      rows: 3_000_000,
      bare: bareParquet,
      duckdb: `read_parquet('${FLIGHTS}')`,
    },
  ];
}

function speed(bytes: number, rows: number, ms: number): string {
  return `${(bytes / 1000 / ms).toFixed(1)} MB/s, ${Math.round(rows / ms).toLocaleString('en')} k rows/s`;
}

function expectRows(source: Source, rows: number): void {
  if (rows !== source.rows) throw new Error(`${source.name}: ${rows} rows of ${source.rows}`);
}

/** Ours, the libraries, and DuckDB in turn on the same bytes. */
async function inProcess(source: Source, duckdb: DuckDBConnection, folder: string): Promise<BenchRow[]> {
  const bytes = new Uint8Array(readFileSync(source.file));
  const { results } = await compare(
    [
      { name: 'ours', run: () => timed(async () => expectRows(source, await takeIn(source.format, bytes))) },
      { name: 'libraries', run: () => timed(async () => expectRows(source, await source.bare(bytes))) },
      {
        name: 'DuckDB',
        run: () =>
          timed(() =>
            duckdb.run(`COPY (SELECT * FROM ${source.duckdb}) TO '${join(folder, 'out.parquet')}' (FORMAT parquet)`),
          ),
      },
    ],
    ROUNDS,
  );
  const [ours, libraries, peer] = results.map(({ medianMs }) => medianMs);
  const at = (ms: number) => speed(bytes.length, source.rows, ms);
  const size = `${(bytes.length / 1e6).toFixed(1)} MB, ${source.rows.toLocaleString('en')} rows`;
  return [
    {
      what: `${source.name}: libraries alone`,
      ours: at(ours),
      peer: at(libraries),
      ratio: ours / libraries,
      note: size,
    },
    { what: `${source.name}: DuckDB`, ours: at(ours), peer: at(peer), ratio: ours / peer, note: size },
  ];
}

/** The same bytes put to the launched platform and waited for, against decode and write in this process. */
async function throughPlatform(source: Source, instance: Instance): Promise<BenchRow> {
  const bytes = new Uint8Array(readFileSync(source.file));
  const acceptedMs: number[] = [];
  let turn = 0;
  const dataset = source.name.toLowerCase();
  const { results } = await compare(
    [
      {
        name: 'platform',
        run: () =>
          timed(async () => {
            // Another name is another object, even with the same bytes.
            const name = `${turn++}-${source.file.split('/').at(-1)}`;
            const started = performance.now();
            const accepted = await put(instance, `datasets/${dataset}/objects/${name}`, source.contentType, bytes);
            acceptedMs.push(performance.now() - started);
            expectRows(source, await committedRows(instance, accepted.objectId));
          }),
      },
      { name: 'in process', run: () => timed(async () => expectRows(source, await takeIn(source.format, bytes))) },
    ],
    ROUNDS,
  );
  const [platform, bare] = results.map(({ medianMs }) => medianMs);
  const accepted = acceptedMs.toSorted((a, b) => a - b)[acceptedMs.length >> 1];
  return {
    what: `${source.name}: PUT until committed, on workerd`,
    ours: speed(bytes.length, source.rows, platform),
    peer: speed(bytes.length, source.rows, bare),
    ratio: platform / bare,
    note: `stored and in the ledger after ${Math.round(accepted)} ms, committed after ${Math.round(platform)} ms; the peer is decode and segment write in Node`,
  };
}

interface Told {
  readonly objectId: string;
  readonly state: string;
  readonly rowsCommitted: number;
}

async function put(instance: Instance, path: string, contentType: string, body: Uint8Array): Promise<Told> {
  const response = await instance.fetch(`/v1/namespaces/default/${path}`, {
    method: 'PUT',
    body,
    headers: { 'content-type': contentType, 'content-length': String(body.length) },
  });
  if (response.status !== 202) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Told;
}

/** Asks every few milliseconds: a waiting request would be late by up to a second. */
async function committedRows(instance: Instance, objectId: string): Promise<number> {
  for (;;) {
    const response = await instance.fetch(`/v1/namespaces/default/objects/${objectId}`);
    const told = (await response.json()) as Told;
    if (told.state === 'committed') return told.rowsCommitted;
    if (told.state === 'failed') throw new Error(`not taken in: ${JSON.stringify(told)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A run takes minutes: whoever waits sees each figure when it is there. */
function told(rows: BenchRow[]): BenchRow[] {
  for (const { what, ours, peer, ratio } of rows) {
    process.stderr.write(`${what}: ${ours} against ${peer}, ${ratio?.toFixed(2)} ×\n`);
  }
  return rows;
}

export async function run(): Promise<BenchSection[]> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-bench-'));
  try {
    const sources = writeSources(folder);
    const duckdb = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
    const rows: BenchRow[] = [];
    for (const source of sources) rows.push(...told(await inProcess(source, duckdb, folder)));
    duckdb.closeSync();
    const platform: BenchRow[] = [];
    const instance = await launch({ queueBatchTimeoutSeconds: 0 });
    try {
      for (const source of sources) platform.push(...told([await throughPlatform(source, instance)]));
    } finally {
      await instance.stop();
    }
    return [
      {
        title: 'Taking in: decode and write Parquet',
        setting: [
          'Ours decodes in batches, infers and widens types, and writes segments with statistics and page indexes, in bounded memory.',
          'The libraries hold all rows: `split` and `JSON.parse`, `split` alone for CSV, hyparquet for Parquet, each then hyparquet-writer with Snappy; times stay text, no types are inferred beyond numbers, and lines that need quotes would break.',
          'DuckDB reads and writes files with one thread; ours and the libraries work in memory, in one Node process.',
          `Medians of ${ROUNDS} interleaved rounds.`,
        ].join(' '),
        rows,
      },
      {
        title: 'Taking in: through the platform',
        setting: `A PUT to the launched platform on workerd (local R2, D1 and queues; the ingest queue delivers at once, where a deployment waits up to a second), until the object is committed. Medians of ${ROUNDS} rounds, interleaved with the peer.`,
        rows: platform,
      },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
