import { expect, test } from 'vitest';
import { PlatformWake } from '../../durable-objects/platform-wake.ts';

test('a message goes out when a task is due, again later and later while nobody comes, and at once for the next', () => {
  const sentMs: number[] = [];
  let nowMs = 0;
  const wake = new PlatformWake(() => sentMs.push(nowMs));
  const look = (atMs: number, dueAtMs: number | null) => {
    nowMs = atMs;
    wake.look(dueAtMs, nowMs);
    return wake.nextAtMs(dueAtMs);
  };
  expect(look(0, null)).toBeNull();
  expect(look(0, 500)).toBe(500);
  for (let atMs = 0; atMs <= 200_000; atMs += 500) look(atMs, 500);
  expect(sentMs).toEqual([500, 1_500, 3_500, 7_500, 15_500, 31_500, 63_500, 123_500, 183_500]);
  wake.answered();
  expect(look(200_000, 199_000)).toBe(201_000);
  wake.answered();
  look(200_010, 199_500);
  expect(sentMs.slice(-2)).toEqual([200_000, 200_010]);
});
