import { describe, expect, test } from 'vitest';
import type { Batch } from '../../../src/columns/column.ts';
import { columnOf } from '../../../src/columns/from-scalars.ts';
import { BOOL, INT64, type Schema, STRING } from '../../../src/columns/types.ts';
import { manualClock } from '../../../src/core/clock.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { createQueryEngine, type QueryEngine } from '../../../src/query/engine.ts';
import type { Expression } from '../../../src/query/expression.ts';
import type { Plan, ScanPlan } from '../../../src/query/plan.ts';
import { INDEX_KINDS } from '../../../src/segment/index-kinds.ts';
import type { IndexFile } from '../../../src/storage/index-catalog.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { call, column } from '../operators/random-plan.ts';
import { functions, rowsOf, SILENT, World } from '../world.ts';

const SCHEMA: Schema = [
  { name: 'id', type: INT64, nullable: false },
  { name: 'other', type: INT64, nullable: false },
  { name: 'name', type: STRING, nullable: false },
];
const ROWS = 200_000;

function batchOf(first: number, length: number): Batch {
  const ids = Array.from({ length }, (_, row) => BigInt(first + row));
  const others = ids.map((id) => (id * 7919n) % 100_003n);
  const names = ids.map((id) => `row number ${id} of the table`);
  return { schema: SCHEMA, length, columns: [columnOf(INT64, ids), columnOf(INT64, others), columnOf(STRING, names)] };
}

const scan = (columns: readonly number[], filter: Expression | null = null): ScanPlan => ({
  op: 'scan',
  dataset: 't',
  columns,
  filter,
  matches: [],
  score: null,
  schema: columns.map((ordinal) => SCHEMA[ordinal]),
});

const equals = (ordinal: number, value: bigint): Expression =>
  call('=', [column(SCHEMA, ordinal), { node: 'literal', value, type: INT64, at: 0 }], BOOL);

let built: Promise<World> | undefined;

async function buildWorld(): Promise<World> {
  const world = new World();
  for (let segment = 0; segment < 2; segment++) await world.add('t', [batchOf((segment * ROWS) / 2, ROWS / 2)]);
  await world.build('t', { name: 'by_other', kind: 'btree', fields: ['other'], options: {} });
  return world;
}

/** An engine whose statements are the names of plans. */
async function engineOver(plans: Record<string, Plan>, store?: ObjectStore) {
  built ??= buildWorld();
  const world = await built;
  const clock = manualClock(1000);
  const reported: { file: IndexFile; key: string }[] = [];
  const engine: QueryEngine = createQueryEngine({
    store: store ?? world.store,
    planner: { prepare: (sql) => ({ datasets: ['t'], sql }), bind: ({ sql }) => plans[sql] },
    snapshots: async () => [world.snapshot('t')],
    functions,
    indexKinds: INDEX_KINDS,
    fallback: () => {
      throw new Error('no fallback here');
    },
    reportUnreadable: (file, key) => reported.push({ file, key }),
    clock,
    log: SILENT,
  });
  return { engine, clock, reported, world };
}

describe('the query engine', { timeout: 60_000 }, () => {
  test('ends an answer at maxRows and says that it did', async () => {
    const { engine } = await engineOver({ all: scan([0]) });
    const cut = await engine.run({ namespaceUid: 'n', sql: 'all', maxRows: 10 });
    expect(await rowsOf(cut.batches)).toHaveLength(10);
    expect(cut.stats()).toMatchObject({ rowsReturned: 10, truncated: true, segmentsTotal: 2 });
    const few = await engine.run({ namespaceUid: 'n', sql: 'all', maxRows: 100_000 });
    const first: Plan = { op: 'limit', input: scan([0]), limit: 5, offset: 0, schema: [SCHEMA[0]] };
    const whole = await (await engineOver({ first })).engine.run({ namespaceUid: 'n', sql: 'first', maxRows: 5 });
    expect(await rowsOf(whole.batches)).toHaveLength(5);
    expect(whole.stats().truncated).toBe(false);
    expect((await rowsOf(few.batches)).length).toBe(100_000);
  });

  test('reads a point by its index in at most four reads and 256 KB, footers cached', async () => {
    const { engine } = await engineOver({ point: scan([1, 2], equals(1, 4711n)) });
    for (const warm of [false, true]) {
      const answer = await engine.run({ namespaceUid: 'n', sql: 'point' });
      const rows = await rowsOf(answer.batches);
      const stats = answer.stats();
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.every(([other]) => other === 4711n)).toBe(true);
      expect(stats.indexesUsed).toEqual([{ name: 'by_other', kind: 'btree' }]);
      if (!warm) continue;
      // A segment each.
      expect(stats.reads / stats.segmentsScanned).toBeLessThanOrEqual(4);
      expect(stats.bytesRead / stats.segmentsScanned).toBeLessThanOrEqual(256 * 1024);
    }
  });

  test('counts rows without reading any', async () => {
    const plan: Plan = {
      op: 'aggregate',
      input: scan([]),
      keys: [],
      aggregates: [
        { function: 'count_all', arg: null, distinct: false, filter: null, parameters: [], type: INT64, at: 0 },
      ],
      schema: [{ name: 'count', type: INT64, nullable: false }],
    };
    const { engine } = await engineOver({ count: plan });
    const answer = await engine.run({ namespaceUid: 'n', sql: 'count' });
    expect(await rowsOf(answer.batches)).toEqual([[BigInt(ROWS)]]);
    expect(answer.stats()).toMatchObject({ reads: 0, rowsScanned: 0 });
  });

  test('stops where the caller has gone, and where its time is over', async () => {
    const { engine, clock } = await engineOver({ all: scan([0, 2]) });
    const gone = new AbortController();
    const cancelled = await engine.run({ namespaceUid: 'n', sql: 'all', signal: gone.signal });
    await cancelled.batches[Symbol.asyncIterator]().next();
    gone.abort();
    await expect(rowsOf(cancelled.batches)).rejects.toMatchObject({ code: 'cancelled' });
    const late = await engine.run({ namespaceUid: 'n', sql: 'all', timeoutMs: 50 });
    clock.advance(51);
    await expect(rowsOf(late.batches)).rejects.toMatchObject({ code: 'timeout' });
  });

  test('refuses what does not fit in memory, naming the operator', async () => {
    const keys = [{ expression: column(SCHEMA, 2), descending: false, nullsFirst: false }];
    const input: Plan = { op: 'union', inputs: [scan([0, 1, 2]), scan([0, 1, 2]), scan([0, 1, 2])], schema: SCHEMA };
    const sorted: Plan = { op: 'sort', input, keys, limit: null, offset: 0, schema: SCHEMA };
    const { engine } = await engineOver({ sorted });
    const answer = await engine.run({ namespaceUid: 'n', sql: 'sorted' });
    await expect(rowsOf(answer.batches)).rejects.toMatchObject({
      code: 'query_too_large',
      message: expect.stringMatching(/ORDER BY/),
    });
  });

  test('reports an index file that is damaged or gone when the query is over, once a minute', async () => {
    const { engine, clock, reported, world } = await engineOver({ point: scan([1, 2], equals(1, 4711n)) });
    const [segment] = world.snapshot('t').segments;
    const { key, generation } = segment.indexes.by_other;
    const file = { namespaceUid: 'n', datasetId: 't', segmentId: segment.segmentId, name: 'by_other', generation };
    const bytes = await world.store.read(key, 0, segment.indexes.by_other.summary.sizeBytes);
    const ask = async () => await rowsOf((await engine.run({ namespaceUid: 'n', sql: 'point' })).batches);
    const whole = await ask();
    expect(reported).toEqual([]);
    await world.store.put(key, bytes.slice().fill(0x5a, 8, bytes.length - 40));
    expect(await ask()).toEqual(whole);
    expect(reported).toEqual([{ file, key }]);
    await world.store.delete([key]);
    expect(await ask()).toEqual(whole);
    expect(reported).toHaveLength(1);
    clock.advance(60_000);
    await engine.explain({ namespaceUid: 'n', sql: 'point' });
    expect(reported).toHaveLength(2);
    clock.advance(60_000);
    await world.store.put(key, bytes.subarray(0, bytes.length - 1));
    expect(await ask()).toEqual(whole);
    expect(reported).toHaveLength(3);
    await world.store.put(key, bytes);
    await ask();
    expect(reported).toHaveLength(3);
  });

  test('takes a store that is out of reach for no damage', async () => {
    const { world } = await engineOver({});
    const store = {
      ...world.store,
      read: async (key: string, offset: number, length: number) => {
        if (key.endsWith('.by_other')) throw new OrasiError('unavailable', 'the store rests');
        return await world.store.read(key, offset, length);
      },
    };
    const { engine, reported } = await engineOver({ point: scan([1, 2], equals(1, 4711n)) }, store);
    const answer = await engine.run({ namespaceUid: 'n', sql: 'point' });
    await expect(rowsOf(answer.batches)).rejects.toMatchObject({ code: 'unavailable' });
    expect(reported).toEqual([]);
  });

  test('explains what would be read, and which indexes were thought of', async () => {
    const { engine } = await engineOver({
      point: scan([1, 2], equals(1, 4711n)),
      range: scan([0], equals(0, 5n)),
    });
    const point = await engine.explain({ namespaceUid: 'n', sql: 'point' });
    expect(point).toMatchObject({
      operator: 'scan',
      details: {
        dataset: 't',
        condition: '(other = 4711)',
        indexes: [{ name: 'by_other', kind: 'btree', segmentsBuilt: 2, segmentsUsed: 2 }],
      },
    });
    const range = await engine.explain({ namespaceUid: 'n', sql: 'range' });
    expect(range.details).toMatchObject({
      estimate: { rows: ROWS, segmentsTotal: 2, segmentsPruned: 1 },
      indexes: [{ name: 'by_other', why: 'no condition of the scan asks what it answers' }],
    });
  });
});
