import { describe, expect, it } from 'vitest';
import { EndpointCall } from '../../src/gateway/endpoint-call.ts';
import { isEjected } from '../../src/traffic/upstream/outliers.ts';
import { seedCount } from '../scale.ts';
import { DEFAULT_BREAKER, DEFAULT_OUTLIERS, DEFAULT_RETRY } from '../traffic/upstream/settings.ts';
import { Fleet, KEY, type Manner, type Seen, upstream } from './fleet.ts';

const CHECK = {
  path: '/health',
  method: 'GET' as const,
  host: null,
  intervalMs: 1_000,
  timeoutMs: 500,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
  expectedStatuses: [{ from: 200, to: 299 }],
  expectedBody: null,
};

describe('a fleet of isolates', () => {
  it('learns in one round trip that one of them has opened a breaker, and closes with three probes in all', async () => {
    let probes = 0;
    const fleet: Fleet = new Fleet({
      seed: 1,
      isolates: 5,
      entry: upstream({ circuitBreaker: { ...DEFAULT_BREAKER, recoveryMs: 5_000, perEndpoint: false } }),
      everyMs: 50,
      onBegin: ({ attempt }) => {
        if (attempt instanceof EndpointCall && attempt.admission === 'probe') probes += 1;
      },
    });
    await fleet.run(1_000);
    for (const n of [1, 2, 3, 4]) fleet.manners.set(`http://10.0.0.${n}`, 'errors');
    while (!fleet.isolates.some((_, at) => fleet.breakerOf(at) === 'Open')) await fleet.run(1);
    const failedBefore = fleet.counts.failed;
    await fleet.run(70);
    expect(fleet.isolates.map((_, at) => fleet.breakerOf(at))).toEqual(Array(5).fill('Open'));
    // Five failures opened it; those of the others were under way.
    expect(failedBefore).toBeLessThan(5 * 5);
    const atOpen = fleet.counts.begun;
    await fleet.run(4_800);
    expect(fleet.counts.begun).toBe(atOpen);
    for (const n of [1, 2, 3, 4]) fleet.manners.set(`http://10.0.0.${n}`, 'fine');
    await fleet.run(1_500);
    expect(fleet.isolates.map((_, at) => fleet.breakerOf(at))).toEqual(Array(5).fill('Closed'));
    expect(probes).toBe(3);
  });

  it('opens the breaker of one endpoint alone, and calls the others', async () => {
    const fleet = new Fleet({ seed: 2, isolates: 3, entry: upstream({ retry: DEFAULT_RETRY }), everyMs: 20 });
    await fleet.run(500);
    fleet.manners.set('http://10.0.0.2', 'dead');
    await fleet.run(2_000);
    expect(fleet.isolates.map((_, at) => fleet.breakerOf(at, 'http://10.0.0.2'))).toEqual(Array(3).fill('Open'));
    expect(fleet.isolates.map((_, at) => fleet.breakerOf(at))).toEqual(Array(3).fill('Closed'));
    const before = fleet.callsOf.get('http://10.0.0.2');
    await fleet.run(2_000);
    expect(fleet.callsOf.get('http://10.0.0.2')).toBe(before);
    expect(fleet.counts.refused).toBe(0);
  });

  it('recovers though most of its isolates have no traffic, and though it is cut off from the monitor', async () => {
    const fleet = new Fleet({ seed: 3, isolates: 3, entry: upstream(), everyMs: 40 });
    fleet.cutOff.add(0);
    for (const n of [1, 2, 3, 4]) fleet.manners.set(`http://10.0.0.${n}`, 'dead');
    await fleet.run(3_000);
    expect(fleet.breakerOf(0)).toBe('Open');
    for (const n of [1, 2, 3, 4]) fleet.manners.set(`http://10.0.0.${n}`, 'fine');
    await fleet.run(12_000);
    expect(fleet.breakerOf(1)).toBe('Closed');
    expect(fleet.breakerOf(0), 'nothing is heard for less than it waits').toBe('Open');
    await fleet.run(5_000);
    expect(fleet.breakerOf(0)).toBe('Closed');
  });

  it('recovers with the first requests that come, where each isolate hardly has any', async () => {
    const circuitBreaker = { ...DEFAULT_BREAKER, recoveryMs: 5_000, gradualRecoveryMs: 0 };
    const fleet = new Fleet({ seed: 6, isolates: 30, entry: upstream({ circuitBreaker }), everyMs: 15_000 });
    for (const n of [1, 2, 3, 4]) fleet.manners.set(`http://10.0.0.${n}`, 'errors');
    while (fleet.counts.refused === 0) await fleet.run(100);
    for (const n of [1, 2, 3, 4]) fleet.manners.set(`http://10.0.0.${n}`, 'fine');
    await fleet.run(10_000);
    const { refused } = fleet.counts;
    await fleet.run(20_000);
    expect(fleet.counts.refused).toBe(refused);
  });

  it('remembers an open breaker though the monitor is restarted', async () => {
    const entry = upstream({ circuitBreaker: { ...DEFAULT_BREAKER, recoveryMs: 20_000, gradualRecoveryMs: 0 } });
    const fleet = new Fleet({ seed: 4, isolates: 3, entry, everyMs: 20 });
    for (const n of [1, 2, 3, 4]) fleet.manners.set(`http://10.0.0.${n}`, 'errors');
    await fleet.run(3_000);
    fleet.restartMonitor();
    const { begun } = fleet.counts;
    // Long enough for all to have asked again.
    await fleet.run(10_000);
    expect(fleet.counts.begun).toBe(begun);
    expect(fleet.isolates.map((_, at) => fleet.breakerOf(at))).toEqual(Array(3).fill('Open'));
    for (const n of [1, 2, 3, 4]) fleet.manners.set(`http://10.0.0.${n}`, 'fine');
    await fleet.run(30_000);
    expect(fleet.isolates.map((_, at) => fleet.breakerOf(at))).toEqual(Array(3).fill('Closed'));
  });

  it('spreads requests evenly, and leaves out whom active checks found ill', async () => {
    const fleet = new Fleet({ seed: 5, isolates: 4, entry: upstream({ healthCheck: CHECK }), everyMs: 20 });
    await fleet.run(10_000);
    const before = [...fleet.callsOf.values()];
    for (const count of before) expect(count / (fleet.counts.begun / 4)).toBeCloseTo(1, 0);
    expect(Math.max(...before) - Math.min(...before)).toBeLessThan(0.05 * fleet.counts.begun);
    fleet.manners.set('http://10.0.0.3', 'dead');
    // Three checks of a second each, a tenth more by chance.
    await fleet.run(3 * 1_100 + 200);
    const dead = fleet.callsOf.get('http://10.0.0.3');
    await fleet.run(5_000);
    expect(fleet.callsOf.get('http://10.0.0.3')).toBe(dead);
    // Rows are written when health turns, and not with each check.
    expect(fleet.rowsOf('monitor_findings')).toBe(1);
  });

  it.each(Array.from({ length: seedCount(6) }, (_, at) => at + 1))(
    'keeps its laws whatever happens: seed %i',
    async (seed) => {
      const rough = seed % 2 === 0;
      const underWay = new Map<string, number>();
      let retriesUnderWay = 0;
      const faults: string[] = [];
      const entry = upstream({
        loadBalancer: {
          ...upstream().loadBalancer,
          strategy: (
            ['RoundRobin', 'PowerOfTwoChoices', 'LeastConnections', 'IpHash', 'Random', 'WeightedRoundRobin'] as const
          )[seed % 6],
        },
        healthCheck: CHECK,
        retry: { ...DEFAULT_RETRY, on: ['5xx'] },
        outlierDetection: { ...DEFAULT_OUTLIERS, consecutive5xx: 3, baseEjectionMs: 2_000, maxEjected: 0.5 },
        circuitBreaker: { ...DEFAULT_BREAKER, recoveryMs: 3_000, gradualRecoveryMs: 1_000 },
      });
      const seen = ({ isolate, attempt, isRetry }: Seen) => {
        if (!(attempt instanceof EndpointCall)) return;
        const { endpoint, admission, endpointAdmission } = attempt;
        const known = fleet.isolates[isolate].of(KEY, entry);
        const serving = known.known.filter(({ draining, weight }) => !draining && weight > 0);
        const lets = ({ breaker }: (typeof serving)[number]) => breaker === null || breaker.state === 'Closed';
        const available = serving.filter((each) => each.healthy && !isEjected(each.outlier, fleet.nowMs) && lets(each));
        const ill = !endpoint.healthy || isEjected(endpoint.outlier, fleet.nowMs);
        const panic = available.length < 0.5 * serving.length + 1;
        if (ill && !panic && admission !== 'probe') faults.push(`${endpoint.address} is ill, and there is no panic`);
        if (known.breaker?.state === 'Open') faults.push('a call while the breaker is open');
        if (known.breaker?.state === 'HalfOpen' && admission !== 'probe') faults.push('no probe while it is half open');
        if (endpoint.breaker?.state === 'Open' && admission !== 'probe') faults.push(`${endpoint.address} is open`);
        for (const [name, which] of [
          ['', admission],
          [endpoint.address, endpointAdmission],
        ] as const) {
          if (which !== 'probe' || rough) continue;
          const count = (underWay.get(name) ?? 0) + 1;
          underWay.set(name, count);
          if (count > DEFAULT_BREAKER.halfOpenMaxRequests) faults.push(`${count} probes of "${name}" are under way`);
        }
        if (isRetry) {
          retriesUnderWay += 1;
          const { requestsInFlight } = known;
          // Others of the fleet have budgets of their own.
          if (known.repetitions() > Math.max(3, 0.2 * requestsInFlight) + 3) faults.push('retries beyond the budget');
        }
        const answered = attempt.answered.bind(attempt);
        attempt.answered = (outcome) => {
          if (!rough) {
            if (admission === 'probe') underWay.set('', (underWay.get('') ?? 0) - 1);
            if (endpointAdmission === 'probe')
              underWay.set(endpoint.address, (underWay.get(endpoint.address) ?? 0) - 1);
          }
          answered(outcome);
        };
      };
      const fleet: Fleet = new Fleet({ seed, isolates: 4, entry, everyMs: 60, lost: rough ? 0.1 : 0, onBegin: seen });
      const manners: readonly Manner[] = ['fine', 'fine', 'slow', 'errors', 'dead'];
      for (let step = 0; step < 30; step++) {
        const n = 1 + Math.floor(fleet.random.next() * 4);
        fleet.manners.set(`http://10.0.0.${n}`, manners[Math.floor(fleet.random.next() * manners.length)]);
        if (rough && fleet.random.next() < 0.2) fleet.restartMonitor();
        if (rough) {
          fleet.cutOff.clear();
          if (fleet.random.next() < 0.3) fleet.cutOff.add(Math.floor(fleet.random.next() * 4));
        }
        await fleet.run(1_000 + fleet.random.next() * 2_000);
      }
      expect(faults).toEqual([]);
      expect(retriesUnderWay).toBeGreaterThan(0);
      // In the quiet end everything comes back.
      for (const n of [1, 2, 3, 4]) fleet.manners.set(`http://10.0.0.${n}`, 'fine');
      fleet.cutOff.clear();
      await fleet.run(60_000);
      const { refused } = fleet.counts;
      await fleet.run(5_000);
      expect(fleet.counts.refused).toBe(refused);
      for (const at of [0, 1, 2, 3]) {
        for (const { state } of fleet.isolates[at].breakers()) expect(state).toBe('Closed');
      }
      await fleet.drain();
      for (const isolate of fleet.isolates) {
        const known = isolate.of(KEY, entry);
        expect(known.requestsInFlight).toBe(0);
        expect(known.repetitions()).toBe(0);
        for (const { inFlight } of known.known) expect(inFlight).toBe(0);
      }
    },
  );
});
