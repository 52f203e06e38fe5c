import { expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { createSqlDatabase } from '../../src/storage/sql.ts';
import {
  createWatchedObjects,
  eraseWatched,
  revokeWatched,
  type SweepCursor,
  tickWatched,
  type WatchedObject,
} from '../../src/storage/watched-objects.ts';
import { sqliteBinding } from './sqlite-binding.ts';

const registry = () => createWatchedObjects(createSqlDatabase(sqliteBinding()), manualClock(0));
function memoryCursor(): SweepCursor {
  let at: WatchedObject | null = null;
  return {
    read: async () => at,
    write: async (after) => {
      at = after;
    },
  };
}
const queue = (name: string): WatchedObject => ({ kind: 'task-queue', name });

test('the sweep looks at every object, though some do not answer', async () => {
  const watched = registry();
  const names = Array.from({ length: 250 }, (_, i) => `ns/q${i}/0`);
  for (const name of names) await watched.add(queue(name));
  await watched.add(queue(names[0]));
  const seen: string[] = [];
  const failed: string[] = [];
  const calls = ({ name }: WatchedObject) => ({
    tick: async () => {
      if (name.endsWith('7/0')) throw new Error('gone');
      seen.push(name);
    },
    revoked: async () => {},
    erase: async () => {},
  });
  await tickWatched(watched, memoryCursor(), calls, ({ name }) => failed.push(name));
  expect([...seen, ...failed].toSorted()).toEqual(names.toSorted());
  expect(failed).toHaveLength(25);
});

test('a sweep looks at some objects and the next goes on after them, whatever ends it, until all were looked at', async () => {
  const watched = registry();
  const names = Array.from({ length: 23 }, (_, i) => `ns/q${String(i).padStart(2, '0')}/0`);
  for (const name of names) await watched.add(queue(name));
  const cursor = memoryCursor();
  const sweeps: string[][] = [];
  const sweep = async (limit: number) => {
    const seen: string[] = [];
    const calls = ({ name }: WatchedObject) => ({
      tick: async () => void seen.push(name),
      revoked: async () => {},
      erase: async () => {},
    });
    await tickWatched(watched, cursor, calls, () => {}, limit);
    sweeps.push(seen);
  };
  for (let i = 0; i < 4; i++) await sweep(10);
  expect(sweeps.map((seen) => seen.length)).toEqual([10, 10, 3, 10]);
  expect(sweeps.slice(0, 3).flat()).toEqual(names);
  await expect(
    tickWatched(
      watched,
      cursor,
      () => {
        throw new Error('the invocation ends');
      },
      () => {},
      10,
    ),
  ).rejects.toThrow();
  await sweep(10);
  expect(sweeps.at(-1)).toEqual(names.slice(20));
});

test('the end of a namespace erases its objects and no other', async () => {
  const watched = registry();
  for (const uid of ['a', 'b', 'ab']) for (let i = 0; i < 150; i++) await watched.add(queue(`${uid}/q${i}/0`));
  await watched.add({ kind: 'other', name: 'a/x/0' });
  const erased: string[] = [];
  const calls = ({ name }: WatchedObject) => ({
    tick: async () => {},
    revoked: async () => {},
    erase: async () => {
      erased.push(name);
    },
  });
  expect(await eraseWatched(watched, 'task-queue', 'a', calls)).toBe(false);
  expect(await eraseWatched(watched, 'task-queue', 'a', calls)).toBe(true);
  expect(erased).toHaveLength(150);
  expect(erased.every((name) => name.startsWith('a/'))).toBe(true);
  expect(await watched.ofNamespace('task-queue', 'a', 10)).toEqual([]);
  expect(await watched.page(null, 1000)).toHaveLength(301);
});

test('a revoked key is told of at every object of its namespace, or at all, past the first page', async () => {
  const watched = registry();
  for (const uid of ['a', 'b', 'ab']) for (let i = 0; i < 150; i++) await watched.add(queue(`${uid}/q${i}/0`));
  const told: string[] = [];
  const calls = ({ name }: WatchedObject) => ({
    tick: async () => {},
    revoked: async (owner: string) => void told.push(`${owner} ${name}`),
    erase: async () => {},
  });
  await revokeWatched(watched, 'key:1', 'a', calls);
  expect(told.toSorted()).toEqual(Array.from({ length: 150 }, (_, i) => `key:1 a/q${i}/0`).toSorted());
  await revokeWatched(watched, 'key:2', null, calls);
  expect(told.filter((text) => text.startsWith('key:2'))).toHaveLength(450);
});
