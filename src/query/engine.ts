import { type Batch, sliceBatch } from '../columns/column.ts';
import type { Clock } from '../core/clock.ts';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../observe/log.ts';
import type { IndexKinds } from '../segment/index-kinds.ts';
import type { DatasetSnapshot } from '../storage/catalog-records.ts';
import type { IndexFile } from '../storage/index-catalog.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { newQueryStats, type QueryContext, Turns } from './context.ts';
import { execute, type Runtime } from './execute.ts';
import { type ExplainNode, explainPlan } from './explain.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ScalarFunctions } from './operators/function-port.ts';
import type { Plan } from './plan.ts';
import type { Answer } from './results/answer.ts';
import { FileCache } from './scan/file-cache.ts';
import { OpenFiles } from './scan/open-files.ts';
import { ReadGate } from './scan/read-gate.ts';
import { type ScanSource, scanRows } from './scan/scan.ts';
import { topScanRows } from './scan/top-scan.ts';
import { UnreadableIndexes } from './scan/unreadable-indexes.ts';
import { UnreadableReports } from './unreadable-reports.ts';

/** A statement read but not yet bound: which datasets it names is known, and no more is needed of the catalogue. */
export interface PreparedStatement {
  readonly datasets: readonly string[];
}

/** From text to a bound plan. */
export interface Planner<Prepared extends PreparedStatement = PreparedStatement> {
  /** Throws `invalid_sql` or `unsupported_sql`. */
  prepare(sql: string): Prepared;
  /** A dataset that does not exist is missing from `datasets`. */
  bind(prepared: Prepared, params: readonly unknown[], datasets: ReadonlyMap<string, DatasetSnapshot>): Plan;
}

export interface QueryEngineOptions<Prepared extends PreparedStatement> {
  readonly store: ObjectStore;
  readonly planner: Planner<Prepared>;
  /** The datasets of these names, all at one moment; those that do not exist are left out. */
  snapshots(namespaceUid: string, names: readonly string[]): Promise<readonly DatasetSnapshot[]>;
  readonly functions: ScalarFunctions;
  readonly indexKinds: IndexKinds;
  /** Runs what the column operators do not cover. */
  fallback(...args: [...Parameters<Runtime['fallback']>, context: QueryContext]): AsyncIterable<Batch>;
  /** Told, after the query, of index files that are damaged or gone; to return at once and see to it later. */
  reportUnreadable(file: IndexFile, key: string): void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface QueryRequest {
  readonly namespaceUid: string;
  readonly sql: string;
  /** Values of `$1`, `$2`, …, as JSON has them. */
  readonly params?: readonly unknown[];
  /** Rows after which the answer ends as truncated; `LIMITS.queryResultRows` unless said. */
  readonly maxRows?: number;
  /** At most, and unless said, `LIMITS.queryTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Ends the query when whoever asked has gone. */
  readonly signal?: AbortSignal;
}

export interface QueryEngine {
  /** Plans the statement; it runs as the batches of the answer are drawn, and ends when they are no longer. */
  run(request: QueryRequest): Promise<Answer>;
  /** What would be done, and why. */
  explain(request: QueryRequest): Promise<ExplainNode>;
}

/** Memory for parsed footers and index directories, kept between the queries of an isolate. */
const FILE_CACHE_BYTES = 12 * 1024 * 1024;

export function createQueryEngine<Prepared extends PreparedStatement>(
  options: QueryEngineOptions<Prepared>,
): QueryEngine {
  const cache = new FileCache(FILE_CACHE_BYTES);
  const reports = new UnreadableReports(options.reportUnreadable, options.clock, options.log);

  async function plan(request: QueryRequest): Promise<{ plan: Plan; source: ScanSource; startedMs: number }> {
    const startedMs = options.clock.now();
    const prepared = options.planner.prepare(request.sql);
    const context = newContext(request, startedMs, options.clock);
    const snapshots = await options.snapshots(request.namespaceUid, prepared.datasets);
    context.checkpoint();
    const datasets = new Map(snapshots.map((snapshot) => [snapshot.name, snapshot]));
    const bound = options.planner.bind(prepared, request.params ?? [], datasets);
    return { plan: bound, source: sourceOver(datasets, context, cache, options), startedMs };
  }

  function end(source: ScanSource, { namespaceUid }: QueryRequest): void {
    source.files.abandon();
    reports.send(namespaceUid, source.unreadable.all());
  }

  return {
    async run(request) {
      const { plan: bound, source, startedMs } = await plan(request);
      return startAnswer(bound, runtimeOver(source, options), {
        maxRows: Math.min(request.maxRows ?? LIMITS.queryResultRows, LIMITS.queryResultRows),
        elapsedMs: () => options.clock.now() - startedMs,
        onEnd: () => end(source, request),
      });
    },
    async explain(request) {
      const { plan: bound, source } = await plan(request);
      try {
        return await explainPlan(bound, source);
      } finally {
        end(source, request);
      }
    },
  };
}

function newContext({ timeoutMs, signal }: QueryRequest, startedMs: number, clock: Clock): QueryContext {
  const limitMs = Math.min(timeoutMs ?? LIMITS.queryTimeoutMs, LIMITS.queryTimeoutMs);
  return {
    memory: new MemoryBudget(LIMITS.queryOperatorBytes),
    stats: newQueryStats(),
    turns: new Turns(),
    checkpoint() {
      if (signal?.aborted) throw new OrasiError('cancelled', 'the query was cancelled');
      if (clock.now() - startedMs > limitMs) throw new OrasiError('timeout', `the query took more than ${limitMs} ms`);
    },
  };
}

function sourceOver<Prepared extends PreparedStatement>(
  datasets: ReadonlyMap<string, DatasetSnapshot>,
  context: QueryContext,
  cache: FileCache,
  { store, functions, indexKinds, log }: QueryEngineOptions<Prepared>,
): ScanSource {
  return {
    snapshot(name) {
      const found = datasets.get(name);
      if (found === undefined) throw new Error(`assertion failed: the plan scans ${name}, which it was not bound to`);
      return found;
    },
    files: new OpenFiles(store, new ReadGate(context, LIMITS.concurrentReads), cache),
    kinds: indexKinds,
    unreadable: new UnreadableIndexes(log),
    indexCostFactor: 1,
    functions,
    context,
  };
}

function runtimeOver<Prepared extends PreparedStatement>(
  source: ScanSource,
  { functions, fallback }: QueryEngineOptions<Prepared>,
): Runtime {
  const { context } = source;
  return {
    context,
    functions,
    scan: (scan) => scanRows(scan, source),
    topScan: (top) => topScanRows(top, source),
    rowsOf: (scan) => source.snapshot(scan.dataset).segments.reduce((sum, { rows }) => sum + rows, 0),
    fallback: (node, inputs) => fallback(node, inputs, context),
  };
}

/** The running answer: cut at `maxRows`, its stats counting along. */
function startAnswer(
  plan: Plan,
  runtime: Runtime,
  { maxRows, elapsedMs, onEnd }: { maxRows: number; elapsedMs: () => number; onEnd: () => void },
): Answer {
  let rowsReturned = 0;
  let truncated = false;
  async function* draw(): AsyncGenerator<Batch> {
    try {
      for await (const batch of execute(plan, runtime)) {
        const room = maxRows - rowsReturned;
        truncated = batch.length > room;
        if (room > 0) {
          const kept = sliceBatch(batch, 0, Math.min(room, batch.length));
          rowsReturned += kept.length;
          yield kept;
        }
        if (truncated) return;
      }
    } finally {
      onEnd();
    }
  }
  return {
    schema: plan.schema,
    batches: draw(),
    stats: () => ({ elapsedMs: elapsedMs(), rowsReturned, truncated, ...runtime.context.stats }),
  };
}
