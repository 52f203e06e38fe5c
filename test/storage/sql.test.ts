import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { cloudflareQueue } from '../../src/storage/message-queue.ts';
import { createSqlDatabase, jsonChunks, Statement, sql } from '../../src/storage/sql.ts';
import { sqliteBinding } from './sqlite-binding.ts';

test('what production refuses is refused here: long values, many parameters, numbers that are none', async () => {
  const database = createSqlDatabase(sqliteBinding());
  const wide = new Statement(`SELECT ${Array(101).fill('?').join(',')}`, Array(101).fill(1));
  await expect(database.run(wide)).rejects.toThrow(/101 parameters/);
  await expect(database.run(sql`SELECT ${'x'.repeat(LIMITS.sqlValueBytes + 1)}`)).rejects.toThrow(/limit/);
  await expect(database.run(sql`SELECT ${'ü'.repeat(LIMITS.sqlValueBytes / 2 + 1)}`)).rejects.toThrow(/limit/);
  await expect(database.run(sql`SELECT ${new Uint8Array(LIMITS.sqlValueBytes + 1)}`)).rejects.toThrow(/limit/);
  await expect(database.run(sql`SELECT ${Number.NaN}`)).rejects.toThrow(/NaN/);
  expect((await database.run(sql`SELECT length(${'x'.repeat(LIMITS.sqlValueBytes)}) AS n`)).rows).toEqual([
    { n: LIMITS.sqlValueBytes },
  ]);
});

test('statements nest with their parameters, and a batch is one transaction', async () => {
  const database = createSqlDatabase(sqliteBinding());
  const where = sql`name = ${'a'}`;
  await database.batch([
    sql`INSERT INTO cursors VALUES (${'a'}, ${'1'})`,
    sql`UPDATE cursors SET value = ${'2'} WHERE ${where}`,
  ]);
  expect((await database.run(sql`SELECT value FROM cursors WHERE ${where}`)).rows).toEqual([{ value: '2' }]);
  await expect(database.batch([sql`DELETE FROM cursors`, sql`INSERT INTO nowhere VALUES (1)`])).rejects.toThrow();
  expect((await database.run(sql`SELECT count(*) AS n FROM cursors`)).rows).toEqual([{ n: 1 }]);
});

test('a database out of reach is told from a statement at fault', async () => {
  const saying = (message: string) => {
    const fail = () => Promise.reject(new Error(message));
    const bound = { bind: () => bound, all: fail };
    return createSqlDatabase({ prepare: () => bound, batch: fail });
  };
  for (const message of [
    'D1_ERROR: Network connection lost.',
    'D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.',
    'D1_ERROR: D1 DB reset because its code was updated.',
    'D1_ERROR: D1 DB is overloaded. Requests queued for too long.',
  ]) {
    await expect(saying(message).run(sql`SELECT 1`)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(saying(message).batch([sql`SELECT 1`])).rejects.toMatchObject({ code: 'unavailable' });
  }
  const fault = 'D1_ERROR: UNIQUE constraint failed: timeout.internal error: SQLITE_CONSTRAINT';
  await expect(saying(fault).run(sql`SELECT 1`)).rejects.toThrow(fault);
});

test('records are cut into parameters that fit', () => {
  const records = Array.from({ length: 30 }, (_, i) => ({ i, text: 'x'.repeat(100_000) }));
  const chunks = jsonChunks(records);
  expect(chunks.length).toBeGreaterThan(2);
  expect(chunks.flatMap((chunk) => JSON.parse(chunk) as unknown[])).toEqual(records);
  expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThan(LIMITS.sqlValueBytes);
  expect(jsonChunks([])).toEqual([]);
});

test('messages go out in calls of the size the platform takes; one too large is refused before any is sent', async () => {
  const calls: number[] = [];
  const queue = cloudflareQueue<{ text: string }>({ sendBatch: async (messages) => calls.push([...messages].length) });
  await queue.send(Array.from({ length: 250 }, () => ({ text: 'x' })));
  expect(calls).toEqual([100, 100, 50]);
  calls.length = 0;
  await queue.send(Array.from({ length: 5 }, () => ({ text: 'x'.repeat(100_000) })));
  expect(calls).toEqual([2, 2, 1]);
  calls.length = 0;
  await expect(queue.send([{ text: 'x' }, { text: 'x'.repeat(LIMITS.queueMessageBytes) }])).rejects.toMatchObject({
    code: 'payload_too_large',
  });
  await queue.send([]);
  expect(calls).toEqual([]);
});
