import { expect, test } from 'vitest';
import { Nonces } from '../../src/traffic/nonces.ts';
import { objectDatabase } from '../object-database.ts';

test('a nonce is used for the first time once, also by an object that was made anew', () => {
  const database = objectDatabase();
  const nonces = new Nonces(database);
  expect(nonces.firstUse('a n1', 1_000)).toBe(true);
  expect(nonces.firstUse('a n1', 1_000)).toBe(false);
  expect(nonces.firstUse('b n1', 1_000)).toBe(true);
  expect(new Nonces(database).firstUse('a n1', 1_000)).toBe(false);
});

test('nonces are forgotten a minute after their signatures are too old, and no row stays', () => {
  const database = objectDatabase();
  const nonces = new Nonces(database);
  nonces.firstUse('a', 100_000);
  nonces.firstUse('b', 200_000);
  expect(nonces.forget(160_000)).toBe(160_001);
  expect(nonces.firstUse('a', 100_000)).toBe(false);
  expect(nonces.forget(160_001)).toBe(260_001);
  expect(nonces.forget(260_001)).toBeNull();
  expect(database.exec('SELECT COUNT(*) AS count FROM nonces')).toEqual([{ count: 0 }]);
});
