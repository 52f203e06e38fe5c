import { beforeAll, describe, expect, test } from 'vitest';
import { OrasiError } from '../../../src/core/errors.ts';
import { SqlWorld } from '../sql.ts';
import { batchOf, TABLES } from './tables.ts';

const world = new SqlWorld();

beforeAll(async () => {
  for (const table of TABLES) await world.add(table.name, [batchOf(table)]);
});

/** Statements that are well until a row is not, with the part that cannot be computed. */
const CASES: readonly (readonly [sql: string, part: string])[] = [
  ['SELECT id, CAST(name AS BIGINT) FROM items', 'CAST'],
  ['SELECT 1 + length(name || CAST(CAST(cat AS DATE) AS VARCHAR)) FROM items', 'CAST(cat'],
  ['SELECT name FROM items WHERE big + 1 > 0', '+'],
  ['SELECT qty * 2 AS twice, big * qty FROM items', '* qty'],
  ['SELECT CASE WHEN id > 1 THEN big - 9223372036854775807 ELSE 0 END FROM items', '-'],
  ['SELECT count(*) FROM items GROUP BY sqrt(price)', 'sqrt'],
  ['SELECT max(ln(qty)) FROM items', 'ln'],
  ['SELECT id FROM items ORDER BY date_trunc(cat, ts)', 'date_trunc'],
  ['SELECT sum(CAST(name AS BIGINT)) OVER () FROM items', 'CAST'],
  ['SELECT i.id FROM items i JOIN cats c ON CAST(i.name AS BIGINT) = c.weight', 'CAST'],
  ['SELECT i.id FROM items i JOIN cats c ON i.cat = c.cat AND i.id + ln(c.weight - 1) > 0', 'ln'],
  ['SELECT count(*) FROM items WHERE qty > 2 AND chr(id - 5) = $$a$$', 'chr'],
];

async function failure(sql: string): Promise<OrasiError> {
  try {
    await world.run(sql);
  } catch (error) {
    if (error instanceof OrasiError) return error;
    throw error;
  }
  throw new Error(`${sql} is well`);
}

describe.each([false, true])('an error at run time points into the text (all in the fallback executor: %s)', (all) => {
  for (const [sql, part] of CASES) {
    test(sql, async () => {
      world.fallbackOnly = all;
      const { code, errors } = await failure(sql);
      expect({ code, errors }).toMatchObject({ code: 'type_error', errors: [{ path: `sql@${sql.indexOf(part)}` }] });
    });
  }
});

test('a sum over its range points at the sum', async () => {
  world.fallbackOnly = false;
  const sql = 'SELECT i.cat, sum(CAST(big AS DECIMAL(38,0)) * 1000000000000000000) FROM items i, nums GROUP BY i.cat';
  expect((await failure(sql)).errors).toMatchObject([{ path: `sql@${sql.indexOf('sum')}` }]);
});
