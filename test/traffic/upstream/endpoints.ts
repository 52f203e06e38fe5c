import type { CompiledBalancer } from '../../../src/core/protocol/upstream.ts';
import { hashText } from '../../../src/traffic/snapshot/key-hash.ts';
import type { BalanceContext } from '../../../src/traffic/upstream/balance.ts';
import type { Breaker } from '../../../src/traffic/upstream/breaker.ts';
import { Latency } from '../../../src/traffic/upstream/latency.ts';
import { noOutlierCounts, type OutlierCounts } from '../../../src/traffic/upstream/outliers.ts';

export interface TestEndpoint {
  readonly address: string;
  readonly hash: number;
  readonly latency: Latency;
  readonly outlier: OutlierCounts;
  weight: number;
  zone: string | null;
  draining: boolean;
  healthy: boolean;
  breaker: Breaker | null;
  sinceMs: number;
  inFlight: number;
  turn: number;
}

export function endpoint(address: string, given: Partial<TestEndpoint> = {}): TestEndpoint {
  return {
    address,
    hash: hashText(address),
    latency: new Latency(),
    outlier: noOutlierCounts(),
    weight: 1,
    zone: null,
    draining: false,
    healthy: true,
    breaker: null,
    sinceMs: Number.NEGATIVE_INFINITY,
    inFlight: 0,
    turn: 0,
    ...given,
  };
}

export function endpoints(count: number): TestEndpoint[] {
  return Array.from({ length: count }, (_, at) => endpoint(`http://10.0.0.${at + 1}`));
}

export function context(given: Partial<BalanceContext> = {}): BalanceContext {
  return { nowMs: 0, slowStartMs: 0, keyHash: 0, chance: () => 0.5, ...given };
}

export const BALANCER: CompiledBalancer = {
  strategy: 'RoundRobin',
  slowStartMs: 0,
  panicThreshold: 0.5,
  zones: { own: null, preferred: [], minimumAvailable: 0.5 },
};
