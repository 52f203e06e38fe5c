import { describe, expect, test } from 'vitest';
import { Counters, leaseMsOf } from '../../../src/traffic/limit/counters.ts';
import { Journal } from '../../../src/traffic/limit/journal.ts';
import { objectDatabase } from '../../object-database.ts';
import { askFor, limitOf } from './rules.ts';

describe('several limits asked at once', () => {
  test('give all, or nothing is taken from any', () => {
    const counters = new Counters(100);
    const [wide, narrow] = [limitOf({ name: 'wide', limit: 10 }), limitOf({ name: 'narrow', limit: 2 })];
    const asks = [askFor(wide), askFor(narrow)];
    expect([1, 2, 3].map(() => counters.take(asks, 0).allowed)).toEqual([true, true, false]);
    const [left] = counters.peek([askFor(wide)], 0).verdicts;
    expect(left.available).toBe(8);
    const refused = counters.take(asks, 0);
    expect(refused.verdicts.map(({ gives }) => gives)).toEqual([true, false]);
    expect(refused.verdicts[1].waitMs).toBeGreaterThan(0);
  });

  test('let nobody enter among those in flight where another refuses', () => {
    const counters = new Counters(100);
    const flight = limitOf({ name: 'flight', algorithm: 'concurrency', limit: 1 });
    const none = limitOf({ name: 'none', limit: 1 });
    const asks = [askFor(flight, { holder: 'x', take: 0 }), askFor(none)];
    expect(counters.take(asks, 0).allowed).toBe(true);
    counters.change([{ type: 'leave', rule: flight, key: 'k', holder: 'x' }], 0);
    expect(counters.take(asks, 0).allowed).toBe(false);
    expect(counters.peek([askFor(flight, { take: 0 })], 0).verdicts[0].available).toBe(1);
  });

  test('hold the place of whoever says that it is there still, and of nobody who has left or was forgotten', () => {
    const counters = new Counters(100);
    const flight = limitOf({ algorithm: 'concurrency', limit: 1, holdMs: 1_000 });
    const left = (nowMs: number) => counters.peek([askFor(flight, { take: 0 })], nowMs).verdicts[0].available;
    const tell = (type: 'stay' | 'leave', nowMs: number) =>
      counters.change([{ type, rule: flight, key: 'k', holder: 'x' }], nowMs);
    counters.take([askFor(flight, { holder: 'x', take: 0 })], 0);
    tell('stay', 900);
    expect([left(1_899), left(1_900)]).toEqual([0, 1]);
    tell('stay', 1_950);
    expect(left(1_950)).toBe(1);
    counters.take([askFor(flight, { holder: 'x', take: 0 })], 2_000);
    tell('leave', 2_100);
    tell('stay', 2_200);
    expect(left(2_200)).toBe(1);
  });

  test('are asked without being counted, or made, by a peek', () => {
    const counters = new Counters(100);
    const limit = limitOf({ limit: 1 });
    for (let i = 0; i < 3; i++) expect(counters.peek([askFor(limit)], 0).allowed).toBe(true);
    expect(counters.size).toBe(0);
  });
});

describe('what is lent', () => {
  test('is a quarter of what is left at most, and never more than is wanted', () => {
    const counters = new Counters(100);
    const limit = limitOf({ limit: 100, windowMs: 60_000 });
    const lent = (lease: number) => counters.take([askFor(limit, { lease })], 0).verdicts[0].lent;
    expect([lent(1_000), lent(5), lent(1_000)]).toEqual([24, 5, 17]);
  });

  test('may be used for a tenth of the window, and for five seconds at most', () => {
    expect(leaseMsOf(limitOf({ windowMs: 10_000 }), 0)).toBe(1_000);
    expect(leaseMsOf(limitOf({ windowMs: 600_000 }), 0)).toBe(5_000);
  });

  test('of a fixed window ends with it', () => {
    const limit = limitOf({ algorithm: 'fixedWindow', windowMs: 10_000 });
    expect(leaseMsOf(limit, 9_700)).toBe(300);
    const midnight = Date.parse('2026-11-22T00:00:00Z');
    expect(leaseMsOf(limitOf({ algorithm: 'fixedWindow', calendar: 'day' }), midnight - 40)).toBe(40);
  });

  test('comes back by its mark', () => {
    const counters = new Counters(100);
    const limit = limitOf({ limit: 100 });
    const [{ lent, lentMark }] = counters.take([askFor(limit, { lease: 20 })], 0).verdicts;
    expect(lent).toBe(20);
    counters.change([{ type: 'refund', rule: limit, key: 'k', units: 15, mark: lentMark }], 500);
    expect(counters.peek([askFor(limit)], 500).verdicts[0].available).toBe(94);
  });
});

describe('counters', () => {
  test('keep what they have counted when the figures are changed, and begin anew under another algorithm', () => {
    const counters = new Counters(100);
    counters.take([askFor(limitOf({ limit: 10 }), { take: 8 })], 0);
    expect(counters.peek([askFor(limitOf({ limit: 20 }))], 0).verdicts[0].available).toBe(12);
    expect(counters.peek([askFor(limitOf({ limit: 20, algorithm: 'tokenBucket' }))], 0).verdicts[0].available).toBe(20);
    expect(counters.take([askFor(limitOf({ limit: 9 }))], 0).verdicts[0].available).toBe(0);
  });

  test('are forgotten when they say no more than new ones would', () => {
    const counters = new Counters(100);
    const limits = [
      limitOf({ name: 'sliding', windowMs: 1_600 }),
      limitOf({ name: 'fixed', algorithm: 'fixedWindow', windowMs: 1_000 }),
      limitOf({ name: 'bucket', algorithm: 'tokenBucket', limit: 10, windowMs: 1_000 }),
    ];
    for (const limit of limits) counters.take([askFor(limit)], 50);
    expect(counters.forget(50)).toBe(150);
    expect([counters.forget(150), counters.size]).toEqual([1_000, 2]);
    expect([counters.forget(1_000), counters.size]).toEqual([1_700, 1]);
    expect([counters.forget(1_700), counters.size]).toEqual([null, 0]);
  });

  test('have a place each up to a bound; callers beyond it share one a limit, which the others do not feel', () => {
    const counters = new Counters(3);
    const limit = limitOf({ limit: 2 });
    const take = (key: string) => counters.take([askFor(limit, { key })], 0).allowed;
    expect(['a', 'b', 'c'].map(take)).toEqual([true, true, true]);
    expect(['d', 'e', 'f'].map(take)).toEqual([true, true, false]);
    expect(take('a')).toBe(true);
    expect(counters.size).toBe(4);
  });

  test('are reset for a key', () => {
    const counters = new Counters(10);
    const limit = limitOf({ limit: 1 });
    counters.take([askFor(limit)], 0);
    expect([counters.reset(['a', 'other'], 'k'), counters.reset(['a'], 'k')]).toEqual([1, 0]);
    expect(counters.take([askFor(limit)], 0).allowed).toBe(true);
  });
});

describe('a journal', () => {
  /** Rows that SQLite wrote: what the platform bills. */
  function rowsWritten(database: ReturnType<typeof objectDatabase>): number {
    return Number(database.exec('SELECT total_changes() AS rows')[0]?.rows);
  }

  function reloaded(database: ReturnType<typeof objectDatabase>): Counters {
    const counters = new Counters(10_000);
    new Journal(database).load(counters);
    return counters;
  }

  function contentOf(counters: Counters) {
    return Object.fromEntries([...counters.ids()].sort().map((id) => [id, counters.get(id)]));
  }

  test('puts back what was flushed, whenever the object dies, forgotten counters included', () => {
    const database = objectDatabase();
    const counters = new Counters(10_000);
    const journal = new Journal(database);
    journal.load(counters);
    // Written once, and never again but with all the others.
    counters.take([askFor(limitOf({ windowMs: 86_400_000 }), { key: 'once' })], 0);
    for (let i = 0; i < 300; i++) {
      const nowMs = i * 1_000;
      counters.take([askFor(limitOf({ windowMs: 10_000 }), { key: `k${i % 40}` })], nowMs);
      if (i % 7 === 0) counters.forget(nowMs);
      journal.flush(counters);
      if (i % 11 === 0) expect(contentOf(reloaded(database)), `after ${i}`).toEqual(contentOf(counters));
    }
    counters.take([askFor(limitOf(), { key: 'not written' })], 0);
    expect(contentOf(reloaded(database))).not.toHaveProperty('a\nnot written');
  });

  test('writes one row a flush, however many counters changed, and a few more every sixty-four', () => {
    const database = objectDatabase();
    const counters = new Counters(10_000);
    const journal = new Journal(database);
    const before = rowsWritten(database);
    for (let i = 0; i < 128; i++) {
      for (let key = 0; key < 100; key++) counters.take([askFor(limitOf({ limit: 1_000 }), { key: `k${key}` })], i);
      journal.flush(counters);
    }
    // Two of them are everything written anew.
    expect(rowsWritten(database) - before).toBe(128);
    journal.flush(counters);
    expect(rowsWritten(database) - before).toBe(128);
  });

  test('puts back nothing that was on a page of a time when there was more', () => {
    const database = objectDatabase();
    const counters = new Counters(10_000);
    const journal = new Journal(database);
    for (let key = 0; key < 5_000; key++) counters.take([askFor(limitOf(), { key: `${key}-${'x'.repeat(200)}` })], 0);
    journal.flush(counters);
    counters.forget(1_000_000);
    journal.flush(counters);
    for (let i = 0; i < 70; i++) {
      counters.take([askFor(limitOf({ limit: 1_000 }), { key: 'last' })], 1_000_000);
      journal.flush(counters);
    }
    expect([...reloaded(database).ids()]).toEqual(['a\nlast']);
  });

  test('keeps each row far below what a value may be', () => {
    const database = objectDatabase();
    const counters = new Counters(10_000);
    const journal = new Journal(database);
    for (let key = 0; key < 5_000; key++) counters.take([askFor(limitOf(), { key: `${key}-${'x'.repeat(200)}` })], 0);
    journal.flush(counters);
    const [{ longest, pages }] = database.exec(
      'SELECT max(length(counters)) AS longest, count(*) AS pages FROM limiter_pages',
    );
    expect(Number(longest)).toBeLessThanOrEqual(500_000);
    expect(Number(pages)).toBeGreaterThan(1);
    expect(reloaded(database).size).toBe(5_000);
  });
});
