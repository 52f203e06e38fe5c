/** Source of randomness, passed in so that a run can be replayed from its seed. */
export interface Random {
  /** A uniform number in [0, 1). */
  next(): number;
  /** `length` bytes; cryptographically strong only from `systemRandom`. */
  bytes(length: number): Uint8Array;
}

/** The platform's own randomness. */
export const systemRandom: Random = {
  next: () => {
    const word = crypto.getRandomValues(new Uint32Array(1))[0];
    return word / 4_294_967_296;
  },
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** A reproducible generator (mulberry32); never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)),
  };
}
