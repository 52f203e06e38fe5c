import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_SCALING, type ScalingPolicy, type ScalingSignals } from '../../src/core/protocol/scaling.ts';
import { seededRandom } from '../../src/core/random.ts';
import {
  NEW_SCALING,
  nextFallMs,
  type ScalingState,
  scale,
  sumOfSignals,
  wantedAgents,
} from '../../src/tasks/scaling.ts';
import { startingMemory } from '../../src/tasks/scaling-memory.ts';
import { attemptDueMs, desire, NEW_NOTICE, notTaken, taken } from '../../src/tasks/scaling-notice.ts';
import { ServiceMeter } from '../../src/tasks/service-meter.ts';
import { sized } from '../scale.ts';

const IDLE: ScalingSignals = {
  givesOut: true,
  backlog: 0,
  running: 0,
  oldestAgeSeconds: 0,
  arrivalsPerSecond: 0,
  servicePerSecond: 0,
  serviceSeconds: 2,
};
const POLICY: ScalingPolicy = { ...DEFAULT_SCALING, maxAgents: 100 };
/** At the beginning of a tenth of the window. */
const START_MS = 30_000 * 1_000;

describe('the number wanted', () => {
  test.each<[string, Partial<ScalingSignals>, Partial<ScalingPolicy>, number]>([
    ['an idle queue wants nobody', {}, {}, 0],
    ["arrivals want as many slots as Little's law has in use", { arrivalsPerSecond: 5 }, {}, 10],
    ['slots are shared by agents, and a part of one is one', { arrivalsPerSecond: 5 }, { slotsPerAgent: 3 }, 4],
    ['a backlog is worked off within the target', { backlog: 600 }, {}, 20],
    ['both add up', { backlog: 600, arrivalsPerSecond: 5 }, {}, 30],
    ['what is left of the target counts', { backlog: 600, oldestAgeSeconds: 30 }, {}, 40],
    ['a quarter of it is always left', { backlog: 600, oldestAgeSeconds: 3_600 }, {}, 80],
    ['one task wants one agent, however quick it is', { backlog: 1, serviceSeconds: 0.001 }, {}, 1],
    ['what runs keeps its agents', { running: 7 }, { slotsPerAgent: 2 }, 4],
    ['what runs is not counted beside what arrives', { running: 7, arrivalsPerSecond: 5 }, {}, 10],
    ['without a time a task each that waits wants a slot', { backlog: 5, running: 2, serviceSeconds: null }, {}, 7],
    ['a paused queue wants agents for what runs alone', { givesOut: false, backlog: 600, running: 3 }, {}, 3],
    ['rates that sum up badly want no agent more', { arrivalsPerSecond: 0.1 + 0.2, serviceSeconds: 10 }, {}, 3],
  ])('%s', (_rule, signals, policy, agents) => {
    const all = { ...IDLE, ...signals };
    expect(wantedAgents(all, { ...POLICY, ...policy }, all.serviceSeconds)).toBe(agents);
  });

  test('more to do never wants fewer', () => {
    const signal = fc.record({
      backlog: fc.nat(10_000),
      running: fc.nat(1_000),
      oldestAgeSeconds: fc.nat(1_000),
      arrivalsPerSecond: fc.nat(1_000),
      serviceSeconds: fc.option(fc.nat(1_000).map((tenths) => tenths / 10)),
    });
    const more = fc.constantFrom('backlog', 'running', 'oldestAgeSeconds', 'arrivalsPerSecond');
    const law = fc.property(signal, more, fc.nat(1_000), (given, name, by) => {
      const signals = { ...IDLE, ...given };
      const busier = { ...signals, [name]: signals[name] + by };
      const { serviceSeconds } = signals;
      expect(wantedAgents(busier, POLICY, serviceSeconds)).toBeGreaterThanOrEqual(
        wantedAgents(signals, POLICY, serviceSeconds),
      );
    });
    fc.assert(law, { numRuns: sized(200) });
  });
});

/** Signals that want so many agents. */
const wanting = (agents: number): ScalingSignals => ({ ...IDLE, arrivalsPerSecond: agents / 2 });

/** A queue that is asked now and then. */
function asked(policy: ScalingPolicy = POLICY) {
  let state: ScalingState = NEW_SCALING;
  let writes = 0;
  return {
    at(seconds: number, agents: number) {
      const next = scale(state, wanting(agents), policy, START_MS + seconds * 1_000);
      if (next.state !== state) writes += 1;
      state = next.state;
      return next.decision;
    },
    restart() {
      state = JSON.parse(JSON.stringify(state));
    },
    writes: () => writes,
    nextFallSeconds: () => {
      const fallMs = nextFallMs(state, policy);
      return fallMs === null ? null : (fallMs - START_MS) / 1_000;
    },
  };
}

describe('the number desired', () => {
  test('rises at once, and falls when nothing wanted more for the whole window', () => {
    const queue = asked();
    expect(queue.at(0, 2).desiredAgents).toBe(2);
    expect(queue.at(1, 20).desiredAgents).toBe(20);
    expect(queue.at(2, 5)).toEqual({ desiredAgents: 20, wantedAgents: 5, heldBy: 'scaleDownWindow' });
    expect(queue.at(45, 5).desiredAgents).toBe(20);
    expect(queue.at(300, 3).desiredAgents).toBe(20);
    expect(queue.at(331, 3).desiredAgents).toBe(5);
    expect(queue.at(640, 0).desiredAgents).toBe(3);
    expect(queue.at(1_000, 0).desiredAgents).toBe(0);
  });

  test('a wave in the window holds it up again', () => {
    const queue = asked();
    queue.at(0, 20);
    queue.at(200, 18);
    expect(queue.at(340, 1).desiredAgents).toBe(20);
    // Within the tolerance of what it was: 18 of 20 is 20.
    expect(queue.at(531, 1).desiredAgents).toBe(1);
  });

  test('keeps to its bounds', () => {
    const queue = asked({ ...POLICY, minAgents: 2, maxAgents: 10 });
    expect(queue.at(0, 0)).toEqual({ desiredAgents: 2, wantedAgents: 0, heldBy: 'minAgents' });
    expect(queue.at(1, 50)).toEqual({ desiredAgents: 10, wantedAgents: 50, heldBy: 'maxAgents' });
  });

  test('a small change is none, and the step from and to nobody is not small', () => {
    const queue = asked({ ...POLICY, scaleDownWindowSeconds: 0, tolerance: 1 });
    expect(queue.at(0, 10).desiredAgents).toBe(10);
    expect(queue.at(5, 11)).toEqual({ desiredAgents: 10, wantedAgents: 11, heldBy: 'tolerance' });
    expect(queue.at(10, 0).desiredAgents).toBe(0);
    expect(queue.at(15, 1).desiredAgents).toBe(1);
  });

  test('narrower bounds hold at once, whatever was wanted before', () => {
    const wide = scale(NEW_SCALING, wanting(50), POLICY, START_MS);
    const narrow = scale(wide.state, wanting(50), { ...POLICY, maxAgents: 5 }, START_MS + 1);
    expect(narrow.decision).toEqual({ desiredAgents: 5, wantedAgents: 50, heldBy: 'maxAgents' });
  });

  test('says when it may fall by itself', () => {
    const queue = asked();
    queue.at(0, 5);
    queue.at(10, 0);
    const fall = queue.nextFallSeconds();
    expect(queue.at((fall ?? 0) - 1, 0).desiredAgents).toBe(5);
    expect(queue.at(fall ?? 0, 0).desiredAgents).toBe(0);
    expect(queue.nextFallSeconds()).toBeNull();
  });

  test('a steady queue is written down ten times a window, however often it is asked', () => {
    const queue = asked();
    for (let second = 0; second < 600; second++) queue.at(second, 7);
    expect(queue.writes()).toBeLessThanOrEqual(21);
  });

  /** The definition, by brute force: the highest of what was wanted within the window. */
  test('is the maximum of the window, to a tenth of it, through restarts', () => {
    const policy = { ...POLICY, tolerance: 0, minAgents: 1, maxAgents: 30 };
    const step = fc.record({ waitSeconds: fc.nat(120), agents: fc.nat(40), restart: fc.boolean() });
    const law = fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const queue = asked(policy);
      const wantedAt: { second: number; agents: number }[] = [];
      let second = 0;
      for (const { waitSeconds, agents, restart } of steps) {
        second += waitSeconds;
        wantedAt.push({ second, agents: Math.min(30, Math.max(1, agents)) });
        if (restart) queue.restart();
        const { desiredAgents } = queue.at(second, agents);
        const highest = (windowSeconds: number) =>
          Math.max(...wantedAt.filter((each) => each.second > second - windowSeconds).map((each) => each.agents));
        expect(desiredAgents).toBeGreaterThanOrEqual(highest(policy.scaleDownWindowSeconds));
        expect(desiredAgents).toBeLessThanOrEqual(highest(policy.scaleDownWindowSeconds * 1.1 + 1));
      }
    });
    fc.assert(law, { numRuns: sized(100) });
  });
});

test('signals of shards are summed, and a shard that ends more knows better how long tasks take', () => {
  const quick = { ...IDLE, backlog: 3, running: 1, oldestAgeSeconds: 4, servicePerSecond: 9, serviceSeconds: 1 };
  const slow = { ...IDLE, backlog: 5, running: 2, oldestAgeSeconds: 2, servicePerSecond: 1, serviceSeconds: 11 };
  const unknown = { ...IDLE, arrivalsPerSecond: 1, serviceSeconds: null };
  expect(sumOfSignals([quick, slow, unknown])).toEqual({
    givesOut: true,
    backlog: 8,
    running: 3,
    oldestAgeSeconds: 4,
    arrivalsPerSecond: 1,
    servicePerSecond: 10,
    serviceSeconds: 2,
  });
  expect(sumOfSignals([unknown]).serviceSeconds).toBeNull();
  expect(
    sumOfSignals([
      { ...slow, servicePerSecond: 0 },
      { ...quick, servicePerSecond: 0 },
    ]).serviceSeconds,
  ).toBe(6);
});

test('the time a task takes follows the last twenty or so, and the first decides nothing for long', () => {
  const meter = new ServiceMeter();
  expect(meter.meanSeconds()).toBeNull();
  meter.add(60_000);
  for (let i = 0; i < 3; i++) meter.add(0);
  expect(meter.meanSeconds()).toBe(15);
  for (let i = 0; i < 100; i++) meter.add(2_000);
  expect(meter.meanSeconds()).toBeCloseTo(2, 0);
});

describe('a webhook', () => {
  const random = seededRandom(1);

  test('is told each new number once', () => {
    const first = desire(NEW_NOTICE, 0, 1_000);
    expect(attemptDueMs(first)).toBe(1_000);
    const told = taken(first, 1, 0);
    expect(attemptDueMs(told)).toBeNull();
    expect(desire(told, 0, 2_000)).toBe(told);
    const second = desire(told, 3, 3_000);
    expect([attemptDueMs(second), second.sequence, second.toldAgents]).toEqual([3_000, 2, 0]);
  });

  test('is tried again after twice the wait, up to five minutes, and never sooner', () => {
    let state = desire(NEW_NOTICE, 1, 0);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 12; attempt++) {
      const nowMs = attemptDueMs(state) ?? Number.NaN;
      state = notTaken(state, 1, nowMs, random);
      waits.push(((attemptDueMs(state) ?? Number.NaN) - nowMs) / 1_000);
    }
    for (const [attempt, wait] of waits.entries()) {
      const nominal = Math.min(300, 2 ** attempt);
      expect(wait).toBeGreaterThanOrEqual(nominal);
      expect(wait).toBeLessThanOrEqual(nominal * 1.2 + 0.001);
    }
  });

  test('hears of a newer number at once, and what became of the older one changes nothing of that', () => {
    const failing = notTaken(desire(NEW_NOTICE, 1, 0), 1, 0, random);
    const newer = desire(failing, 5, 10);
    expect(attemptDueMs(newer)).toBe(10);
    expect(notTaken(newer, 1, 20, random)).toBe(newer);
    expect(attemptDueMs(taken(newer, 1, 1))).toBe(10);
    expect(attemptDueMs(taken(newer, 2, 5))).toBeNull();
  });

  test('is remembered over a restart', () => {
    const memory = { scaling: NEW_SCALING, notice: desire(NEW_NOTICE, 4, 7) };
    expect(startingMemory(JSON.stringify(memory))).toEqual(memory);
    expect(startingMemory(null).notice).toBe(NEW_NOTICE);
  });
});
