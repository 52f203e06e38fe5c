import type { CompiledLimit } from './rate-limit.ts';

/** What counting needs of a limit. */
export type LimitRule = Pick<
  CompiledLimit,
  'name' | 'algorithm' | 'limit' | 'windowMs' | 'calendar' | 'burst' | 'holdMs'
>;

/** One limit asked for one key. */
export interface LimitAsk {
  /** The asker brings the figures, so that the object has no configuration that could be old. */
  readonly rule: LimitRule;
  readonly key: string;
  /** Units that must be there; otherwise nothing is taken. */
  readonly need: number;
  /** Units that are taken for the request that asks. */
  readonly take: number;
  /** Units that are wanted beyond them, to be used by the asker alone; 0: none. */
  readonly lease: number;
  /** Of concurrency: who enters; null where nobody does. */
  readonly holder: string | null;
}

/** How a counter stands. */
export interface LimitReading {
  /** Whole units that are left; below 0 is a debt. */
  readonly available: number;
  /** Milliseconds until there are more; 0 where nothing is missing. */
  readonly resetMs: number;
}

/** What one limit says of an ask. */
export interface LimitVerdict extends LimitReading {
  /** Whether this limit had what was needed, whatever the others had. */
  readonly gives: boolean;
  /** Where it has not: until it will. */
  readonly waitMs: number;
  /** Units lent, which may be used for `leaseMs` from the moment at which the call was made. */
  readonly lent: number;
  readonly leaseMs: number;
  /** To be named when what was taken, or what was lent, comes back. */
  readonly mark: number;
  readonly lentMark: number;
}

/** The verdicts in the order of the asks; where not all gave, nothing was taken. */
export interface TakeAnswer {
  /** Whether all limits gave. */
  readonly allowed: boolean;
  readonly verdicts: readonly LimitVerdict[];
}

/** What becomes known after a request was let through. */
export type LimitChange =
  /** More was used than was taken; it may become a debt. */
  | { readonly type: 'charge'; readonly rule: LimitRule; readonly key: string; readonly units: number }
  /** What was lent and not used. */
  | {
      readonly type: 'refund';
      readonly rule: LimitRule;
      readonly key: string;
      readonly units: number;
      readonly mark: number;
    }
  /** Of concurrency: whoever entered is there still, and counts for another `holdMs`. One that is not known stays unknown. */
  | { readonly type: 'stay'; readonly rule: LimitRule; readonly key: string; readonly holder: string }
  /** Of concurrency: whoever entered is gone. */
  | { readonly type: 'leave'; readonly rule: LimitRule; readonly key: string; readonly holder: string };

/** What a `RateLimiter` object is asked. Its name is `{namespaceUid}/{policy}/{shard}`. */
export interface RateLimiterCalls {
  /** Makes the changes, then takes what is asked from all limits or from none. */
  take(asks: readonly LimitAsk[], changes: readonly LimitChange[]): Promise<TakeAnswer>;
  change(changes: readonly LimitChange[]): Promise<void>;
  /** What `take` would say. */
  peek(asks: readonly LimitAsk[]): Promise<TakeAnswer>;
  /** Forgets what was counted for a key under these limits; returns how many counters there were. */
  reset(limits: readonly string[], key: string): Promise<number>;
  /** Whether a nonce is used for the first time, which it then was; remembered a minute beyond `expiresAtMs`. */
  firstUse(nonce: string, expiresAtMs: number): Promise<boolean>;
}
