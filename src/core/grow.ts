/** A longer copy of an array; the new entries are 0. One function an array type, so that each call site sees one. */
export function grownInt32(values: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const out = new Int32Array(length);
  out.set(values);
  return out;
}

export function grownDoubles(values: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(length);
  out.set(values);
  return out;
}

export function grownBigInts(values: BigInt64Array, length: number): BigInt64Array<ArrayBuffer> {
  const out = new BigInt64Array(length);
  out.set(values);
  return out;
}

export function grownBytes(values: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(length);
  out.set(values);
  return out;
}

/** The capacity to grow to for `needed` entries: doubled, so that growing costs a constant an entry. */
export function grownLength(present: number, needed: number): number {
  return Math.max(needed, 2 * present, 16);
}
