import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { backoffMs } from '../../src/discovery/backoff.ts';
import {
  newRegistration,
  nextCall,
  type RegistrationEvent,
  type RegistrationState,
  step,
} from '../../src/discovery/registration-state.ts';

/** Chance at its largest: every wait is as long as it can be. */
const longest = { ...seededRandom(1), next: () => 1 };

/** Plays events, each at a time, and writes down what comes of them. */
function play(events: [nowMs: number, event: RegistrationEvent][]): string[] {
  let state: RegistrationState = newRegistration(0);
  const lines = [`0 ${nextCall(state)} at ${state.dueMs}`];
  for (const [nowMs, event] of events) {
    state = step(state, event, nowMs, longest);
    const reason = state.reason === undefined ? '' : ` (${state.reason})`;
    lines.push(`${nowMs} ${event.type}: ${state.phase}, ${nextCall(state)} at ${state.dueMs}${reason}`);
  }
  return lines;
}

test('a registration is renewed at a third of its TTL', () => {
  expect(
    play([
      [100, { type: 'registered', ttlMs: 30_000, sentAtMs: 50 }],
      [10_100, { type: 'renewed', sentAtMs: 10_090 }],
    ]),
  ).toEqual([
    '0 register at 0',
    '100 registered: registered, renew at 10100',
    '10100 renewed: registered, renew at 20100',
  ]);
});

test('renewals that fail are repeated ever later, and past the TTL it registers anew', () => {
  const failed: RegistrationEvent = { type: 'failed', reason: 'refused' };
  expect(
    play([
      [0, { type: 'registered', ttlMs: 3_000, sentAtMs: 0 }],
      [1_000, failed],
      [1_250, failed],
      [1_750, failed],
      [2_750, failed],
      [3_750, failed],
      [7_750, { type: 'registered', ttlMs: 3_000, sentAtMs: 7_740 }],
    ]),
  ).toEqual([
    '0 register at 0',
    '0 registered: registered, renew at 1000',
    '1000 failed: registered, renew at 1250 (refused)',
    '1250 failed: registered, renew at 1750 (refused)',
    '1750 failed: registered, renew at 2750 (refused)',
    '2750 failed: registered, renew at 3750 (refused)',
    '3750 failed: registering, register at 7750 (refused)',
    '7750 registered: registered, renew at 8750',
  ]);
});

test('what the registry has lost is registered at once', () => {
  expect(
    play([
      [0, { type: 'registered', ttlMs: 3_000, sentAtMs: 0 }],
      [1_000, { type: 'unknown' }],
    ]).at(-1),
  ).toBe('1000 unknown: registering, register at 1000 (the registry has lost it)');
});

test('a change is announced at once, and again where that fails, while the registration holds', () => {
  expect(
    play([
      [0, { type: 'registered', ttlMs: 3_000, sentAtMs: 0 }],
      [500, { type: 'changed' }],
      [510, { type: 'failed', reason: 'reset' }],
      [760, { type: 'registered', ttlMs: 3_000, sentAtMs: 760 }],
    ]).slice(2),
  ).toEqual([
    '500 changed: registered, register at 500',
    '510 failed: registered, register at 760 (reset)',
    '760 registered: registered, renew at 1760',
  ]);
});

test('back-off doubles from 250 ms to 30 s, half of it by chance', () => {
  const shortest = { ...seededRandom(1), next: () => 0 };
  const waits = [1, 2, 3, 7, 8, 100, 10_000].map((failures) => [
    backoffMs(failures, shortest),
    backoffMs(failures, longest),
  ]);
  expect(waits).toEqual([
    [125, 250],
    [250, 500],
    [500, 1_000],
    [8_000, 16_000],
    [15_000, 30_000],
    [15_000, 30_000],
    [15_000, 30_000],
  ]);
});
