import { describe, expect, it } from 'vitest';
import { sessionSigner } from '../../../src/access/session-signature.ts';
import type { CompiledSession } from '../../../src/core/protocol/gateway.ts';
import { Breaker } from '../../../src/traffic/upstream/breaker.ts';
import { Bulkhead } from '../../../src/traffic/upstream/bulkhead.ts';
import { FailureWindow } from '../../../src/traffic/upstream/failure-window.ts';
import { afterCheck, aggregateHealth, type HealthRecord } from '../../../src/traffic/upstream/health.ts';
import { Latency } from '../../../src/traffic/upstream/latency.ts';
import {
  countCall,
  eject,
  endInterval,
  isEjected,
  mayEject,
  noOutlierCounts,
} from '../../../src/traffic/upstream/outliers.ts';
import { backoffMs, budgetAllows, isIdempotent, isRetriable, routeRetry } from '../../../src/traffic/upstream/retry.ts';
import {
  cookieValue,
  nextSession,
  readSession,
  sessionCookie,
  writeSession,
} from '../../../src/traffic/upstream/session.ts';
import { choicesOf, nextStandingMs } from '../../../src/traffic/upstream/standing.ts';
import { BALANCER, endpoint, endpoints } from './endpoints.ts';
import { DEFAULT_BREAKER, DEFAULT_OUTLIERS, DEFAULT_RETRY } from './settings.ts';

describe('active checks', () => {
  const thresholds = { unhealthyThreshold: 3, healthyThreshold: 2 };
  const run = (results: string): string => {
    let record: HealthRecord | undefined;
    let states = '';
    for (const [at, result] of [...results].entries()) {
      record = afterCheck(record, { passed: result === '+', reason: result }, thresholds, at);
      states += record.healthy ? 'H' : 'u';
    }
    return states;
  };

  it.each([
    ['+', 'H'],
    ['-', 'u'],
    ['+--+--+---', 'HHHHHHHHHu'],
    ['-+-++', 'uuuuH'],
    ['+---++', 'HHHuuH'],
  ])('turn with so many in a row: %s', (results, states) => {
    expect(run(results)).toBe(states);
  });

  it('make an upstream Healthy, Degraded or Unhealthy by the share of its endpoints', () => {
    expect([aggregateHealth(4, 5), aggregateHealth(3, 5), aggregateHealth(2, 5), aggregateHealth(0, 0)]).toEqual([
      'Healthy',
      'Degraded',
      'Unhealthy',
      'Unhealthy',
    ]);
  });
});

describe('outliers', () => {
  it('are ejected for failures in a row, for longer each time, and come back', () => {
    const counts = noOutlierCounts();
    const failFive = () => Array.from({ length: 5 }, () => countCall(counts, 500, DEFAULT_OUTLIERS)).at(-1);
    expect(failFive()).toBe(true);
    eject(counts, DEFAULT_OUTLIERS, 0);
    expect(isEjected(counts, 29_999)).toBe(true);
    expect(isEjected(counts, 30_000)).toBe(false);
    expect(failFive()).toBe(true);
    eject(counts, DEFAULT_OUTLIERS, 30_000);
    expect(counts.ejectedUntilMs).toBe(90_000);
    for (let i = 0; i < 20; i++) eject(counts, DEFAULT_OUTLIERS, 0);
    expect(counts.ejectedUntilMs).toBe(300_000);
  });

  it('are gateway errors alone where only these count', () => {
    const settings = { ...DEFAULT_OUTLIERS, consecutive5xx: 0, consecutiveGatewayErrors: 2 };
    const counts = noOutlierCounts();
    expect([500, 500, 502, null].map((status) => countCall(counts, status, settings))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });

  it('are one at least where another endpoint is left, and else no more than their share', () => {
    expect(mayEject(0, 1, DEFAULT_OUTLIERS)).toBe(false);
    expect(mayEject(0, 2, DEFAULT_OUTLIERS)).toBe(true);
    expect(mayEject(1, 10, DEFAULT_OUTLIERS)).toBe(false);
    expect(mayEject(1, 20, DEFAULT_OUTLIERS)).toBe(true);
    expect(mayEject(1, 2, { ...DEFAULT_OUTLIERS, maxEjected: 1 })).toBe(false);
  });

  it('are compared by their failures where enough endpoints have requests enough, the worst first', () => {
    const failurePercentage = { threshold: 0.5, minimumRequests: 10, minimumEndpoints: 3 };
    const settings = { ...DEFAULT_OUTLIERS, consecutive5xx: 0, failurePercentage };
    const all = endpoints(4);
    const call = (at: number, failures: number, successes: number) => {
      for (let i = 0; i < failures; i++) countCall(all[at].outlier, 500, settings);
      for (let i = 0; i < successes; i++) countCall(all[at].outlier, 200, settings);
    };
    call(0, 6, 6);
    call(1, 12, 0);
    call(2, 1, 20);
    call(3, 9, 0);
    expect(endInterval(all, settings, 10_000)).toEqual([all[1], all[0]]);
    expect(endInterval(all, settings, 20_000)).toEqual([]);
    call(0, 12, 0);
    call(1, 12, 0);
    expect(endInterval(all, settings, 30_000)).toEqual([]);
  });
});

describe('endpoints that may be called', () => {
  const addresses = (list: readonly { address: string }[]) => list.map(({ address }) => address);

  it('neither drain, nor have a weight of 0, nor are unhealthy or ejected', () => {
    const all = endpoints(7);
    all[0].draining = true;
    all[1].weight = 0;
    all[2].healthy = false;
    all[3].outlier.ejectedUntilMs = 10;
    const { candidates, panic } = choicesOf(all, BALANCER, null, 5, 5);
    expect(candidates).toEqual(all.slice(4));
    expect(panic).toBe(false);
    expect(nextStandingMs(all, 5)).toBe(10);
    expect(choicesOf(all, BALANCER, null, 10, 10).candidates).toEqual(all.slice(3));
  });

  it('are all of them in panic, but those whose breaker is open', () => {
    const all = endpoints(4);
    for (const each of all.slice(0, 3)) each.healthy = false;
    const broken = new Breaker(DEFAULT_BREAKER);
    for (let i = 0; i < 5; i++) broken.ended('request', 'failed', 0, 'x');
    all[0].breaker = broken;
    const { candidates, panic } = choicesOf(all, BALANCER, null, 0, 0);
    expect(panic).toBe(true);
    expect(candidates).toEqual(all.slice(1));
    expect(choicesOf(all, { ...BALANCER, panicThreshold: 0 }, null, 0, 0).candidates).toEqual([all[3]]);
  });

  it('are those of the nearest zone that has enough of them', () => {
    const zones = { own: 'continent' as const, preferred: ['backup'], minimumAvailable: 0.5 };
    const balancer = { ...BALANCER, panicThreshold: 0.1, zones };
    const all = [
      endpoint('eu1', { zone: 'EU' }),
      endpoint('eu2', { zone: 'EU' }),
      endpoint('b1', { zone: 'backup' }),
      endpoint('us1', { zone: 'NA' }),
    ];
    const near = (zone: string | null) => addresses(choicesOf(all, balancer, zone, 0, 0).candidates);
    expect(near('EU')).toEqual(['eu1', 'eu2']);
    all[0].healthy = false;
    expect(near('EU')).toEqual(['eu2']);
    all[1].healthy = false;
    expect(near('EU')).toEqual(['b1']);
    all[2].healthy = false;
    expect(near('EU')).toEqual(['us1']);
    expect(near(null)).toEqual(['us1']);
  });
});

describe('retries', () => {
  it('are for methods that may be sent twice', () => {
    expect(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'].every(isIdempotent)).toBe(true);
    expect(['POST', 'PATCH', 'CONNECT', 'get'].some(isIdempotent)).toBe(false);
  });

  it.each([
    [{ status: null, failure: 'ConnectFailure' as const }, true],
    [{ status: null, failure: 'Timeout' as const }, false],
    [{ status: 503, failure: null }, true],
    [{ status: 500, failure: null }, false],
    [{ status: 409, failure: null }, false],
    [{ status: null, failure: null }, false],
  ])('come of the conditions that are named: %o', (end, expected) => {
    expect(isRetriable(end, DEFAULT_RETRY)).toBe(expected);
  });

  it('come of statuses that are named, and of a whole class', () => {
    expect(isRetriable({ status: 409, failure: null }, { ...DEFAULT_RETRY, statuses: [409] })).toBe(true);
    expect(isRetriable({ status: 500, failure: null }, { ...DEFAULT_RETRY, on: ['5xx'] })).toBe(true);
    expect(isRetriable({ status: null, failure: 'Timeout' }, { ...DEFAULT_RETRY, on: ['5xx'] })).toBe(true);
  });

  it('pause by chance, up to a bound that doubles', () => {
    expect([1, 2, 3, 20].map((repetition) => backoffMs(repetition, DEFAULT_RETRY, 1))).toEqual([100, 200, 400, 10_000]);
    expect(backoffMs(3, DEFAULT_RETRY, 0.25)).toBe(100);
  });

  it('have a budget of what is in flight, and a few always', () => {
    expect([0, 2, 3].map((retrying) => budgetAllows(retrying, 1, DEFAULT_RETRY))).toEqual([true, true, false]);
    expect([19, 20].map((retrying) => budgetAllows(retrying, 100, DEFAULT_RETRY))).toEqual([true, false]);
  });

  it('of a route have the budget of their upstream', () => {
    const route = { attempts: 2, backoffMs: 50, codes: [500] };
    const budget = { share: 0.5, minimum: 1 };
    const retry = routeRetry(route, { ...DEFAULT_RETRY, budget });
    expect(retry).toMatchObject({ attempts: 2, backoffMs: 50, statuses: [500], budget });
    expect(isRetriable({ status: 502, failure: null }, retry)).toBe(false);
    expect(isRetriable({ status: null, failure: 'ConnectFailure' }, retry)).toBe(true);
  });
});

describe('a bulkhead', () => {
  it('lets in as many as may be under way, then as many wait as may, in the order in which they came', () => {
    const bulkhead = new Bulkhead({ maxInFlight: 2, maxQueued: 3, queueTimeoutMs: 1_000 });
    expect([bulkhead.enter(), bulkhead.enter()]).toEqual(['entered', 'entered']);
    const [first, second] = [bulkhead.enter(), bulkhead.enter()];
    if (typeof first !== 'number' || typeof second !== 'number') throw new Error('expected tickets');
    expect([bulkhead.ask(first), bulkhead.ask(second)]).toEqual([false, false]);
    bulkhead.leave();
    expect(bulkhead.ask(second)).toBe(false);
    // Whoever comes now stands behind those who wait.
    const third = bulkhead.enter();
    expect(typeof third).toBe('number');
    expect(bulkhead.enter()).toBe('full');
    expect(bulkhead.ask(first)).toBe(true);
    bulkhead.leave();
    bulkhead.giveUp(second);
    expect(bulkhead.ask(third as number)).toBe(true);
    expect(bulkhead.queued).toBe(0);
  });
});

describe('a window of failures', () => {
  it('forgets what is older than the window', () => {
    const window = new FailureWindow(1_000);
    for (let at = 0; at < 10; at++) window.record(true, at * 10);
    expect(window.failureShare(10, 500)).toBe(1);
    for (let at = 0; at < 10; at++) window.record(false, 600);
    expect(window.failureShare(10, 600)).toBe(0.5);
    expect(window.failureShare(1, 1_150)).toBe(0);
    expect(window.failureShare(1, 5_000)).toBeNull();
  });
});

describe('latency', () => {
  it('rises at once, falls slowly, and fades', () => {
    const latency = new Latency();
    latency.measure(10, 0);
    latency.measure(500, 1_000);
    expect(latency.at(1_000)).toBe(500);
    latency.measure(10, 2_000);
    expect(latency.at(2_000)).toBeGreaterThan(300);
    for (let at = 3_000; at < 40_000; at += 1_000) latency.measure(10, at);
    expect(latency.at(40_000)).toBeLessThan(20);
    expect(latency.at(200_000)).toBeLessThan(0.001);
  });
});

describe('a sticky session', () => {
  const session: CompiledSession = {
    type: 'Cookie',
    name: 'orasi-session',
    absoluteTimeoutMs: 100_000,
    idleTimeoutMs: 20_000,
    cookieLifetime: 'Permanent',
  };
  const sign = sessionSigner(new Uint8Array(32).fill(1));
  const token = { upstream: 4_000_000_000, endpoint: 7, issuedSeconds: 10, seenSeconds: 20 };

  it('is read back as it was written, and by nobody with another key, for another name, or changed', () => {
    const text = writeSession(token, session.name, sign);
    expect(readSession(text, session, sign, 21_000)).toEqual(token);
    expect(readSession(text, { ...session, name: 'other' }, sign, 21_000)).toBeNull();
    expect(readSession(text, session, sessionSigner(new Uint8Array(32)), 21_000)).toBeNull();
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === 'a' ? 'b' : 'a'}${text.slice(at + 1)}`;
      expect(readSession(changed, session, sign, 21_000), `changed at ${at}`).toBeNull();
    }
    for (const bad of ['', '....', 'x'.repeat(10_000)]) expect(readSession(bad, session, sign, 0)).toBeNull();
  });

  it('ends when it is idle, and when its time is over', () => {
    const text = writeSession(token, session.name, sign);
    expect(readSession(text, session, sign, 39_999)).not.toBeNull();
    expect(readSession(text, session, sign, 40_000)).toBeNull();
    const lasting = writeSession({ ...token, seenSeconds: 109 }, session.name, sign);
    expect(readSession(lasting, session, sign, 109_999)).not.toBeNull();
    expect(readSession(lasting, session, sign, 110_000)).toBeNull();
  });

  it('is given anew for another endpoint, and when half of its idle time has passed', () => {
    expect(nextSession(token, token.upstream, 7, session, 25_000)).toBeNull();
    expect(nextSession(token, token.upstream, 7, session, 30_000)).toEqual({ ...token, seenSeconds: 30 });
    expect(nextSession(token, token.upstream, 8, session, 25_000)).toEqual({
      ...token,
      endpoint: 8,
      issuedSeconds: 25,
      seenSeconds: 25,
    });
    expect(nextSession(null, 1, 2, session, 25_000)).toEqual({
      upstream: 1,
      endpoint: 2,
      issuedSeconds: 25,
      seenSeconds: 25,
    });
  });

  it('is a cookie that scripts do not see', () => {
    expect(sessionCookie('v', session, true, 10, 20_000)).toBe(
      'orasi-session=v; Path=/; Max-Age=90; HttpOnly; SameSite=Lax; Secure',
    );
    expect(sessionCookie('v', { ...session, cookieLifetime: 'Session' }, false, 10, 20_000)).toBe(
      'orasi-session=v; Path=/; HttpOnly; SameSite=Lax',
    );
  });

  it.each([
    ['s=1', '1'],
    ['a=2; s=1', '1'],
    ['as=2; s=1; b=3', '1'],
    ['a=s=1;  s=x', 'x'],
    ['xs=1', null],
    ['s', null],
    ['', null],
  ])('is found in the header %o', (header, value) => {
    expect(cookieValue(header, 's')).toBe(value);
  });
});
