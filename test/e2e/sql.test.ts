import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { putObject, query, queryResponse } from './client.ts';

let instance: Instance;

beforeAll(async () => {
  instance = await launch();
  const lines = Array.from({ length: 500 }, (_, i) => JSON.stringify({ id: i, kind: `k${i % 7}`, price: i / 4 }));
  await putObject(instance, 'sales', 'sales.ndjson', lines.join('\n'));
}, 120_000);

afterAll(async () => {
  await instance?.stop();
});

describe('SQL in the Worker', () => {
  it('parses with PostgreSQL’s grammar and points at errors', async () => {
    const response = await queryResponse(instance, 'SELECT id FROM sales WHERE WHERE');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'invalid_sql',
      errors: [{ path: 'sql@27' }],
    });
  });

  it('runs windows, recursion and correlated subqueries in SQLite', async () => {
    const windows = await query(
      instance,
      'SELECT id FROM sales QUALIFY row_number() OVER (PARTITION BY kind ORDER BY price DESC) = 1 ORDER BY id',
    );
    expect(windows.rows.map(([id]) => id)).toEqual([493, 494, 495, 496, 497, 498, 499]);
    const recursion = await query(
      instance,
      'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n * 2 FROM r WHERE n < 1000) SELECT sum(n), count(*) FROM r',
    );
    expect(recursion.rows.map((row) => row.map(Number))).toEqual([[2047, 11]]);
    const correlated = await query(
      instance,
      'SELECT count(*) FROM sales a WHERE price >= (SELECT max(price) FROM sales b WHERE b.id <= a.id AND b.kind <= a.kind)',
    );
    expect(Number(correlated.rows[0][0])).toBe(500);
    const median = await query(instance, 'SELECT kind, median(price) FROM sales GROUP BY kind ORDER BY kind LIMIT 1');
    expect(median.rows).toEqual([['k0', 62.125]]);
  });

  it('goes on after a statement that nests too deeply', async () => {
    for (const sql of [`SELECT ${'('.repeat(20_000)}1`, `SELECT ${'1+'.repeat(5000)}1`]) {
      expect(await (await queryResponse(instance, sql)).json()).toMatchObject({ code: 'query_too_large' });
    }
    const after = await query(instance, 'SELECT count(*) FROM sales');
    expect(Number(after.rows[0][0])).toBe(500);
  });
});
