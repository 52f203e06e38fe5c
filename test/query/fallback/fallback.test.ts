import { beforeAll, describe, expect, it } from 'vitest';
import type { Batch, Scalar } from '../../../src/columns/column.ts';
import { compareScalars } from '../../../src/columns/compare.ts';
import { columnOf } from '../../../src/columns/from-scalars.ts';
import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
} from '../../../src/columns/types.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { createFallback, type RunFallback } from '../../../src/query/fallback/run.ts';
import type { FallbackPlan } from '../../../src/query/plan.ts';
import { sampleScalar } from '../samples.ts';
import { compiled, plan, runFallback } from '../sql.ts';
import { newContext, rowsOf } from '../world.ts';

const VALUES: readonly [ColumnType, readonly Scalar[]][] = [
  [BOOL, [true, false, null]],
  [INT64, [0n, -1n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n, null]],
  [DOUBLE, [0, -1.5, 1e308, -1e-308, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 3, null]],
  [decimal(18, 2), [0n, 10n ** 18n - 1n, -(10n ** 18n) + 1n, null]],
  [decimal(38, 5), [0n, 10n ** 38n - 1n, -(10n ** 38n) + 1n, 2n ** 64n, -1n, null]],
  [STRING, ['', 'a', 'é', '😀', '\uffff', 'a\0b', 'x'.repeat(5000), null]],
  [BYTES, [new Uint8Array(0), Uint8Array.of(0, 255, 1), Uint8Array.of(7), null]],
  [JSON_TYPE, ['{"a":1}', '[]', 'null', null]],
  [DATE, [0, -1, 19_724, -719_162, null]],
  [TIMESTAMP, [0n, -1n, 1_704_067_200_000_000n, -(2n ** 62n), null]],
  [TIMESTAMP_NS, [0n, 2n ** 62n, -(2n ** 62n), null]],
];

function tableOf(columns: readonly [ColumnType, readonly Scalar[]][]): Batch {
  const length = Math.max(...columns.map(([, values]) => values.length));
  return {
    schema: columns.map(([type], i) => ({ name: `c${i}`, type, nullable: true })),
    length,
    columns: columns.map(([type, values]) =>
      columnOf(
        type,
        Array.from({ length }, (_, i) => values[i] ?? null),
      ),
    ),
  };
}

function passing(batch: Batch, sql: string, schema = batch.schema): FallbackPlan {
  return {
    op: 'fallback',
    sql,
    inputs: [{ op: 'values', rows: [], schema: batch.schema }],
    functions: [],
    constants: [],
    recursions: [],
    reason: 'test',
    schema,
  };
}

async function* once(...batches: Batch[]): AsyncGenerator<Batch> {
  yield* batches;
}

async function failure(run: () => Promise<unknown>): Promise<OrasiError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof OrasiError) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

/** Runs a statement whose plan is a fallback at its root, over integers 0 to `rows`. */
async function overNumbers(sql: string, rows: number, run: RunFallback = runFallback, context = newContext()) {
  const batch = tableOf([[INT64, Array.from({ length: rows }, (_, i) => BigInt(i))]]);
  const bound = plan(sql, { n: [{ name: 'n', type: INT64, nullable: true }] }, [], true);
  if (bound.op !== 'fallback') throw new Error(`${sql} does not fall back`);
  return await rowsOf(
    run(
      bound,
      bound.inputs.map(() => once(batch)),
      context,
    ),
  );
}

describe('the fallback executor', () => {
  for (const [type, values] of VALUES) {
    it(`gives ${type.kind} values back as they were`, async () => {
      const batch = tableOf([[type, values]]);
      const rows = await rowsOf(runFallback(passing(batch, 'SELECT c0 FROM input0'), [once(batch)], newContext()));
      expect(rows.map(([value]) => value)).toEqual(values);
    });

    it(`orders and groups ${type.kind} values as the columns do`, async () => {
      const random = seededRandom(3);
      const many = [...values, ...Array.from({ length: 60 }, () => sampleScalar(type, random))];
      const batch = tableOf([[type, many]]);
      const schema = [batch.schema[0], { name: 'n', type: INT64, nullable: false }];
      const sql = 'SELECT c0, count(*) FROM input0 GROUP BY c0 ORDER BY c0 NULLS LAST';
      const rows = await rowsOf(runFallback(passing(batch, sql, schema), [once(batch)], newContext()));
      const present = many.filter((value) => value !== null).sort(compareScalars);
      const distinct = present.filter((value, i) => i === 0 || compareScalars(value, present[i - 1]) !== 0);
      expect(rows.length).toBe(distinct.length + 1);
      distinct.forEach((value, i) => {
        const found = rows[i][0];
        expect(found !== null && compareScalars(found, value)).toBe(0);
        expect(rows[i][1]).toBe(BigInt(present.filter((other) => compareScalars(other, value) === 0).length));
      });
    });
  }

  it('reads dictionaries, slices and batches of several sizes', async () => {
    const dictionary = columnOf(STRING, ['x', 'y']);
    const coded: Batch = {
      schema: [{ name: 'c0', type: STRING, nullable: true }],
      length: 3,
      columns: [
        {
          type: STRING,
          length: 3,
          validity: null,
          data: { layout: 'dictionary', codes: Uint8Array.of(1, 0, 1), dictionary },
        },
      ],
    };
    const plain = tableOf([[STRING, ['z', null]]]);
    const inputs = [once(coded, plain, tableOf([[STRING, []]]))];
    const rows = await rowsOf(runFallback(passing(coded, 'SELECT c0 FROM input0'), inputs, newContext()));
    expect(rows).toEqual([['y'], ['x'], ['y'], ['z'], [null]]);
  });

  it('joins by looking rows up, not by comparing all pairs', async () => {
    const sql = 'SELECT count(*) FROM (SELECT a.n FROM n a JOIN n b ON a.n = b.n)';
    const started = performance.now();
    expect(await overNumbers(sql, 20_000)).toEqual([[20_000n]]);
    // All pairs would be 400 million calls.
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('passes an error of a function on, and works for the next query', async () => {
    const error = await failure(() => overNumbers('SELECT n + 9223372036854775807 FROM n', 3));
    expect(error.code).toBe('type_error');
    expect(error.errors[0]?.path).toBe('sql@9');
    expect(await overNumbers('SELECT max(n) FROM n', 3)).toEqual([[2n]]);
  });

  it('refuses more rows than it may take, naming the bound', async () => {
    const small = createFallback(compiled('node_modules/wa-sqlite/dist/wa-sqlite.wasm'), {
      rows: 100,
      instructions: 1e9,
    });
    const error = await failure(() => overNumbers('SELECT n FROM n', 101, small));
    expect(error.code).toBe('query_too_large');
    expect(error.message).toContain('100 rows');
    expect(await overNumbers('SELECT count(*) FROM n', 100, small)).toEqual([[100n]]);
    const endless = 'WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT i FROM r';
    expect((await failure(() => overNumbers(endless, 1, small))).code).toBe('query_too_large');
  });

  it('counts its inputs against the query’s memory, and gives them back', async () => {
    const context = newContext(1000);
    expect((await failure(() => overNumbers('SELECT n FROM n', 1000, runFallback, context))).code).toBe(
      'query_too_large',
    );
    expect(context.memory.heldBytes).toBe(0);
    const enough = newContext();
    await overNumbers('SELECT n FROM n', 1000, runFallback, enough);
    expect(enough.memory.heldBytes).toBe(0);
  });

  it('stops in the midst of a statement when the query is cancelled', async () => {
    let asked = 0;
    const context = {
      ...newContext(),
      checkpoint() {
        if (++asked > 3) throw new OrasiError('cancelled', 'the client went away');
      },
    };
    const sql = 'SELECT count(*) FROM n a, n b, n c WHERE a.n + b.n < c.n';
    expect((await failure(() => overNumbers(sql, 2000, runFallback, context))).code).toBe('cancelled');
    expect(await overNumbers('SELECT count(*) FROM n', 5)).toEqual([[5n]]);
  });

  it('ends a statement of more steps than it may take, wherever the clock stands', async () => {
    const wasm = compiled('node_modules/wa-sqlite/dist/wa-sqlite.wasm');
    const short = createFallback(wasm, { rows: 10_000, instructions: 1_000_000 });
    const sql = 'SELECT count(*) FROM n a, n b, n c WHERE a.n + b.n < c.n';
    expect((await failure(() => overNumbers(sql, 2000, short))).code).toBe('query_too_large');
    expect(await overNumbers('SELECT count(*) FROM n', 5, short)).toEqual([[5n]]);
  });

  it('refuses what SQLite cannot hold, and goes on', async () => {
    const sql = "SELECT string_agg(repeat('x', 20000), '' ORDER BY n) FROM n";
    expect((await failure(() => overNumbers(sql, 3000))).code).toBe('query_too_large');
    const wide = "SELECT repeat('x', 20000) || n AS t FROM n ORDER BY t";
    expect((await failure(() => overNumbers(wide, 8000))).code).toBe('query_too_large');
    expect(await overNumbers('SELECT count(*) FROM n', 5)).toEqual([[5n]]);
  });

  it('takes long conditions, and refuses in words what is beyond SQLite', async () => {
    const conditions = Array.from({ length: 3000 }, (_, i) => `n <> ${i + 5}`).join(' AND ');
    // Over a LIMIT, which conditions are not pushed through.
    const sql = `SELECT count(*) FROM (SELECT n FROM n LIMIT 100) WHERE ${conditions}`;
    expect(await overNumbers(sql, 10)).toEqual([[5n]]);
    const columns = Array.from({ length: 3000 }, (_, i) => `n + ${i}`).join(', ');
    expect((await failure(() => overNumbers(`SELECT ${columns} FROM n`, 1))).code).toBe('query_too_large');
  });

  it('runs queries side by side, each drawn as its reader likes', async () => {
    const batch = tableOf([[INT64, Array.from({ length: 10_000 }, (_, i) => BigInt(i))]]);
    const start = () =>
      runFallback(passing(batch, 'SELECT c0 FROM input0'), [once(batch)], newContext())[Symbol.asyncIterator]();
    const readers = [start(), start(), start(), start()];
    let rows = 0;
    for (let round = 0; round < 4; round++) {
      for (const reader of readers) {
        const next = await reader.next();
        if (!next.done) rows += next.value.length;
      }
    }
    expect(rows).toBe(40_000);
  });

  it('ends with its reader, a hundred times over', { timeout: 60_000 }, async () => {
    const batch = tableOf([[STRING, Array.from({ length: 10_000 }, (_, i) => `value ${i}`)]]);
    for (let i = 0; i < 100; i++) {
      for await (const first of runFallback(passing(batch, 'SELECT c0 FROM input0'), [once(batch)], newContext())) {
        expect(first.length).toBeGreaterThan(0);
        break;
      }
    }
  });
});

describe('windows over integers', () => {
  let rows: Scalar[][];
  beforeAll(async () => {
    rows = await overNumbers('SELECT sum(n + 9223372036854775000) OVER (), avg(n) OVER (ORDER BY n) FROM n', 4);
  });

  it('add up beyond 64 bits', () => {
    expect(rows[0][0]).toBe(4n * 9223372036854775000n + 6n);
  });

  it('give means as doubles', () => {
    expect(rows.map(([, mean]) => mean)).toEqual([0, 0.5, 1, 1.5]);
  });
});
