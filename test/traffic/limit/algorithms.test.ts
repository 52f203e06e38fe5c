import { describe, expect, test } from 'vitest';
import type { LimitRule } from '../../../src/core/protocol/rate-limiter.ts';
import { type Random, seededRandom } from '../../../src/core/random.ts';
import type { Algorithm } from '../../../src/traffic/limit/algorithm.ts';
import { concurrency } from '../../../src/traffic/limit/concurrency.ts';
import { fixedWindow, windowOf } from '../../../src/traffic/limit/fixed-window.ts';
import { SLOTS, slidingWindow } from '../../../src/traffic/limit/sliding-window.ts';
import { tokenBucket } from '../../../src/traffic/limit/token-bucket.ts';
import { seedCount, sized } from '../../scale.ts';
import { limitOf } from './rules.ts';

/** Requests at random times, and which of them an algorithm admits. */
function walk<State>(algorithm: Algorithm<State>, rule: LimitRule, random: Random) {
  let nowMs = 1_800_000_000_000 + Math.floor(random.next() * 1_000_000);
  const state = algorithm.begin(rule, nowMs);
  const steps: { atMs: number; admitted: boolean; waitMs: number }[] = [];
  for (let i = 0; i < sized(300); i++) {
    nowMs += Math.floor((random.next() < 0.1 ? 3 : 0.2) * random.next() * (rule.windowMs / rule.limit) * 4);
    const admitted = algorithm.available(state, rule, nowMs) >= 1;
    steps.push({ atMs: nowMs, admitted, waitMs: algorithm.waitMs(state, rule, 1, nowMs) });
    if (admitted) algorithm.take(state, rule, 1, nowMs, nowMs);
  }
  return steps;
}

function someRule(random: Random, algorithm: LimitRule['algorithm']): LimitRule {
  const limit = 1 + Math.floor(random.next() * 20);
  const windowMs = 1_000 * (1 + Math.floor(random.next() * 10));
  return limitOf({
    algorithm,
    limit,
    windowMs,
    burst: algorithm === 'tokenBucket' ? 1 + Math.floor(random.next() * 20) : limit,
  });
}

const seeds = Array.from({ length: seedCount(6) }, (_, seed) => seed);

describe('a token bucket', () => {
  test('admits what a naive count over every stretch of time admits', () => {
    for (const seed of seeds) {
      const random = seededRandom(seed);
      const rule = someRule(random, 'tokenBucket');
      const admitted: number[] = [];
      for (const { atMs, admitted: was } of walk(tokenBucket, rule, random)) {
        // From any earlier admission on, that one included, no more than the burst and what came since.
        const room = admitted.map((sinceMs, i) => {
          const allowed = rule.burst + ((atMs - sinceMs) * rule.limit) / rule.windowMs;
          return allowed - (admitted.length - i);
        });
        const expected = Math.min(rule.burst, ...room) >= 1 - 1e-6;
        expect(was, `seed ${seed} at ${atMs}`).toBe(expected);
        if (was) admitted.push(atMs);
      }
    }
  });

  test('gives a token every window / limit, and holds no more than its burst', () => {
    const rule = limitOf({ algorithm: 'tokenBucket', limit: 4, windowMs: 2_000, burst: 3 });
    const state = tokenBucket.begin(rule, 0);
    tokenBucket.take(state, rule, 3, 0, 0);
    const seen = [0, 499, 500, 1_000, 1_500, 60_000].map((ms) => [ms, tokenBucket.available(state, rule, ms)]);
    expect(seen).toEqual([
      [0, 0],
      [499, 0],
      [500, 1],
      [1_000, 2],
      [1_500, 3],
      [60_000, 3],
    ]);
  });

  test('keeps a debt, and says how long it takes to be out of it', () => {
    const rule = limitOf({ algorithm: 'tokenBucket', limit: 10, windowMs: 1_000, burst: 10 });
    const state = tokenBucket.begin(rule, 0);
    tokenBucket.take(state, rule, 30, 0, 0);
    expect(tokenBucket.available(state, rule, 0)).toBe(-20);
    expect(tokenBucket.waitMs(state, rule, 1, 0)).toBe(2_100);
    expect(tokenBucket.waitMs(state, rule, 11, 0)).toBe(Number.POSITIVE_INFINITY);
    expect(tokenBucket.available(state, rule, 2_100)).toBe(1);
  });
});

describe('a fixed window', () => {
  test('admits the limit in each window and nothing more', () => {
    for (const seed of seeds) {
      const random = seededRandom(seed);
      const rule = someRule(random, 'fixedWindow');
      const counts = new Map<number, number>();
      for (const { atMs, admitted, waitMs } of walk(fixedWindow, rule, random)) {
        const window = Math.floor(atMs / rule.windowMs);
        const count = counts.get(window) ?? 0;
        expect(admitted, `seed ${seed}`).toBe(count < rule.limit);
        expect(waitMs).toBe(admitted ? 0 : (window + 1) * rule.windowMs - atMs);
        if (admitted) counts.set(window, count + 1);
      }
    }
  });

  test('is a day or a month of UTC where it is one of the calendar', () => {
    const at = Date.parse('2028-02-29T23:59:59.999Z');
    const bounds = (calendar: 'day' | 'month', ms: number) => {
      const { startMs, endMs } = windowOf({ calendar, windowMs: 0 }, ms);
      return [new Date(startMs).toISOString(), new Date(endMs).toISOString()];
    };
    expect(bounds('day', at)).toEqual(['2028-02-29T00:00:00.000Z', '2028-03-01T00:00:00.000Z']);
    expect(bounds('month', at)).toEqual(['2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z']);
    expect(bounds('month', at + 1)).toEqual(['2028-03-01T00:00:00.000Z', '2028-04-01T00:00:00.000Z']);
    expect(bounds('month', Date.parse('2027-12-31T12:00:00Z'))[1]).toBe('2028-01-01T00:00:00.000Z');
  });

  test('takes back what was taken in it, and nothing that was taken in another', () => {
    const rule = limitOf({ algorithm: 'fixedWindow', limit: 3, windowMs: 1_000 });
    const state = fixedWindow.begin(rule, 0);
    const mark = fixedWindow.take(state, rule, 3, 0, 0);
    fixedWindow.refund(state, rule, 1, mark, 500);
    expect(fixedWindow.available(state, rule, 500)).toBe(1);
    fixedWindow.take(state, rule, 3, 1_000, 1_000);
    fixedWindow.refund(state, rule, 2, mark, 1_100);
    expect(fixedWindow.available(state, rule, 1_100)).toBe(0);
  });
});

describe('a sliding window', () => {
  test('admits no more than the limit in any window, and refuses only what a log of a slot more would refuse', () => {
    for (const seed of seeds) {
      const random = seededRandom(seed);
      const rule = someRule(random, 'slidingWindow');
      const admittedMs: number[] = [];
      for (const { atMs, admitted } of walk(slidingWindow, rule, random)) {
        const within = (ms: number) => admittedMs.filter((earlier) => earlier > atMs - ms).length;
        if (admitted) {
          expect(within(rule.windowMs), `seed ${seed}`).toBeLessThan(rule.limit);
          admittedMs.push(atMs);
        } else expect(within(rule.windowMs * (1 + 1 / SLOTS) + 1), `seed ${seed}`).toBeGreaterThanOrEqual(rule.limit);
      }
    }
  });

  test('says when it will admit the next: then it does, and a moment before it does not', () => {
    for (const seed of seeds) {
      const random = seededRandom(seed);
      const rule = someRule(random, 'slidingWindow');
      const state = slidingWindow.begin(rule, 0);
      let nowMs = 5_000;
      for (let i = 0; i < 100; i++) {
        const waitMs = slidingWindow.waitMs(state, rule, 1, nowMs);
        if (waitMs > 0) {
          expect(
            slidingWindow.available(structuredClone(state), rule, nowMs + waitMs - 1),
            `seed ${seed}`,
          ).toBeLessThan(1);
          nowMs += waitMs;
          expect(slidingWindow.available(state, rule, nowMs), `seed ${seed}`).toBeGreaterThanOrEqual(1);
        }
        slidingWindow.take(state, rule, 1, nowMs, nowMs);
        nowMs += Math.floor(random.next() * 50);
      }
    }
  });

  test('counts what was lent from when it can be used last', () => {
    const rule = limitOf({ limit: 4, windowMs: 1_600 });
    const state = slidingWindow.begin(rule, 0);
    slidingWindow.take(state, rule, 4, 0, 150);
    expect(slidingWindow.available(state, rule, 1_700)).toBe(0);
    expect(slidingWindow.available(state, rule, 1_800)).toBe(4);
  });

  test('counts a loan of a later moment and a request of now in their order', () => {
    const rule = limitOf({ limit: 10, windowMs: 1_600 });
    const state = slidingWindow.begin(rule, 0);
    slidingWindow.take(state, rule, 2, 0, 500);
    slidingWindow.take(state, rule, 1, 0, 0);
    slidingWindow.take(state, rule, 1, 50, 550);
    expect(state.slots).toEqual([
      [0, 1],
      [5, 3],
    ]);
    slidingWindow.refund(state, rule, 2, 5, 100);
    expect(slidingWindow.available(state, rule, 100)).toBe(8);
  });
});

describe('a clock that goes back', () => {
  test('gives nothing twice', () => {
    for (const [name, algorithm] of Object.entries({ tokenBucket, fixedWindow, slidingWindow })) {
      const rule = limitOf({ algorithm: name as LimitRule['algorithm'], limit: 5, windowMs: 1_000, burst: 5 });
      const state = algorithm.begin(rule, 10_000) as never;
      algorithm.take(state, rule, 5, 10_000, 10_000);
      expect(algorithm.available(state, rule, 7_000), name).toBe(0);
      expect(algorithm.available(state, rule, 10_000), name).toBe(0);
    }
  });
});

describe('concurrency', () => {
  const rule = limitOf({ algorithm: 'concurrency', limit: 2, holdMs: 1_000 });

  test('counts who is in flight, each once', () => {
    const state = concurrency.begin();
    concurrency.enter(state, rule, 'a', 0);
    concurrency.enter(state, rule, 'a', 1);
    concurrency.enter(state, rule, 'b', 2);
    expect(concurrency.available(state, rule, 3)).toBe(0);
    concurrency.leave(state, 'a');
    concurrency.leave(state, 'a');
    expect(concurrency.available(state, rule, 4)).toBe(1);
  });

  test('frees the place of one that nobody ended', () => {
    const state = concurrency.begin();
    concurrency.enter(state, rule, 'a', 0);
    concurrency.enter(state, rule, 'b', 500);
    expect(concurrency.available(state, rule, 999)).toBe(0);
    expect(concurrency.available(state, rule, 1_000)).toBe(1);
    expect(concurrency.available(state, rule, 1_500)).toBe(2);
  });
});
