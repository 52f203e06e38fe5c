import type { Scalar } from './column.ts';
import { floorDivide } from './floor-divide.ts';
import { civilFromDays, DAY_SECONDS, instant, PER_SECOND, readDate, readInstant } from './instant.ts';
import type { ColumnType } from './types.ts';

const encoder = new TextEncoder();

/**
 * The canonical text of a value: what a column of its type becomes when it widens to string, what
 * results in text formats show, and what `parseScalar` reads back exactly.
 *
 * A double without a fraction has none in text (`1`, not `1.0`), and a decimal no zeros at its end,
 * so that a value's text is the same whichever types it passed through on its way to string.
 */
export function canonicalText(value: Exclude<Scalar, null>, type: ColumnType): string {
  switch (type.kind) {
    case 'double':
      return doubleText(Number(value));
    case 'decimal':
      return decimalText(BigInt(value as bigint), type.scale, true);
    case 'date':
      return dateText(Number(value));
    case 'timestamp':
      return timestampText(BigInt(value as bigint), type.unit);
    case 'bytes':
      return bytesText(value as Uint8Array);
    default:
      return String(value);
  }
}

/** The shortest text that reads back as the same double; `-0`, `NaN`, `Infinity` and `-Infinity` have theirs. */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** An unscaled decimal with its point; `trim` drops zeros at the end of the fraction. */
export function decimalText(unscaled: bigint, scale: number, trim = false): string {
  if (scale === 0) return unscaled.toString();
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  let fraction = digits.slice(digits.length - scale);
  if (trim) fraction = fraction.replace(/0+$/, '');
  const sign = unscaled < 0n ? '-' : '';
  return fraction === '' ? sign + whole : `${sign}${whole}.${fraction}`;
}

function padded(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** `YYYY-MM-DD`; years outside 0001–9999 are written as ISO 8601 expands them, with a sign and six digits. */
export function dateText(days: number): string {
  const { year, month, day } = civilFromDays(days);
  const yearText = year >= 1 && year <= 9999 ? padded(year, 4) : `${year < 0 ? '-' : '+'}${padded(Math.abs(year), 6)}`;
  return `${yearText}-${padded(month, 2)}-${padded(day, 2)}`;
}

/** `2024-01-05T10:00:00.000Z`, with six or nine fraction digits where three would lose some. */
export function timestampText(count: bigint, unit: 'us' | 'ns'): string {
  const seconds = floorDivide(count, PER_SECOND[unit]);
  const nanos = Number(count - seconds * PER_SECOND[unit]) * (unit === 'us' ? 1000 : 1);
  const total = Number(seconds);
  const days = Math.floor(total / DAY_SECONDS);
  const inDay = total - days * DAY_SECONDS;
  const clock = `${padded(Math.floor(inDay / 3600), 2)}:${padded(Math.floor(inDay / 60) % 60, 2)}:${padded(inDay % 60, 2)}`;
  return `${dateText(days)}T${clock}.${fractionText(nanos)}Z`;
}

function fractionText(nanos: number): string {
  if (nanos % 1_000_000 === 0) return padded(nanos / 1_000_000, 3);
  return nanos % 1000 === 0 ? padded(nanos / 1000, 6) : padded(nanos, 9);
}

/**
 * Bytes as text that says every byte: printable ASCII as itself, others as `\xHH`; the backslash and
 * quotes are escaped so that it reads back. It is how DuckDB shows a BLOB.
 */
export function bytesText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const plain = byte >= 32 && byte <= 126 && byte !== 92 && byte !== 34 && byte !== 39;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

/** Reads `bytesText` back; characters outside ASCII and broken escapes give undefined. */
export function parseBytes(text: string): Uint8Array | undefined {
  const out = new Uint8Array(text.length);
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 126) return undefined;
    if (code !== 92) {
      out[size++] = code;
      continue;
    }
    const hex = text.slice(i + 1, i + 4);
    if (!/^x[0-9a-fA-F]{2}$/.test(hex)) return undefined;
    out[size++] = Number.parseInt(hex.slice(1), 16);
    i += 3;
  }
  return out.slice(0, size);
}

function parseBool(text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** Whether an integer is within 64 signed bits. */
export function fitsInt64(value: bigint): boolean {
  return value >= MIN_INT64 && value <= MAX_INT64;
}

/** An int64 in decimal digits; undefined where the text is anything else or the value does not fit. */
function parseInt64(text: string): bigint | undefined {
  if (!/^-?[0-9]{1,40}$/.test(text)) return undefined;
  const value = BigInt(text);
  return fitsInt64(value) ? value : undefined;
}

/** A decimal number, with or without fraction and exponent, or one of the names `doubleText` writes. */
function parseDouble(text: string): number | undefined {
  if (/^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text)) return Number(text);
  if (/^[+-]?(inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return /^nan$/i.test(text) ? Number.NaN : undefined;
}

/** The unscaled value of a decimal text; undefined where it is no number or would lose digits at this precision. */
export function parseDecimal(text: string, precision: number, scale: number): bigint | undefined {
  const match = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  if (digits === '') return 0n;
  // The value is digits · 10^shift in units of the scale.
  const shift = scale - fraction.length + Number(exponent);
  if (digits.length + shift > precision) return undefined;
  let unscaled: string;
  if (shift >= 0) {
    unscaled = digits + '0'.repeat(shift);
  } else {
    const dropped = digits.slice(Math.max(0, digits.length + shift));
    if (/[1-9]/.test(dropped) || digits.length + shift <= 0) return undefined;
    unscaled = digits.slice(0, digits.length + shift);
  }
  return sign === '-' ? -BigInt(unscaled) : BigInt(unscaled);
}

/** Days since the epoch of `YYYY-MM-DD`. */
export function parseDate(text: string): number | undefined {
  const bytes = encoder.encode(text);
  if (readDate(bytes, 0, bytes.length)) return instant.days;
  return parseExpandedDate(text);
}

/** The form `dateText` writes for years outside 0001–9999. */
function parseExpandedDate(text: string): number | undefined {
  const match = /^([+-])([0-9]{6,7})-([0-9]{2})-([0-9]{2})$/.exec(text);
  if (match === null) return undefined;
  const year = Number(match[2]) * (match[1] === '-' ? -1 : 1);
  // The calendar repeats every 400 years, so a proxy year checks the month and the day.
  const proxy = 2000 + (((year % 400) + 400) % 400);
  const bytes = encoder.encode(`${proxy}-${match[3]}-${match[4]}`);
  if (!readDate(bytes, 0, bytes.length)) return undefined;
  return instant.days + ((year - proxy) / 400) * 146_097;
}

/**
 * An instant counted in `unit` since the epoch, from RFC 3339 text (`readInstant`) or a bare date, which is
 * its midnight UTC. Undefined where the text is neither, or would lose digits or overflow in this unit.
 */
export function parseTimestamp(text: string, unit: 'us' | 'ns'): bigint | undefined {
  const bytes = encoder.encode(text);
  if (readInstant(bytes, 0, bytes.length)) return instantCount(unit);
  const days = parseDate(text);
  if (days !== undefined) return inUnit(BigInt(days) * BigInt(DAY_SECONDS), 0, unit);
  const expanded = /^([+-][0-9]{6,7}-[0-9]{2}-[0-9]{2})(T.*)$/.exec(text);
  if (expanded === null) return undefined;
  const far = parseExpandedDate(expanded[1]);
  const clock = encoder.encode(`1970-01-01${expanded[2]}`);
  if (far === undefined || !readInstant(clock, 0, clock.length)) return undefined;
  return inUnit(BigInt(far) * BigInt(DAY_SECONDS) + BigInt(instant.seconds), instant.nanos, unit);
}

/** The instant last read, counted in `unit`; undefined where it would lose digits or overflow. */
function instantCount(unit: 'us' | 'ns'): bigint | undefined {
  return inUnit(BigInt(instant.seconds), instant.nanos, unit);
}

function inUnit(seconds: bigint, nanos: number, unit: 'us' | 'ns'): bigint | undefined {
  if (unit === 'us' && nanos % 1000 !== 0) return undefined;
  const count = unit === 'us' ? seconds * 1_000_000n + BigInt(nanos / 1000) : seconds * 1_000_000_000n + BigInt(nanos);
  return fitsInt64(count) ? count : undefined;
}

/** Whether a text is one JSON value. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads the text of a value of a type, strictly: undefined where the text is not of the type or would
 * lose digits in it. `parseScalar(canonicalText(v, t), t)` is `v`.
 */
export function parseScalar(text: string, type: ColumnType): Scalar | undefined {
  switch (type.kind) {
    case 'null':
      return undefined;
    case 'bool':
      return parseBool(text);
    case 'int64':
      return parseInt64(text);
    case 'double':
      return parseDouble(text);
    case 'decimal':
      return parseDecimal(text, type.precision, type.scale);
    case 'string':
      return text;
    case 'json':
      return isJson(text) ? text : undefined;
    case 'bytes':
      return parseBytes(text);
    case 'date':
      return parseDate(text);
    case 'timestamp':
      return parseTimestamp(text, type.unit);
  }
}
