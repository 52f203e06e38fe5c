import type { CompiledDiscovery } from '../../../src/core/protocol/upstream.ts';
import { upstream } from '../../gateway/fleet.ts';

export const CHECK = {
  path: '/health',
  method: 'GET' as const,
  host: null,
  intervalMs: 10_000,
  timeoutMs: 500,
  unhealthyThreshold: 3,
  healthyThreshold: 2,
  expectedStatuses: [{ from: 200, to: 299 }],
  expectedBody: null,
};
export const DISCOVERY: CompiledDiscovery = {
  type: 'discovery',
  backend: 'cluster',
  cluster: 'default',
  service: 'shop',
  etcd: null,
  consul: null,
  secretName: null,
  scheme: 'http',
  intervalMs: 5_000,
};
export const CHECKED = upstream({ healthCheck: CHECK });
export const FOUND = upstream({ source: DISCOVERY, endpoints: [] });
