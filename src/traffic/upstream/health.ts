/** What a run of active checks of one endpoint came to; plain data. */
export interface HealthRecord {
  readonly healthy: boolean;
  /** When that turned. */
  readonly sinceMs: number;
  /** Checks in a row that said otherwise. */
  readonly against: number;
  /** What the last check came to. */
  readonly reason: string;
}

/** What came of asking an endpoint how it is. */
export interface CheckResult {
  readonly passed: boolean;
  readonly reason: string;
}

/**
 * The record after one more check. The first check decides by itself: before it nothing is known, and an endpoint of
 * which nothing is known is called. After that the thresholds hold.
 */
export function afterCheck(
  record: HealthRecord | undefined,
  { passed, reason }: CheckResult,
  thresholds: { readonly unhealthyThreshold: number; readonly healthyThreshold: number },
  nowMs: number,
): HealthRecord {
  if (record === undefined) return { healthy: passed, sinceMs: nowMs, against: 0, reason };
  if (record.healthy === passed) return { ...record, against: 0, reason };
  const against = record.against + 1;
  const needed = record.healthy ? thresholds.unhealthyThreshold : thresholds.healthyThreshold;
  return against < needed ? { ...record, against, reason } : { healthy: passed, sinceMs: nowMs, against: 0, reason };
}

/** Health of an upstream by the share of its endpoints that are healthy. */
export function aggregateHealth(healthy: number, all: number): 'Healthy' | 'Degraded' | 'Unhealthy' {
  const share = all === 0 ? 0 : healthy / all;
  return share >= 0.8 ? 'Healthy' : share >= 0.5 ? 'Degraded' : 'Unhealthy';
}
