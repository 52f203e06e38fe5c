import { expect, test } from 'vitest';
import { ObjectAlarm } from '../../durable-objects/object-alarm.ts';

const YEAR_MS = 365 * 86_400_000;

/** As the runtime's, which refuses an alarm after the year 2189. */
function storage() {
  const set: number[] = [];
  const alarms = {
    getAlarm: async () => set.at(-1) ?? null,
    setAlarm: async (atMs: number) => {
      if (atMs > Date.UTC(2189, 0)) throw new TypeError("This API doesn't support dates after 2189.");
      set.push(atMs);
    },
  };
  return { set, alarm: new ObjectAlarm(alarms as unknown as DurableObjectStorage) };
}

test('what is due in centuries has an alarm that the platform takes, set once', async () => {
  const { set, alarm } = storage();
  const dueAtMs = Date.now() + 300 * YEAR_MS;
  await alarm.arm(dueAtMs);
  await alarm.arm(dueAtMs);
  expect(set).toHaveLength(1);
  expect(set[0]).toBeGreaterThan(Date.now() + YEAR_MS - 86_400_000);
});

test('what is due earlier has its alarm set anew, what is due later not', async () => {
  const { set, alarm } = storage();
  const nowMs = Date.now();
  for (const dueAtMs of [nowMs + 300 * YEAR_MS, nowMs + 5_000, nowMs + 9_000, nowMs + 1_000]) await alarm.arm(dueAtMs);
  expect(set.slice(1)).toEqual([nowMs + 5_000, nowMs + 1_000]);
});
