import { expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { SqlWorld } from './sql.ts';
import { newContext } from './world.ts';

/** Statements that compute for long without reading anything or putting out a row. */
const BUSY = [
  'SELECT count(*) FROM generate_series(1, 1500) AS a(x), generate_series(1, 1500) AS b(y) WHERE x + y < 0',
  'SELECT count(*) FROM generate_series(1, 1500) AS a(x), generate_series(1, 1500) AS b(y)',
  'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 300) SELECT max(n) FROM r',
];

for (const sql of BUSY) {
  test(`others have their turn while ${sql} runs`, async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await new SqlWorld().run(sql);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  test(`a client that leaves while ${sql} runs ends it`, async () => {
    let gone = false;
    setTimeout(() => {
      gone = true;
    }, 0);
    const context = {
      ...newContext(),
      checkpoint() {
        if (gone) throw new OrasiError('cancelled', 'the client went away');
      },
    };
    await expect(new SqlWorld().run(sql, [], context)).rejects.toThrow('went away');
  });
}
