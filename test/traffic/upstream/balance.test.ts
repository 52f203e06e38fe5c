import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/core/random.ts';
import { choose, rendezvous } from '../../../src/traffic/upstream/balance.ts';
import { context, endpoint, endpoints, type TestEndpoint } from './endpoints.ts';

/** How often each address was chosen. */
function counts(chosen: readonly TestEndpoint[]): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const { address } of chosen) counted[address] = (counted[address] ?? 0) + 1;
  return counted;
}

describe('balancing', () => {
  it('takes endpoints in turn, whatever their weights', () => {
    const memory = { cursor: 0 };
    const [a, b, c] = [endpoint('a', { weight: 9 }), endpoint('b'), endpoint('c')];
    const chosen = Array.from({ length: 7 }, () => choose('RoundRobin', [a, b, c], memory, context()).address);
    expect(chosen).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a']);
  });

  it('puts the turns of a heavy endpoint between those of the others', () => {
    const all = [endpoint('a', { weight: 5 }), endpoint('b'), endpoint('c')];
    const chosen = Array.from(
      { length: 14 },
      () => choose('WeightedRoundRobin', all, { cursor: 0 }, context()).address,
    );
    // As nginx's commit of the algorithm has it for 5, 1, 1.
    expect(chosen.join('')).toBe('aabacaaaabacaa');
  });

  it('calls whom least is under way at for its weight, and equals in turn', () => {
    const memory = { cursor: 0 };
    const [a, b] = [endpoint('a', { inFlight: 3, weight: 4 }), endpoint('b', { inFlight: 1 })];
    expect(choose('LeastConnections', [a, b], memory, context()).address).toBe('a');
    a.inFlight = 8;
    expect(choose('LeastConnections', [a, b], memory, context()).address).toBe('b');
    const equals = endpoints(3);
    const chosen = Array.from({ length: 6 }, () => choose('LeastConnections', equals, memory, context()));
    expect(new Set(Object.values(counts(chosen)))).toEqual(new Set([2]));
  });

  it('spreads by weight where chance decides', () => {
    const random = seededRandom(7);
    const all = [endpoint('a', { weight: 3 }), endpoint('b'), endpoint('c', { weight: 0.5 })];
    const chosen = Array.from({ length: 36_000 }, () =>
      choose('Random', all, { cursor: 0 }, context({ chance: random.next })),
    );
    const { a, b, c } = counts(chosen);
    expect(a / 24_000).toBeCloseTo(1, 1);
    expect(b / 8_000).toBeCloseTo(1, 1);
    expect(c / 4_000).toBeCloseTo(1, 1);
  });

  it('keeps a key at its endpoint, and moves only the keys of one that goes', () => {
    const random = seededRandom(3);
    const all = endpoints(10);
    all[4].weight = 2;
    const keys = Array.from({ length: 11_000 }, () => Math.floor(random.next() * 2 ** 32));
    const before = keys.map((key) => rendezvous(all, key));
    const spread = counts(before);
    for (const { address, weight } of all) expect(spread[address] / (1_000 * weight)).toBeCloseTo(1, 0);
    const [gone] = all;
    const left = all.slice(1);
    keys.forEach((key, at) => {
      const now = rendezvous(left, key);
      if (before[at] !== gone) expect(now).toBe(before[at]);
    });
  });

  it('has one that starts come to its share over its slow start', () => {
    for (const strategy of ['RoundRobin', 'WeightedRoundRobin', 'Random'] as const) {
      const random = seededRandom(11);
      const memory = { cursor: 0 };
      const all = [endpoint('old'), endpoint('new', { sinceMs: 0 })];
      const shareAt = (nowMs: number) => {
        const chosen = Array.from({ length: 4_000 }, () =>
          choose(strategy, all, memory, context({ nowMs, slowStartMs: 10_000, chance: random.next })),
        );
        return (counts(chosen).new ?? 0) / (counts(chosen).old ?? 1);
      };
      expect(shareAt(100), `${strategy} at the start`).toBeLessThan(0.16);
      const half = shareAt(5_000);
      expect(half, `${strategy} half way`).toBeGreaterThan(0.35);
      expect(half, `${strategy} half way`).toBeLessThan(0.65);
      expect(shareAt(10_000), `${strategy} at the end`).toBeCloseTo(1, 0);
    }
  });

  it('sends the slower of two less, and finds out when it is fast again', () => {
    const random = seededRandom(5);
    const all = endpoints(2);
    const pick = (nowMs: number) =>
      choose('PowerOfTwoChoices', all, { cursor: 0 }, context({ nowMs, chance: random.next }));
    all[0].latency.measure(200, 0);
    all[1].latency.measure(10, 0);
    expect(pick(1).address).toBe(all[1].address);
    // Nobody called it, and what was measured fades until it is tried again beside a measured 10 ms.
    let nowMs = 1;
    for (; pick(nowMs) === all[1] && nowMs < 120_000; nowMs += 500) all[1].latency.measure(10, nowMs);
    expect(nowMs).toBeGreaterThan(5_000);
    expect(nowMs).toBeLessThan(60_000);
  });

  it('calls the less busy of two as fast ones', () => {
    const all = endpoints(2);
    for (const each of all) each.latency.measure(20, 0);
    all[0].inFlight = 4;
    for (const chance of [0, 0.3, 0.6, 0.99]) {
      expect(choose('PowerOfTwoChoices', all, { cursor: 0 }, context({ chance: () => chance }))).toBe(all[1]);
    }
  });
});
