import { expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { newId } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';

test('no byte of the pool is given out twice, and what is asked for has its length', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 2_000; i++) {
    const bytes = systemRandom.bytes(16);
    expect(bytes).toHaveLength(16);
    seen.add(bytes.join());
  }
  expect(seen.size).toBe(2_000);
  for (const length of [0, 1, 4_095, 4_096, 4_097, 200_000]) {
    const bytes = systemRandom.bytes(length);
    expect(bytes).toHaveLength(length);
    // A stretch of zeros would be one that was not filled.
    if (length > 1_000) expect(bytes.subarray(length - 64).some((byte) => byte !== 0)).toBe(true);
  }
});

test('numbers are uniform in [0, 1)', () => {
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 20_000; i++) {
    const value = systemRandom.next();
    expect(value >= 0 && value < 1).toBe(true);
    counts[Math.floor(value * 10)] += 1;
  }
  for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(250);
});

test('ids are sorted by the time they were made at', () => {
  const clock = manualClock(1_700_000_000_000);
  const ids: string[] = [];
  for (const step of [0, 0, 1, 31, 32, 1_000_000]) {
    clock.advance(step);
    ids.push(newId(clock, systemRandom));
  }
  for (const id of ids) expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
  expect([...ids].map((id) => id.slice(0, 10))).toEqual([...ids].map((id) => id.slice(0, 10)).sort());
  expect(ids[0].slice(0, 10)).toBe(ids[1].slice(0, 10));
});
