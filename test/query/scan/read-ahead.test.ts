import { beforeAll, describe, expect, test } from 'vitest';
import { columnOf } from '../../../src/columns/from-scalars.ts';
import { INT64, type Schema, STRING } from '../../../src/columns/types.ts';
import type { QueryContext } from '../../../src/query/context.ts';
import type { Plan, ScanPlan } from '../../../src/query/plan.ts';
import { column } from '../operators/random-plan.ts';
import { newContext, World } from '../world.ts';

const SCHEMA: Schema = [
  { name: 'k', type: INT64, nullable: false },
  { name: 'text', type: STRING, nullable: false },
];
const GROUPS = 12;
const GROUP_ROWS = 500;
/** About what a row group of these takes while it is read: its text stored and decoded. */
const GROUP_BYTES = GROUP_ROWS * 2000;

const scan: ScanPlan = {
  op: 'scan',
  dataset: 't',
  columns: [0, 1],
  filter: null,
  matches: [],
  score: null,
  schema: SCHEMA,
};
const world = new World();
/** Sampled whenever the store is read. */
let peakBytes = 0;
let context: QueryContext = newContext();

beforeAll(async () => {
  const rows = GROUPS * GROUP_ROWS;
  const texts = Array.from({ length: rows }, (_, row) => `${row} `.repeat(1000).slice(0, 1000));
  const keys = Array.from({ length: rows }, (_, row) => BigInt(row));
  const columns = [columnOf(INT64, keys), columnOf(STRING, texts)];
  await world.add('t', [{ schema: SCHEMA, length: rows, columns }], { rowGroupRows: GROUP_ROWS });
  const { read } = world.store;
  world.store.read = async (...range) => {
    peakBytes = Math.max(peakBytes, context.memory.readBytes);
    return await read(...range);
  };
});

async function run(plan: Plan, memoryBytes: number): Promise<{ rows: number; peakBytes: number }> {
  context = newContext(memoryBytes);
  peakBytes = 0;
  const rows = await world.run(plan, context);
  expect(context.memory.readBytes).toBe(0);
  return { rows: rows.length, peakBytes };
}

describe('a scan', () => {
  test('reads several row groups ahead where memory allows', async () => {
    const { rows, peakBytes } = await run(scan, 100 * GROUP_BYTES);
    expect(rows).toBe(GROUPS * GROUP_ROWS);
    expect(peakBytes).toBeGreaterThan(1.5 * GROUP_BYTES);
  });

  test('reads no further ahead than its memory goes, and answers the same', async () => {
    const limit = 1.3 * GROUP_BYTES;
    const { rows, peakBytes } = await run(scan, limit);
    expect(rows).toBe(GROUPS * GROUP_ROWS);
    expect(peakBytes).toBeLessThanOrEqual(limit);
  });

  test('goes on one row group at a time where there is room for none', async () => {
    const { rows, peakBytes } = await run(scan, 1000);
    expect(rows).toBe(GROUPS * GROUP_ROWS);
    // The one that is used and the one that is read.
    expect(peakBytes).toBeLessThanOrEqual(2 * GROUP_BYTES);
  });

  test('that is left early gives back what it had read ahead', async () => {
    const plan: Plan = { op: 'limit', input: scan, limit: GROUP_ROWS * 3, offset: 0, schema: SCHEMA };
    for (const memoryBytes of [1000, 1.3 * GROUP_BYTES, 100 * GROUP_BYTES]) {
      expect((await run(plan, memoryBytes)).rows).toBe(GROUP_ROWS * 3);
    }
  });
});

test('a top-k counts the other columns of its rows', async () => {
  const keys = [{ expression: column(SCHEMA, 0), descending: true, nullsFirst: false }];
  const plan: Plan = { op: 'sort', input: scan, keys, limit: 3000, offset: 0, schema: SCHEMA };
  expect((await run(plan, 8_000_000)).rows).toBe(3000);
  await expect(run(plan, 2_000_000)).rejects.toMatchObject({ code: 'query_too_large' });
});
