import type { CheckDelay } from './endpoint-checker.ts';
import type { UpstreamKey } from './gateway.ts';
import type { CompiledEndpoint } from './upstream.ts';

/** The name of the one UpstreamMonitor object that isolates of the gateway ask. */
export const UPSTREAM_MONITOR_NAME = 'gateway';

/** What the UpstreamMonitor object answers to isolates of the gateway, to the control plane and to the API. */
export interface UpstreamMonitorCalls {
  /**
   * A version of the configuration lies in the bucket, with everything it names. Repeating it changes nothing, and an
   * older version than the present one is no news: a rollback is a new version with old content.
   */
  announce(version: number): Promise<void>;
  /** What is new for an isolate; where nothing is, waits up to `waitMs` for it. */
  sync(request: SyncRequest): Promise<SyncAnswer>;
  /** The state of upstreams as it is known here, for people. */
  describe(keys: readonly UpstreamKey[]): Promise<Readonly<Record<UpstreamKey, UpstreamDescription>>>;
  /** A checker has found something. It tells of all that it has found of an upstream, of the newest last. */
  found(checker: number, findings: Readonly<Record<UpstreamKey, UpstreamFindings>>): Promise<void>;
  /** By how much checks come later than declared, of every upstream that is checked. */
  checkDelays(): Promise<readonly CheckDelay[]>;
  /** Forgets every upstream of a namespace. */
  eraseNamespace(namespaceUid: string): Promise<void>;
}

/** One question of an isolate, which carries all that it has to tell and to ask. */
export interface SyncRequest {
  /** Which isolate asks: any text that is its own. */
  readonly isolate: string;
  /** The version it has; 0 for none. */
  readonly configVersion: number;
  /** The upstreams it calls, each with the version of the state that it has; 0 for none. */
  readonly upstreams: Readonly<Record<UpstreamKey, number>>;
  /** Upstreams that requests have come for which an open breaker keeps out: it would send probes. */
  readonly probes: readonly UpstreamKey[];
  /** What its breakers came to, until an answer shows that it has been heard. */
  readonly reports: readonly BreakerReport[];
  /** At most LIMITS.gatewaySyncMs. */
  readonly waitMs: number;
}

/** What is new for the isolate; nothing where its question has waited in vain. */
export interface SyncAnswer {
  /** Null where the isolate has the present version, or where there is none. `manifest` is its name in the bucket. */
  readonly config: { readonly version: number; readonly manifest: string } | null;
  /** Of those asked for, the ones whose state is another than the isolate has. */
  readonly upstreams: Readonly<Record<UpstreamKey, UpstreamState>>;
}

/** What checks and registries say of an upstream. */
export interface UpstreamFindings {
  /** What discovery found; null where endpoints are declared, or where the registry has not answered yet. */
  readonly endpoints: readonly CompiledEndpoint[] | null;
  /** The registry does not answer, and `endpoints` is the last it said, since so long; null where it is fresh. */
  readonly stale: { readonly sinceMs: number; readonly reason: string } | null;
  /** By address, those that active checks have spoken of. */
  readonly health: Readonly<Record<string, EndpointHealth>>;
}

/** What is known of one upstream beside what is declared, and is the same for every isolate. */
export interface UpstreamState extends UpstreamFindings {
  /** A higher number for every later state; 0 where nothing is known of the upstream. */
  readonly version: number;
  /** By address, '' for the upstream as a whole; those that are not Closed, and those that closed of late. */
  readonly breakers: Readonly<Record<string, SharedBreaker>>;
}

/** A state for people. */
export interface UpstreamDescription extends UpstreamState {
  /** When endpoints were asked last, milliseconds since the epoch, by address; empty where their checker does not answer. */
  readonly lastChecks: Readonly<Record<string, number>>;
}

/** What active checks say of an endpoint. */
export interface EndpointHealth {
  readonly healthy: boolean;
  /** When it turned, milliseconds since the epoch. */
  readonly sinceMs: number;
  /** What the last check came to: `status 503`, `no answer within 5000 ms`. */
  readonly reason: string;
}

/** Closed lets requests through, Open none, HalfOpen those that are to try. */
export type BreakerState = 'Closed' | 'Open' | 'HalfOpen';

/** A breaker as all isolates share it. */
export interface SharedBreaker {
  readonly state: BreakerState;
  /** Rises with each opening: what is said of an earlier one is no news. */
  readonly round: number;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** While Open: until probes are let through, from when this was said. */
  readonly retryInMs: number;
  /** Since Closed so long, from when this was said: the share let through rises with it. */
  readonly closedForMs: number;
  /** Probes that the isolate which is told this may send, in this round; 0 where it did not ask, or others send them. */
  readonly probes: number;
  readonly reason: string;
}

/** What an isolate's own breaker came to. */
export interface BreakerReport {
  readonly upstream: UpstreamKey;
  /** Of the endpoint; '' for the upstream as a whole. */
  readonly address: string;
  /** `opened`: by failures it saw; `reopened`: a probe failed; `probed`: so many probes succeeded. */
  readonly event: 'opened' | 'reopened' | 'probed';
  /** Of `probed`; else 0. */
  readonly successes: number;
  /** Of the shared breaker that the isolate knew; 0 for none. */
  readonly round: number;
  readonly recoveryMs: number;
  readonly halfOpenMaxRequests: number;
  readonly reason: string;
}
