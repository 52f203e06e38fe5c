import { describe, expect, test } from 'vitest';
import type { CompiledLimit } from '../../../src/core/protocol/rate-limit.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { leaseMsOf } from '../../../src/traffic/limit/counters.ts';
import { seedCount, sized } from '../../scale.ts';
import { limitOf } from './rules.ts';
import { runWorld, type WorldResult, type WorldSettings } from './world.ts';

const ALGORITHMS = ['slidingWindow', 'fixedWindow', 'tokenBucket'] as const;
const SEEDS = seedCount(3);

/** By how much more passed than the limit says, at the worst: in a window, or against an even rate. */
function overshoot(limit: CompiledLimit, { admittedMs }: WorldResult): number {
  const { algorithm, windowMs, burst } = limit;
  let worst = Number.NEGATIVE_INFINITY;
  if (algorithm === 'fixedWindow') {
    const counts = new Map<number, number>();
    for (const atMs of admittedMs) {
      const window = Math.floor(atMs / windowMs);
      counts.set(window, (counts.get(window) ?? 0) + 1);
    }
    for (const count of counts.values()) worst = Math.max(worst, count - limit.limit);
    return worst;
  }
  if (algorithm === 'slidingWindow') {
    let first = 0;
    for (const [last, atMs] of admittedMs.entries()) {
      while (admittedMs[first] <= atMs - windowMs) first += 1;
      worst = Math.max(worst, last - first + 1 - limit.limit);
    }
    return worst;
  }
  // Of all beginnings s of a stretch up to here, that which allows least: count since s - rate · (now - s).
  let least = 0;
  let startMs = admittedMs[0];
  for (const atMs of admittedMs) {
    least = Math.max(0, least - ((atMs - startMs) * limit.limit) / windowMs) + 1;
    startMs = atMs;
    worst = Math.max(worst, least - burst);
  }
  return worst;
}

/** What may pass beyond the limit while nobody forgets: what an even rate gives in the time of a lease, else nothing. */
function bound(limit: CompiledLimit, mode: WorldSettings['mode']): number {
  if (mode === 'exact' || limit.algorithm !== 'tokenBucket') return 0;
  return (limit.limit * leaseMsOf(limit, 0)) / limit.windowMs;
}

const usual = { seconds: 60, tideMs: 0, lost: 0, isolateCrashes: 0, objectCrashes: 0 };

describe('isolates that share a limit', () => {
  for (const algorithm of ALGORITHMS) {
    for (const mode of ['exact', 'leased'] as const) {
      test(`let no more through than ${mode} ${algorithm} allows, whatever calls and isolates are lost`, () => {
        for (let seed = 0; seed < SEEDS; seed++) {
          const random = seededRandom(seed);
          const limit = limitOf({
            algorithm,
            limit: 1 + Math.floor(random.next() * 200),
            windowMs: 1_000 * (1 + Math.floor(random.next() * 20)),
            burst: 1 + Math.floor(random.next() * 100),
          });
          const given = algorithm === 'tokenBucket' ? limit : { ...limit, burst: limit.limit };
          const isolates = 1 + Math.floor(random.next() * 12);
          const settings = {
            ...usual,
            limit: given,
            mode,
            isolates,
            rate: 10,
            lost: random.next() < 0.5 ? 0.05 : 0,
            isolateCrashes: 0.02,
          };
          const tideMs = given.windowMs * (0.05 + 1.2 * random.next());
          const result = runWorld({ ...settings, tideMs, seconds: sized(25) }, random);
          expect(result.admittedMs.length, `seed ${seed}`).toBeGreaterThan(0);
          expect(overshoot(given, result), `seed ${seed}`).toBeLessThanOrEqual(bound(given, mode) + 1e-6);
        }
      });
    }
  }

  test('let through beyond that no more than the object forgot when it died: what it gave in the second before', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      for (const algorithm of ALGORITHMS) {
        const random = seededRandom(1_000 + seed);
        const limit = limitOf({ algorithm, limit: 100, windowMs: 5_000, burst: 100 });
        const settings = { ...usual, limit, mode: 'leased', isolates: 5, rate: 20, objectCrashes: 0.1 } as const;
        const result = runWorld(settings, random);
        const forgotten = result.forgotten.reduce((sum, { units }) => sum + units, 0);
        expect(result.forgotten.length).toBeGreaterThan(0);
        expect(overshoot(limit, result), `seed ${seed} ${algorithm}`).toBeLessThanOrEqual(
          bound(limit, 'leased') + forgotten,
        );
      }
    }
  });

  test('pass all that is offered below the limit, and nearly all that is allowed above it, with few calls', () => {
    const limit = limitOf({ algorithm: 'tokenBucket', limit: 1_000, windowMs: 10_000, burst: 1_000 });
    const below = runWorld({ ...usual, limit, mode: 'leased', isolates: 5, rate: 10 }, seededRandom(7));
    expect(below.admittedMs.length).toBe(below.offered);
    expect(below.calls).toBeLessThan(below.offered / 4);
    const above = runWorld({ ...usual, limit, mode: 'leased', isolates: 5, rate: 40 }, seededRandom(7));
    expect(above.admittedMs.length).toBeGreaterThan(0.98 * (1_000 + 60 * 100));
    const sliding = runWorld(
      { ...usual, limit: { ...limit, algorithm: 'slidingWindow' }, mode: 'leased', isolates: 5, rate: 40 },
      seededRandom(7),
    );
    // A window counts up to a slot and a lease longer than it is.
    expect(sliding.admittedMs.length).toBeGreaterThan((0.98 * 60 * 100) / (1 + 1 / 16 + 1 / 10));
  });
});
