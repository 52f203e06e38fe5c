/**
 * What taking in and asking cost, as counts: they are the same on every machine. The data path runs in this process
 * over an object store in memory that counts and the local D1, which reports rows read and written as the real one.
 */

import { logNdjson } from '../scripts/generate-log.ts';
import { launch } from '../scripts/launcher.ts';
import { manualClock } from '../src/core/clock.ts';
import { defaultPipeline, type PipelineIndex } from '../src/core/protocol/pipeline.ts';
import { seededRandom } from '../src/core/random.ts';
import { createIndexing, type Indexing } from '../src/indexing/indexing.ts';
import { createLogs } from '../src/observe/log.ts';
import { createQueryEngine, type QueryEngine } from '../src/query/engine.ts';
import { SCALAR_FUNCTIONS } from '../src/query/functions/catalogue.ts';
import { createPlanner } from '../src/query/planner.ts';
import { INDEX_KINDS } from '../src/segment/index-kinds.ts';
import { createCatalog } from '../src/storage/catalog.ts';
import { countingObjectStore, newStoreCounts, type StoreCounts } from '../src/storage/counting-object-store.ts';
import { memoryObjectStore } from '../src/storage/memory-object-store.ts';
import { createSqlDatabase, type SqlBinding, type SqlCounts } from '../src/storage/sql.ts';
import { createWorld, NAMESPACE, type World } from '../test/ingest/world.ts';
import { parser, runFallback } from '../test/query/sql.ts';
import type { BenchRow, BenchSection } from './harness.ts';

const SIZE = Number(process.env['SIZE'] ?? 1);
/** About 200 bytes a line. */
const LARGE_LINES = Math.max(50_000, Math.round(1_000_000 * SIZE));
const PART_BYTES = 16 * 1024 * 1024;
/** wrangler.toml's `max_batch_size` of the ingest queue. */
const QUEUE_BATCH = 20;

const INDEXES: readonly PipelineIndex[] = [
  { name: 'by_id', kind: 'btree', fields: ['id'], options: {} },
  { name: 'by_user', kind: 'btree', fields: ['user_id'], options: {} },
  { name: 'words', kind: 'fulltext', fields: ['message'], options: {} },
];

/** What one thing did. */
export interface Costs extends StoreCounts, SqlCounts {
  /** Messages sent; each is billed as a write, a read and a delete. */
  messages: number;
}

/** Something taken in, indexed or left idle. */
export interface StepCount {
  readonly what: string;
  readonly objects: number;
  readonly sourceBytes: number;
  readonly costs: Costs;
}

export interface QueryCount {
  readonly what: string;
  readonly sql: string;
  /** By an isolate that has seen no file yet. */
  readonly cold: Costs;
  /** The same kind of question again, footers and index directories at hand. */
  readonly warm: Costs;
}

export interface Counts {
  readonly steps: readonly StepCount[];
  readonly queries: readonly QueryCount[];
  /** Rows and segments of the dataset the questions are put to. */
  readonly rows: number;
  readonly segments: number;
}

interface Bench {
  readonly world: World;
  readonly indexing: Indexing;
  newEngine(): QueryEngine;
  /** Runs the work, and what it put on the queues, and answers what that cost. */
  count(work: () => Promise<unknown>): Promise<Costs>;
}

function openBench(binding: SqlBinding): Bench {
  const clock = manualClock(1_700_000_000_000);
  const random = seededRandom(1);
  const storeCounts = newStoreCounts();
  const sqlCounts: SqlCounts = { statements: 0, rowsRead: 0, rowsWritten: 0 };
  const store = countingObjectStore(memoryObjectStore(clock), storeCounts);
  const catalog = createCatalog(createSqlDatabase(binding, sqlCounts), clock, random);
  const world = createWorld({ ports: { store, catalog } });
  world.pipelines.push({ ...defaultPipeline('log'), indexes: [...INDEXES] });
  const { log } = world.ports;
  const indexing = createIndexing({
    store,
    catalog,
    queue: world.indexQueue,
    control: world.ports.control,
    kinds: INDEX_KINDS,
    clock,
    random,
    log,
    faults: world.ports.faults,
  });

  /** Handles what is on the queues, and what that puts there; answers how many messages there were. */
  async function drain(): Promise<number> {
    let handled = 0;
    for (;;) {
      const ingest = world.ingestQueue.take();
      const index = world.indexQueue.take();
      if (ingest.length + index.length === 0) return handled;
      handled += ingest.length + index.length;
      for (let at = 0; at < ingest.length; at += QUEUE_BATCH) {
        const outcomes = await world.ingest.handle(ingest.slice(at, at + QUEUE_BATCH));
        if (outcomes.some(({ kind }) => kind === 'again')) throw new Error('an object was not taken in');
      }
      for (const message of index) {
        if ((await indexing.handle(message)).kind !== 'done') throw new Error('an index was not built');
      }
    }
  }

  return {
    world,
    indexing,
    newEngine: () =>
      createQueryEngine({
        store,
        planner: createPlanner(parser, clock),
        snapshots: (namespaceUid, names) => catalog.snapshot(namespaceUid, names),
        functions: SCALAR_FUNCTIONS,
        indexKinds: INDEX_KINDS,
        fallback: runFallback,
        reportUnreadable: () => undefined,
        clock,
        log: createLogs({ '*': 'off' }, () => undefined, clock)('query'),
      }),
    async count(work) {
      const before = { ...storeCounts, ...sqlCounts };
      await work();
      const messages = await drain();
      const after = { ...storeCounts, ...sqlCounts };
      const spent = Object.entries(after).map(([name, value]) => [name, value - before[name as keyof typeof before]]);
      return { ...Object.fromEntries(spent), messages };
    },
  };
}

function logBytes(lines: number, seed: number): Uint8Array {
  return Buffer.from([...logNdjson(lines, seed)].join(''));
}

async function countSteps({ world, indexing, count }: Bench, large: Uint8Array): Promise<StepCount[]> {
  const steps: StepCount[] = [];
  const take = async (what: string, dataset: string, bodies: readonly Uint8Array[]) => {
    const sourceBytes = bodies.reduce((sum, { length }) => sum + length, 0);
    const costs = await count(async () => {
      for (const [i, body] of bodies.entries()) await world.put(`${what} ${i}`, body, { dataset });
    });
    steps.push({ what, objects: bodies.length, sourceBytes, costs });
  };
  const first = logBytes(10, 99);
  // The first object of a dataset makes the dataset and its columns; what follows is what repeats.
  await count(() => world.put('first', first, { dataset: 'plain' }));
  await take('small, alone', 'plain', [logBytes(50, 1)]);
  await take(
    'small, 20 in one batch',
    'plain',
    Array.from({ length: QUEUE_BATCH }, (_, i) => logBytes(50, 2 + i)),
  );
  await take('10 MB in one request', 'plain', [logBytes(50_000, 50)]);

  const upload = async (dataset: string) => {
    const { uploads } = world.ingest;
    const target = { namespace: NAMESPACE.name, namespaceUid: NAMESPACE.uid, dataset, name: 'large', decode: {} };
    const upload = await uploads.create(target, PART_BYTES);
    for (let at = 0, part = 1; at < large.length; at += PART_BYTES, part++) {
      await uploads.putPart(upload, part, large.subarray(at, at + PART_BYTES));
    }
    await uploads.complete(upload);
  };
  steps.push({
    what: 'large, uploaded in parts',
    objects: 1,
    sourceBytes: large.length,
    costs: await count(() => upload('plain')),
  });
  // For the questions: the same rows once more, in a dataset of their own, and their indexes built apart.
  await upload('log');
  world.indexQueue.take();
  for (let messages = world.ingestQueue.take(); messages.length > 0; messages = world.ingestQueue.take()) {
    await world.ingest.handle(messages);
    world.indexQueue.take();
  }
  steps.push({
    what: 'three indexes of the large object',
    objects: 1,
    sourceBytes: large.length,
    costs: await count(() => indexing.reconcileNamespace(NAMESPACE)),
  });
  steps.push({
    what: 'a sweep with nothing to do',
    objects: 0,
    sourceBytes: 0,
    costs: await count(async () => {
      await indexing.reconcileAll();
      await world.ingest.sweep();
    }),
  });
  return steps;
}

/** Each with a value for the first time and another for the second, of the same segment where it names one. */
const QUESTIONS: readonly {
  readonly what: string;
  readonly sql: string;
  readonly params?: (turn: number) => unknown[];
}[] = [
  { what: 'count of all rows', sql: 'SELECT count(*) FROM log' },
  {
    what: 'point lookup by an indexed key, two columns',
    sql: 'SELECT id, latency_ms FROM log WHERE id = $1',
    params: (turn) => [Math.floor(LARGE_LINES * (turn === 0 ? 0.31 : 0.05))],
  },
  {
    what: 'lookup by an indexed key with some 20 rows a million, two columns',
    sql: 'SELECT user_id, latency_ms FROM log WHERE user_id = $1',
    params: (turn) => [turn === 0 ? 4711 : 31_415],
  },
  {
    what: 'range of 1 % of the rows, in the order they came',
    sql: 'SELECT avg(latency_ms) FROM log WHERE id BETWEEN $1 AND $2',
    params: (turn) => [0.2, 0.21].map((share) => Math.floor(LARGE_LINES * (share - turn * 0.15))),
  },
  { what: 'group by over all rows', sql: 'SELECT service, count(*), avg(latency_ms) FROM log GROUP BY service' },
  { what: 'top 10 over all rows', sql: 'SELECT id, message, latency_ms FROM log ORDER BY latency_ms DESC LIMIT 10' },
  {
    what: 'full text, top 10 by score',
    sql: 'SELECT id, message, score() AS s FROM log WHERE match(message, $1) ORDER BY s DESC LIMIT 10',
    params: (turn) => [turn === 0 ? 'deadline payment' : 'quota upstream'],
  },
];

async function countQueries({ newEngine, count }: Bench): Promise<QueryCount[]> {
  const counts: QueryCount[] = [];
  for (const { what, sql, params } of QUESTIONS) {
    const engine = newEngine();
    const ask = (turn: number) =>
      count(async () => {
        const answer = await engine.run({ namespaceUid: NAMESPACE.uid, sql, params: params?.(turn) ?? [] });
        let rows = 0;
        for await (const batch of answer.batches) rows += batch.length;
        if (rows === 0) throw new Error(`no rows: ${sql}`);
      });
    const cold = await ask(0);
    counts.push({ what, sql, cold, warm: await ask(1) });
  }
  return counts;
}

/** Counts everything once; takes half a minute. */
export async function countAll(): Promise<Counts> {
  // Made first: making it takes seconds, in which the runtime would close idle connections.
  const large = logBytes(LARGE_LINES, 51);
  const instance = await launch();
  try {
    const bench = openBench(instance.bindings.CATALOG as unknown as SqlBinding);
    const steps = await countSteps(bench, large);
    const [{ segments }] = await bench.world.ports.catalog.snapshot(NAMESPACE.uid, ['log']);
    return { steps, queries: await countQueries(bench), rows: LARGE_LINES, segments: segments.length };
  } finally {
    await instance.stop();
  }
}

function bytesText(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function stepRow({ what, objects, sourceBytes, costs }: StepCount): BenchRow {
  const { classA, classB, bytesRead, bytesWritten, statements, rowsRead, rowsWritten, messages } = costs;
  const source =
    objects === 0 ? '' : `${objects === 1 ? '' : `${objects} objects, `}${bytesText(sourceBytes)} of source; `;
  return {
    what,
    ours: `R2 ${classA} A, ${classB} B; D1 ${statements} statements, ${rowsRead} rows read, ${rowsWritten} written; ${messages} messages`,
    peer: '',
    ratio: null,
    note: `${source}${bytesText(bytesRead)} read, ${bytesText(bytesWritten)} written`,
  };
}

function queryRow({ what, cold, warm }: QueryCount): BenchRow {
  const told = ({ classB, bytesRead }: Costs) => `${classB} reads, ${bytesText(bytesRead)}`;
  return {
    what,
    ours: told(warm),
    peer: told(cold),
    ratio: null,
    note: `D1 ${warm.statements} statements, ${warm.rowsRead} rows read`,
  };
}

export async function run(): Promise<BenchSection[]> {
  return sectionsOf(await countAll());
}

export function sectionsOf({ steps, queries, rows, segments }: Counts): BenchSection[] {
  return [
    {
      title: 'Operations to take in',
      setting: `The whole path from the door to the commit, queue batches of ${QUEUE_BATCH}: R2 operations of class A (writes, lists) and B (reads), D1 statements and rows, messages sent. Log lines of about 200 bytes. Small objects have 50 lines. Bytes written include the object itself.`,
      rows: steps.map(stepRow),
    },
    {
      title: 'Reads of a query',
      setting: `Over ${rows.toLocaleString('en')} log lines in ${segments} segments with their indexes. First with footers and index directories at hand ("ours"), then by an isolate that has read nothing yet ("peer").`,
      rows: queries.map(queryRow),
    },
  ];
}
