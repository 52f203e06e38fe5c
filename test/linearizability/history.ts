/** What a client asked of one key and what it was told. What is undefined in it was not told: no answer came. */
export type Act =
  | { readonly type: 'get'; readonly value: string | null }
  | { readonly type: 'put'; readonly value: string }
  /** `existed`: whether the key was there. */
  | { readonly type: 'delete'; readonly existed?: boolean }
  /** Writes `value` where the key has `expected`; null is no key. */
  | { readonly type: 'cas'; readonly expected: string | null; readonly value: string; readonly swapped?: boolean };

/** One call. Times are of one clock that all clients share, in any unit. */
export interface Operation {
  readonly key: string;
  readonly calledAt: number;
  /** Infinity where no answer came: it may have taken effect at any time since its call, and may never. */
  readonly answeredAt: number;
  readonly act: Act;
  /** Of the store, as the answer had it: of the write, or of the value read. */
  readonly revision?: number;
}

/** What a key has; null where it is not there. */
type State = string | null;

/** The state after an act, or undefined where the act cannot have been told what it was told in this state. */
export function applied(state: State, act: Act): State | undefined {
  switch (act.type) {
    case 'get':
      return act.value === state ? state : undefined;
    case 'put':
      return act.value;
    case 'delete':
      return act.existed === undefined || act.existed === (state !== null) ? null : undefined;
    case 'cas': {
      const swaps = state === act.expected;
      if (act.swapped !== undefined && act.swapped !== swaps) return undefined;
      return swaps ? act.value : state;
    }
  }
}
