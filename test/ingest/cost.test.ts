import { expect, test } from 'vitest';
import { createCatalog } from '../../src/storage/catalog.ts';
import { countingObjectStore, newStoreCounts } from '../../src/storage/counting-object-store.ts';
import { memoryObjectStore } from '../../src/storage/memory-object-store.ts';
import { createSqlDatabase } from '../../src/storage/sql.ts';
import { sqliteBinding } from '../storage/sqlite-binding.ts';
import { createWorld, numberLines } from './world.ts';

/** A world that counts what it asks of the platform. */
function countingWorld() {
  const { clock, ports } = createWorld();
  const store = newStoreCounts();
  const sql = { statements: 0, rowsRead: 0, rowsWritten: 0 };
  let messages = 0;
  const world = createWorld({
    limits: { partBytes: 20_000, groupObjectBytes: 15_000 },
    ports: {
      clock,
      store: countingObjectStore(memoryObjectStore(clock), store),
      catalog: createCatalog(createSqlDatabase(sqliteBinding(), sql), clock, ports.random),
    },
  });
  const send = world.ingestQueue.send;
  world.ingestQueue.send = async (more) => {
    messages += more.length;
    await send(more);
  };
  /** What was done since the last time. */
  const taken = () => {
    const counts = { classA: store.classA, classB: store.classB, statements: sql.statements, messages };
    Object.assign(store, newStoreCounts());
    sql.statements = 0;
    messages = 0;
    return counts;
  };
  return { world, taken };
}

test('a small object costs two writes, one read and one message', async () => {
  const { world, taken } = countingWorld();
  await world.put('warm', numberLines(0, 1));
  await world.drain();
  taken();
  await world.put('a', numberLines(0, 5));
  expect(taken()).toEqual({ classA: 1, classB: 0, statements: 5, messages: 1 });
  await world.drain();
  expect(taken()).toEqual({ classA: 1, classB: 1, statements: 8, messages: 0 });
});

test('small objects of a batch share the write of a segment and nearly all statements', async () => {
  const { world, taken } = countingWorld();
  await world.put('warm', numberLines(0, 1));
  await world.drain();
  for (let i = 0; i < 20; i++) await world.put(`o${i}`, numberLines(i, 5));
  taken();
  await world.drain();
  expect(taken()).toEqual({ classA: 1, classB: 20, statements: 27, messages: 0 });
});

test('a part costs the read of its stream, the write of its segment and one message', async () => {
  const { world, taken } = countingWorld();
  await world.put('a.ndjson', numberLines(0, 20_000));
  taken();
  await world.drain();
  const { classA, classB, statements, messages } = taken();
  expect(classA).toBe(messages + 1);
  // One more read looks at the head.
  expect(classB).toBe(messages + 2);
  expect(statements / (messages + 1)).toBeLessThan(7);
});

test('an idle sweep costs a list of each prefix and a handful of statements', async () => {
  const { world, taken } = countingWorld();
  for (let i = 0; i < 20; i++) await world.put(`o${i}`, numberLines(i, 5));
  await world.drain();
  taken();
  await world.ingest.sweep();
  const { classA, classB, statements, messages } = taken();
  expect({ classA, classB, messages }).toEqual({ classA: 7, classB: 0, messages: 0 });
  expect(statements).toBeLessThanOrEqual(25);
});
