import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Admission, type RequestTimers } from '../../src/query/admission.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const WAIT_MS = 60_000;
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** Timers that end with their request: once it is ended, nothing of it runs any more. */
function endingTimers() {
  let ended = false;
  const timers: RequestTimers = {
    pause: (ms) => new Promise((resolve) => setTimeout(() => !ended && resolve(), ms)),
    every(ms, work) {
      const timer = setInterval(() => !ended && work(), ms);
      return () => clearInterval(timer);
    },
  };
  const end = () => {
    ended = true;
  };
  return { timers, end };
}

/** An admission whose requests each have timers of their own, the next one's to be ended. */
function world(slots: number, waiting: number) {
  let current = endingTimers();
  const admission = new Admission(slots, waiting, systemClock, {
    pause: (ms) => current.timers.pause(ms),
    every: (ms, work) => current.timers.every(ms, work),
  });
  return {
    enter: (waitMs = WAIT_MS) => {
      current = endingTimers();
      const request = current;
      return { entered: admission.enter(waitMs), end: request.end };
    },
  };
}

test('work beyond the slots waits its turn, beyond the queue it is refused', async () => {
  const admission = new Admission(1, 2, systemClock);
  const leaveFirst = await admission.enter(WAIT_MS);
  const order: string[] = [];
  const enter = async (name: string) => {
    const leave = await admission.enter(WAIT_MS);
    order.push(name);
    leave();
  };
  const waiting = [enter('second'), enter('third')];
  await expect(admission.enter(WAIT_MS)).rejects.toMatchObject({ code: 'rate_limited', retryAfterSeconds: 2 });
  order.push('refused');
  await pass(10_000);
  leaveFirst();
  await pass(100);
  await Promise.all(waiting);
  expect(order).toEqual(['refused', 'second', 'third']);
});

test('giving a slot back twice frees it once', async () => {
  const admission = new Admission(1, 0, systemClock);
  const leave = await admission.enter(WAIT_MS);
  leave();
  leave();
  await admission.enter(WAIT_MS);
  await expect(admission.enter(WAIT_MS)).rejects.toMatchObject({ code: 'rate_limited' });
});

test('whose turn does not come in time is refused and waits no longer', async () => {
  const admission = new Admission(1, 1, systemClock);
  await admission.enter(WAIT_MS);
  const refused = expect(admission.enter(1_000)).rejects.toMatchObject({ code: 'rate_limited' });
  await pass(1_100);
  await refused;
  const next = admission.enter(WAIT_MS).catch(() => 'refused');
  await pass(1_100);
  expect(await Promise.race([next, Promise.resolve('waits')])).toBe('waits');
});

test('a slot whose request has ended without a word is free again', async () => {
  const { enter } = world(1, 1);
  const first = enter();
  await first.entered;
  first.end();
  const second = enter();
  await pass(1_000);
  const early = await Promise.race([second.entered.then(() => 'entered'), Promise.resolve('waits')]);
  await pass(3_000);
  await second.entered;
  expect(early).toBe('waits');
});

test('a turn is not given to one that has ended while it waited', async () => {
  const { enter } = world(1, 2);
  const leave = await enter().entered;
  const gone = enter();
  gone.end();
  const third = enter();
  leave();
  await pass(3_000);
  (await third.entered)();
});

test('work that computes for long, no timer running, keeps its slot', async () => {
  const admission = new Admission(1, 1, systemClock);
  await admission.enter(WAIT_MS);
  const second = admission.enter(WAIT_MS).then(() => 'entered');
  for (let round = 0; round < 5; round++) {
    vi.setSystemTime(Date.now() + 5_000);
    await pass(300);
  }
  expect(await Promise.race([second, Promise.resolve('waits')])).toBe('waits');
});
