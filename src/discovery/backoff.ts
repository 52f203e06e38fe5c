import type { Random } from '../core/random.ts';

const BASE_MS = 250;
const CAP_MS = 30_000;

/**
 * How long to wait after so many failures in a row (1 and up): 250 ms · 2ⁿ, at most 30 s, of which half is chance, so
 * that the clients of a registry that comes back do not come back all at once.
 */
export function backoffMs(failures: number, random: Random, capMs = CAP_MS): number {
  const wholeMs = Math.min(capMs, BASE_MS * 2 ** Math.min(failures - 1, 20));
  return wholeMs / 2 + (wholeMs / 2) * random.next();
}
