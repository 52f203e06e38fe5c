/** A `RateLimitPolicy`, compiled. */
export interface CompiledRateLimits {
  /**
   * Who counts: the platform at each of its places (edge), one object of all (exact), or isolates out of what that
   * object lent them (leased). docs/rate-limits.md says what each bounds.
   */
  readonly mode: 'edge' | 'exact' | 'leased';
  /** The binding that counts; null unless the mode is edge. */
  readonly tier: string | null;
  /** Counted, never refused. */
  readonly dryRun: boolean;
  /** Whether requests pass while nobody can be asked. */
  readonly onFailure: 'open' | 'closed';
  /** Objects the keys are divided over. */
  readonly shards: number;
  readonly limits: readonly CompiledLimit[];
}

/** One limit: how much of what passes for each key. */
export interface CompiledLimit {
  /** Unique within its policy. */
  readonly name: string;
  readonly algorithm: 'tokenBucket' | 'slidingWindow' | 'fixedWindow' | 'concurrency';
  /** What is counted: costs and bytes are known only after they have passed. */
  readonly measure: 'requests' | 'cost' | 'bytes';
  readonly limit: number;
  /** 0 where the window is one of the calendar, and for concurrency. */
  readonly windowMs: number;
  /** In UTC; then the algorithm is fixedWindow. */
  readonly calendar: 'day' | 'month' | null;
  /** What may pass at once after a pause; `limit` but for token buckets. */
  readonly burst: number;
  /** Parts that together tell callers apart; empty: all share the limit. */
  readonly key: readonly KeyPart[];
  /** The response header with the cost of its request, in lower case. */
  readonly costHeader: string | null;
  /** Where the header is not there. */
  readonly defaultCost: number;
  /** After which a request is no longer counted among those in flight, should nobody have said that it ended or goes on. */
  readonly holdMs: number;
}

/** What callers are told apart by; a request without it shares the limit with all such requests. */
export type KeyPart =
  /** An IPv4 address, or the /64 of an IPv6 address. */
  | { readonly type: 'ip' }
  | { readonly type: 'apiKey' }
  | { readonly type: 'user' }
  | { readonly type: 'tenant' }
  /** In lower case. */
  | { readonly type: 'header'; readonly name: string }
  /** A segment of the path, where the path begins as the template does. */
  | { readonly type: 'pathSegment'; readonly index: number; readonly literals: readonly (string | null)[] }
  /** A named group of the expression that the route's path is. */
  | { readonly type: 'pathGroup'; readonly name: string };

/** A tier of mode edge: a binding of the platform, whose figures are in its name since nothing else tells them. */
export interface EdgeTier {
  /** `EDGE_100_PER_10` */
  readonly binding: string;
  readonly limit: number;
  readonly windowSeconds: number;
}

/** The tiers among the names of bindings. */
export function edgeTiersIn(bindings: Iterable<string>): readonly EdgeTier[] {
  const tiers: EdgeTier[] = [];
  for (const binding of bindings) {
    const figures = /^EDGE_([1-9][0-9]*)_PER_(10|60)$/.exec(binding);
    if (figures !== null) tiers.push({ binding, limit: Number(figures[1]), windowSeconds: Number(figures[2]) });
  }
  return tiers;
}
