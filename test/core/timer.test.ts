import { describe, expect, test, vi } from 'vitest';
import { pause, systemTimer, within } from '../../src/core/timer.ts';

test('a timer rings once, unless it is called off before', async () => {
  const [rung, calledOff] = [vi.fn(), vi.fn()];
  systemTimer(1, rung);
  systemTimer(1, calledOff)();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(rung).toHaveBeenCalledTimes(1);
  expect(calledOff).not.toHaveBeenCalled();
});

test('a pause ends when its timer rings, and not before', async () => {
  let ring = () => {};
  const timer = vi.fn((_ms: number, fire: () => void) => {
    ring = fire;
    return () => {};
  });
  let isOver = false;
  const paused = pause(250, timer).then(() => {
    isOver = true;
  });
  await Promise.resolve();
  expect([timer.mock.calls[0][0], isOver]).toEqual([250, false]);
  ring();
  await paused;
  expect(isOver).toBe(true);
});

describe('work that may take so long', () => {
  const never = new Promise<string>(() => {});

  test('comes to what it comes to in time, and leaves no timer', async () => {
    const cleared = vi.spyOn(globalThis, 'clearTimeout');
    expect(await within(60_000, Promise.resolve('done'), 'late')).toBe('done');
    await expect(within(60_000, Promise.reject(new Error('broken')), 'late')).rejects.toThrow('broken');
    expect(cleared).toHaveBeenCalledTimes(2);
    cleared.mockRestore();
  });

  test('comes to the other value where it takes longer, whatever becomes of it then', async () => {
    expect(await within(1, never, 'late')).toBe('late');
    let fail = (_error: Error) => {};
    const failing = new Promise<string>((_, reject) => {
      fail = reject;
    });
    expect(await within(1, failing, 'late')).toBe('late');
    // Nobody hears of it: an unhandled rejection would fail the run.
    fail(new Error('too late'));
    await new Promise((resolve) => setTimeout(resolve, 1));
  });
});
