import { expect, test } from 'vitest';
import { seedCount } from '../scale.ts';
import { type SimulationCounts, simulate } from './simulation.ts';

test('whatever agents, alarms, restarts and clocks do, no promise is broken', () => {
  const seeds = seedCount(2) * 4;
  const totals: Partial<Record<keyof SimulationCounts, number>> = {};
  for (let seed = 1; seed <= seeds; seed++) {
    for (const [name, count] of Object.entries(simulate(seed))) {
      const key = name as keyof SimulationCounts;
      totals[key] = (totals[key] ?? 0) + count;
    }
  }
  console.info(`${seeds} seeds: ${JSON.stringify(totals)}`);
  // A run that attacks nothing proves nothing.
  for (const [name, count] of Object.entries(totals)) expect([name, count > 0]).toEqual([name, true]);
});

test('the same seed is the same run', () => {
  expect(simulate(7)).toEqual(simulate(7));
});
