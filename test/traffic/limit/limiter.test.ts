import { describe, expect, test } from 'vitest';
import type { CompiledLimit } from '../../../src/core/protocol/rate-limit.ts';
import { Counters } from '../../../src/traffic/limit/counters.ts';
import { Leases } from '../../../src/traffic/limit/leases.ts';
import { type Demand, Limiter, type Passage } from '../../../src/traffic/limit/limiter.ts';
import { askFor, limitOf } from './rules.ts';

/** An isolate and the objects it asks, which answer at once. */
function isolate() {
  const objects = new Map<string, Counters>();
  let holders = 0;
  const limiter = new Limiter(100, () => `h${++holders}`);
  const at = (name: string): Counters => {
    const present = objects.get(name) ?? new Counters(100);
    objects.set(name, present);
    return present;
  };
  const world = {
    limiter,
    at,
    calls: 0,
    dead: new Set<string>(),
    send(demands: Demand[], nowMs: number): Passage {
      const passage = limiter.begin(demands, nowMs);
      for (const call of passage.calls) {
        world.calls += 1;
        const counters = at(call.object);
        let answer = null;
        if (!world.dead.has(call.object)) {
          counters.change(call.changes, nowMs);
          answer = counters.take(call.asks, nowMs);
        }
        limiter.answered(passage, call, answer, nowMs, nowMs);
      }
      return passage;
    },
    tell(nowMs: number): void {
      for (const name of objects.keys()) at(name).change(limiter.flush(name, nowMs), nowMs);
    },
    left: (object: string, limit: CompiledLimit, nowMs: number) =>
      at(object).peek([askFor(limit, { need: 0, take: 0 })], nowMs).verdicts[0].available,
  };
  return world;
}

function demand(limit: CompiledLimit, given: Partial<Demand> = {}): Demand {
  return { limit, leased: true, object: 'o', key: 'k', open: false, ...given };
}

describe('a leased limit', () => {
  test('is asked for the first requests, and then used out of what was lent', () => {
    const { send, limiter, at, ...world } = isolate();
    const limit = limitOf({ limit: 1_000, windowMs: 60_000 });
    const asked = Array.from({ length: 200 }, (_, i) => {
      const passage = limiter.begin([demand(limit)], i * 10);
      const asks = passage.calls.length;
      for (const call of passage.calls)
        limiter.answered(passage, call, at('o').take(call.asks, i * 10), i * 10, i * 10);
      for (const call of limiter.refills(passage, i * 10))
        limiter.refilled(call, at('o').take(call.asks, i * 10), i * 10, i * 10);
      expect(passage.outcome).toBe('allowed');
      return asks;
    });
    expect(asked.slice(0, 2)).toEqual([1, 1]);
    expect(asked.reduce((sum, asks) => sum + asks, 0)).toBeLessThan(6);
    expect(asked.slice(20).every((asks) => asks === 0)).toBe(true);
    expect(world.left('o', limit, 2_000)).toBeLessThanOrEqual(800);
  });

  test('gives back what it did not use, once it may be used no longer', () => {
    const { send, tell, left } = isolate();
    const limit = limitOf({ limit: 1_000, windowMs: 10_000 });
    for (let i = 0; i < 30; i++) send([demand(limit)], i);
    expect(left('o', limit, 40)).toBeLessThan(970);
    tell(2_000);
    expect(left('o', limit, 2_000)).toBe(970);
  });

  test('that was refused is not asked again before it could be otherwise', () => {
    const world = isolate();
    const limit = limitOf({ algorithm: 'fixedWindow', limit: 1, windowMs: 10_000 });
    const outcomes = [0, 1, 2, 500, 999].map((ms) => world.send([demand(limit)], ms).outcome);
    expect(outcomes).toEqual(['allowed', 'refused', 'refused', 'refused', 'refused']);
    expect(world.calls).toBe(2);
    // A lease's time later it is: the limit may have been changed, or reset.
    world.send([demand(limit)], 1_001);
    expect(world.calls).toBe(3);
    expect(world.send([demand(limit)], 10_000).outcome).toBe('allowed');
  });

  test('out of a bucket is left to gather some tokens', () => {
    const world = isolate();
    const limit = limitOf({ algorithm: 'tokenBucket', limit: 100, burst: 100, windowMs: 10_000 });
    for (let ms = 0; ms < 5_000; ms++) world.send([demand(limit)], ms);
    // A token every 100 ms, and a lease of a second.
    expect(world.calls).toBeLessThan(80);
  });

  test('may be used for its time from the call on, however long the answer took', () => {
    const { limiter, at } = isolate();
    const limit = limitOf({ limit: 1_000, windowMs: 10_000 });
    for (const [sentMs, heardMs] of [
      [0, 0],
      [10, 900],
    ]) {
      const passage = limiter.begin([demand(limit)], sentMs);
      for (const call of passage.calls)
        limiter.answered(passage, call, at('o').take(call.asks, sentMs), sentMs, heardMs);
    }
    expect(limiter.begin([demand(limit)], 1_009).calls).toEqual([]);
    expect(limiter.begin([demand(limit)], 1_010).calls).toHaveLength(1);
  });

  test('leaves nothing in hand past its time, whatever the clock of the isolate says', () => {
    const { limiter, at } = isolate();
    const limit = limitOf({ limit: 1_000, windowMs: 10_000 });
    const hours = 3 * 3_600_000;
    for (let i = 0; i < 10; i++) {
      const passage = limiter.begin([demand(limit)], hours + i);
      for (const call of passage.calls)
        limiter.answered(passage, call, at('o').take(call.asks, i), hours + i, hours + i);
    }
    expect(limiter.begin([demand(limit)], hours + 20).calls).toEqual([]);
    // Lent for a second from the call on.
    expect(limiter.begin([demand(limit)], hours + 1_010).calls).toHaveLength(1);
  });
});

describe('several limits', () => {
  const wide = limitOf({ name: 'wide', limit: 100 });
  const narrow = limitOf({ name: 'narrow', limit: 2 });

  test('have nothing taken from them where one on another object refuses', () => {
    const { send, tell, left } = isolate();
    const demands = [demand(wide, { object: 'o', leased: false }), demand(narrow, { object: 'p', leased: false })];
    expect([1, 2, 3, 4].map((ms) => send(demands, ms).outcome)).toEqual(['allowed', 'allowed', 'refused', 'refused']);
    tell(5);
    expect(left('o', wide, 5)).toBe(98);
  });

  test('have nothing taken out of hand where one that is asked refuses', () => {
    const { send, left, limiter } = isolate();
    const flight = limitOf({ name: 'flight', algorithm: 'concurrency', limit: 1 });
    for (let i = 0; i < 10; i++) send([demand(wide)], i);
    const before = left('o', wide, 10);
    const held = send([demand(wide), demand(flight)], 11);
    expect([held.outcome, ...[12, 13, 14].map((ms) => send([demand(wide), demand(flight)], ms).outcome)]).toEqual([
      'allowed',
      'refused',
      'refused',
      'refused',
    ]);
    // Eleven were let through in all, and what is in hand is as it was but for one.
    const inHand = (ms: number) => limiter.standings(limiter.begin([demand(wide)], ms), ms)[0].reading?.available;
    expect(inHand(15)).toBe(100 - 12);
    expect(left('o', wide, 15)).toBe(before);
  });
});

describe('an object that does not answer', () => {
  test('lets requests pass where the policy is open, and none where it is closed', () => {
    const { send, ...world } = isolate();
    const limit = limitOf({ limit: 1 });
    world.dead.add('o');
    const outcomes = [true, false].map((open) => send([demand(limit, { open })], 0).outcome);
    expect(outcomes).toEqual(['allowed', 'failed']);
  });

  test('is not asked by each request meanwhile, and asked again after a second', () => {
    const world = isolate();
    const limit = limitOf({ limit: 10 });
    world.dead.add('o');
    for (let ms = 0; ms < 1_000; ms += 100) world.send([demand(limit)], ms);
    expect(world.calls).toBe(1);
    world.dead.delete('o');
    expect(world.send([demand(limit)], 1_000).outcome).toBe('allowed');
  });

  test('does not end what was lent before', () => {
    const world = isolate();
    const limit = limitOf({ limit: 1_000, windowMs: 10_000 });
    for (let i = 0; i < 10; i++) world.send([demand(limit)], i);
    world.dead.add('o');
    expect(world.send([demand(limit)], 20).outcome).toBe('allowed');
  });

  test('gives back what another object gave', () => {
    const world = isolate();
    const limit = limitOf({ limit: 10 });
    world.dead.add('p');
    const demands = [demand(limit, { leased: false }), demand(limit, { object: 'p', leased: false })];
    expect(world.send(demands, 0).outcome).toBe('failed');
    world.tell(1);
    expect(world.left('o', limit, 1)).toBe(10);
  });

  test('is told once more that a request is over: it may have let it in', () => {
    const world = isolate();
    const limit = limitOf({ algorithm: 'concurrency', limit: 1 });
    const passage = world.limiter.begin([demand(limit)], 0);
    const [call] = passage.calls;
    world.at('o').take(call.asks, 0);
    world.limiter.answered(passage, call, null, 0, 1_000);
    expect(world.left('o', limit, 1_000)).toBe(0);
    world.tell(1_000);
    expect(world.left('o', limit, 1_000)).toBe(1);
  });
});

test('that a request is over is told again where nobody heard it, and a charge is not: it may have been', () => {
  const world = isolate();
  const flight = limitOf({ name: 'flight', algorithm: 'concurrency', limit: 1 });
  const cost = limitOf({ name: 'cost', measure: 'cost', limit: 100 });
  const passage = world.send([demand(flight, { leased: false }), demand(cost, { leased: false })], 0);
  world.limiter.charge(passage, ({ measure }) => (measure === 'cost' ? 50 : null), 1);
  world.limiter.end(passage);
  world.limiter.untold('o', world.limiter.takePending('o'), 2);
  expect(world.limiter.takePending('o').map(({ type }) => type)).toEqual(['leave']);
});

test('a place is asked for anew three times in the time that it counts, and not by who holds none', () => {
  const world = isolate();
  const flight = limitOf({ algorithm: 'concurrency', limit: 1, holdMs: 9_000 });
  const [held, refused] = [world.send([demand(flight)], 0), world.send([demand(flight)], 0)];
  const told: number[] = [];
  for (let nowMs = 0; nowMs <= 9_000; nowMs += 500) {
    world.limiter.stay(refused, nowMs);
    world.limiter.stay(held, nowMs);
    for (const { type } of world.limiter.takePending('o')) if (type === 'stay') told.push(nowMs);
  }
  expect(told).toEqual([3_000, 6_000, 9_000]);
});

describe('what is known only after a request', () => {
  const cost = limitOf({ measure: 'cost', limit: 100, costHeader: 'x-cost', defaultCost: 5 });

  test.each([true, false])('is charged beyond what was taken for it, or given back (leased: %s)', (leased) => {
    const { send, limiter, tell, left } = isolate();
    const costs = [5, 20, 1];
    for (const [i, units] of costs.entries()) {
      const passage = send([demand(cost, { leased })], i);
      limiter.charge(passage, () => units, i);
    }
    tell(5_000);
    expect(left('o', cost, 5_000)).toBe(100 - 26);
  });

  test('is paid out of hand where there is enough', () => {
    const { send, limiter } = isolate();
    const limit = limitOf({ measure: 'cost', limit: 1_000, defaultCost: 1 });
    for (let i = 0; i < 30; i++) send([demand(limit)], i);
    const passage = send([demand(limit)], 31);
    limiter.charge(passage, () => 3, 32);
    expect(limiter.takePending('o')).toEqual([]);
  });

  test('may become a debt, and then nothing passes', () => {
    const { send, limiter, tell, left } = isolate();
    const bytes = limitOf({ measure: 'bytes', limit: 1_000 });
    const passage = send([demand(bytes, { leased: false })], 0);
    limiter.charge(passage, () => 5_000, 1);
    tell(1);
    expect(left('o', bytes, 2)).toBe(-4_000);
    expect(send([demand(bytes, { leased: false })], 3).outcome).toBe('refused');
  });

  test('is not charged to a request that was refused', () => {
    const { send, limiter, tell, left } = isolate();
    const calls = limitOf({ name: 'calls', limit: 1 });
    const demands = [demand(calls, { leased: false }), demand(cost, { leased: false })];
    send(demands, 0);
    const refused = send(demands, 1);
    limiter.charge(refused, () => 50, 2);
    limiter.end(refused);
    tell(2);
    expect(left('o', cost, 2)).toBe(95);
  });
});

describe('what an isolate remembers of keys', () => {
  test('is bounded, and what is used stays', () => {
    const leases = new Leases(10);
    const limit = limitOf();
    const kept = leases.of('o', limit, 'often', 0);
    for (let i = 0; i < 1_000; i++) {
      leases.of('o', limit, `k${i}`, 0);
      expect(leases.of('o', limit, 'often', 0)).toBe(kept);
    }
    expect(leases.size).toBeLessThanOrEqual(10);
  });

  test('begins anew under other figures', () => {
    const leases = new Leases(10);
    const before = leases.of('o', limitOf({ limit: 10 }), 'k', 0);
    expect(leases.of('o', limitOf({ limit: 10 }), 'k', 0)).toBe(before);
    expect(leases.of('o', limitOf({ limit: 11 }), 'k', 0)).not.toBe(before);
  });
});
