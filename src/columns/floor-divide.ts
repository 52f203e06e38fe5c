/** The quotient rounded down, where `/` of bigints rounds towards zero: what lies before 1970 stays in its unit. */
export function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}
