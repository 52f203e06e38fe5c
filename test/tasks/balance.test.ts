import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BALANCE_STRATEGIES,
  type BalanceSettings,
  type BalanceStrategy,
  DEFAULT_BALANCE,
} from '../../src/core/protocol/balance-settings.ts';
import { type Candidate, choose, loadScores, type Turns } from '../../src/tasks/balance.ts';
import { sized } from '../scale.ts';

const GB = 1e9;
const load = (cpuPercent: number, memoryBytes = 0, queueLength = 0) => ({
  cpuPercent,
  memoryBytes,
  queueLength,
  diskBytes: 0,
  activeTasks: 0,
});
const agent = (agentId: string, more: Partial<Candidate> = {}): Candidate => ({
  agentId,
  health: 'Healthy',
  load: null,
  unreported: 0,
  room: 1,
  ...more,
});
const by = (strategy: BalanceStrategy, more: Partial<BalanceSettings> = {}): BalanceSettings => ({
  ...DEFAULT_BALANCE,
  strategy,
  ...more,
});

/** How often each is chosen in so many turns. */
function shares(candidates: readonly Candidate[], settings: BalanceSettings, turns: number): Record<string, number> {
  const counts: Record<string, number> = {};
  let owed: Turns = new Map();
  for (let turn = 0; turn < turns; turn++) {
    const choice = choose(candidates, undefined, owed, settings);
    if (choice === null) break;
    owed = choice.turns;
    counts[choice.agentId] = (counts[choice.agentId] ?? 0) + 1;
  }
  return counts;
}

describe('who gets a task', () => {
  const busy = agent('busy', { load: load(90, 8 * GB, 50) });
  const idle = agent('idle', { load: load(10, 2 * GB) });
  const full = agent('full', { load: load(1), room: 0 });
  const silent = agent('silent', { load: load(0), health: 'Unhealthy' });
  const degraded = agent('degraded', { load: load(0), health: 'Degraded' });
  test.each<[string, Candidate[], string | undefined, [string, string] | null]>([
    ['nobody is there', [], undefined, null],
    ['nobody has room', [full], undefined, null],
    ['only a silent one has room', [silent, full], 'group', null],
    ['one has room', [silent, full, idle], undefined, ['idle', 'Only']],
    ['a healthy one has room beside a degraded one', [degraded, busy], undefined, ['busy', 'Hybrid']],
    ['the healthy ones are full', [degraded, full], undefined, ['degraded', 'Fallback']],
    ['the group is that of a degraded one', [degraded, silent], 'group', ['degraded', 'Sticky']],
    ['two are there', [busy, idle], undefined, ['idle', 'Hybrid']],
  ])('where %s', (_, candidates, groupKey, expected) => {
    const choice = choose(candidates, groupKey, new Map(), DEFAULT_BALANCE);
    expect(choice && [choice.agentId, choice.reason]).toEqual(expected);
  });
});

describe('what each strategy makes of load', () => {
  const agents = [
    agent('a', { load: load(10, 8 * GB, 0) }),
    agent('b', { load: load(50, 2 * GB, 0) }),
    agent('c', { load: load(50, 2 * GB, 100) }),
  ];
  test('the score is 0.4 CPU, 0.3 memory, 0.3 queue', () => {
    expect(Object.fromEntries(loadScores(agents, DEFAULT_BALANCE))).toEqual({
      a: expect.closeTo(0.4 * 0.1 + 0.3),
      b: expect.closeTo(0.4 * 0.5 + 0.3 * 0.25),
      c: expect.closeTo(0.4 * 0.5 + 0.3 * 0.25 + 0.3),
    });
    const weights = { cpu: 2, memory: 0, queue: 0 };
    expect([...loadScores(agents, { weights }).values()]).toEqual([0.1, 0.5, 0.5]);
  });
  test('tasks that its load does not know of count, and one that reports nothing counts as the mean', () => {
    const weights = { cpu: 1, memory: 0, queue: 1 };
    const scores = loadScores(
      [
        agent('told', { load: load(60), unreported: 50 }),
        agent('low', { load: load(20) }),
        agent('mute', { unreported: 10 }),
      ],
      { weights },
    );
    expect([...scores.values()]).toEqual([expect.closeTo(0.55), expect.closeTo(0.1), expect.closeTo(0.25)]);
  });
  test.each<[BalanceStrategy, Record<string, number>]>([
    ['RoundRobin', { a: 400, b: 400, c: 400 }],
    // 0.9 : 0.5 : 0.5
    ['HealthBased', { a: 568, b: 316, c: 316 }],
    ['LoadBased', { b: 1200 }],
    // 0.66 : 0.725 : 0.425
    ['Hybrid', { a: 437, b: 481, c: 282 }],
  ])('%s', (strategy, expected) => {
    expect(shares(agents, by(strategy), 1200)).toEqual(expected);
  });
});

describe('laws', () => {
  const candidates = fc.uniqueArray(
    fc.record({
      agentId: fc.string({ minLength: 1, maxLength: 3 }),
      health: fc.constantFrom('Healthy' as const, 'Degraded' as const, 'Unhealthy' as const),
      load: fc.option(
        fc
          .tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 1e12 }), fc.integer({ min: 0, max: 300 }))
          .map((parts) => load(...parts)),
      ),
      unreported: fc.integer({ min: 0, max: 50 }),
      room: fc.integer({ min: 0, max: 3 }),
    }),
    { selector: ({ agentId }) => agentId, maxLength: 8 },
  );
  const settings = fc.constantFrom(...BALANCE_STRATEGIES).map((strategy) => by(strategy));
  const groupKey = fc.option(fc.string(), { nil: undefined });
  const numRuns = sized(300);

  test('a task goes to one that is not silent and has room, if there is one, and to a degraded one last', () => {
    fc.assert(
      fc.property(candidates, groupKey, settings, (all, group, how) => {
        const able = all.filter(({ health, room }) => health !== 'Unhealthy' && room > 0);
        const choice = choose(all, group, new Map(), how);
        const chosen = able.find(({ agentId }) => agentId === choice?.agentId);
        expect(chosen === undefined).toBe(able.length === 0);
        const fallback = group === undefined && able.some(({ health }) => health === 'Healthy');
        if (fallback) expect(chosen?.health).toBe('Healthy');
      }),
      { numRuns },
    );
  });

  test('over any number of turns nobody gets a whole turn more than its share', () => {
    fc.assert(
      fc.property(candidates, fc.constantFrom('RoundRobin' as const, 'HealthBased' as const), (all, strategy) => {
        const healthy = all.filter(({ health, room }) => health === 'Healthy' && room > 0);
        if (healthy.length === 0) return;
        const weight = ({ load: at }: Candidate) =>
          strategy === 'RoundRobin' ? 1 : Math.max(0.05, 1 - (at?.cpuPercent ?? 0) / 100);
        const total = healthy.reduce((sum, each) => sum + weight(each), 0);
        const turns = 97;
        const counts = shares(all, by(strategy), turns);
        for (const each of healthy) {
          const share = (turns * weight(each)) / total;
          expect(counts[each.agentId] ?? 0).toBeLessThan(share + 1);
          expect(counts[each.agentId] ?? 0).toBeGreaterThan(share - 3);
        }
      }),
      { numRuns: numRuns / 3 },
    );
  });

  test('a group stays with its agent while that is there and has room; only its groups move when it goes', () => {
    const present = ['a', 'b', 'c', 'd', 'e'].map((agentId) => agent(agentId));
    const groups = Array.from({ length: 1_000 }, (_, i) => `group ${i}`);
    const placed = (among: readonly Candidate[]) =>
      groups.map((group) => choose(among, group, new Map(), DEFAULT_BALANCE)?.agentId);
    const before = placed(present);
    const counts = Map.groupBy(before, (agentId) => agentId);
    for (const { agentId } of present) expect(counts.get(agentId)?.length).toBeGreaterThan(140);
    const without = placed(present.map((each) => (each.agentId === 'c' ? { ...each, room: 0 } : each)));
    for (const [i, agentId] of before.entries()) {
      if (agentId === 'c') expect(without[i]).not.toBe('c');
      else expect(without[i]).toBe(agentId);
    }
    expect(choose(present, 'group', new Map(), by('RoundRobin', { sticky: false }))?.reason).toBe('RoundRobin');
  });
});
