import { describe, expect, test } from 'vitest';
import { OrasiError } from '../../../src/core/errors.ts';
import { expectSameRows, oracleRows } from './oracle.ts';
import { corpus, readAll } from './read.ts';

describe.each(corpus())('$name', ({ path, bytes }) => {
  test('has the rows and values DuckDB reads', { timeout: 30_000 }, async () => {
    const { schema, rows, bad } = await readAll(bytes());
    expect(bad).toEqual([]);
    expectSameRows(schema, rows, await oracleRows(path));
  });

  test('has the same rows in batches of any size', { timeout: 30_000 }, async () => {
    const whole = await readAll(bytes());
    for (const batchRows of [whole.rows.length > 1000 ? 97 : 1, 7, 1000]) {
      const parts = await readAll(bytes(), { limits: { batchRows } });
      expect(parts.schema).toEqual(whole.schema);
      expect(parts.rows).toEqual(whole.rows);
    }
  });
});

/** What reading a file that may be damaged comes to: its rows, or the code of the error. */
async function outcomeOf(bytes: Uint8Array): Promise<string> {
  try {
    await readAll(bytes);
    return 'read';
  } catch (error) {
    if (error instanceof OrasiError) return error.code;
    throw error;
  }
}

describe.each(corpus('../shared/data/parquet/bad'))('damaged: $name', ({ name, bytes }) => {
  test('is refused with a reason', async () => {
    // One file is right, and is there for readers that stumble over codes of no bits.
    const expected = name === 'ARROW-GH-43605.parquet' ? 'read' : 'malformed_input';
    expect(await outcomeOf(bytes())).toBe(expected);
  });
});

describe.each(corpus('../shared/data/fuzz/parquet'))('fuzzed: $name', ({ bytes }) => {
  test('is refused with a reason, or read', async () => {
    expect(['read', 'malformed_input']).toContain(await outcomeOf(bytes()));
  });
});
