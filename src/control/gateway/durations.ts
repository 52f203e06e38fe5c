const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Milliseconds of a duration of the Gateway API (GEP-2257): `1h30m`, `250ms`. 0 where there is none. */
export function durationMs(text: unknown): number {
  if (typeof text !== 'string') return 0;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|h|m|s)/g)) total += Number(amount) * UNITS[unit];
  return total;
}
