/** Source of randomness, passed in so that a run can be replayed from its seed. */
export interface Random {
  /** A uniform number in [0, 1). */
  next(): number;
  /** `length` bytes; cryptographically strong only from `systemRandom`. */
  bytes(length: number): Uint8Array;
}

/** Bytes asked of the platform at a time: a call of it costs as much as some hundred bytes. */
const POOL_BYTES = 4_096;
/** `getRandomValues` gives no more at once. */
const LARGEST_CALL = 65_536;

/** The platform's own randomness, out of a pool; what was given out is no longer in it. */
export const systemRandom: Random = (() => {
  const pool = new Uint8Array(POOL_BYTES);
  let at = POOL_BYTES;
  const bytes = (length: number): Uint8Array => {
    if (length > POOL_BYTES) {
      const many = new Uint8Array(length);
      for (let from = 0; from < length; from += LARGEST_CALL)
        crypto.getRandomValues(many.subarray(from, from + LARGEST_CALL));
      return many;
    }
    if (at + length > POOL_BYTES) {
      crypto.getRandomValues(pool);
      at = 0;
    }
    const taken = pool.slice(at, at + length);
    pool.fill(0, at, at + length);
    at += length;
    return taken;
  };
  const next = () => {
    const [a, b, c, d] = bytes(4);
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 4_294_967_296;
  };
  return { next, bytes };
})();

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
