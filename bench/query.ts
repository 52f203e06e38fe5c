/** Queries over flights (3 M rows) and a generated table (5 M rows), against DuckDB on the same segments, one thread each. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Batch } from '../src/columns/column.ts';
import { memorySink } from '../src/core/bytes.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { Log } from '../src/observe/log.ts';
import { newQueryStats, type QueryContext, Turns } from '../src/query/context.ts';
import { execute } from '../src/query/execute.ts';
import { SCALAR_FUNCTIONS } from '../src/query/functions/catalogue.ts';
import { MemoryBudget } from '../src/query/memory-budget.ts';
import type { Plan } from '../src/query/plan.ts';
import { FileCache } from '../src/query/scan/file-cache.ts';
import { OpenFiles } from '../src/query/scan/open-files.ts';
import { ReadGate } from '../src/query/scan/read-gate.ts';
import { type ScanSource, scanRows } from '../src/query/scan/scan.ts';
import { topScanRows } from '../src/query/scan/top-scan.ts';
import { UnreadableIndexes } from '../src/query/scan/unreadable-indexes.ts';
import { INDEX_KINDS } from '../src/segment/index-kinds.ts';
import { openSegment } from '../src/segment/read.ts';
import type { SegmentRecord } from '../src/storage/catalog-records.ts';
import { objectReader } from '../src/storage/range-reader.ts';
import { type BenchRow, type BenchSection, compare, timed } from './harness.ts';
import { type Asked, INDEXES, lookups, scans } from './plans.ts';
import { makeTables, type Tables } from './tables.ts';

const EVENTS = Math.round(5_000_000 * Number(process.env['SIZE'] ?? 1));
const ROUNDS = 7;
const COLD_ROUNDS = 3;

const SILENT: Log = { debug: noop, info: noop, warn: noop, error: noop, with: () => SILENT };

function noop(): void {}

function sourceOver(tables: Tables, cache: FileCache, context: QueryContext): ScanSource {
  return {
    snapshot(name) {
      const found = tables.snapshots.get(name);
      if (found === undefined) throw new Error(`there is no table ${name}`);
      return found;
    },
    files: new OpenFiles(tables.store, new ReadGate(context, LIMITS.concurrentReads), cache),
    kinds: INDEX_KINDS,
    unreadable: new UnreadableIndexes(SILENT),
    indexCostFactor: 1,
    functions: SCALAR_FUNCTIONS,
    context,
  };
}

/** Runs a plan to its end and answers how many rows it put out. */
async function drain(plan: Plan, tables: Tables, cache: FileCache): Promise<{ rows: number; context: QueryContext }> {
  const context: QueryContext = {
    memory: new MemoryBudget(2 * LIMITS.queryOperatorBytes),
    stats: newQueryStats(),
    turns: new Turns(),
    checkpoint: noop,
  };
  const source = sourceOver(tables, cache, context);
  const batches: AsyncIterable<Batch> = execute(plan, {
    context,
    functions: SCALAR_FUNCTIONS,
    scan: (scan) => scanRows(scan, source),
    topScan: (scan) => topScanRows(scan, source),
    rowsOf: (scan) => source.snapshot(scan.dataset).segments.reduce((sum, { rows }) => sum + rows, 0),
    fallback: () => {
      throw new Error('no fallback here');
    },
  });
  let rows = 0;
  for await (const batch of batches) rows += batch.length;
  return { rows, context };
}

/** A table with the index built over each of its segments. */
async function indexed(tables: Tables): Promise<Tables> {
  const snapshots = new Map(tables.snapshots);
  for (const [name, definition] of INDEXES) {
    const before = snapshots.get(name);
    const kind = INDEX_KINDS.get(definition.kind);
    if (before === undefined || kind === undefined) throw new Error(`${name} cannot have ${definition.name}`);
    const segments: SegmentRecord[] = [];
    for (const segment of before.segments) {
      const sink = memorySink();
      const summary = await kind.build(batchesOf(tables, segment, kind.columns(definition)), definition, sink);
      const key = `${segment.key}.${definition.name}`;
      await tables.store.put(key, sink.bytes());
      segments.push({
        ...segment,
        indexes: { ...segment.indexes, [definition.name]: { key, generation: 1, summary } },
      });
    }
    snapshots.set(name, { ...before, segments, indexes: [...before.indexes, definition] });
  }
  return { ...tables, snapshots };
}

async function* batchesOf(
  { store }: Tables,
  segment: SegmentRecord,
  columns: readonly string[],
): AsyncGenerator<Batch> {
  const file = await openSegment(objectReader(store, segment), { footerBytes: segment.footerBytes });
  for (const group of file.rowGroups.keys()) yield await file.readColumns(group, columns);
}

const newCache = () => new FileCache(12 * 1024 * 1024);

const readsOf = ({ stats: { reads, bytesRead } }: QueryContext) => `${reads} reads, ${(bytesRead / 1e6).toFixed(1)} MB`;

/** Our time and DuckDB's for one question; both must find as many rows. */
async function ask(
  [what, plan, sql]: Asked,
  tables: Tables,
  cacheOf: () => FileCache,
  peer: (sql: string) => Promise<{ rows: number; ms: number }>,
  rounds: number,
): Promise<BenchRow> {
  const { rows: ours } = await drain(plan, tables, cacheOf());
  const { rows: theirs } = await peer(sql);
  if (ours !== theirs) throw new Error(`${what}: ${ours} rows, the peer has ${theirs}`);
  const { context } = await drain(plan, tables, cacheOf());
  const { results } = await compare(
    [
      { name: 'ours', run: () => timed(() => drain(plan, tables, cacheOf())) },
      { name: 'DuckDB', run: async () => (await peer(sql)).ms },
    ],
    rounds,
  );
  const milliseconds = (ms: number) => `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
  return {
    what,
    ours: milliseconds(results[0].medianMs),
    peer: milliseconds(results[1].medianMs),
    ratio: results[0].ratio,
    note: readsOf(context),
  };
}

async function createViews(duckdb: DuckDBConnection, { files }: Tables): Promise<void> {
  for (const [name, paths] of files) {
    const list = paths.map((path) => `'${path}'`).join(', ');
    await duckdb.run(`CREATE VIEW ${name} AS SELECT * FROM read_parquet([${list}])`);
  }
}

/** DuckDB as it is when it has read nothing: a new instance, whose start is not counted, but whose views are. */
function coldPeer(tables: Tables) {
  return async (sql: string) => {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const duckdb = await instance.connect();
    let rows = 0;
    const ms = await timed(async () => {
      await createViews(duckdb, tables);
      rows = (await duckdb.runAndReadAll(sql)).currentRowCount;
    });
    duckdb.closeSync();
    instance.closeSync();
    return { rows, ms };
  };
}

export async function run(): Promise<BenchSection[]> {
  const tables = await makeTables(EVENTS);
  try {
    const { duckdb } = tables;
    await createViews(duckdb, tables);
    const warmPeer = async (sql: string) => {
      let rows = 0;
      const ms = await timed(async () => {
        rows = (await duckdb.runAndReadAll(sql)).currentRowCount;
      });
      return { rows, ms };
    };
    const cache = newCache();
    const [warm, cold, byIndex]: BenchRow[][] = [[], [], []];
    const asked = scans(tables.snapshots);
    for (const question of asked) warm.push(await ask(question, tables, () => cache, warmPeer, ROUNDS));
    for (const question of asked) cold.push(await ask(question, tables, newCache, coldPeer(tables), COLD_ROUNDS));
    const withIndexes = await indexed(tables);
    for (const question of lookups(withIndexes.snapshots)) {
      byIndex.push(await ask(question, withIndexes, () => cache, warmPeer, ROUNDS));
      const [what, plan, sql] = question;
      byIndex.push(await ask([`${what}, cold`, plan, sql], withIndexes, newCache, coldPeer(tables), COLD_ROUNDS));
    }
    const data = `flights-3m and a generated table of ${EVENTS.toLocaleString('en')} rows; DuckDB reads the same segments from files with one thread.`;
    return [
      { title: 'Queries, warm', setting: `Footers cached, segments in memory, Node; ${data}`, rows: warm },
      {
        title: 'Queries, cold',
        setting: `The same, nothing cached on either side: no footer here, a new instance of DuckDB there (its start is not counted, naming the files is). Code is compiled and files are in memory on both sides. Medians of ${COLD_ROUNDS} interleaved rounds.`,
        rows: cold,
      },
      {
        title: 'Queries by index',
        setting:
          'The same tables with a btree and two full-text indexes. DuckDB has no index over Parquet and looks for the word in every row; it scores nothing.',
        rows: byIndex,
      },
    ];
  } finally {
    tables.close();
  }
}
