import { describe, expect, it } from 'vitest';
import type { CompiledUpstream } from '../../../src/core/protocol/upstream.ts';
import { Assignments } from '../../../src/traffic/monitor/assignments.ts';
import { CHECKED } from './checked.ts';

const LIMITS = { checkers: 8, endpoints: 10 };
const upstreams = (count: number): (readonly [string, CompiledUpstream])[] =>
  Array.from({ length: count }, (_, i) => [`uid/${i}`, CHECKED] as const);

describe('which checker looks after which upstream', () => {
  it('there are as many as the endpoints ask for, and fewer only where a quarter would do', () => {
    const assignments = new Assignments(LIMITS, 1, 1);
    const after = (endpoints: number): number => {
      assignments.resize(endpoints);
      return assignments.checkers;
    };
    expect([0, 10, 11, 20, 21, 11, 10, 11, 5, 1_000, 0].map(after)).toEqual([1, 1, 2, 2, 4, 4, 2, 2, 1, 8, 1]);
  });

  it('each upstream is told to one checker, and only what differs is told again', () => {
    const assignments = new Assignments(LIMITS, 4, 4);
    const list = upstreams(40);
    const parts = assignments.parts(list, false, 100);
    expect(parts.map(({ checker }) => checker)).toEqual([0, 1, 2, 3]);
    expect(parts.flatMap(({ upstreams: own }) => own.map(([key]) => key)).sort()).toEqual(
      list.map(([key]) => key).sort(),
    );
    expect(new Set(parts.map(({ round }) => round)).size).toBe(4);
    for (const part of parts.slice(1)) assignments.arrived(part);
    expect(assignments.parts(list, false, 100).map(({ checker }) => checker)).toEqual([0]);
    assignments.arrived(parts[0]);
    expect(assignments.parts(list, false, 100)).toEqual([]);
    expect(assignments.parts(list, true, 100)).toHaveLength(4);
    const without = assignments.parts(list.slice(1), false, 100);
    expect(without.map(({ checker }) => checker)).toEqual([assignments.checkerOf('uid/0')]);
    expect(without[0].round).toBeGreaterThan(Math.max(...parts.map(({ round }) => round)));
  });

  it('where there are fewer, those that go are told that nothing is theirs, and then nothing more', () => {
    const assignments = new Assignments(LIMITS, 4, 4);
    for (const part of assignments.parts(upstreams(40), false, 0)) assignments.arrived(part);
    assignments.resize(1);
    const parts = assignments.parts(upstreams(2), false, 0);
    expect(parts.map(({ checker, upstreams: own }) => [checker, own.length])).toEqual([
      [0, 2],
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    for (const part of parts) assignments.arrived(part);
    expect(assignments.parts(upstreams(2), true, 0).map(({ checker }) => checker)).toEqual([0]);
  });

  it('nobody is told anything before there is an upstream, and after a restart everybody who may hold one', () => {
    expect(new Assignments(LIMITS, 1, 0).parts([], true, 0)).toEqual([]);
    const assignments = new Assignments(LIMITS, 1, 0);
    assignments.resize(40);
    expect(assignments.parts(upstreams(40), false, 0)).toHaveLength(4);
    expect([assignments.checkers, assignments.mostCheckers]).toEqual([4, 4]);
    assignments.resize(0);
    expect([assignments.checkers, assignments.mostCheckers]).toEqual([1, 4]);
    const later = new Assignments(LIMITS, 1, 4);
    expect(later.parts(upstreams(1), false, 0).map(({ upstreams: own }) => own.length)).toEqual([1, 0, 0, 0]);
  });

  it('moves only the half that goes when their number doubles', () => {
    const assignments = new Assignments(LIMITS, 2, 2);
    const before = upstreams(100).map(([key]) => assignments.checkerOf(key));
    assignments.resize(40);
    const after = upstreams(100).map(([key]) => assignments.checkerOf(key));
    expect(after.every((checker, i) => checker === before[i] || checker === before[i] + 2)).toBe(true);
    expect(new Set(after).size).toBe(4);
  });
});
