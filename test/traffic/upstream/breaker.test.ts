import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SharedBreaker } from '../../../src/core/protocol/upstream-monitor.ts';
import { type Admission, ALONE_AFTER_MS, Breaker, GRANT_MS } from '../../../src/traffic/upstream/breaker.ts';
import { DEFAULT_BREAKER } from './settings.ts';

const shared = (given: Partial<SharedBreaker>): SharedBreaker => ({
  state: 'Open',
  round: 1,
  sinceMs: 0,
  retryInMs: 0,
  closedForMs: 0,
  probes: 0,
  reason: 'others say so',
  ...given,
});

function fail(breaker: Breaker, times: number, nowMs: number): void {
  for (let i = 0; i < times; i++) breaker.ended('request', 'failed', nowMs, 'status 503');
}

describe('a breaker', () => {
  it('opens with the failures in a row that are its threshold, and a success begins them anew', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    fail(breaker, 4, 0);
    breaker.ended('request', 'succeeded', 0, '');
    fail(breaker, 4, 0);
    expect(breaker.state).toBe('Closed');
    fail(breaker, 1, 0);
    expect(breaker.state).toBe('Open');
    expect(breaker.untoldEvent()).toEqual({
      event: 'opened',
      reason: '5 failures in a row, the last: status 503',
    });
  });

  it('says nothing of an endpoint whose client left', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    for (let i = 0; i < 20; i++) breaker.ended('request', 'unknown', 0, '');
    expect(breaker.state).toBe('Closed');
  });

  it('opens by a share of failures, once there were requests enough in the window', () => {
    const errorRatio = { threshold: 0.5, minimumRequests: 10, windowMs: 10_000 };
    const settings = { ...DEFAULT_BREAKER, failureThreshold: 0, errorRatio };
    const alternate = (breaker: Breaker, pairs: number, fromMs: number, everyMs: number) => {
      for (let i = 0; i < pairs; i++) {
        breaker.ended('request', 'succeeded', fromMs + i * everyMs, '');
        breaker.ended('request', 'failed', fromMs + i * everyMs, 'status 500');
      }
    };
    const few = new Breaker(settings);
    alternate(few, 4, 0, 10);
    expect(few.state).toBe('Closed');
    const slow = new Breaker(settings);
    alternate(slow, 20, 0, 4_000);
    expect(slow.state).toBe('Closed');
    const enough = new Breaker(settings);
    alternate(enough, 5, 0, 10);
    expect(enough.state).toBe('Open');
  });

  it('opens when it hears of it, and closes when it hears that probes went well elsewhere', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    breaker.hear(shared({ retryInMs: 60_000 }), 0);
    expect(breaker.state).toBe('Open');
    expect(breaker.admit(1, 0, 1)).toBeNull();
    expect(breaker.untoldEvent()).toBeNull();
    breaker.hear(shared({ state: 'HalfOpen' }), 60_000);
    expect(breaker.admit(60_001, 0, 60_000)).toBeNull();
    breaker.hear(shared({ state: 'Closed', closedForMs: 1_000 }), 62_000);
    expect(breaker.state).toBe('Closed');
  });

  it('lets as many through as it is granted, and closes when enough of them succeed', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    breaker.hear(shared({ retryInMs: 60_000 }), 0);
    breaker.hear(shared({ state: 'HalfOpen', probes: 3 }), 60_000);
    const admitted = Array.from({ length: 5 }, () => breaker.admit(60_001, 0, 60_001));
    expect(admitted).toEqual(['probe', 'probe', 'probe', null, null]);
    for (let i = 0; i < 2; i++) breaker.ended('probe', 'succeeded', 60_100, '');
    expect(breaker.state).toBe('HalfOpen');
    breaker.ended('probe', 'succeeded', 60_100, '');
    expect(breaker.state).toBe('Closed');
    expect(breaker.untoldEvent()).toEqual({ event: 'probed', successes: 3 });
  });

  it('opens again with one probe that fails, and gives a probe back whose client left', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    breaker.hear(shared({ retryInMs: 0 }), 0);
    breaker.hear(shared({ state: 'HalfOpen', probes: 1 }), 1);
    expect(breaker.admit(2, 0, 2)).toBe('probe');
    breaker.ended('probe', 'unknown', 3, '');
    expect(breaker.admit(4, 0, 4)).toBe('probe');
    breaker.ended('probe', 'failed', 5, 'timeout');
    expect(breaker.state).toBe('Open');
    expect(breaker.untoldEvent()).toEqual({ event: 'reopened', reason: 'a probe failed: timeout' });
  });

  it('keeps no grant longer than it holds', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    breaker.hear(shared({ state: 'HalfOpen', probes: 3 }), 0);
    expect(breaker.admit(GRANT_MS - 1, 0, GRANT_MS)).toBe('probe');
    expect(breaker.admit(GRANT_MS, 0, GRANT_MS)).toBeNull();
  });

  it('recovers by itself only where nothing is heard of the others', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    fail(breaker, 5, 0);
    expect(breaker.admit(60_000, 0, 59_000)).toBeNull();
    expect(breaker.admit(60_000 + ALONE_AFTER_MS, 0, 59_000)).toBe('probe');
  });

  it('does not let itself be closed by what was said before it opened', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    breaker.hear(shared({ round: 3, retryInMs: 0 }), 0);
    breaker.hear(shared({ round: 3, state: 'Closed' }), 1);
    fail(breaker, 5, 2);
    breaker.hear(shared({ round: 3, state: 'Closed' }), 3);
    expect(breaker.state).toBe('Open');
    breaker.hear(shared({ round: 4, state: 'Open', retryInMs: 60_000 }), 4);
    expect(breaker.untoldEvent()).toBeNull();
  });

  it('closes where the others have forgotten that it was open', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    breaker.hear(shared({ retryInMs: 60_000 }), 0);
    breaker.hearNothing(undefined, 1);
    expect(breaker.state).toBe('Closed');
  });

  it('lets a share through that rises, once it has closed', () => {
    const breaker = new Breaker(DEFAULT_BREAKER);
    breaker.hear(shared({ retryInMs: 0 }), 0);
    breaker.hear(shared({ round: 1, state: 'Closed', closedForMs: 0 }), 100);
    const shareAt = (nowMs: number) => {
      const admitted = Array.from({ length: 100 }, (_, at) => breaker.admit(nowMs, at / 100, nowMs));
      return admitted.filter((admission) => admission !== null).length / 100;
    };
    expect(shareAt(100)).toBeCloseTo(0.1);
    expect(shareAt(5_100)).toBeCloseTo(0.5);
    expect(shareAt(10_100)).toBe(1);
  });

  it('lets nothing but granted probes through while it is not Closed, whatever happens', () => {
    const event = fc.oneof(
      fc.record({ type: fc.constant('admit' as const), chance: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
      fc.record({ type: fc.constant('end' as const), outcome: fc.constantFrom('succeeded', 'failed', 'unknown') }),
      fc.record({
        type: fc.constant('hear' as const),
        state: fc.constantFrom('Closed', 'Open', 'HalfOpen'),
        newer: fc.boolean(),
        probes: fc.integer({ min: 0, max: 3 }),
      }),
      fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 70_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        const breaker = new Breaker({ ...DEFAULT_BREAKER, failureThreshold: 2 });
        let nowMs = 0;
        let round = 0;
        let granted = 0;
        const open: Exclude<Admission, null>[] = [];
        for (const event of events) {
          switch (event.type) {
            case 'wait':
              nowMs += event.ms;
              break;
            case 'hear': {
              if (event.newer) round += 1;
              const probes = event.state === 'HalfOpen' ? event.probes : 0;
              breaker.hear(shared({ state: event.state, round, retryInMs: 1_000, probes }), nowMs);
              if (probes > 0) granted = probes;
              break;
            }
            case 'admit': {
              const before = breaker.state;
              const admission = breaker.admit(nowMs, event.chance, nowMs);
              if (before === 'Open') expect(admission).toBeNull();
              if (before === 'HalfOpen' && admission !== null) {
                expect(admission).toBe('probe');
                expect(granted).toBeGreaterThan(0);
                granted -= 1;
              }
              if (admission !== null) open.push(admission);
              break;
            }
            case 'end': {
              const admission = open.shift();
              if (admission === undefined) break;
              if (admission === 'probe' && event.outcome === 'unknown') granted += 1;
              breaker.ended(admission, event.outcome as 'failed', nowMs, 'x');
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
