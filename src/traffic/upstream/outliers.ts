import type { CompiledOutliers } from '../../core/protocol/upstream.ts';

/** What is counted of one endpoint. Made with it, and changed in place. */
export interface OutlierCounts {
  consecutive5xx: number;
  consecutiveGatewayErrors: number;
  /** Of the present interval. */
  calls: number;
  failures: number;
  ejectedUntilMs: number;
  /** Of late: one is forgotten with each interval without. */
  ejections: number;
}

/** Of an endpoint that nobody has called. */
export function noOutlierCounts(): OutlierCounts {
  return {
    consecutive5xx: 0,
    consecutiveGatewayErrors: 0,
    calls: 0,
    failures: 0,
    ejectedUntilMs: Number.NEGATIVE_INFINITY,
    ejections: 0,
  };
}

const GATEWAY_ERRORS: readonly number[] = [502, 503, 504];

/** `status` is null where no answer came. */
export function isGatewayError(status: number | null): boolean {
  return status === null || GATEWAY_ERRORS.includes(status);
}

/** Counts one call; says whether the endpoint is to be ejected for it, as far as `mayEject` lets it be. */
export function countCall(counts: OutlierCounts, status: number | null, settings: CompiledOutliers): boolean {
  const failed = status === null || status >= 500;
  counts.calls += 1;
  if (failed) counts.failures += 1;
  counts.consecutive5xx = failed ? counts.consecutive5xx + 1 : 0;
  counts.consecutiveGatewayErrors = isGatewayError(status) ? counts.consecutiveGatewayErrors + 1 : 0;
  return (
    (settings.consecutive5xx > 0 && counts.consecutive5xx >= settings.consecutive5xx) ||
    (settings.consecutiveGatewayErrors > 0 && counts.consecutiveGatewayErrors >= settings.consecutiveGatewayErrors)
  );
}

/** Whether one more of `all` endpoints may be ejected: up to the share, and always one where another is left. */
export function mayEject(ejected: number, all: number, { maxEjected }: CompiledOutliers): boolean {
  return ejected + 1 < all && (ejected === 0 || ejected + 1 <= maxEjected * all);
}

/** Takes an endpoint out, the longer the more often it was. */
export function eject(counts: OutlierCounts, settings: CompiledOutliers, nowMs: number): void {
  counts.ejections += 1;
  counts.ejectedUntilMs = nowMs + Math.min(settings.maxEjectionMs, settings.baseEjectionMs * counts.ejections);
  counts.consecutive5xx = 0;
  counts.consecutiveGatewayErrors = 0;
}

/** Whether an endpoint is taken out for now. */
export function isEjected(counts: OutlierCounts, nowMs: number): boolean {
  return nowMs < counts.ejectedUntilMs;
}

/**
 * Ends an interval: the endpoints that failed more than the others may, worst first, and the counts begin anew. Those
 * with too few requests are not compared, and nothing is where too few have enough.
 */
export function endInterval<T extends { readonly outlier: OutlierCounts }>(
  endpoints: readonly T[],
  settings: CompiledOutliers,
  nowMs: number,
): T[] {
  const { failurePercentage } = settings;
  const worst: { endpoint: T; share: number }[] = [];
  if (failurePercentage !== null) {
    const counted = endpoints.filter(({ outlier }) => outlier.calls >= failurePercentage.minimumRequests);
    if (counted.length >= failurePercentage.minimumEndpoints) {
      for (const endpoint of counted) {
        const share = endpoint.outlier.failures / endpoint.outlier.calls;
        if (share >= failurePercentage.threshold) worst.push({ endpoint, share });
      }
    }
  }
  for (const { outlier } of endpoints) {
    outlier.calls = 0;
    outlier.failures = 0;
    const outSince = nowMs - settings.intervalMs;
    if (outlier.ejections > 0 && outlier.ejectedUntilMs <= outSince) outlier.ejections -= 1;
  }
  return worst.sort((a, b) => b.share - a.share).map(({ endpoint }) => endpoint);
}
