/** 128-bit integers as the `int128` layout keeps them: little-endian pairs of 64-bit words. */

export function readInt128(words: BigInt64Array, row: number): bigint {
  return (words[2 * row + 1] << 64n) | BigInt.asUintN(64, words[2 * row]);
}

export function writeInt128(words: BigInt64Array, row: number, value: bigint): void {
  words[2 * row] = BigInt.asIntN(64, value);
  words[2 * row + 1] = BigInt.asIntN(64, value >> 64n);
}
