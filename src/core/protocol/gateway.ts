/**
 * What the gateway's resources compile to: immutable entries under keys, which the control plane publishes and the data
 * plane reads. Everything here is plain JSON. Names of standard fields are the Gateway API's (v1.5); durations are in
 * milliseconds, since nothing is parsed on the way of a request.
 */

/** A host as listeners have it: `http://a.example.com`, `https://*.example.com`, `http://` for any host. */
export type HostKey = `${'http' | 'https'}://${string}`;

/** `{namespaceUid}/{name}` of a resource; what is made again under an old name is another one. */
export type UpstreamKey = string;

/** Every entry of a snapshot, by its key. */
export interface GatewayEntries {
  /** `host:{HostKey}` */
  readonly host: HostEntry;
  /** `page:{HostKey}#{page}` */
  readonly page: RulePage;
  /** `upstream:{UpstreamKey}` */
  readonly upstream: UpstreamEntry;
  /** `policy:{namespaceUid}/{plural}/{name}` */
  readonly policy: PolicyEntry;
}

/**
 * What is known of a host before its rules are looked at. The rules lie in pages by their path, so that one host may
 * have very many: a request reads the pages of its path's prefixes that the filter knows, and no others.
 */
export interface HostEntry {
  /** Whose host it is: all of its rules are of this namespace. */
  readonly namespace: string;
  readonly namespaceUid: string;
  /** How many pages, a power of two; a path's page is `pageOf(hash of the path, pages)`. */
  readonly pages: number;
  /** Hashes of every literal path that has rules, sorted; base64 of little-endian uint32. Null where there is one page. */
  readonly paths: string | null;
  /** Segments of the longest path prefix, so that a long path asks for no more. */
  readonly maxSegments: number;
  /** Rules whose path is a regular expression: in order of precedence, in the host's entry since any path may match. */
  readonly expressions: RulePage;
  /** Whether any rule has a priority, which then comes before the standard's order. */
  readonly hasPriorities: boolean;
}

/** Rules with what they do, as one entry holds them. */
export interface RulePage {
  /** By path: a rule of each match that the path has, in the standard's order of precedence. */
  readonly rules: readonly CompiledRule[];
  /** What to do, shared by the rules of a page. */
  readonly actions: readonly RuleAction[];
}

/** One match of one rule of one route on one host. */
export interface CompiledRule {
  readonly path: PathMatch;
  readonly match: RequestMatch;
  /** Explicit, of a RouteMatchPolicy; higher first, 0 where none is given. */
  readonly priority: number;
  /** Milliseconds since the epoch at which the route was made: of two equals the oldest wins, then the first by name. */
  readonly createdMs: number;
  /** Index into the page's actions. */
  readonly action: number;
  /** Place of the match within its rule, of the rule within its route: the last tie-break, and what explain names. */
  readonly matchIndex: number;
}

/** What a path is held against, in its canonical form. */
export interface PathMatch {
  readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression';
  readonly value: string;
}

/** What a request has to meet beside its path; all of it. */
export interface RequestMatch {
  readonly method: string | null;
  /** Names in lower case; all must match. */
  readonly headers: readonly ValueMatch[];
  readonly query: readonly ValueMatch[];
  /** Of a RouteMatchPolicy; null where there is none. */
  readonly conditions: MatchConditions | null;
}

/** What a header or a query parameter is held against. */
export interface ValueMatch {
  readonly type: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

/** What a RouteMatchPolicy adds; every member that is there must hold, by one of its values. */
export interface MatchConditions {
  /** ISO 3166-1 alpha-2, upper case. */
  readonly countries?: readonly string[];
  /** AF AN AS EU NA OC SA. */
  readonly continents?: readonly string[];
  /** IATA codes of Cloudflare's places. */
  readonly colos?: readonly string[];
  readonly tenant?: { readonly from: ValueSource; readonly values: readonly string[] };
  readonly clientCertificate?: {
    readonly verified?: boolean;
    readonly fingerprintsSha256?: readonly string[];
    readonly subjects?: readonly string[];
  };
  readonly apiVersion?: {
    readonly from: ValueSource | { readonly type: 'mediaType' };
    readonly values: readonly string[];
  };
}

/** Where a text of a request is taken from. */
export type ValueSource =
  | { readonly type: 'header'; readonly name: string }
  | { readonly type: 'query'; readonly name: string }
  /** From 0; of `/v2/users` segment 0 is `v2`. */
  | { readonly type: 'pathSegment'; readonly index: number }
  /** From 0, from the left; of `acme.example.com` label 0 is `acme`. */
  | { readonly type: 'hostLabel'; readonly index: number };

/** What becomes of a request that a rule has matched. */
export interface RuleAction {
  readonly route: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly generation: number;
  };
  readonly rule: { readonly index: number; readonly name: string | null };
  /** By which the route is attached here. */
  readonly gateway: { readonly namespace: string; readonly name: string; readonly listener: string };
  readonly filters: readonly CompiledFilter[];
  readonly backends: readonly CompiledBackend[];
  /** 0: none. `requestMs` from the first byte to the last of the answer's head, retries included. */
  readonly timeouts: { readonly requestMs: number; readonly backendRequestMs: number };
  readonly retry: CompiledRetry | null;
  readonly sessionPersistence: CompiledSession | null;
  /** The Gateway's first; of one kind at most one is in force: the one whose target is the narrowest. */
  readonly policies: readonly AttachedPolicy[];
  /** Why no request of this rule can be served as declared, or null: then it is answered with that status, never by another rule. */
  readonly broken: { readonly status: number; readonly reason: string; readonly message: string } | null;
}

/** A policy that a rule is held to. */
export interface AttachedPolicy {
  readonly kind: PolicyEntry['kind'];
  /** A key of an entry of kind `policy`. */
  readonly key: string;
  /** Which target it is attached to, for explain. */
  readonly target: 'Gateway' | 'Upstream' | 'HTTPRoute' | 'HTTPRouteRule';
}

/** One of a rule's backends, with its share by weight. */
export interface CompiledBackend {
  /** Null where the reference does not resolve: its share of requests is answered 500. */
  readonly upstream: UpstreamKey | null;
  readonly weight: number;
  readonly filters: readonly CompiledFilter[];
  /** Why `upstream` is null: a reason of the condition ResolvedRefs. */
  readonly reason: string | null;
  /** How the route names it, for metrics and explain: `namespace/name`. */
  readonly name: string;
}

/** The standard's filters, as far as they are built, by its names. */
export type CompiledFilter =
  | { readonly type: 'RequestHeaderModifier'; readonly headers: HeaderChanges }
  | { readonly type: 'ResponseHeaderModifier'; readonly headers: HeaderChanges }
  | { readonly type: 'RequestRedirect'; readonly redirect: CompiledRedirect }
  | { readonly type: 'URLRewrite'; readonly rewrite: CompiledRewrite }
  | { readonly type: 'RequestMirror'; readonly mirror: CompiledMirror }
  | { readonly type: 'CORS'; readonly cors: CompiledCors };

/** Changes of headers; what is removed goes first, what is added comes last. Names are in lower case. */
export interface HeaderChanges {
  readonly set: readonly HeaderValue[];
  readonly add: readonly HeaderValue[];
  readonly remove: readonly string[];
}

/** A header with its value. */
export interface HeaderValue {
  readonly name: string;
  readonly value: string;
}

/** Null: the request's own. */
export interface CompiledRedirect {
  readonly scheme: string | null;
  readonly hostname: string | null;
  readonly path: PathModifier | null;
  readonly port: number | null;
  readonly statusCode: number;
}

/** Null: as it is. */
export interface CompiledRewrite {
  readonly hostname: string | null;
  readonly path: PathModifier | null;
}

/** What takes the place of a path, or of the prefix that was matched. */
export type PathModifier =
  | { readonly type: 'ReplaceFullPath'; readonly value: string }
  | { readonly type: 'ReplacePrefixMatch'; readonly value: string };

/** Where copies of requests go. */
export interface CompiledMirror {
  readonly backend: CompiledBackend;
  /** Of requests, from 0 to 1. */
  readonly fraction: number;
}

/** Which pages may read answers, by the Fetch standard. */
export interface CompiledCors {
  readonly allowOrigins: readonly string[];
  readonly allowCredentials: boolean;
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds: number;
}

/** A rule's own word on repetitions. */
export interface CompiledRetry {
  /** Repetitions beyond the first try. */
  readonly attempts: number;
  /** Of the pause before the first repetition; it doubles. */
  readonly backoffMs: number;
  /** Statuses that are tried again; a connection that fails always is. */
  readonly codes: readonly number[];
}

/** How requests of one client are known for one. */
export interface CompiledSession {
  readonly type: 'Cookie' | 'Header';
  readonly name: string;
  /** 0: as long as the client keeps it. */
  readonly absoluteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly cookieLifetime: 'Session' | 'Permanent';
}

/** An `Upstream`, compiled; its members are in core/protocol/upstream.ts. */
export type UpstreamEntry = import('./upstream.ts').CompiledUpstream;

/** A policy, compiled, by its kind; each kind's spec has a protocol file of its own. */
export type PolicyEntry =
  | {
      readonly kind: 'RateLimitPolicy';
      readonly name: string;
      readonly namespaceUid: string;
      readonly spec: import('./rate-limit.ts').CompiledRateLimits;
    }
  | {
      readonly kind: 'AuthPolicy';
      readonly name: string;
      readonly namespaceUid: string;
      readonly spec: import('./auth-policy.ts').CompiledAuth;
    }
  | {
      readonly kind: 'SecurityPolicy';
      readonly name: string;
      readonly namespaceUid: string;
      readonly spec: import('./security-policy.ts').CompiledSecurity;
    };

/** Which entries there are and where: one immutable file a version. */
export interface GatewayManifest {
  /** Of the files: a reader that knows another keeps what it has. */
  readonly format: number;
  /** Rises with each publication. */
  readonly version: number;
  /** A power of two; an entry is in shard `shardOf(key, shards.length)`. */
  readonly shards: readonly ShardRef[];
  /** Hashes of every host key, sorted; base64 of little-endian uint32. A host that is not here has no route. */
  readonly hosts: string;
}

/** A shard's file is `gateway/shards/{hash}`, JSON of `{ [key]: entry }`; null where the shard is empty. */
export type ShardRef = { readonly hash: string; readonly bytes: number } | null;
