import type { Standing } from '../traffic/limit/headers.ts';
import type { Passage } from '../traffic/limit/limiter.ts';

/** What a request that was let through has taken. */
export interface HeldLimits {
  readonly enforced: Passage | null;
  /** One a policy, since none of them holds another up. */
  readonly dry: Passage[];
  /** Of the policies that are enforced, in their order. */
  readonly standings: readonly Standing[];
  /** Where bytes are counted. */
  meter: Meter | null;
}

/** What has passed of the bodies of a request. */
export interface Meter {
  /** Of a request's body that does not say its length. */
  uploaded: number;
  charged: number;
  /** Ends the watch. */
  stop: () => void;
}

/** What of it has something to be charged, told and given back. */
export function passagesOf({ enforced, dry }: HeldLimits): readonly Passage[] {
  return enforced === null ? dry : [enforced, ...dry];
}
