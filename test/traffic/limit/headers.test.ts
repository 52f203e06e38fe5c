import { describe, expect, test } from 'vitest';
import { limitHeaders, retryAfterSeconds, type Standing } from '../../../src/traffic/limit/headers.ts';
import { limitOf } from './rules.ts';

function standing(
  given: Parameters<typeof limitOf>[0],
  available: number | null,
  waitMs: number | null = null,
): Standing {
  return { limit: limitOf(given), reading: available === null ? null : { available, resetMs: 29_001 }, waitMs };
}

/** An item of a List with its parameters, as far as these fields go (RFC 9651). */
const ITEM = /^"[ -~]*"(;[a-z*][a-z0-9_.*-]*=(-?\d{1,15}|"[ -~]*"))*$/;

describe('the headers of limits', () => {
  test('are the fields of the draft, with those that were usual before it', () => {
    expect(limitHeaders([standing({ name: 'per-minute', limit: 100, windowMs: 60_000 }, 50)])).toEqual({
      'ratelimit-policy': '"per-minute";q=100;w=60',
      ratelimit: '"per-minute";r=50;t=30',
      'x-ratelimit-limit': '100',
      'x-ratelimit-remaining': '50',
      'x-ratelimit-reset': '30',
    });
  });

  test('name every limit, with its unit, and tell how the tightest stands', () => {
    const headers = limitHeaders([
      standing({ name: 'calls', limit: 100, windowMs: 60_000 }, 50),
      standing({ name: 'bytes', measure: 'bytes', limit: 1_000_000, windowMs: 10_000 }, 100),
      standing({ name: 'cost', measure: 'cost', algorithm: 'tokenBucket', limit: 10, burst: 30, windowMs: 1_000 }, 30),
      standing({ name: 'flight', algorithm: 'concurrency', limit: 5, windowMs: 0 }, 4),
      standing({ name: 'daily', algorithm: 'fixedWindow', calendar: 'day', windowMs: 0, limit: 5_000 }, 4_000),
      standing({ name: 'monthly', algorithm: 'fixedWindow', calendar: 'month', windowMs: 0, limit: 90_000 }, 80_000),
    ]);
    const items = headers['ratelimit-policy'].split(', ');
    expect(items).toEqual([
      '"calls";q=100;w=60',
      '"bytes";q=1000000;qu="content-bytes";w=10',
      '"cost";q=10;qu="orasi-cost";w=1;orasi-burst=30',
      '"flight";q=5;qu="concurrent-requests"',
      '"daily";q=5000;w=86400',
      '"monthly";q=90000',
    ]);
    for (const item of [...items, headers.ratelimit]) expect(item).toMatch(ITEM);
    expect(headers.ratelimit).toBe('"bytes";r=100;t=30');
  });

  test('of a refusal tell the limit that has longest to wait, and mean the moment that Retry-After means', () => {
    const standings = [
      standing({ name: 'a', limit: 100 }, 0, 1_200),
      standing({ name: 'b', limit: 100 }, 3, 7_200),
      standing({ name: 'c', limit: 100 }, 1),
    ];
    expect(limitHeaders(standings).ratelimit).toBe('"b";r=0;t=8');
    expect(retryAfterSeconds(standings)).toBe(8);
  });

  test('never say that nothing need be waited for', () => {
    expect(retryAfterSeconds([standing({}, 0, 1)])).toBe(1);
    expect(retryAfterSeconds([standing({}, 0, Number.MAX_SAFE_INTEGER)])).toBe(31_536_000);
  });

  test('carry the policy only where nobody knows how it stands', () => {
    expect(limitHeaders([standing({ name: 'edge', limit: 10, windowMs: 10_000 }, null)])).toEqual({
      'ratelimit-policy': '"edge";q=10;w=10',
    });
    const mixed = limitHeaders([standing({ name: 'edge' }, null), standing({ name: 'own', limit: 10 }, 9)]);
    expect(mixed.ratelimit).toBe('"own";r=9;t=30');
  });

  test('tell a debt as nothing left', () => {
    expect(limitHeaders([standing({ limit: 10 }, -40)])['x-ratelimit-remaining']).toBe('0');
  });
});
