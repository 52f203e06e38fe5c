import type { LimitChange, LimitRule, LimitVerdict } from '../../core/protocol/rate-limiter.ts';
import { leaseMsOf } from './counters.ts';

/** Units that were lent at one time. */
interface Grant {
  units: number;
  readonly expiresMs: number;
  readonly mark: number;
}

/** What an isolate knows of one limit for one key. */
export interface Lease {
  readonly rule: LimitRule;
  readonly object: string;
  readonly key: string;
  /** Oldest first. */
  grants: Grant[];
  /** Units used since `sinceMs`, of which the next loan is reckoned. */
  used: number;
  sinceMs: number;
  /** Units a millisecond, as far as is known. */
  rate: number;
  /** What the object had left at its last word, and when it said it would have more. */
  rest: number;
  resetAtMs: number;
  /** Until then the object would refuse, as it said. */
  refusedUntilMs: number;
  waitUntilMs: number;
  /** When more was asked for ahead of need; null where nothing is under way. */
  refillingSinceMs: number | null;
  /** Units last lent. */
  chunk: number;
}

/** A loan is renewed ahead of need when less than this part of it is left, so that no request waits. */
const LOW_PART = 4;
/** An answer that takes longer will not come. */
const REFILL_LOST_MS = 5_000;

/**
 * What an isolate was lent, by limit and key. It holds no more than `most` keys: two generations, the older of which is
 * dropped when the younger is full, so that what is used stays without a list being kept in order.
 */
export class Leases {
  #young = new Map<string, Lease>();
  #old = new Map<string, Lease>();
  readonly #half: number;

  constructor(most: number) {
    this.#half = Math.max(1, Math.floor(most / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  of(object: string, rule: LimitRule, key: string, nowMs: number): Lease {
    const id = `${object}\n${rule.name}\n${key}`;
    const young = this.#young.get(id);
    if (young !== undefined && isUnder(young, rule)) return young;
    const old = this.#old.get(id);
    const lease = old !== undefined && isUnder(old, rule) ? old : begin(object, rule, key, nowMs);
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(id, lease);
    return lease;
  }

  /** What an object lent and nobody used in time, to be given back; it is no longer in hand. */
  expired(object: string, nowMs: number): LimitChange[] {
    const refunds: LimitChange[] = [];
    for (const leases of [this.#young, this.#old])
      for (const lease of leases.values()) if (lease.object === object) refunds.push(...expiredOf(lease, nowMs));
    return refunds;
  }
}

/** Units in hand that may be used now. */
export function inHand(lease: Lease, nowMs: number): number {
  let units = 0;
  for (const grant of lease.grants) if (grant.expiresMs > nowMs) units += grant.units;
  return units;
}

/** Uses units in hand, the oldest first; returns how many were missing. */
export function use(lease: Lease, units: number, nowMs: number): number {
  lease.used += units;
  let missing = units;
  for (const grant of lease.grants) {
    if (missing === 0) break;
    if (grant.expiresMs <= nowMs) continue;
    const taken = Math.min(grant.units, missing);
    grant.units -= taken;
    missing -= taken;
  }
  return missing;
}

/** Puts units back that were in hand a moment ago and not used. */
export function putBack(lease: Lease, units: number, nowMs: number): void {
  lease.used = Math.max(0, lease.used - units);
  const grant = lease.grants.findLast(({ expiresMs }) => expiresMs > nowMs);
  if (grant !== undefined) grant.units += units;
}

/**
 * How much to ask for: what is used in the time of a lease, at the rate of late. A first request is lent nothing, and
 * each further one no more than a few times what was used, so that a key which comes once leaves nothing lying about.
 */
export function wanted(lease: Lease, nowMs: number): number {
  const leaseMs = leaseMsOf(lease.rule, nowMs);
  if (leaseMs <= 0) return 0;
  const elapsedMs = Math.max(nowMs - lease.sinceMs, leaseMs / LOW_PART);
  const rate = lease.used / elapsedMs;
  lease.rate = Math.max(rate, (lease.rate + rate) / 2);
  lease.used = 0;
  lease.sinceMs = nowMs;
  return Math.min(Math.ceil(lease.rate * leaseMs), lease.rule.limit);
}

/** Whether more should be asked for ahead of need. */
export function isLow(lease: Lease, nowMs: number): boolean {
  if (lease.chunk < LOW_PART) return false;
  if (lease.refillingSinceMs !== null && nowMs - lease.refillingSinceMs < REFILL_LOST_MS) return false;
  if (nowMs < lease.refusedUntilMs) return false;
  return inHand(lease, nowMs) < lease.chunk / LOW_PART;
}

/** Takes up what the object said to a call that was made at `sentMs`. */
export function heard(lease: Lease, verdict: LimitVerdict, allowed: boolean, sentMs: number, nowMs: number): void {
  lease.rest = verdict.available;
  lease.resetAtMs = nowMs + verdict.resetMs;
  if (!verdict.gives) {
    lease.refusedUntilMs = nowMs + askAgainMs(lease.rule, verdict.waitMs, nowMs);
    lease.waitUntilMs = nowMs + verdict.waitMs;
  }
  if (!allowed) return;
  lease.chunk = verdict.lent;
  if (verdict.lent === 0) return;
  lease.grants.push({ units: verdict.lent, expiresMs: sentMs + verdict.leaseMs, mark: verdict.lentMark });
}

/**
 * How long an object that refused is not asked again, so that callers in excess are not calls in excess. A bucket has a
 * next token soon: it is left to gather some, though not to run over.
 */
function askAgainMs(rule: LimitRule, waitMs: number, nowMs: number): number {
  const leaseMs = leaseMsOf(rule, nowMs);
  if (rule.algorithm !== 'tokenBucket') return Math.min(waitMs, leaseMs);
  const fillMs = (rule.burst * rule.windowMs) / rule.limit;
  return Math.min(Math.max(waitMs, Math.min(leaseMs / 4, fillMs / 2)), leaseMs);
}

/** What expired unused, to be given back; what is used up is dropped. */
export function expiredOf(lease: Lease, nowMs: number): LimitChange[] {
  const refunds: LimitChange[] = [];
  const { rule, key } = lease;
  lease.grants = lease.grants.filter(({ units, expiresMs, mark }) => {
    if (expiresMs > nowMs) return units > 0;
    if (units > 0) refunds.push({ type: 'refund', rule, key, units, mark });
    return false;
  });
  return refunds;
}

function begin(object: string, rule: LimitRule, key: string, nowMs: number): Lease {
  return {
    rule,
    object,
    key,
    grants: [],
    used: 0,
    sinceMs: nowMs,
    rate: 0,
    rest: rule.burst,
    resetAtMs: nowMs,
    refusedUntilMs: 0,
    waitUntilMs: 0,
    refillingSinceMs: null,
    chunk: 0,
  };
}

/** Figures that were changed are another rule: what was lent under the old ones is not used under the new. */
function isUnder({ rule: present }: Lease, rule: LimitRule): boolean {
  return (
    present === rule ||
    (present.algorithm === rule.algorithm &&
      present.limit === rule.limit &&
      present.windowMs === rule.windowMs &&
      present.burst === rule.burst &&
      present.calendar === rule.calendar)
  );
}
