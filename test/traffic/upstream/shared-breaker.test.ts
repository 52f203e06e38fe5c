import { describe, expect, it } from 'vitest';
import type { BreakerReport } from '../../../src/core/protocol/upstream-monitor.ts';
import {
  grantProbes,
  nextPassMs,
  pass,
  type SharedBreakerRecord,
  takeReport,
  toldOf,
} from '../../../src/traffic/upstream/shared-breaker.ts';

const report = (given: Partial<BreakerReport>): BreakerReport => ({
  upstream: 'uid/shop',
  address: '',
  event: 'opened',
  successes: 0,
  round: 0,
  recoveryMs: 60_000,
  halfOpenMaxRequests: 3,
  reason: 'status 503',
  ...given,
});

function opened(): SharedBreakerRecord {
  const record = takeReport(undefined, report({}), 'a', 1_000);
  if (record === undefined) throw new Error('nothing was opened');
  return record;
}

function halfOpen(): SharedBreakerRecord {
  const record = pass(opened(), 61_000);
  if (record === undefined) throw new Error('it is forgotten');
  return record;
}

describe('a breaker that isolates share', () => {
  it('opens with the first report, and the same said again changes nothing', () => {
    const record = opened();
    expect(record).toMatchObject({ state: 'Open', round: 1, retryAtMs: 61_000 });
    expect(takeReport(record, report({}), 'a', 2_000)).toBe(record);
    expect(takeReport(record, report({}), 'b', 2_000)).toBe(record);
  });

  it('is told with what is left, not with times of a clock that others do not have', () => {
    expect(toldOf(opened(), 0, 21_000)).toMatchObject({ state: 'Open', retryInMs: 40_000, closedForMs: 0, probes: 0 });
  });

  it('lets probes through once its recovery is over, one for each request, as many as it takes', () => {
    expect(nextPassMs(opened())).toBe(61_000);
    expect(pass(opened(), 60_999)?.state).toBe('Open');
    const first = grantProbes(halfOpen(), 'a', 61_000);
    const second = grantProbes(first.record, 'b', 61_001);
    const third = grantProbes(second.record, 'b', 61_002);
    expect([first, second, third].map(({ probes }) => probes)).toEqual([1, 1, 1]);
    expect(grantProbes(third.record, 'c', 61_003).probes).toBe(0);
    // One that did not use them in time loses them.
    const lapsed = pass(third.record, 81_000);
    expect(lapsed === undefined ? 0 : grantProbes(lapsed, 'c', 81_000).probes).toBe(1);
  });

  it('closes when enough probes have succeeded, whoever made them', () => {
    const granted = [1, 2, 3].reduce((record) => grantProbes(record, 'a', 61_000).record, halfOpen());
    const two = takeReport(granted, report({ event: 'probed', successes: 2, round: 1 }), 'a', 62_000);
    expect(two).toMatchObject({ state: 'HalfOpen', successes: 2, grants: [{ isolate: 'a' }] });
    const closed = takeReport(two, report({ event: 'probed', successes: 1, round: 1 }), 'b', 63_000);
    expect(closed).toMatchObject({ state: 'Closed', round: 1, sinceMs: 63_000, grants: [] });
    expect(closed === undefined ? null : toldOf(closed, 0, 64_000)).toMatchObject({ closedForMs: 1_000 });
  });

  it('opens anew with a probe that fails, and what is said of the round before is no news', () => {
    const again = takeReport(halfOpen(), report({ event: 'reopened', round: 1 }), 'a', 62_000);
    expect(again).toMatchObject({ state: 'Open', round: 2, retryAtMs: 122_000 });
    expect(takeReport(again, report({ event: 'probed', successes: 3, round: 1 }), 'b', 62_001)).toBe(again);
    expect(takeReport(again, report({ event: 'reopened', round: 1 }), 'b', 62_001)).toBe(again);
  });

  it('is forgotten long after it closed, and when nobody sends probes', () => {
    const closed = takeReport(halfOpen(), report({ event: 'probed', successes: 3, round: 1 }), 'a', 62_000);
    if (closed === undefined) throw new Error('it is forgotten');
    expect(pass(closed, nextPassMs(closed) - 1)).toBe(closed);
    expect(pass(closed, nextPassMs(closed))).toBeUndefined();
    expect(pass(halfOpen(), 61_000 + 59 * 60_000)).toBeDefined();
    expect(pass(halfOpen(), 61_000 + 60 * 60_000)).toBeUndefined();
  });
});
