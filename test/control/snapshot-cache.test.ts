import { expect, test } from 'vitest';
import { SnapshotCache } from '../../src/control/snapshot-cache.ts';
import { manualClock } from '../../src/core/clock.ts';

/** A cache over a source whose answers are given by hand. */
function source() {
  const clock = manualClock();
  const waiting: { resolve(value: number): void; reject(error: Error): void }[] = [];
  const cache = new SnapshotCache<number>(
    () => new Promise((resolve, reject) => waiting.push({ resolve, reject })),
    clock,
  );
  return { clock, cache, waiting };
}

test('the first requests wait for the source, each for a read of its own', async () => {
  const { cache, waiting } = source();
  const both = [cache.get('k'), cache.get('k')];
  expect(waiting).toHaveLength(2);
  // The first one's request is gone and its read never ends: the second is served all the same.
  waiting[1].resolve(1);
  expect(await both[1]).toBe(1);
  expect(await cache.get('k')).toBe(1);
});

test('of many requests one renews, and another where that one died', async () => {
  const { cache, waiting, clock } = source();
  const first = cache.get('k');
  waiting[0].resolve(1);
  await first;
  clock.advance(2_000);
  expect(await Promise.all([cache.get('k'), cache.get('k'), cache.get('k')])).toEqual([1, 1, 1]);
  expect(waiting).toHaveLength(2);
  clock.advance(1_000);
  expect(await cache.get('k')).toBe(1);
  expect(waiting).toHaveLength(3);
});

test('an answer that comes late does not take the place of a later read', async () => {
  const { cache, waiting, clock } = source();
  const slow = cache.get('k');
  clock.advance(100);
  const quick = cache.get('k');
  waiting[1].resolve(2);
  await quick;
  waiting[0].resolve(1);
  expect(await slow).toBe(1);
  expect(await cache.get('k')).toBe(2);
});

test('a value is served from memory, then while its successor is fetched in the background', async () => {
  const { cache, waiting, clock } = source();
  const first = cache.get('k');
  waiting[0].resolve(1);
  await first;
  clock.advance(1_999);
  expect(await cache.get('k')).toBe(1);
  expect(waiting).toHaveLength(1);
  clock.advance(1);
  const background: Promise<unknown>[] = [];
  expect(await cache.get('k', (work) => background.push(work))).toBe(1);
  expect([waiting.length, background.length]).toEqual([2, 1]);
  waiting[1].resolve(2);
  await background[0];
  expect(await cache.get('k')).toBe(2);
});

test('a value older than the bound is not served while the source answers', async () => {
  const { cache, waiting, clock } = source();
  const first = cache.get('k');
  waiting[0].resolve(1);
  await first;
  clock.advance(4_500);
  const late = cache.get('k');
  waiting[1].resolve(2);
  expect(await late).toBe(2);
});

test('a source that fails leaves the last value in force, and fails who has none', async () => {
  const { cache, waiting, clock } = source();
  const first = cache.get('k');
  waiting[0].resolve(1);
  await first;
  clock.advance(60_000);
  const late = cache.get('k');
  waiting[1].reject(new Error('away'));
  expect(await late).toBe(1);
  const unknown = cache.get('other');
  waiting[2].reject(new Error('away'));
  await expect(unknown).rejects.toThrow('away');
});

test('who has just changed a key reads what it wrote, also past a read under way', async () => {
  const { cache, waiting } = source();
  const early = cache.get('k');
  cache.forget('k');
  const after = cache.get('k');
  waiting[1].resolve(2);
  waiting[0].resolve(1);
  expect(await Promise.all([early, after])).toEqual([1, 2]);
  expect(await cache.get('k')).toBe(2);
});

test('the count of keys is bounded: the one read longest ago is forgotten', async () => {
  const loads: string[] = [];
  const cache = new SnapshotCache<string>(
    async (key) => {
      loads.push(key);
      return key;
    },
    manualClock(),
    2,
  );
  for (const key of ['a', 'b', 'c', 'b', 'a']) await cache.get(key);
  expect(loads).toEqual(['a', 'b', 'c', 'a']);
});
