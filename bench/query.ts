/** Queries over flights (3 M rows) and a generated table (5 M rows), against DuckDB on the same segments, one thread each. */
import type { Batch } from '../src/columns/column.ts';
import { BOOL, type ColumnType, DOUBLE, decimal, INT64 } from '../src/columns/types.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { Log } from '../src/observe/log.ts';
import { MemoryBudget, newQueryStats, type QueryContext } from '../src/query/context.ts';
import { execute } from '../src/query/execute.ts';
import type { Expression } from '../src/query/expression.ts';
import { SCALAR_FUNCTIONS } from '../src/query/functions/catalogue.ts';
import type { AggregateCall, Plan, ScanPlan } from '../src/query/plan.ts';
import { FileCache } from '../src/query/scan/file-cache.ts';
import { OpenFiles } from '../src/query/scan/open-files.ts';
import { ReadGate } from '../src/query/scan/read-gate.ts';
import { type ScanSource, scanRows } from '../src/query/scan/scan.ts';
import { topScanRows } from '../src/query/scan/top-scan.ts';
import { UnreadableIndexes } from '../src/query/scan/unreadable-indexes.ts';
import { INDEX_KINDS } from '../src/segment/index-kinds.ts';
import { type BenchRow, type BenchSection, compare, timed } from './harness.ts';
import { makeTables, type Tables } from './tables.ts';

const EVENTS = Math.round(5_000_000 * Number(process.env['SIZE'] ?? 1));
const ROUNDS = 7;

const SILENT: Log = { debug: noop, info: noop, warn: noop, error: noop, with: () => SILENT };

function noop(): void {}

/** Writes plans over the tables' schemas. */
class Plans {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  #snapshot(dataset: string) {
    const found = this.#tables.snapshots.get(dataset);
    if (found === undefined) throw new Error(`there is no table ${dataset}`);
    return found;
  }

  column(dataset: string, name: string): Expression {
    const { schema } = this.#snapshot(dataset);
    const index = schema.findIndex((field) => field.name === name);
    return { node: 'column', index, type: schema[index].type, at: 0 };
  }

  scan(dataset: string, columns: readonly string[], filter: Expression | null = null): ScanPlan {
    const { schema } = this.#snapshot(dataset);
    const ordinals = columns.map((name) => schema.findIndex((field) => field.name === name));
    return {
      op: 'scan',
      dataset,
      columns: ordinals,
      filter,
      matches: [],
      score: null,
      schema: ordinals.map((ordinal) => schema[ordinal]),
    };
  }
}

const place = (input: Plan, index: number): Expression => ({
  node: 'column',
  index,
  type: input.schema[index].type,
  at: 0,
});

const compareTo = (name: string, left: Expression, value: bigint | number): Expression => ({
  node: 'call',
  function: name,
  args: [left, { node: 'literal', value, type: left.type, at: 0 }],
  type: BOOL,
  at: 0,
});

function aggregate(
  name: AggregateCall['function'],
  arg: Expression | null,
  type: ColumnType,
  more: Partial<AggregateCall> = {},
): AggregateCall {
  return { function: name, arg, distinct: false, filter: null, parameters: [], type, at: 0, ...more };
}

function group(input: Plan, keys: readonly number[], aggregates: readonly AggregateCall[]): Plan {
  const schema = [
    ...keys.map((key) => input.schema[key]),
    ...aggregates.map(({ type }, i) => ({ name: `a${i}`, type, nullable: true })),
  ];
  return { op: 'aggregate', input, keys: keys.map((key) => place(input, key)), aggregates, schema };
}

function top(input: Plan, key: number, limit: number): Plan {
  const keys = [{ expression: place(input, key), descending: true, nullsFirst: false }];
  return { op: 'sort', input, keys, limit, offset: 0, schema: input.schema };
}

/** What is measured: our plan and the peer's statement. */
function queries(plans: Plans): readonly (readonly [string, Plan, string])[] {
  const flights = plans.scan('flights', ['origin', 'delay']);
  const routes = plans.scan('flights', ['origin', 'destination', 'delay']);
  const cities = plans.scan('events', ['city', 'amount', 'quantity']);
  const customers = plans.scan('events', ['customer', 'amount']);
  const wide = plans.scan('events', ['wide']);
  const late = compareTo('>', plans.column('flights', 'delay'), 100n);
  const dear: Expression = {
    node: 'and',
    args: [
      compareTo('>', plans.column('events', 'amount'), 5000),
      compareTo('=', plans.column('events', 'quantity'), 7n),
    ],
    type: BOOL,
    at: 0,
  };
  const count = aggregate('count_all', null, INT64);
  const byOrigin = group(flights, [0], [count]);
  const joined: Plan = {
    op: 'join',
    kind: 'inner',
    left: flights,
    right: byOrigin,
    on: [{ left: place(flights, 0), right: place(byOrigin, 0) }],
    residual: null,
    schema: [...flights.schema, ...byOrigin.schema],
  };
  return [
    [
      'flights: group by origin, count, avg',
      group(flights, [0], [count, aggregate('avg', place(flights, 1), DOUBLE)]),
      'SELECT origin, count(*), avg(delay) FROM flights GROUP BY origin',
    ],
    [
      'flights: count where delay > 100',
      group(plans.scan('flights', [], late), [], [count]),
      'SELECT count(*) FROM flights WHERE delay > 100',
    ],
    ['flights: top 10 by delay', top(flights, 1, 10), 'SELECT origin, delay FROM flights ORDER BY delay DESC LIMIT 10'],
    [
      'flights: delay = 1688',
      plans.scan('flights', ['origin', 'delay'], compareTo('=', plans.column('flights', 'delay'), 1688n)),
      'SELECT origin, delay FROM flights WHERE delay = 1688',
    ],
    [
      'flights: group by origin, destination',
      group(routes, [0, 1], [count, aggregate('avg', place(routes, 2), DOUBLE)]),
      'SELECT origin, destination, count(*), avg(delay) FROM flights GROUP BY 1, 2',
    ],
    [
      'flights: join to 229 origins, sum',
      group(joined, [], [aggregate('sum', place(joined, 3), decimal(38, 0)), count]),
      'SELECT sum(n), count(*) FROM flights JOIN (SELECT origin, count(*) n FROM flights GROUP BY 1) o USING (origin)',
    ],
    [
      'flights: approx_quantile by origin',
      group(flights, [0], [aggregate('approx_quantile', place(flights, 1), INT64, { parameters: [0.9] })]),
      'SELECT origin, approx_quantile(delay, 0.9) FROM flights GROUP BY origin',
    ],
    [
      'events: group by nullable city, sums',
      group(
        cities,
        [0],
        [aggregate('sum', place(cities, 1), DOUBLE), aggregate('sum', place(cities, 2), decimal(38, 0)), count],
      ),
      'SELECT city, sum(amount), sum(quantity), count(*) FROM events GROUP BY city',
    ],
    [
      'events: group by 500,000 customers, sum',
      group(customers, [0], [aggregate('sum', place(customers, 1), DOUBLE)]),
      'SELECT customer, sum(amount) FROM events GROUP BY customer',
    ],
    [
      'events: count distinct customers',
      group(customers, [], [aggregate('count', place(customers, 0), INT64, { distinct: true })]),
      'SELECT count(DISTINCT customer) FROM events',
    ],
    [
      'events: count by two conditions',
      group(plans.scan('events', [], dear), [], [count]),
      'SELECT count(*) FROM events WHERE amount > 5000 AND quantity = 7',
    ],
    [
      'events: top 10 by amount',
      top(plans.scan('events', ['id', 'city', 'amount']), 2, 10),
      'SELECT id, city, amount FROM events ORDER BY amount DESC LIMIT 10',
    ],
    [
      'events: one id',
      plans.scan('events', ['id', 'city', 'amount'], compareTo('=', plans.column('events', 'id'), 1_234_567n)),
      'SELECT id, city, amount FROM events WHERE id = 1234567',
    ],
    [
      'events: exact sum of integers beyond 2^53',
      group(wide, [], [aggregate('sum', place(wide, 0), decimal(38, 0))]),
      'SELECT sum(wide) FROM events',
    ],
  ];
}

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

export async function run(): Promise<BenchSection[]> {
  const tables = await makeTables(EVENTS);
  try {
    const { duckdb } = tables;
    for (const [name, paths] of tables.files) {
      const list = paths.map((path) => `'${path}'`).join(', ');
      await duckdb.run(`CREATE VIEW ${name} AS SELECT * FROM read_parquet([${list}])`);
    }
    const cache = new FileCache(12 * 1024 * 1024);
    const rows: BenchRow[] = [];
    for (const [what, plan, sql] of queries(new Plans(tables))) {
      const { rows: ours, context } = await drain(plan, tables, cache);
      const theirs = (await duckdb.runAndReadAll(sql)).currentRowCount;
      if (ours !== theirs) throw new Error(`${what}: ${ours} rows, the peer has ${theirs}`);
      const { results } = await compare(
        [
          { name: 'ours', run: () => timed(() => drain(plan, tables, cache)) },
          { name: 'DuckDB', run: () => timed(() => duckdb.runAndReadAll(sql)) },
        ],
        ROUNDS,
      );
      const { reads, bytesRead } = context.stats;
      rows.push({
        what,
        ours: `${results[0].medianMs.toFixed(1)} ms`,
        peer: `${results[1].medianMs.toFixed(1)} ms`,
        ratio: results[0].ratio,
        note: `${reads} reads, ${(bytesRead / 1e6).toFixed(1)} MB`,
      });
    }
    const setting = `Warm, segments in memory, Node; flights-3m and a generated table of ${EVENTS} rows; DuckDB reads the same segments from files with one thread.`;
    return [{ title: 'Queries', setting, rows }];
  } finally {
    tables.close();
  }
}
