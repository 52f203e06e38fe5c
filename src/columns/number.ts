import { asciiText } from './utf8.ts';

/** Powers of ten that doubles hold exactly. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);

/**
 * What `readNumber` found. One record is reused for all calls, since they run once a value: read it
 * before the next call.
 */
export const numeral = {
  /** The value; of an integer with more than 15 digits only its text says it exactly. */
  value: 0,
  integer: false,
  /** All digits, leading zeros of a fraction included. */
  digits: 0,
  /** Digits behind the point, and whether the last of them is a zero; -1 where there is an exponent. */
  fractionDigits: 0,
  endsInZero: false,
};

/**
 * Reads a decimal number as people write them in text: an optional minus, no leading zeros, an optional
 * fraction and exponent; the zero before the point may be missing. False where the bytes are anything
 * else, where a zero is negative without a point (it has no integer), and beyond the range of a double.
 */
export function readNumber(bytes: Uint8Array, start: number, end: number): boolean {
  const negative = bytes[start] === 45;
  let at = negative ? start + 1 : start;
  const first = at;
  let mantissa = 0;
  while (at < end && bytes[at] >= 48 && bytes[at] <= 57) mantissa = mantissa * 10 + bytes[at++] - 48;
  const whole = at - first;
  if (whole > 1 && bytes[first] === 48) return false;
  if (at === end) {
    if (whole === 0 || (negative && mantissa === 0)) return false;
    numeral.value = negative ? -mantissa : mantissa;
    numeral.integer = true;
    numeral.digits = whole;
    numeral.fractionDigits = 0;
    return true;
  }
  numeral.integer = false;
  let fraction = 0;
  if (bytes[at] === 46) {
    const point = at++;
    while (at < end && bytes[at] >= 48 && bytes[at] <= 57) mantissa = mantissa * 10 + bytes[at++] - 48;
    fraction = at - point - 1;
    if (fraction === 0) return false;
    numeral.endsInZero = bytes[at - 1] === 48;
  } else if (whole === 0) {
    return false;
  }
  numeral.digits = whole + fraction;
  if (at === end) {
    numeral.fractionDigits = fraction;
    // Fifteen digits are exact in a double, and so are these powers: one rounding, the right one.
    // (W. D. Clinger, How to read floating point numbers accurately, 1990)
    if (whole + fraction <= 15) {
      const value = mantissa / POWERS[fraction];
      numeral.value = negative ? -value : value;
      return true;
    }
  } else {
    numeral.fractionDigits = -1;
    if ((bytes[at] | 32) !== 101) return false;
    at++;
    if (bytes[at] === 43 || bytes[at] === 45) at++;
    const exponent = at;
    while (at < end && bytes[at] >= 48 && bytes[at] <= 57) at++;
    if (at === exponent || at !== end) return false;
  }
  numeral.value = Number(asciiText(bytes, start, end));
  return Number.isFinite(numeral.value);
}
