import type { Scalar } from '../../columns/column.ts';
import { floorDivide } from '../../columns/floor-divide.ts';
import { PER_DAY } from '../../columns/instant.ts';
import {
  bytesText,
  fitsInt64,
  isJson,
  parseBytes,
  parseDate,
  parseScalar,
  parseTimestamp,
} from '../../columns/text.ts';
import { type ColumnType, typeName } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { jsonAsText, toJson } from './json-value.ts';
import { sqlText } from './value-text.ts';

/**
 * Whether a value of one type can be cast to another at all; whether this value can is found out in the row.
 * The pairs are DuckDB's, less the types that do not exist here.
 */
export function canCast(from: ColumnType, to: ColumnType): boolean {
  if (from.kind === to.kind || from.kind === 'null' || from.kind === 'json') return true;
  switch (to.kind) {
    case 'string':
    case 'json':
      return true;
    case 'bool':
    case 'int64':
    case 'double':
    case 'decimal':
      return isNumeric(from) || from.kind === 'bool' || from.kind === 'string';
    case 'date':
    case 'timestamp':
      return from.kind === 'string' || from.kind === 'date' || from.kind === 'timestamp';
    case 'bytes':
      return from.kind === 'string';
    case 'null':
      return false;
  }
}

/** Whether a type is one of numbers. */
export function isNumeric(type: ColumnType): boolean {
  return type.kind === 'int64' || type.kind === 'double' || type.kind === 'decimal';
}

/**
 * The value in another type, as DuckDB converts it: doubles round to the even integer, decimals away from
 * zero, instants lose what is smaller than their unit.
 *
 * @throws OrasiError `type_error` where the value does not convert; with `lenient` that is null instead.
 */
export function castScalar(value: Scalar, from: ColumnType, to: ColumnType, lenient: boolean): Scalar {
  if (value === null || from.kind === 'null') return null;
  const cast = convert(value, from, to);
  if (cast !== undefined) return cast;
  if (lenient) return null;
  const shown = from.kind === 'bytes' ? bytesText(value as Uint8Array) : sqlText(value, from);
  const text = shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
  throw new OrasiError('type_error', `'${text}' (${typeName(from)}) cannot be cast to ${typeName(to)}`);
}

function convert(value: Exclude<Scalar, null>, from: ColumnType, to: ColumnType): Scalar | undefined {
  if (from.kind === 'json' && to.kind !== 'json' && to.kind !== 'string') return scalarOfJson(String(value), to);
  switch (to.kind) {
    case 'null':
      return null;
    case 'bool':
      return toBool(value, from);
    case 'int64':
      return toInt64(value, from);
    case 'double':
      return toDouble(value, from);
    case 'decimal':
      return toDecimal(value, from, to.precision, to.scale);
    case 'string':
      return sqlText(value, from);
    case 'json':
      return jsonOfScalar(value, from);
    case 'bytes':
      return typeof value === 'string' ? parseBytes(value) : value;
    case 'date':
      return toDate(value, from);
    case 'timestamp':
      return toTimestamp(value, from, to.unit);
  }
}

/** A value of any type as JSON text; a string must already be JSON. */
function jsonOfScalar(value: Exclude<Scalar, null>, from: ColumnType): string | undefined {
  if (from.kind === 'string') return isJson(String(value)) ? String(value) : undefined;
  return toJson(value, from);
}

/** A JSON value in another type: numbers by their digits, strings by their content. */
function scalarOfJson(text: string, to: ColumnType): Scalar | undefined {
  const content = jsonAsText(text);
  if (content === null) return null;
  return parseScalar(content, to) ?? convert(content, { kind: 'string' }, to);
}

const TRUE_TEXTS = new Set(['true', 't', '1', 'yes', 'y']);
const FALSE_TEXTS = new Set(['false', 'f', '0', 'no', 'n']);

function toBool(value: Exclude<Scalar, null>, from: ColumnType): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (from.kind === 'string') {
    const text = String(value).trim().toLowerCase();
    return TRUE_TEXTS.has(text) ? true : FALSE_TEXTS.has(text) ? false : undefined;
  }
  return typeof value === 'bigint' ? value !== 0n : Number(value) !== 0;
}

function toInt64(value: Exclude<Scalar, null>, from: ColumnType): bigint | undefined {
  switch (from.kind) {
    case 'int64':
      return value as bigint;
    case 'bool':
      return value === true ? 1n : 0n;
    case 'double':
      return integerOfDouble(Number(value));
    case 'decimal':
      return int64(rescale(BigInt(value as bigint), from.scale, 0));
    case 'string': {
      const unscaled = decimalOfText(String(value), 0);
      return unscaled === undefined ? undefined : int64(unscaled);
    }
    default:
      return undefined;
  }
}

function int64(value: bigint): bigint | undefined {
  return fitsInt64(value) ? value : undefined;
}

/** The nearest integer, the even one of two. */
function integerOfDouble(value: number): bigint | undefined {
  if (!Number.isFinite(value)) return undefined;
  return int64(BigInt(roundHalfEven(value)));
}

/** To the nearest integer, a tie to the even one, as C's `nearbyint`. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const over = value - floor;
  if (over < 0.5) return floor;
  if (over > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

function toDouble(value: Exclude<Scalar, null>, from: ColumnType): number | undefined {
  switch (from.kind) {
    case 'double':
      return Number(value);
    case 'bool':
      return value === true ? 1 : 0;
    case 'int64':
      return Number(value);
    case 'decimal':
      return doubleOfDecimal(BigInt(value as bigint), from.scale);
    case 'string':
      return doubleOfText(String(value));
    default:
      return undefined;
  }
}

/** Division of two exact doubles rounds once, so it is right while both are exact; beyond that the text is read. */
export function doubleOfDecimal(unscaled: bigint, scale: number): number {
  const small = unscaled <= 9007199254740992n && unscaled >= -9007199254740992n;
  if (scale <= 22 && small) return Number(unscaled) / 10 ** scale;
  return Number(`${unscaled}e-${scale}`);
}

function doubleOfText(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^[+-]?(\d[\d_]*(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed.replaceAll('_', ''));
  if (/^[+-]?inf(inity)?$/i.test(trimmed)) return trimmed.startsWith('-') ? -Infinity : Infinity;
  return /^[+-]?nan$/i.test(trimmed) ? Number.NaN : undefined;
}

function toDecimal(
  value: Exclude<Scalar, null>,
  from: ColumnType,
  precision: number,
  scale: number,
): bigint | undefined {
  switch (from.kind) {
    case 'bool':
      return within(value === true ? 10n ** BigInt(scale) : 0n, precision);
    case 'int64':
      return within((value as bigint) * 10n ** BigInt(scale), precision);
    case 'decimal':
      return within(rescale(BigInt(value as bigint), from.scale, scale), precision);
    case 'double':
      return decimalOfDouble(Number(value), precision, scale);
    case 'string': {
      const unscaled = decimalOfText(String(value), scale);
      return unscaled === undefined ? undefined : within(unscaled, precision);
    }
    default:
      return undefined;
  }
}

/** The unscaled value where it has no more digits than the precision allows. */
export function within(unscaled: bigint, precision: number): bigint | undefined {
  const bound = 10n ** BigInt(precision);
  return unscaled < bound && unscaled > -bound ? unscaled : undefined;
}

/** An unscaled value at another scale, rounded away from zero at a half. */
export function rescale(unscaled: bigint, from: number, to: number): bigint {
  if (to >= from) return unscaled * 10n ** BigInt(to - from);
  const divisor = 10n ** BigInt(from - to);
  const half = divisor / 2n;
  return unscaled < 0n ? -((-unscaled + half) / divisor) : (unscaled + half) / divisor;
}

function decimalOfDouble(value: number, precision: number, scale: number): bigint | undefined {
  if (!Number.isFinite(value)) return undefined;
  const scaled = value * 10 ** scale;
  if (Math.abs(scaled) >= 10 ** precision) return undefined;
  const rounded = scaled < 0 ? -Math.round(-scaled) : Math.round(scaled);
  return within(BigInt(rounded), precision);
}

/** Most digits an exponent may move the point by; a decimal has 38. */
const MAX_EXPONENT = 80;

/** The unscaled value of a number's text at a scale, rounded away from zero; underscores between digits are allowed. */
export function decimalOfText(text: string, scale: number): bigint | undefined {
  const hex = /^\s*([+-]?)0x([0-9a-f]{1,32})\s*$/i.exec(text);
  if (hex !== null) {
    const value = BigInt(`0x${hex[2]}`) * 10n ** BigInt(scale);
    return hex[1] === '-' ? -value : value;
  }
  const match = /^\s*([+-]?)(\d(?:_?\d)*)?(?:\.(\d*))?(?:e([+-]?\d{1,4}))?\s*$/i.exec(text);
  if (match === null) return undefined;
  const [, sign, wholeText = '', fraction = '', exponentText = '0'] = match;
  const whole = wholeText.replaceAll('_', '');
  if (whole === '' && fraction === '') return undefined;
  const exponent = Number(exponentText);
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return 0n;
  if (Math.abs(exponent) > MAX_EXPONENT) return exponent < 0 ? 0n : undefined;
  const fromScale = fraction.length - exponent;
  const unscaled = fromScale >= 0 ? rescale(digits, fromScale, scale) : digits * 10n ** BigInt(scale - fromScale);
  return sign === '-' ? -unscaled : unscaled;
}

function toDate(value: Exclude<Scalar, null>, from: ColumnType): number | undefined {
  if (from.kind === 'date') return Number(value);
  if (from.kind === 'timestamp') return daysOfTimestamp(BigInt(value as bigint), from.unit);
  if (from.kind !== 'string') return undefined;
  const text = String(value).trim();
  const strict = parseDate(text);
  if (strict !== undefined) return strict;
  const instant = instantOfText(text, 'us');
  return instant === undefined ? undefined : daysOfTimestamp(instant, 'us');
}

function toTimestamp(value: Exclude<Scalar, null>, from: ColumnType, unit: 'us' | 'ns'): bigint | undefined {
  switch (from.kind) {
    case 'date':
      return int64(BigInt(Number(value)) * PER_DAY[unit]);
    case 'timestamp': {
      const count = BigInt(value as bigint);
      if (from.unit === unit) return count;
      return from.unit === 'us' ? int64(count * 1000n) : floorDivide(count, 1000n);
    }
    case 'string':
      return instantOfText(String(value).trim(), unit);
    default:
      return undefined;
  }
}

function daysOfTimestamp(count: bigint, unit: 'us' | 'ns'): number {
  return Number(floorDivide(count, PER_DAY[unit]));
}

/**
 * An instant from the texts people write: RFC 3339, or with one-digit months, days and hours, without
 * seconds, without a time. Digits below the unit are dropped; an offset is applied, none means UTC.
 */
export function instantOfText(text: string, unit: 'us' | 'ns'): bigint | undefined {
  const strict = parseTimestamp(text, unit);
  if (strict !== undefined) return strict;
  if (text.toLowerCase() === 'epoch') return 0n;
  const match =
    /^(\d{1,6})[-/](\d{1,2})[-/](\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,12}))?)?)?\s*(Z|UTC|[+-]\d{1,2}(?::?\d{2})?)?$/i.exec(
      text,
    );
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const two = (part: string) => part.padStart(2, '0');
  const offset = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(zone);
  const zoneText = offset === null ? 'Z' : `${offset[1]}${two(offset[2])}:${offset[3] ?? '00'}`;
  const kept = fraction.slice(0, unit === 'us' ? 6 : 9);
  const clock = `${two(hour)}:${two(minute)}:${two(second)}${kept === '' ? '' : `.${kept}`}`;
  return parseTimestamp(`${year.padStart(4, '0')}-${two(month)}-${two(day)}T${clock}${zoneText}`, unit);
}
