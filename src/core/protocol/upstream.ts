/**
 * An `Upstream` as the data plane has it, every default filled in. What changes by itself (endpoints found, health,
 * breakers) is in `UpstreamState` (core/protocol/upstream-monitor.ts). Durations are in milliseconds, shares from 0 to 1.
 */
export interface CompiledUpstream {
  readonly namespace: string;
  readonly namespaceUid: string;
  readonly name: string;
  readonly source: UpstreamSource;
  /** Declared endpoints; empty where they come from discovery, or where there are none. */
  readonly endpoints: readonly CompiledEndpoint[];
  readonly loadBalancer: CompiledBalancer;
  /** Null: nothing is asked of the endpoints but what requests show. */
  readonly healthCheck: CompiledHealthCheck | null;
  readonly circuitBreaker: CompiledBreaker | null;
  readonly outlierDetection: CompiledOutliers | null;
  readonly retry: CompiledUpstreamRetry | null;
  readonly timeouts: CompiledTimeouts;
  readonly bulkhead: CompiledBulkhead | null;
  readonly sessionPersistence: import('./gateway.ts').CompiledSession | null;
}

/** What stands behind an upstream. `binding` names a binding of the deployment that UPSTREAM_BINDINGS lets it use. */
export type UpstreamSource =
  | { readonly type: 'static' }
  | CompiledDiscovery
  | { readonly type: 'serviceBinding'; readonly binding: string }
  | {
      readonly type: 'r2';
      /** Null: the platform's own bucket, of which `public/{namespaceUid}/` is read. */
      readonly binding: string | null;
      /** Stands before the path of a request; ends in a slash where it is not empty. */
      readonly prefix: string;
      /** Read for a path that ends in a slash; empty for none. */
      readonly indexDocument: string;
    };

/** A registry that endpoints are found in. */
export interface CompiledDiscovery {
  readonly type: 'discovery';
  /**
   * `cluster`: a service of a cluster of the namespace, in the registry that cluster declares; `members`: the cluster's
   * members that are Active; `etcd` and `consul`: a service in a registry named here.
   */
  readonly backend: 'cluster' | 'members' | 'etcd' | 'consul';
  /** Of `cluster` and `members`. */
  readonly cluster: string;
  /** Of all but `members`. */
  readonly service: string;
  readonly etcd: { readonly endpoints: readonly string[]; readonly prefix: string | null } | null;
  readonly consul: { readonly address: string } | null;
  /** Of a Secret of the namespace: its entry `token` for Consul, `username` and `password` for etcd; null for none. */
  readonly secretName: string | null;
  /** Where neither the instance's metadata `scheme` nor its address say. */
  readonly scheme: 'http' | 'https';
  /** How often the registry is asked where it does not tell by itself. */
  readonly intervalMs: number;
}

/** One place where requests may go. */
export interface CompiledEndpoint {
  /** An origin without a slash at its end: `https://10.0.0.1:8443`. Unique within its upstream. */
  readonly address: string;
  /** 0: gets nothing. */
  readonly weight: number;
  readonly zone: string | null;
  /** Gets no new requests but those of sessions that it has. */
  readonly draining: boolean;
}

/** How an endpoint is picked; docs/upstreams.md says what each is exact in. */
export const BALANCE_STRATEGIES = [
  'RoundRobin',
  'LeastConnections',
  'WeightedRoundRobin',
  'IpHash',
  'Random',
  'PowerOfTwoChoices',
] as const;
export type BalanceStrategy = (typeof BALANCE_STRATEGIES)[number];

/** Who of the endpoints is called. */
export interface CompiledBalancer {
  readonly strategy: BalanceStrategy;
  /** An endpoint that is new, or healthy again, comes to its share over this time; 0: at once. */
  readonly slowStartMs: number;
  /** Below this share of endpoints that may be called, all are but those whose breaker is open; 0: never. */
  readonly panicThreshold: number;
  readonly zones: {
    /** What of the request's place names its own zone, which comes first; null: nothing. */
    readonly own: 'colo' | 'country' | 'continent' | null;
    /** Then these, first to last; then everything. */
    readonly preferred: readonly string[];
    /** A zone is kept to while this share of its endpoints may be called. */
    readonly minimumAvailable: number;
  };
}

/** How endpoints are asked how they are. */
export interface CompiledHealthCheck {
  readonly path: string;
  readonly method: 'GET' | 'HEAD';
  /** Null: the endpoint's own. */
  readonly host: string | null;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Consecutive ones. */
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  /** Inclusive ranges. */
  readonly expectedStatuses: readonly { readonly from: number; readonly to: number }[];
  /** What the first bytes of the body must contain; null: anything. */
  readonly expectedBody: string | null;
}

/** When nobody is called any more, and how it is tried again. */
export interface CompiledBreaker {
  /** Consecutive failures that open it; 0: they do not. */
  readonly failureThreshold: number;
  /** Null: the share of failures does not open it. */
  readonly errorRatio: {
    readonly threshold: number;
    readonly minimumRequests: number;
    readonly windowMs: number;
  } | null;
  readonly recoveryMs: number;
  /** Requests let through while it is HalfOpen; all of them must succeed. */
  readonly halfOpenMaxRequests: number;
  /** After it has closed, the share of requests let through rises over this time; 0: at once. */
  readonly gradualRecoveryMs: number;
  /** Each endpoint has one of its own beside the upstream's. */
  readonly perEndpoint: boolean;
}

/** When an isolate leaves out an endpoint that does worse than the others. */
export interface CompiledOutliers {
  /** 0: they do not count. */
  readonly consecutive5xx: number;
  /** Of 502, 503, 504, failed connections and time-outs. 0: they do not count. */
  readonly consecutiveGatewayErrors: number;
  readonly failurePercentage: {
    readonly threshold: number;
    readonly minimumRequests: number;
    /** Endpoints that have so many requests, or nothing is compared. */
    readonly minimumEndpoints: number;
  } | null;
  readonly intervalMs: number;
  /** Times the number of ejections of late. */
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  /** Of all endpoints; one may always be ejected where there are two or more. */
  readonly maxEjected: number;
}

/** `ConnectFailure`: no connection, or it broke before the answer's head; the runtime does not tell them apart. */
export const RETRY_CONDITIONS = ['ConnectFailure', 'Timeout', 'GatewayError', '5xx'] as const;
export type RetryCondition = (typeof RETRY_CONDITIONS)[number];

/** What is sent again where a call fails. */
export interface CompiledUpstreamRetry {
  /** Repetitions beyond the first try. */
  readonly attempts: number;
  readonly on: readonly RetryCondition[];
  /** Beside the conditions. */
  readonly statuses: readonly number[];
  /** Before the first repetition at most so long, by chance; doubled with each further one. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  readonly budget: {
    /** Of the requests in flight. */
    readonly share: number;
    /** So many may always be under way. */
    readonly minimum: number;
  };
}

/** 0: none. */
export interface CompiledTimeouts {
  /** To the head of the answer, repetitions included. */
  readonly requestMs: number;
  /** Of each try, to the head of its answer. */
  readonly tryMs: number;
  /** Between two pieces of a body. */
  readonly idleMs: number;
}

/** Counted by each isolate for itself. */
export interface CompiledBulkhead {
  readonly maxInFlight: number;
  /** Requests that wait for a place; 0: none does. */
  readonly maxQueued: number;
  readonly queueTimeoutMs: number;
}

/** Whether an upstream of a namespace may use a binding: `granted` has `NAME` for all, `namespace/NAME` for one. */
export function mayBind(granted: readonly string[], namespace: string, binding: string): boolean {
  return granted.includes(binding) || granted.includes(`${namespace}/${binding}`);
}
