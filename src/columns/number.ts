import { asciiText } from './utf8.ts';

/** Powers of ten that doubles hold exactly. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);

/** What `readFraction` found; one record for all calls, like `numeral`. */
export const fraction = {
  /** The whole number, or NaN where its text has to be read by the platform. */
  value: 0,
  /** Digits behind the point. */
  digits: 0,
  /** Digits from the first that is not zero. */
  significant: 0,
};

/** Digits a double holds exactly whatever they are. */
const EXACT_DIGITS = 15;

/**
 * Reads the digits behind a point: the position behind the last. `whole` is what stands before the
 * point, of `wholeDigits` digits, at most 15 and without leading zeros.
 *
 * Up to fifteen digits, one division of two exact doubles is right (W. D. Clinger, How to read floating
 * point numbers accurately, 1990). Up to nineteen, which is what shortest doubles have, the quotient is
 * worked out to twice a double's precision, which decides all but one in billions.
 */
export function readFraction(
  bytes: Uint8Array,
  start: number,
  end: number,
  whole: number,
  wholeDigits: number,
): number {
  let mantissa = whole;
  let significant = whole === 0 ? 0 : wholeDigits;
  let rest = 0;
  let at = start;
  for (; at < end; at++) {
    const digit = bytes[at] - 48;
    if (digit < 0 || digit > 9) break;
    if (significant < EXACT_DIGITS) {
      mantissa = mantissa * 10 + digit;
      if (mantissa !== 0) significant++;
    } else {
      rest = rest * 10 + digit;
      significant++;
    }
  }
  const digits = at - start;
  fraction.digits = digits;
  fraction.significant = significant;
  if (digits > 22 || significant > EXACT_DIGITS + 4) fraction.value = Number.NaN;
  else if (significant <= EXACT_DIGITS) fraction.value = mantissa / POWERS[digits];
  else fraction.value = divide(mantissa, rest, POWERS[significant - EXACT_DIGITS], POWERS[digits]);
  return at;
}

/** 2^27 + 1 cuts a double into halves whose products are exact (T. J. Dekker, 1971). */
const SPLITTER = 134_217_729;

/** What rounding lost of `a * b`, which came to `product`. */
function productError(a: number, b: number, product: number): number {
  const aBig = SPLITTER * a;
  const aHigh = aBig - (aBig - a);
  const aLow = a - aHigh;
  const bBig = SPLITTER * b;
  const bHigh = bBig - (bBig - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** (high · shift + low) / divisor, rounded once; NaN where that cannot be told. */
function divide(high: number, low: number, shift: number, divisor: number): number {
  const product = high * shift;
  const small = productError(high, shift, product) + low;
  const sum = product + small;
  const sumError = small - (sum - product);
  const quotient = sum / divisor;
  const back = quotient * divisor;
  const remainder = sum - back - productError(quotient, divisor, back) + sumError;
  const correction = remainder / divisor;
  const margin = Math.abs(correction) * 2 ** -40;
  const rounded = quotient + (correction - margin);
  return rounded === quotient + (correction + margin) ? rounded : Number.NaN;
}

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
  numeral.digits = whole;
  let value = Number.NaN;
  if (bytes[at] === 46) {
    const point = at;
    at = readFraction(bytes, at + 1, end, mantissa, whole);
    if (at === point + 1) return false;
    value = whole <= EXACT_DIGITS ? fraction.value : Number.NaN;
    numeral.endsInZero = bytes[at - 1] === 48;
    numeral.digits = whole + fraction.digits;
  } else if (whole === 0) {
    return false;
  }
  if (at === end) {
    numeral.fractionDigits = fraction.digits;
    if (!Number.isNaN(value)) {
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
