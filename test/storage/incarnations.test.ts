import { expect, test } from 'vitest';
import { createIncarnations } from '../../src/storage/incarnations.ts';
import { createSqlDatabase } from '../../src/storage/sql.ts';
import { sqliteBinding } from './sqlite-binding.ts';

test('an incarnation is above all before it, whoever knows of them, and each that asks gets its own', async () => {
  const incarnations = createIncarnations(createSqlDatabase(sqliteBinding()));
  expect(await incarnations.read('u/a')).toBe(0);
  expect(await incarnations.take('u/a', 0)).toBe(1);
  expect(await Promise.all([incarnations.take('u/a', 0), incarnations.take('u/a', 0)])).toEqual([2, 3]);
  expect(await incarnations.read('u/a')).toBe(3);
  // The table was restored, and the cluster knows better.
  expect(await incarnations.take('u/a', 7)).toBe(8);
  expect(await incarnations.take('u/b', 4)).toBe(5);
  await incarnations.remove('u/a');
  expect([await incarnations.read('u/a'), await incarnations.read('u/b')]).toEqual([0, 5]);
});

test('a cluster is at home where it began first, and begins nowhere else', async () => {
  const incarnations = createIncarnations(createSqlDatabase(sqliteBinding()));
  expect(await incarnations.home('u', 'a')).toBeUndefined();
  expect(await incarnations.take('u/a@eu', 0)).toBe(1);
  for (const other of ['u/a', 'u/a@us', 'u/a@fedramp']) expect(await incarnations.take(other, 0)).toBeNull();
  expect(await incarnations.take('u/a@eu', 0)).toBe(2);
  expect(await incarnations.home('u', 'a')).toBe('eu');
  // Neither a name that begins with another's nor the same name in another namespace is the same cluster.
  for (const other of ['u/a.b', 'u/aa', 'v/a']) expect(await incarnations.take(other, 0)).toBe(1);
  expect([await incarnations.home('u', 'aa'), await incarnations.home('u', 'b')]).toEqual([null, undefined]);
  await incarnations.remove('u/a@eu');
  expect(await incarnations.take('u/a', 0)).toBe(1);
});
