import type { Scalar } from './column.ts';
import { DAY_SECONDS } from './instant.ts';
import { sqlText } from './sql-text.ts';
import { canonicalText, fitsInt64, isJson, parseBytes, parseDate, parseTimestamp } from './text.ts';
import type { ColumnType } from './types.ts';

/**
 * - `widen`: the lossless casts of the lattice (`widen` in types.ts), as used when old segments are read
 *   in a newer schema; text is canonical.
 * - `strict`, `lenient`: SQL's CAST and TRY_CAST, with DuckDB's rounding and texts.
 */
export type CastMode = 'widen' | 'strict' | 'lenient';

type Value = Exclude<Scalar, null>;

const DAY_MICROS = BigInt(DAY_SECONDS) * 1_000_000n;

/** The value in another type, or undefined where it has none there: out of range, not a text of it, no such cast. */
export function castScalar(value: Value, from: ColumnType, to: ColumnType, mode: CastMode): Scalar | undefined {
  switch (to.kind) {
    case 'null':
      return undefined;
    case 'string':
      return mode === 'widen' ? canonicalText(value, from) : sqlText(value, from);
    case 'bool':
      return toBool(value, from);
    case 'int64':
      return toInt64(value, from);
    case 'double':
      return toDouble(value, from);
    case 'decimal':
      return toDecimal(value, from, to.precision, to.scale);
    case 'date':
      return toDate(value, from);
    case 'timestamp':
      return toTimestamp(value, from, to.unit);
    case 'json':
      return toJson(value, from);
    case 'bytes':
      return from.kind === 'bytes' ? value : from.kind === 'string' ? parseBytes(String(value)) : undefined;
  }
}

/** Numbers, booleans and strings within json cast as what they are. */
function fromJson(value: Value): Value | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (text.startsWith('"')) return String(JSON.parse(text));
  return text === 'null' || text.startsWith('{') || text.startsWith('[') ? undefined : text;
}

function textOf(value: Value, from: ColumnType): string | undefined {
  if (from.kind === 'string') return String(value);
  const inner = from.kind === 'json' ? fromJson(value) : undefined;
  return inner === undefined ? undefined : String(inner);
}

const TRUE_TEXTS = new Set(['true', 't', 'yes', 'y', '1']);
const FALSE_TEXTS = new Set(['false', 'f', 'no', 'n', '0']);

function toBool(value: Value, from: ColumnType): boolean | undefined {
  switch (from.kind) {
    case 'bool':
      return value === true;
    case 'int64':
    case 'decimal':
      return value !== 0n;
    case 'double':
      return value !== 0;
    default: {
      const text = textOf(value, from)?.toLowerCase();
      return text === undefined ? undefined : TRUE_TEXTS.has(text) ? true : FALSE_TEXTS.has(text) ? false : undefined;
    }
  }
}

function toInt64(value: Value, from: ColumnType): bigint | undefined {
  const integer = toInteger(value, from);
  return integer !== undefined && fitsInt64(integer) ? integer : undefined;
}

function toInteger(value: Value, from: ColumnType): bigint | undefined {
  switch (from.kind) {
    case 'bool':
      return value === true ? 1n : 0n;
    case 'int64':
      return BigInt(value as bigint);
    case 'double':
      return roundEven(Number(value));
    case 'decimal':
      return rescale(BigInt(value as bigint), from.scale, 0);
    default: {
      const text = textOf(value, from);
      return text === undefined ? undefined : decimalOf(text, 0);
    }
  }
}

/** To the nearest integer, a tie to the even one, as C's `nearbyint`; undefined for what is not finite. */
function roundEven(value: number): bigint | undefined {
  if (!Number.isFinite(value)) return undefined;
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5 || (rest === 0.5 && floor % 2 === 0)) return BigInt(floor);
  return BigInt(floor + 1);
}

const NUMBER_TEXT = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,4}))?$/;

/** A decimal text as an integer in units of 10^-scale, rounded half away from zero. */
function decimalOf(text: string, scale: number): bigint | undefined {
  const match = NUMBER_TEXT.exec(text.trim());
  if (match === null) return undefined;
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const shift = Number(exponent) - fraction.length;
  if (`${whole}${fraction}`.replace(/^0+/, '').length + shift + scale > 60) return undefined;
  const digits = BigInt(`${whole}${fraction}`);
  return rescale(sign === '-' ? -digits : digits, -shift, scale);
}

/** Moves an unscaled value from one scale to another, rounding half away from zero. */
export function rescale(unscaled: bigint, from: number, to: number): bigint {
  if (to >= from) return unscaled * 10n ** BigInt(to - from);
  const unit = 10n ** BigInt(from - to);
  const half = unit / 2n;
  return unscaled >= 0n ? (unscaled + half) / unit : -((-unscaled + half) / unit);
}

function toDouble(value: Value, from: ColumnType): number | undefined {
  switch (from.kind) {
    case 'bool':
      return value === true ? 1 : 0;
    case 'int64':
    case 'double':
      return Number(value);
    case 'decimal':
      return Number(canonicalText(value, from));
    default: {
      const text = textOf(value, from)?.trim();
      if (text === undefined || text === '') return undefined;
      if (NUMBER_TEXT.test(text)) return Number.isNaN(Number(text)) ? undefined : Number(text);
      if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
      return /^[+-]?nan$/i.test(text) ? Number.NaN : undefined;
    }
  }
}

function toDecimal(value: Value, from: ColumnType, precision: number, scale: number): bigint | undefined {
  const unscaled = toUnscaled(value, from, scale);
  if (unscaled === undefined) return undefined;
  const bound = 10n ** BigInt(precision);
  return unscaled > -bound && unscaled < bound ? unscaled : undefined;
}

function toUnscaled(value: Value, from: ColumnType, scale: number): bigint | undefined {
  switch (from.kind) {
    case 'bool':
      return value === true ? 10n ** BigInt(scale) : 0n;
    case 'int64':
      return rescale(BigInt(value as bigint), 0, scale);
    case 'decimal':
      return rescale(BigInt(value as bigint), from.scale, scale);
    case 'double':
      return scaleDouble(Number(value), scale);
    default: {
      const text = textOf(value, from);
      return text === undefined ? undefined : decimalOf(text, scale);
    }
  }
}

/** A double in units of 10^-scale: one multiplication in doubles and a rounding half away from zero, as DuckDB does it. */
function scaleDouble(value: number, scale: number): bigint | undefined {
  const scaled = value * 10 ** scale;
  if (!Number.isFinite(scaled)) return undefined;
  const magnitude = Math.abs(scaled);
  const floor = Math.floor(magnitude);
  const rounded = BigInt(magnitude - floor >= 0.5 ? floor + 1 : floor);
  return scaled < 0 ? -rounded : rounded;
}

function floorDiv(value: bigint, unit: bigint): bigint {
  const quotient = value / unit;
  return value % unit < 0n ? quotient - 1n : quotient;
}

function toDate(value: Value, from: ColumnType): number | undefined {
  switch (from.kind) {
    case 'date':
      return Number(value);
    case 'timestamp':
      return Number(floorDiv(BigInt(value as bigint), from.unit === 'us' ? DAY_MICROS : DAY_MICROS * 1000n));
    default: {
      const text = textOf(value, from)?.trim();
      if (text === undefined) return undefined;
      const days = parseDate(text);
      if (days !== undefined) return days;
      const count = lenientTimestamp(text, 'us');
      return count === undefined ? undefined : Number(floorDiv(count, DAY_MICROS));
    }
  }
}

function toTimestamp(value: Value, from: ColumnType, unit: 'us' | 'ns'): bigint | undefined {
  const perMicro = unit === 'us' ? 1n : 1000n;
  const count = (() => {
    switch (from.kind) {
      case 'date':
        return BigInt(value as number) * DAY_MICROS * perMicro;
      case 'timestamp': {
        const same = BigInt(value as bigint);
        if (from.unit === unit) return same;
        return unit === 'ns' ? same * 1000n : floorDiv(same, 1000n);
      }
      default: {
        const text = textOf(value, from)?.trim();
        return text === undefined ? undefined : lenientTimestamp(text, unit);
      }
    }
  })();
  return count !== undefined && fitsInt64(count) ? count : undefined;
}

/** What SQL takes for a timestamp: RFC 3339, a date alone, no seconds, an hour offset; digits past the unit are cut. */
function lenientTimestamp(text: string, unit: 'us' | 'ns'): bigint | undefined {
  const match =
    /^([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})(?:[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]*)?)?)?\s*(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?$/i.exec(
      text,
    );
  if (match === null) return parseTimestamp(text, unit);
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match;
  const kept = fraction.slice(1, unit === 'us' ? 7 : 10);
  const digits = /[0-9]{2}/g;
  const offset = /^z$/i.test(zone) ? 'Z' : `${zone[0]}${(zone.match(digits) ?? []).join(':').padEnd(5, ':00')}`;
  const clock = `${hour.padStart(2, '0')}:${minute}:${second}${kept === '' ? '' : `.${kept}`}`;
  const rfc = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}T${clock}${offset === '-00:00' ? 'Z' : offset}`;
  return parseTimestamp(rfc, unit);
}

function toJson(value: Value, from: ColumnType): string | undefined {
  switch (from.kind) {
    case 'json':
      return String(value);
    case 'string':
      return isJson(String(value)) ? String(value) : undefined;
    case 'bool':
    case 'int64':
    case 'decimal':
      return canonicalText(value, from);
    case 'double':
      return Number.isFinite(value) ? canonicalText(value, from) : undefined;
    default:
      return JSON.stringify(canonicalText(value, from));
  }
}
