/** A request that is to be explained and not sent. */
export interface ExplainRequest {
  /** Whose configuration may be told. */
  readonly namespace: string;
  readonly method: string;
  /** With scheme and host; a Host header takes the host's place. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As if it came from there. */
  readonly clientIp: string;
  /** As the platform would tell of its place: `country`, `continent`, `colo`. */
  readonly cf: Readonly<Record<string, unknown>>;
}

/** What the gateway would do with a request, and why. */
export interface Explanation {
  readonly request: {
    readonly method: string;
    readonly scheme: string;
    readonly host: string;
    readonly path: string;
    readonly query: string;
    readonly clientIp: string;
  };
  /** Of the configuration. */
  readonly version: number;
  readonly outcome: ExplainedOutcome;
  /** Every host that was looked up, the most specific first. Rules of other namespaces are not told. */
  readonly hosts: readonly { readonly host: string; readonly rules: 'none' | 'yours' | 'not yours' }[];
  /** The one the request goes by; null where there is none of this namespace. */
  readonly match: ExplainedMatch | null;
  /** Rules of these hosts in order of precedence, those of this namespace. */
  readonly rules: readonly ExplainedRule[];
  /** Rules that are not listed. */
  readonly omitted: number;
  /** What filters do, in their order. */
  readonly filters: readonly string[];
  readonly policies: readonly {
    readonly kind: string;
    readonly name: string;
    /** What it is attached to: the narrowest counts. */
    readonly target: string;
  }[];
  readonly checks: readonly ExplainedCheck[];
  readonly limits: readonly ExplainedLimit[];
  readonly backends: readonly ExplainedBackend[];
  /** As the upstream would see it; null where none would. */
  readonly forwarded: { readonly path: string; readonly query: string; readonly host: string | null } | null;
}

/** What the gateway says of a request, with what is declared and not served. */
export interface ExplanationAnswer extends Explanation {
  /** The version that is held to, so that later changes are not served; null where none is. */
  readonly pinned: {
    readonly version: number;
    /** RFC 3339; null while it is not published yet. */
    readonly since: string | null;
  } | null;
  /** Where no rule matched: routes of the namespace that name the host and are not in force, or not as declared. */
  readonly notInForce: readonly RouteNotInForce[];
  /** Whether there may be more of them. */
  readonly routesOmitted: boolean;
}

/** A route that is declared and not served, or not all of it. */
export interface RouteNotInForce {
  /** `namespace/name` */
  readonly route: string;
  /** Of the condition that says so, or a word of ours where none does: `NoParents`, `Pending`, `NotServed`. */
  readonly reason: string;
  readonly message: string;
}

/** What would become of the request. */
export type ExplainedOutcome =
  /** Sent to one of the backends that have a share; which one is chance, unless there is one. */
  | { readonly type: 'proxied'; readonly detail: string }
  /** Answered by the gateway itself. */
  | {
      readonly type: 'answered';
      readonly status: number;
      readonly stage: string;
      readonly code: string | null;
      readonly detail: string;
    }
  /** The host, or the rule, is of another namespace; nothing else is told. */
  | { readonly type: 'elsewhere'; readonly detail: string };

/** The rule that the request goes by. */
export interface ExplainedMatch {
  readonly route: string;
  readonly rule: string;
  readonly gateway: string;
  readonly host: string;
  /** Conditions that the request meets, the path's first. */
  readonly because: readonly string[];
  readonly pathVariables: Readonly<Record<string, string>>;
}

/** A rule that was looked at. */
export interface ExplainedRule {
  readonly route: string;
  readonly rule: string;
  readonly host: string;
  readonly path: string;
  readonly outcome: 'matched' | 'outranked' | 'failed';
  /** Of a rule that failed: the first condition that the request does not meet. */
  readonly why: string | null;
}

/** What one stage would say, nothing having been sent or counted. */
export interface ExplainedCheck {
  readonly stage: string;
  /** `unknown`: it would ask somebody, or look at a body. */
  readonly verdict: 'passes' | 'refuses' | 'unknown';
  readonly status: number | null;
  readonly detail: string;
}

/** What one limit would say, nothing having been taken. */
export interface ExplainedLimit {
  readonly policy: string;
  readonly limit: string;
  readonly mode: 'edge' | 'exact' | 'leased';
  readonly dryRun: boolean;
  readonly key: string;
  /** Null where nobody can tell: the platform is asked only by being counted, and an object may not answer. */
  readonly allowed: boolean | null;
  readonly remaining: number | null;
  readonly retryAfterSeconds: number | null;
}

/** A backend of the rule, and what would become of the requests that it gets. */
export interface ExplainedBackend {
  readonly name: string;
  /** Of the rule's requests, from 0 to 1. */
  readonly share: number;
  /** Why its share is answered with an error; null where it is not. */
  readonly fault: string | null;
  /** What the isolate that explains knows of it; another one's breakers and counts may stand otherwise. */
  readonly upstream: {
    readonly strategy: string;
    readonly breaker: string;
    /** Who would be called; null for nobody. Addresses of another namespace's upstream are not told. */
    readonly chosen: string | null;
    readonly reason: string | null;
    readonly panic: boolean;
    readonly stale: boolean;
    readonly endpoints: readonly {
      readonly address: string;
      readonly available: boolean;
      readonly reason: string | null;
      readonly breaker: string;
      readonly weight: number;
      readonly zone: string | null;
      readonly inFlight: number;
    }[];
  } | null;
}
