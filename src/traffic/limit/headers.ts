import type { CompiledLimit } from '../../core/protocol/rate-limit.ts';

/** How a limit stands after a request. */
export interface Standing {
  readonly limit: CompiledLimit;
  /** Null where nobody knows: the platform does not tell of the limits it counts. */
  readonly reading: { readonly available: number; readonly resetMs: number } | null;
  /** Milliseconds until it would let this request through; null where it has. */
  readonly waitMs: number | null;
}

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers-10 (`RateLimit-Policy`: every limit; `RateLimit`: the tightest
 * one), and those that were usual before it, `X-RateLimit-*`, the reset in seconds from now.
 */
export function limitHeaders(standings: readonly Standing[]): Record<string, string> {
  let policy = '';
  for (const { limit } of standings) policy += policy === '' ? policyItem(limit) : `, ${policyItem(limit)}`;
  const headers: Record<string, string> = { 'ratelimit-policy': policy };
  const tightest = tightestOf(standings);
  if (tightest === null) return headers;
  const { limit, remaining, resetSeconds } = tightest;
  headers.ratelimit = `${quoted(limit.name)};r=${remaining};t=${resetSeconds}`;
  headers['x-ratelimit-limit'] = String(limit.limit);
  headers['x-ratelimit-remaining'] = String(remaining);
  headers['x-ratelimit-reset'] = String(resetSeconds);
  return headers;
}

/** The seconds of `Retry-After`: when the last of the limits that refused will let the request through. */
export function retryAfterSeconds(standings: readonly Standing[]): number {
  let waitMs = 0;
  for (const standing of standings) waitMs = Math.max(waitMs, standing.waitMs ?? 0);
  return wholeSeconds(waitMs);
}

/** At least 1: `Retry-After: 0` asks to be sent the same again. A year is as good as never. */
function wholeSeconds(waitMs: number): number {
  return Math.min(Math.max(1, Math.ceil(waitMs / 1000)), 31_536_000);
}

/** The one that refused and has longest to wait; else that of which the least part is left. */
function tightestOf(
  standings: readonly Standing[],
): { readonly limit: CompiledLimit; readonly remaining: number; readonly resetSeconds: number } | null {
  let best: Standing | null = null;
  for (const standing of standings) if (best === null || isTighter(standing, best)) best = standing;
  if (best?.reading == null) return null;
  const { limit, reading, waitMs } = best;
  // RFC 9651: an integer has at most fifteen digits.
  const remaining = waitMs === null ? Math.min(Math.max(0, reading.available), 999_999_999_999_999) : 0;
  const resetSeconds = waitMs === null ? Math.ceil(reading.resetMs / 1000) : retryAfterSeconds(standings);
  return { limit, remaining, resetSeconds };
}

function isTighter(a: Standing, b: Standing): boolean {
  if (a.reading === null || b.reading === null) return b.reading === null && a.reading !== null;
  if (a.waitMs !== null || b.waitMs !== null) return (a.waitMs ?? -1) > (b.waitMs ?? -1);
  return a.reading.available / a.limit.burst < b.reading.available / b.limit.burst;
}

/** What is said of a limit with every request is written once. */
const policyItems = new WeakMap<CompiledLimit, string>();

function policyItem(limit: CompiledLimit): string {
  const present = policyItems.get(limit);
  if (present !== undefined) return present;
  const item = writePolicyItem(limit);
  policyItems.set(limit, item);
  return item;
}

function writePolicyItem(limit: CompiledLimit): string {
  const { measure, algorithm, windowMs, calendar } = limit;
  let item = `${quoted(limit.name)};q=${limit.limit}`;
  if (algorithm === 'concurrency') item += ';qu="concurrent-requests"';
  else if (measure === 'bytes') item += ';qu="content-bytes"';
  else if (measure === 'cost') item += ';qu="orasi-cost"';
  // A month has no number of seconds; the draft has no other unit.
  if (windowMs > 0) item += `;w=${Math.round(windowMs / 1000)}`;
  else if (calendar === 'day') item += ';w=86400';
  if (limit.burst !== limit.limit) item += `;orasi-burst=${limit.burst}`;
  return item;
}

/** A String of RFC 9651; names of limits have nothing that needs escaping. */
function quoted(name: string): string {
  return `"${name}"`;
}
