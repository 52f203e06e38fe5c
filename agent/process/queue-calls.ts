import { type Client, pathOf } from '../client/client.ts';

/** A task under our lease. */
export interface ClaimedTask {
  readonly taskId: string;
  readonly type: string;
  readonly payload: unknown;
  readonly attempt: number;
  readonly leaseToken: string;
  readonly leaseRemainingMs: number;
  readonly timeoutSeconds?: number;
}

export interface Claim {
  readonly agentId: string;
  readonly max: number;
  readonly types: readonly string[];
  readonly capabilities: readonly string[];
  readonly leaseSeconds: number;
  readonly waitSeconds: number;
}

/** How an attempt ended. */
export interface Report {
  readonly taskId: string;
  readonly leaseToken: string;
  readonly success: boolean;
  readonly data?: unknown;
  readonly error?: string;
  readonly retryable?: boolean;
  readonly processingTimeMs: number;
}

export type ReportOutcome = 'accepted' | 'duplicate' | 'stale' | 'unknown';

export interface LeaseBeat {
  readonly taskId: string;
  readonly leaseToken: string;
  readonly progress?: unknown;
}

export interface LeaseAnswer {
  readonly taskId: string;
  readonly outcome: 'extended' | 'stale' | 'unknown';
  readonly leaseRemainingMs?: number;
  readonly cancelled?: boolean;
}

/** A queue as an agent calls it; answers are in the order of what was asked. Throws ApiError, ConnectionError. */
export interface QueueCalls {
  claim(claim: Claim): Promise<readonly ClaimedTask[]>;
  report(results: readonly Report[]): Promise<readonly { taskId: string; outcome: ReportOutcome }[]>;
  heartbeat(leases: readonly LeaseBeat[], leaseSeconds: number): Promise<readonly LeaseAnswer[]>;
}

/** A call that is answered at once is given up when nothing moves for so long. */
const IDLE_MS = 5_000;

export function queueCalls(client: Client, namespace: string, queue: string): QueueCalls {
  const path = pathOf('v1', 'namespaces', namespace, 'queues', queue);
  const post = async <T>(call: string, json: object, idleMs: number) =>
    (await client.json<{ items: readonly T[] }>({ method: 'POST', path: `${path}/${call}`, json, idleMs })).items;
  return {
    claim: (claim) => post('claims', claim, claim.waitSeconds * 1000 + IDLE_MS),
    report: (results) => post('results', { results }, IDLE_MS),
    heartbeat: (leases, leaseSeconds) => post('heartbeats', { leases, leaseSeconds }, IDLE_MS),
  };
}
