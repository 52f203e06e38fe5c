import { DAY_SECONDS } from '../../columns/instant.ts';
import { decimalText } from '../../columns/text.ts';
import { malformed } from './flatbuffer.ts';
import type { ArrowArray } from './load.ts';
import type { TimeUnit } from './metadata.ts';

/** Single values out of Arrow buffers, for types without vector loops and for nested values. */

/** Thrown where values outgrow the bytes they may take; whoever set the bound takes fewer rows. */
export class TooLarge extends Error {}

/** The bytes of a buffer as numbers; shares its memory. */
export function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/** A signed integer of 32 to 256 bits, little-endian. */
export function wideInteger(view: DataView, row: number, bits: number): bigint {
  const bytes = bits / 8;
  if (bits === 32) return BigInt(view.getInt32(row * 4, true));
  let value = view.getBigInt64(row * bytes + bytes - 8, true);
  for (let at = bytes - 16; at >= 0; at -= 8) value = (value << 64n) | view.getBigUint64(row * bytes + at, true);
  return value;
}

/** A half-precision float. Source: IEEE 754-2019, 3.4. */
export function halfFloat(view: DataView, row: number): number {
  const bits = view.getUint16(2 * row, true);
  const sign = bits >> 15 === 1 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const PER_SECOND: Readonly<Record<TimeUnit, bigint>> = { s: 1n, ms: 1000n, us: 1_000_000n, ns: 1_000_000_000n };

/** A time of day as `HH:MM:SS`, with a fraction where there is one. */
export function timeText(count: bigint, unit: TimeUnit): string {
  const perSecond = PER_SECOND[unit];
  const seconds = count / perSecond;
  if (count < 0n || seconds >= BigInt(DAY_SECONDS)) throw malformed('a time of day outside the day');
  const total = Number(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(total / 3600))}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
  const digits = String(perSecond).length - 1;
  const fraction =
    digits === 0
      ? ''
      : String(count % perSecond)
          .padStart(digits, '0')
          .replace(/0+$/, '');
  return fraction === '' ? clock : `${clock}.${fraction}`;
}

/** An interval as ISO 8601 writes durations. */
export function intervalText(array: ArrowArray, row: number): string {
  const view = viewOf(array.data);
  if (array.type.kind !== 'interval') throw new Error(`${array.type.kind} is no interval`);
  switch (array.type.unit) {
    case 'months':
      return durationText(view.getInt32(4 * row, true), 0, 0n);
    case 'dayTime':
      return durationText(0, view.getInt32(8 * row, true), BigInt(view.getInt32(8 * row + 4, true)) * 1_000_000n);
    case 'monthDayNano':
      return durationText(
        view.getInt32(16 * row, true),
        view.getInt32(16 * row + 4, true),
        view.getBigInt64(16 * row + 8, true),
      );
  }
}

function durationText(months: number, days: number, nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = String(size % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const seconds = `${nanos < 0n ? '-' : ''}${size / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
  const date = `${months === 0 ? '' : `${months}M`}${days === 0 ? '' : `${days}D`}`;
  const text = `${date}${nanos === 0n ? '' : `T${seconds}S`}`;
  return text === '' ? 'PT0S' : `P${text}`;
}

/** Bounds of a value's bytes: text and binary of every layout. */
export function bytesAt(array: ArrowArray, row: number): { data: Uint8Array; start: number; end: number } {
  const { type } = array;
  if (type.kind === 'fixedBinary') {
    return { data: array.data, start: row * type.width, end: (row + 1) * type.width };
  }
  if ((type.kind === 'text' || type.kind === 'binary') && type.layout === 'view') {
    const view = viewOf(array.data);
    const size = view.getInt32(16 * row, true);
    if (size <= 12) return { data: array.data, start: 16 * row + 4, end: 16 * row + 4 + size };
    const start = view.getInt32(16 * row + 12, true);
    return { data: array.variadic[view.getInt32(16 * row + 8, true)], start, end: start + size };
  }
  return { data: array.data, start: array.offsets[row], end: array.offsets[row + 1] };
}

/** Bounds of a list's or map's items in its child. */
export function itemsAt(array: ArrowArray, row: number): { start: number; end: number } {
  const { type } = array;
  if (type.kind === 'fixedList') return { start: row * type.width, end: (row + 1) * type.width };
  if (type.kind === 'list' && (type.layout === 'view' || type.layout === 'largeView')) {
    return { start: array.offsets[row], end: array.offsets[row] + array.sizes[row] };
  }
  return { start: array.offsets[row], end: array.offsets[row + 1] };
}

/** The run a row is in, by bisection of the run ends `endAt`. */
export function runOf(endAt: (run: number) => number, runs: number, row: number): number {
  let low = 0;
  let high = runs - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (endAt(middle) > row) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A decimal's text at any scale, negative ones too. */
export function scaledText(unscaled: bigint, scale: number): string {
  return scale < 0 ? (unscaled * 10n ** BigInt(-scale)).toString() : decimalText(unscaled, scale);
}
