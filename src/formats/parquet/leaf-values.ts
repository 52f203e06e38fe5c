import type { ColumnData } from '../../columns/column.ts';
import { PER_DAY } from '../../columns/instant.ts';
import { type ColumnType, TIMESTAMP, TIMESTAMP_NS } from '../../columns/types.ts';
import type { TimeUnit } from '../../parquet/metadata.ts';

/** Values that have no column type of their own, as text or in the nearest type that holds them. */

const encoder = new TextEncoder();

/** Text of each of `count` values as column data. */
export function asText(count: number, text: (i: number) => string): ColumnData {
  const offsets = new Int32Array(count + 1);
  const parts: string[] = [];
  let length = 0;
  for (let i = 0; i < count; i++) {
    // The texts made here are ASCII, so that characters are bytes.
    const part = text(i);
    parts.push(part);
    length += part.length;
    offsets[i + 1] = length;
  }
  return { layout: 'varlen', offsets, bytes: encoder.encode(parts.join('')) };
}

/** A time of day as `HH:MM:SS` with what fraction it has. */
export function timeText(count: bigint, unit: TimeUnit): string {
  const perSecond = { ms: 1000n, us: 1_000_000n, ns: 1_000_000_000n }[unit];
  const sign = count < 0n ? '-' : '';
  const size = count < 0n ? -count : count;
  const seconds = size / perSecond;
  const two = (value: bigint) => value.toString().padStart(2, '0');
  const clock = `${sign}${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`;
  const fraction = (size % perSecond).toString().padStart({ ms: 3, us: 6, ns: 9 }[unit], '0').replace(/0+$/, '');
  return fraction === '' ? clock : `${clock}.${fraction}`;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** 16 bytes as the text of a UUID. */
export function uuidText(bytes: Uint8Array, at: number): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[bytes[at + i]];
  }
  return text;
}

/** Months, days and milliseconds, as DuckDB writes an interval: `1 year 2 months 3 days 04:05:06.789`. */
export function intervalText(bytes: Uint8Array, at: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 12);
  const months = view.getUint32(0, true);
  const millis = view.getUint32(8, true);
  const parts: string[] = [];
  const part = (count: number, unit: string) => {
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`);
  };
  part(Math.floor(months / 12), 'year');
  part(months % 12, 'month');
  part(view.getUint32(4, true), 'day');
  if (millis > 0 || parts.length === 0) parts.push(timeText(BigInt(millis), 'ms'));
  return parts.join(' ');
}

/** Half-precision numbers. Source: IEEE 754 binary16. */
export function float16(bytes: Uint8Array): Float64Array {
  const values = new Float64Array(bytes.length >> 1);
  for (let i = 0; i < values.length; i++) {
    const bits = bytes[2 * i] | (bytes[2 * i + 1] << 8);
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) values[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) values[i] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else values[i] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return values;
}

const JULIAN_EPOCH_DAYS = 2_440_588;

/**
 * INT96 instants: nanoseconds of the day, then the Julian day. They become microseconds, the range Spark and
 * DuckDB give them; only where some have digits below a microsecond and all fit nanoseconds, nanoseconds.
 */
export function int96Instants(bytes: Uint8Array): { type: ColumnType; data: ColumnData } {
  const count = bytes.length / 12;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const micros = new BigInt64Array(count);
  const nanos = new BigInt64Array(count);
  let fine = false;
  let fits = true;
  for (let i = 0; i < count; i++) {
    const inDay = view.getBigInt64(12 * i, true);
    const days = BigInt(view.getUint32(12 * i + 8, true) - JULIAN_EPOCH_DAYS);
    micros[i] = BigInt.asIntN(64, days * PER_DAY.us + inDay / 1000n);
    const exact = days * PER_DAY.us * 1000n + inDay;
    nanos[i] = BigInt.asIntN(64, exact);
    // The slot of a null is all zeros, which as an instant would be long before nanoseconds begin.
    const empty = inDay === 0n && view.getUint32(12 * i + 8, true) === 0;
    if (nanos[i] !== exact && !empty) fits = false;
    if (inDay % 1000n !== 0n) fine = true;
  }
  return fine && fits
    ? { type: TIMESTAMP_NS, data: { layout: 'fixed', values: nanos } }
    : { type: TIMESTAMP, data: { layout: 'fixed', values: micros } };
}
