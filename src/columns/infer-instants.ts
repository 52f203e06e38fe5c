import { type Bitmap, getBit } from './bitmap.ts';
import type { BuiltColumn } from './build.ts';
import { DAY_SECONDS, dayFitsNanos, fitsNanos, instant, readDate, readInstant } from './instant.ts';
import { ANY_FRACTION, fractionStyles, instantForms, offsetText } from './text-forms.ts';
import { DATE, TIMESTAMP, TIMESTAMP_NS } from './types.ts';

const MICROS_SAFE_SECONDS = 9_007_199_254;

/**
 * The date or timestamp column that strings are, where every one of them is strictly a date or strictly an
 * instant; null where they are anything else. Dates among instants are their midnight; more than six
 * fraction digits anywhere make it nanoseconds.
 */
export function inferInstants(
  offsets: Int32Array,
  bytes: Uint8Array,
  length: number,
  validity: Bitmap | null,
): BuiltColumn | null {
  const first = firstPresent(length, validity);
  if (first < 0) return null;
  const dates = readDate(bytes, offsets[first], offsets[first + 1])
    ? inferDates(offsets, bytes, length, validity)
    : null;
  return dates ?? inferTimestamps(offsets, bytes, length, validity);
}

function firstPresent(length: number, validity: Bitmap | null): number {
  for (let row = 0; row < length; row++) if (validity === null || getBit(validity, row)) return row;
  return -1;
}

function inferDates(
  offsets: Int32Array,
  bytes: Uint8Array,
  length: number,
  validity: Bitmap | null,
): BuiltColumn | null {
  const values = new Int32Array(length);
  let wide = false;
  for (let row = 0; row < length; row++) {
    if (validity !== null && !getBit(validity, row)) continue;
    if (!readDate(bytes, offsets[row], offsets[row + 1])) return null;
    values[row] = instant.days;
    wide ||= !dayFitsNanos(instant.days);
  }
  return { column: { type: DATE, length, validity, data: { layout: 'fixed', values } }, wide };
}

function inferTimestamps(
  offsets: Int32Array,
  bytes: Uint8Array,
  length: number,
  validity: Bitmap | null,
): BuiltColumn | null {
  const seconds = new Float64Array(length);
  const nanos = new Int32Array(length);
  let nanoseconds = false;
  let outOfNanos = false;
  let outOfDoubles = false;
  let styles = ANY_FRACTION;
  let separator: string | undefined;
  let zone = 'Z';
  let offset = 0;
  for (let row = 0; row < length; row++) {
    if (validity !== null && !getBit(validity, row)) continue;
    if (!readInstant(bytes, offsets[row], offsets[row + 1])) {
      if (!readDate(bytes, offsets[row], offsets[row + 1])) return null;
      seconds[row] = instant.days * DAY_SECONDS;
      outOfNanos ||= !dayFitsNanos(instant.days);
      outOfDoubles ||= Math.abs(seconds[row]) >= MICROS_SAFE_SECONDS;
      styles = 0;
      continue;
    }
    if (separator === undefined) ({ separator, zone, offsetMinutes: offset } = instant);
    const same = separator === instant.separator && zone === instant.zone && offset === instant.offsetMinutes;
    styles = same ? styles & fractionStyles(instant.nanos, instant.fractionDigits) : 0;
    seconds[row] = instant.seconds;
    nanos[row] = instant.nanos;
    nanoseconds ||= instant.fractionDigits > 6;
    outOfNanos ||= !fitsNanos(instant.seconds);
    outOfDoubles ||= Math.abs(instant.seconds) >= MICROS_SAFE_SECONDS;
  }
  const text = instantForms(separator ?? 'T', zone === 'Z' ? 'Z' : zone === 'none' ? '' : offsetText(offset), styles);
  if (nanoseconds) {
    if (outOfNanos) return null;
    const values = new BigInt64Array(length);
    writeNanos(seconds, nanos, new DataView(values.buffer), length);
    return { column: { type: TIMESTAMP_NS, length, validity, data: { layout: 'fixed', values } }, wide: false, text };
  }
  const values = outOfDoubles ? new BigInt64Array(length) : new Float64Array(length);
  for (let row = 0; row < length; row++) {
    const micros = nanos[row] / 1000;
    if (values instanceof BigInt64Array) values[row] = BigInt(seconds[row]) * 1_000_000n + BigInt(micros);
    else values[row] = seconds[row] * 1_000_000 + micros;
  }
  return { column: { type: TIMESTAMP, length, validity, data: { layout: 'fixed', values } }, wide: outOfNanos, text };
}

/** seconds · 10^9 + nanos as 64-bit integers, by halves in exact double arithmetic: ten times as fast as bigints. */
function writeNanos(seconds: Float64Array, nanos: Int32Array, out: DataView, length: number): void {
  for (let row = 0; row < length; row++) {
    const high = Math.floor(seconds[row] / 65_536);
    const low = seconds[row] - high * 65_536;
    const product = high * 1_000_000_000;
    const productHigh = Math.floor(product / 65_536);
    const rest = (product - productHigh * 65_536) * 65_536 + low * 1_000_000_000 + nanos[row];
    const carry = Math.floor(rest / 4_294_967_296);
    out.setUint32(8 * row, rest - carry * 4_294_967_296, true);
    out.setInt32(8 * row + 4, productHigh + carry, true);
  }
}
