/**
 * Calendar arithmetic in the proleptic Gregorian calendar, on plain numbers.
 * Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms",
 * https://howardhinnant.github.io/date_algorithms.html
 */

/** Seconds of a day; this calendar has no leap seconds. */
export const DAY_SECONDS = 86_400;

/** Of a timestamp's unit, how many make a second and how many a day. */
export const PER_SECOND = { us: 1_000_000n, ns: 1_000_000_000n } as const;
export const PER_DAY = { us: 86_400_000_000n, ns: 86_400_000_000_000n } as const;

/** Days since 1970-01-01 of a civil date. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The civil date of a count of days since 1970-01-01. */
export function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthShifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthShifted + 2) / 5) + 1;
  const month = monthShifted < 10 ? monthShifted + 3 : monthShifted - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days of a month, 1 to 12. */
export function daysInMonth(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 && leap ? 29 : MONTH_DAYS[month - 1];
}

/**
 * What `readInstant` and `readDate` found. One record is reused for all calls, since they run once
 * a value: read it before the next call.
 */
export interface Instant {
  /** Seconds since the Unix epoch, UTC, offset applied. */
  seconds: number;
  /** 0 to 999,999,999. */
  nanos: number;
  /** Digits written behind the second, 0 to 9. */
  fractionDigits: number;
  /** Minutes east of UTC as written; 0 for `Z` and for none. */
  offsetMinutes: number;
  zone: 'Z' | 'offset' | 'none';
  /** `T` or a space. */
  separator: 'T' | ' ';
  /** For `readDate`. */
  days: number;
}

/** What the last call of `readInstant` or `readDate` found. */
export const instant: Instant = {
  seconds: 0,
  nanos: 0,
  fractionDigits: 0,
  offsetMinutes: 0,
  zone: 'Z',
  separator: 'T',
  days: 0,
};

function twoDigits(bytes: Uint8Array, at: number): number {
  const high = bytes[at] - 48;
  const low = bytes[at + 1] - 48;
  return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : -1;
}

/** The date last read, as year · 10,000 + month · 100 + day: instants in a row mostly share theirs. */
let lastDate = 0;
let lastDays = 0;

/** Reads exactly `YYYY-MM-DD` (years 0001 to 9999) into `instant.days`; false where the bytes are anything else. */
export function readDate(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 10 || bytes[start + 4] !== 45 || bytes[start + 7] !== 45) return false;
  const century = twoDigits(bytes, start);
  const rest = twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  if (century < 0 || rest < 0 || month < 1 || month > 12 || day < 1) return false;
  const year = century * 100 + rest;
  const date = year * 10_000 + month * 100 + day;
  if (date === lastDate) {
    instant.days = lastDays;
    return true;
  }
  if (year === 0 || day > daysInMonth(year, month)) return false;
  instant.days = daysFromCivil(year, month, day);
  lastDate = date;
  lastDays = instant.days;
  return true;
}

/**
 * Reads a date and time as RFC 3339 writes it, to the nanosecond, into `instant`:
 * `YYYY-MM-DD`, `T` or a space, `HH:MM:SS`, up to nine fraction digits, then `Z`, `±HH:MM` or nothing,
 * which is UTC. False where the bytes are anything else; leap seconds and hour 24 are refused.
 * Source: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
 */
export function readInstant(bytes: Uint8Array, start: number, end: number): boolean {
  const size = end - start;
  if (size < 19 || size > 35 || !readDate(bytes, start, start + 10)) return false;
  const separator = bytes[start + 10];
  if (separator !== 84 && separator !== 32) return false;
  if (bytes[start + 13] !== 58 || bytes[start + 16] !== 58) return false;
  const hour = twoDigits(bytes, start + 11);
  const minute = twoDigits(bytes, start + 14);
  const second = twoDigits(bytes, start + 17);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  let at = start + 19;
  let nanos = 0;
  let digits = 0;
  if (at < end && bytes[at] === 46) {
    at++;
    while (at < end && bytes[at] >= 48 && bytes[at] <= 57) {
      nanos = nanos * 10 + bytes[at] - 48;
      digits++;
      at++;
    }
    if (digits === 0 || digits > 9) return false;
    for (let i = digits; i < 9; i++) nanos *= 10;
  }
  let offset = 0;
  let zone: Instant['zone'] = 'none';
  if (at < end) {
    const sign = bytes[at];
    if (sign === 90) {
      if (at + 1 !== end) return false;
      zone = 'Z';
    } else if (sign === 43 || sign === 45) {
      if (at + 6 !== end || bytes[at + 3] !== 58) return false;
      const hours = twoDigits(bytes, at + 1);
      const minutes = twoDigits(bytes, at + 4);
      if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
      offset = (hours * 60 + minutes) * (sign === 45 ? -1 : 1);
      // RFC 3339 4.3: `-00:00` says the local offset is unknown, which is not the same text as `+00:00`.
      if (sign === 45 && offset === 0) return false;
      zone = 'offset';
    } else {
      return false;
    }
  }
  instant.seconds = instant.days * DAY_SECONDS + hour * 3600 + minute * 60 + second - offset * 60;
  instant.nanos = nanos;
  instant.fractionDigits = digits;
  instant.offsetMinutes = offset;
  instant.zone = zone;
  instant.separator = separator === 84 ? 'T' : ' ';
  return true;
}

/** Seconds since the epoch within which nanoseconds since the epoch fit 64 bits. */
const NANOS_SECONDS = 9_223_372_036;

/** Whether every instant of a second since the epoch fits nanoseconds in 64 bits. */
export function fitsNanos(seconds: number): boolean {
  return seconds > -NANOS_SECONDS && seconds < NANOS_SECONDS;
}

/** Days whose every instant fits nanoseconds in 64 bits. */
export function dayFitsNanos(days: number): boolean {
  return days > -106_751 && days < 106_751;
}
