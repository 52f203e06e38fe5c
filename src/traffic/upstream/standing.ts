import type { CompiledBalancer } from '../../core/protocol/upstream.ts';
import type { Balanced } from './balance.ts';
import type { Breaker } from './breaker.ts';
import { isEjected, type OutlierCounts } from './outliers.ts';

/** What decides whether an endpoint may be called. */
export interface Standing extends Balanced {
  readonly address: string;
  readonly zone: string | null;
  readonly draining: boolean;
  /** Of active checks; true where none has spoken. */
  readonly healthy: boolean;
  readonly outlier: OutlierCounts;
  readonly breaker: Breaker | null;
}

/** Who may be called, and how that came about. */
export interface Choices<T> {
  /** Those that a new request may go to. */
  readonly candidates: readonly T[];
  /** So few endpoints are available that health is not looked at any more. */
  readonly panic: boolean;
  /** Every endpoint that would else be a candidate has an open breaker. */
  readonly breakersOpen: boolean;
}

/** Whether requests may go to an endpoint as far as its own calls and checks say. */
function isAvailable(endpoint: Standing, nowMs: number, heardMs: number): boolean {
  return endpoint.healthy && !isEjected(endpoint.outlier, nowMs) && breakerLets(endpoint, nowMs, heardMs);
}

/**
 * The endpoints that a new request may go to: neither draining nor of weight 0, available, in the nearest zone that has
 * enough of them. Where fewer than the panic threshold are available, all are called but those whose breaker is open:
 * an open breaker wins over panic.
 */
export function choicesOf<T extends Standing>(
  endpoints: readonly T[],
  { panicThreshold, zones }: CompiledBalancer,
  ownZone: string | null,
  nowMs: number,
  heardMs: number,
): Choices<T> {
  const serving = endpoints.filter((endpoint) => !endpoint.draining && endpoint.weight > 0);
  const available = serving.filter((endpoint) => isAvailable(endpoint, nowMs, heardMs));
  if (available.length < panicThreshold * serving.length) {
    const candidates = serving.filter((endpoint) => breakerLets(endpoint, nowMs, heardMs));
    return { candidates, panic: true, breakersOpen: candidates.length === 0 && serving.length > 0 };
  }
  const breakersOpen =
    available.length === 0 && serving.length > 0 && serving.every((endpoint) => !breakerLets(endpoint, nowMs, heardMs));
  for (const zone of ownZone === null ? zones.preferred : [ownZone, ...zones.preferred]) {
    const near = available.filter((endpoint) => endpoint.zone === zone);
    const all = serving.filter((endpoint) => endpoint.zone === zone);
    if (near.length > 0 && near.length >= zones.minimumAvailable * all.length) {
      return { candidates: near, panic: false, breakersOpen };
    }
  }
  return { candidates: available, panic: false, breakersOpen };
}

/** When `choicesOf` may say otherwise without anything having happened. */
export function nextStandingMs(endpoints: readonly Standing[], nowMs: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const { outlier, breaker } of endpoints) {
    if (outlier.ejectedUntilMs > nowMs) next = Math.min(next, outlier.ejectedUntilMs);
    if (breaker !== null) next = Math.min(next, breaker.nextChangeMs(nowMs));
  }
  return next;
}

function breakerLets({ breaker }: Standing, nowMs: number, heardMs: number): boolean {
  return breaker === null || breaker.wouldAdmit(nowMs, heardMs);
}
