import type { ErrorCode } from '../core/errors.ts';
import type { Identity } from '../core/protocol/auth-policy.ts';
import type {
  AttachedPolicy,
  CompiledBackend,
  CompiledRule,
  PolicyEntry,
  RuleAction,
  UpstreamKey,
} from '../core/protocol/gateway.ts';
import type { CompiledUpstream } from '../core/protocol/upstream.ts';
import type { TraceContext } from '../observe/trace-context.ts';
import type { CanonicalRequest } from '../traffic/canonical.ts';
import type { EntryAt, EntryKey } from '../traffic/snapshot/keys.ts';
import type { HeaderList } from './header-list.ts';
import type { HeldLimits } from './held-limits.ts';

/** A value, or a promise of it only where there is something to wait for: most stages decide at once. */
export type Soon<T> = T | Promise<T>;

/** What the platform tells of where a request comes from; a local client can forge it. */
export type RequestPlace = Partial<IncomingRequestCfProperties>;

/** Entries of the one version a request works on from its start to its end. */
export interface EntryReader {
  /** Of the manifest. */
  readonly version: number;
  /** Hashes of the host keys that have rules. */
  readonly hosts: Uint32Array;
  /** The entry; null where there is none; undefined where its shard is not in memory, and `load` reads it. */
  read<K extends EntryKey>(key: K): EntryAt<K> | null | undefined;
  /** Reads the shard of an entry and keeps it for this reader at least. Throws where the store fails. */
  load(key: EntryKey): Promise<void>;
}

/** Policies in force for a request, already of their kind; null where there is none. */
export interface PoliciesInForce {
  readonly auth: Extract<PolicyEntry, { kind: 'AuthPolicy' }> | null;
  readonly security: Extract<PolicyEntry, { kind: 'SecurityPolicy' }> | null;
  /** They add up; the Gateway's first. */
  readonly rateLimits: readonly { readonly attached: AttachedPolicy; readonly policy: RateLimitEntry }[];
}

/** The compiled entry of a RateLimitPolicy. */
export type RateLimitEntry = Extract<PolicyEntry, { kind: 'RateLimitPolicy' }>;

/** How one call of an endpoint ended, as breakers, health and metrics count it. */
export type CallFault =
  /** No connection, or it broke before the answer's head. */
  | 'connect'
  /** The per-try time-out passed. */
  | 'timeout'
  /** Nobody wanted the answer any more: says nothing of the endpoint. */
  | 'cancelled'
  /** Not sent: its address may not be called (SSRF), or its binding is not there. */
  | 'refused';

/** What came of one call of an endpoint. */
export interface CallOutcome {
  /** Of the answer's head; null where none came. */
  readonly status: number | null;
  readonly fault: CallFault | null;
  readonly headMs: number;
}

/** One call of an endpoint, in the order they were made. */
export interface Call {
  readonly endpoint: string;
  readonly startedMs: number;
  /** Of its span in a trace that is sampled; null in others. */
  readonly spanId: string | null;
  readonly outcome: CallOutcome;
}

/** What one rate limit said. */
export interface LimitDecision {
  readonly policy: string;
  readonly limit: string;
  readonly allowed: boolean;
  /** False where nobody could be asked: then it is the policy that allowed or refused. */
  readonly asked: boolean;
  readonly dryRun: boolean;
}

/** Why a request was answered here and not by an upstream, as counted and logged. */
export interface Refusal {
  readonly code: ErrorCode;
  /** The stage that refused. */
  readonly stage: Stage;
}

/** Where in the pipeline a request was refused, for logs and metrics. */
export type Stage =
  | 'canonical'
  | 'match'
  | 'addresses'
  | 'validation'
  | 'authentication'
  | 'authorisation'
  | 'rateLimit'
  | 'filters'
  | 'upstream';

/**
 * One request on its way through the gateway. A mutable record made once a request: each stage writes the members that
 * are its own, and reads what earlier ones wrote. Times are those of `Clock`, which stands still while the isolate computes.
 */
export interface Exchange {
  readonly request: Request;
  /** The request's headers as they came. */
  readonly given: HeaderList;
  /** Replaced where a stage takes something out of it: a key in the query. */
  target: CanonicalRequest;
  readonly entries: EntryReader;
  /** An IPv4 or IPv6 address by the rules of docs/gateway.md; null where the platform tells none. */
  readonly clientIp: string | null;
  readonly place: RequestPlace;
  readonly requestId: string;
  readonly trace: TraceContext;
  /** Keeps the isolate working on something after the answer. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly startedMs: number;
  /** Of a request whose WebSocket is open and that is looked at anew: when it was let in. Null in all others. */
  openedMs: number | null;

  /** Of the rule that matched; null before and where none did. */
  rule: CompiledRule | null;
  action: RuleAction | null;
  policies: PoliciesInForce;
  /** Named groups of the path's expression, for keys of rate limits and policies. */
  pathVariables: Readonly<Record<string, string>>;
  /** Of nobody, until authentication has said who it is. */
  identity: Identity;
  /** What goes to the upstream: the request's headers without those of the connection, changed by stages and filters. */
  readonly headers: HeaderList;
  /** The request's body: a stage that has read it puts the bytes in its place, one that bounds it a stream around it. */
  body: ReadableStream<Uint8Array> | Uint8Array | null;
  /** Set by a stream around the body that ends it: the answer then, in place of one that says the upstream failed. */
  bodyFault: { readonly code: ErrorCode; readonly detail: string } | null;
  /** The path to the upstream, which filters may have rewritten, and the name in place of the endpoint's own; null: that. */
  upstreamPath: string;
  upstreamHost: string | null;
  /** The backend chosen by weight, and its upstream. */
  backend: CompiledBackend | null;
  upstreamKey: UpstreamKey | null;
  upstream: CompiledUpstream | null;

  /** Whether somebody needs to know when the answer's body has ended and how long it was: then it is watched. */
  watchBody: boolean;
  /** Ends with the answer's body, or its WebSocket, where that is watched; never fails. */
  bodyEnd: Promise<void> | null;
  /** What the request has taken of its limits, from when they let it through until it is over. */
  heldLimits: HeldLimits | null;
  /** Of limits with costs: what the request counts as, until the answer says better. */
  cost: number;

  // What is counted, logged and traced at the end.
  calls: Call[];
  limits: LimitDecision[];
  refusal: Refusal | null;
  mirrorsSkipped: number;
  /** When the request was handed to an endpoint for the first time, when the answer's head came, when its body ended. */
  sentMs: number;
  headMs: number;
  endedMs: number;
  /** Of the answer to the client; 0 before. */
  status: number;
  /** Of the bodies, or of a pumped WebSocket's messages; null where they were neither declared nor watched. */
  requestBytes: number | null;
  responseBytes: number | null;
  /** Whether the answer's body came whole, or its WebSocket ended by a close; null where nobody watched. */
  bodyWhole: boolean | null;
}

/** A stage that may answer: null lets the request go on. */
export type Check = (exchange: Exchange) => Soon<Response | null>;
