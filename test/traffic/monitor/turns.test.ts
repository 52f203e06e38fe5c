import { describe, expect, it } from 'vitest';
import type { CompiledUpstream } from '../../../src/core/protocol/upstream.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { Checks, type DueCheck } from '../../../src/traffic/monitor/checks.ts';
import { upstream } from '../../gateway/fleet.ts';
import { objectDatabase } from '../../object-database.ts';
import { CHECK } from './checked.ts';

const INTERVAL_MS = 10_000;
const ANSWER_MS = 50;

/** An upstream whose first endpoints hang until their time-out. */
function of(
  tenant: string,
  name: string,
  dead: number,
  fine: number,
  timeoutMs = 5_000,
): readonly [string, CompiledUpstream] {
  const endpoint = (kind: string, i: number) => {
    return { address: `http://${kind}-${i}.${name}.${tenant}`, weight: 1, zone: null, draining: false };
  };
  const endpoints = [
    ...Array.from({ length: dead }, (_, i) => endpoint('dead', i)),
    ...Array.from({ length: fine }, (_, i) => endpoint('fine', i)),
  ];
  const healthCheck = { ...CHECK, intervalMs: INTERVAL_MS, timeoutMs };
  return [`${tenant}/${name}`, upstream({ namespaceUid: tenant, name, endpoints, healthCheck })];
}

/**
 * Runs one checker in virtual time. `worst` is the longest that an endpoint whose address has this in it went without a
 * check, once everybody has been asked; `turnedMs`, when an endpoint was found ill.
 */
function run(
  upstreams: (readonly [string, CompiledUpstream])[],
  untilMs: number,
  isDead = ({ address }: DueCheck, _nowMs: number): boolean => address.includes('dead'),
) {
  const limits = { connections: { all: 5, slow: 3 }, endpoints: 2_000 };
  const checks = new Checks(objectDatabase(), seededRandom(1), limits, 0);
  checks.watch({ checker: 0, round: 1, upstreams, known: {} }, 0);
  let running: { due: DueCheck; endMs: number; passed: boolean }[] = [];
  const askedMs = new Map<string, number>();
  const longest = new Map<string, number>();
  const turnedMs = new Map<string, number>();
  const wait = (address: string, nowMs: number): void => {
    const before = askedMs.get(address) ?? 0;
    if (nowMs > untilMs / 3) longest.set(address, Math.max(longest.get(address) ?? 0, nowMs - before));
    askedMs.set(address, nowMs);
  };
  for (let nowMs = 0; nowMs < untilMs; ) {
    for (const { due, passed, endMs } of running) {
      if (endMs > nowMs) continue;
      if (checks.checked(due, { passed, reason: '' }, nowMs) && !passed) turnedMs.set(due.address, nowMs);
    }
    running = running.filter(({ endMs }) => endMs > nowMs);
    for (const due of checks.due(nowMs).checks) {
      wait(due.address, nowMs);
      const dead = isDead(due, nowMs);
      running.push({ due, passed: !dead, endMs: nowMs + (dead ? due.check.timeoutMs : ANSWER_MS) });
    }
    expect(running.length).toBeLessThanOrEqual(5);
    nowMs = Math.min(checks.nextDueMs() ?? untilMs, ...running.map(({ endMs }) => endMs));
  }
  for (const [, { endpoints }] of upstreams) for (const { address } of endpoints) wait(address, untilMs);
  const worst = (part: string): number =>
    Math.max(...[...longest].filter(([address]) => address.includes(part)).map(([, ms]) => ms));
  return { worst, turnedMs };
}

describe('whose turn it is where more endpoints hang than there are connections', () => {
  // In the order in which they become due, 150 that hang for 5 s would have all 500 asked every 153 s.
  it.each([1_000, 10_000])('those of another tenant that answer keep their interval: %d ms', (timeoutMs) => {
    const { worst } = run([of('a', 'shop', 150, 0, timeoutMs), of('b', 'shop', 0, 350, timeoutMs)], 150_000);
    expect(worst('.b')).toBeLessThanOrEqual(14_000);
  });

  it('those of the same tenant, and those of the same upstream, keep it as well', () => {
    const { worst } = run([of('a', 'old', 150, 0), of('a', 'new', 0, 350)], 150_000);
    expect(worst('fine')).toBeLessThanOrEqual(14_000);
    const together = run([of('a', 'shop', 90, 210)], 500_000);
    expect(together.worst('fine')).toBeLessThanOrEqual(14_000);
    // Three connections are theirs: 90 × 5 s / 3, and none is left out.
    expect(together.worst('dead')).toBeLessThanOrEqual(180_000);
  });

  it('one that begins to hang is out after its threshold', () => {
    const fromMs = 180_000;
    const isDead = ({ address }: DueCheck, nowMs: number) =>
      address.includes('dead') || (address.includes('fine-7.') && nowMs >= fromMs);
    const { turnedMs } = run([of('a', 'shop', 90, 210)], 300_000, isDead);
    const outMs = turnedMs.get('http://fine-7.shop.a') ?? Number.POSITIVE_INFINITY;
    // Its interval before the first, and three checks with their time-outs, with a little waiting for others that hang.
    expect(outMs - fromMs).toBeLessThanOrEqual(4 * INTERVAL_MS + 3 * 5_000);
  });

  it('two tenants share what is left alike, however many upstreams and endpoints each has', () => {
    const many = Array.from({ length: 10 }, (_, i) => of('a', `shop${i}`, 10, 0));
    const { worst } = run([...many, of('b', 'shop', 6, 0)], 900_000);
    // Six that hang for 5 s, on half of three connections.
    expect(worst('.b')).toBeLessThanOrEqual(26_000);
    expect(worst('.a')).toBeGreaterThan(300_000);
  });

  it('who can be asked in time is: 500 that answer need no turns', () => {
    expect(run([of('a', 'shop', 0, 500)], 60_000).worst('fine')).toBeLessThanOrEqual(14_000);
  });
});
