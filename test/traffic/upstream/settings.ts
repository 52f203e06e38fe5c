import type { CompiledBreaker, CompiledOutliers, CompiledUpstreamRetry } from '../../../src/core/protocol/upstream.ts';

export const DEFAULT_BREAKER: CompiledBreaker = {
  failureThreshold: 5,
  errorRatio: null,
  recoveryMs: 60_000,
  halfOpenMaxRequests: 3,
  gradualRecoveryMs: 10_000,
  perEndpoint: true,
};

export const DEFAULT_OUTLIERS: CompiledOutliers = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  failurePercentage: null,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjected: 0.1,
};

export const DEFAULT_RETRY: CompiledUpstreamRetry = {
  attempts: 3,
  on: ['ConnectFailure', 'GatewayError'],
  statuses: [],
  backoffMs: 100,
  maxBackoffMs: 10_000,
  budget: { share: 0.2, minimum: 3 },
};
