import type { FixedValues } from './column.ts';

/**
 * 64-bit integers in the narrowest array that is exact, and whether any lies beyond ±2^53. Slots where
 * `present` is false are 0. Works on halves, since touching each value as a bigint costs ten times as much.
 */
export function narrowInt64(
  values: BigInt64Array,
  present: (row: number) => boolean,
): { readonly values: FixedValues; readonly wide: boolean } {
  const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  const length = values.length;
  const small = new Int32Array(length);
  let row = 0;
  for (; row < length; row++) {
    if (!present(row)) continue;
    const low = words[2 * row];
    if (words[2 * row + 1] !== low >> 31) break;
    small[row] = low;
  }
  if (row === length) return { values: small, wide: false };
  const doubles = Float64Array.from(small);
  for (; row < length; row++) {
    if (!present(row)) continue;
    const high = words[2 * row + 1];
    const value = high * 4_294_967_296 + (words[2 * row] >>> 0);
    // At ±2^53 itself rounding may have come in from beyond, so there the words decide.
    if (high < -0x200000 || high > 0x200000 || (high === 0x200000 && words[2 * row] !== 0)) {
      return { values: copyPresent(values, present), wide: true };
    }
    doubles[row] = value;
  }
  return { values: doubles, wide: false };
}

function copyPresent(values: BigInt64Array, present: (row: number) => boolean): BigInt64Array {
  const out = new BigInt64Array(values.length);
  for (let row = 0; row < values.length; row++) if (present(row)) out[row] = values[row];
  return out;
}
