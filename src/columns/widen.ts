import { OrasiError } from '../core/errors.ts';
import { grownBytes } from '../core/grow.ts';
import { type Column, gatherColumn, isNull, nullColumn, type Scalar, scalarAt } from './column.ts';
import { floorDivide } from './floor-divide.ts';
import { columnOf } from './from-scalars.ts';
import { DAY_SECONDS, PER_DAY } from './instant.ts';
import { plainColumn, toBigInts, toDoubles } from './plain.ts';
import { canonicalText, fitsInt64 } from './text.ts';
import { instantText, numberText, type TextForms } from './text-forms.ts';
import { type ColumnType, STRING, sameType, typeName } from './types.ts';
import { writeText } from './utf8.ts';

/**
 * A column in a wider type: one that `widen` (types.ts) may give for the column's own type and another. `text` is the
 * `text` of the column's field: the text that values came from is what they become again.
 *
 * One conversion more is known, which loses digits: nanoseconds become microseconds, rounded down, where one column of
 * a file has instants that nanoseconds do not reach.
 *
 * @throws OrasiError `type_error` at a value outside the range of the wider type, which the lattice keeps apart
 * (`wide` of a field), and at types that do not widen.
 */
export function widenColumn(column: Column, type: ColumnType, text?: TextForms): Column {
  if (sameType(column.type, type)) return column;
  if (column.type.kind === 'null') return nullColumn(type, column.length);
  if (type.kind === 'string') return widenToString(column, text?.[0]);
  if (column.data.layout === 'dictionary') return widenDictionary(column, type);
  return widenArray(column, type) ?? widenEach(column, type);
}

function widenToString(column: Column, form: string | undefined): Column {
  const { type, length, validity, data } = column;
  if (data.layout === 'dictionary') {
    const dictionary = widenToString(data.dictionary, form);
    return { type: STRING, length, validity, data: { layout: 'dictionary', codes: data.codes, dictionary } };
  }
  // Json is text already.
  if (type.kind === 'json') return { type: STRING, length, validity, data };
  const offsets = new Int32Array(length + 1);
  let bytes = new Uint8Array(24 * length + 64);
  let size = 0;
  for (let row = 0; row < length; row++) {
    const value = scalarAt(column, row);
    if (value !== null) {
      const written = textIn(value, type, form);
      if (size + 3 * written.length > bytes.length) {
        bytes = grownBytes(bytes, 2 * bytes.length + 3 * written.length);
      }
      size = writeText(written, bytes, size);
    }
    offsets[row + 1] = size;
  }
  return { type: STRING, length, validity, data: { layout: 'varlen', offsets, bytes: bytes.slice(0, size) } };
}

function textIn(value: Exclude<Scalar, null>, type: ColumnType, form: string | undefined): string {
  if (form !== undefined && type.kind === 'timestamp' && typeof value === 'bigint')
    return instantText(value, type.unit, form);
  if (form !== undefined && typeof value === 'number' && type.kind === 'double') return numberText(value, form);
  return canonicalText(value, type);
}

const DICTIONARY_KINDS = new Set<ColumnType['kind']>(['string', 'int64', 'double', 'date', 'timestamp']);

/** Each entry is widened once; rows go on naming entries where the wider type may have a dictionary. */
function widenDictionary(column: Column, type: ColumnType): Column {
  if (column.data.layout !== 'dictionary') return column;
  const { length, validity } = column;
  const { codes, dictionary } = column.data;
  const entries = widenColumn(dictionary, type);
  if (DICTIONARY_KINDS.has(type.kind)) {
    return { type, length, validity, data: { layout: 'dictionary', codes, dictionary: entries } };
  }
  const rows = new Int32Array(length);
  for (let row = 0; row < length; row++) rows[row] = isNull(column, row) ? -1 : codes[row];
  return gatherColumn(entries, rows);
}

/** Days from the epoch whose microseconds are integers that doubles hold exactly; beyond lies the year 2255. */
const DOUBLE_DAYS = 104_249;

/** The conversions that are arithmetic on whole arrays and cannot fail; undefined for others. */
export function widenArray(column: Column, type: ColumnType): Column | undefined {
  const from = column.type;
  const plain = plainColumn(column);
  if (plain.data.layout !== 'fixed') return undefined;
  const { values } = plain.data;
  if (from.kind === 'int64' && type.kind === 'double') {
    return { ...plain, type, data: { layout: 'fixed', values: toDoubles(values) } };
  }
  if (from.kind === 'int64' && type.kind === 'decimal' && type.scale === 0 && type.precision === 18) {
    return values instanceof Int32Array
      ? { ...plain, type, data: { layout: 'fixed', values: toBigInts(values) } }
      : undefined;
  }
  if (from.kind === 'decimal' && type.kind === 'decimal' && type.precision <= 18) {
    // The same digits with room for more of them.
    return from.scale === type.scale && from.precision <= type.precision ? { ...plain, type } : undefined;
  }
  if (from.kind === 'date' && type.kind === 'timestamp' && type.unit === 'us') {
    const days = toDoubles(values);
    const micros = new Float64Array(days.length);
    for (let row = 0; row < days.length; row++) {
      if (Math.abs(days[row]) > DOUBLE_DAYS) return undefined;
      micros[row] = days[row] * DAY_SECONDS * 1_000_000;
    }
    return { ...plain, type, data: { layout: 'fixed', values: micros } };
  }
  return undefined;
}

function widenEach(column: Column, type: ColumnType): Column {
  const values: Scalar[] = new Array(column.length);
  for (let row = 0; row < column.length; row++) {
    const value = scalarAt(column, row);
    values[row] = value === null ? null : widenScalar(value, column.type, type);
  }
  return columnOf(type, values);
}

/** A value in a wider type, as `widenColumn` has it without text forms. Throws as it does. */
export function widenScalar(value: Exclude<Scalar, null>, from: ColumnType, to: ColumnType): Scalar {
  if (sameType(from, to)) return value;
  const wider = to.kind === 'string' ? canonicalText(value, from) : widerNumber(value, from, to);
  if (wider !== undefined) return wider;
  const shown = canonicalText(value, from).slice(0, 60);
  throw new OrasiError('type_error', `'${shown}' (${typeName(from)}) does not widen to ${typeName(to)}`);
}

function widerNumber(value: Exclude<Scalar, null>, from: ColumnType, to: ColumnType): Scalar | undefined {
  if (typeof value !== 'bigint' && typeof value !== 'number') return undefined;
  if (from.kind === 'int64' && to.kind === 'double') return Number(value);
  if ((from.kind === 'int64' || from.kind === 'decimal') && to.kind === 'decimal') {
    const scale = to.scale - (from.kind === 'decimal' ? from.scale : 0);
    const unscaled = scale < 0 ? undefined : BigInt(value) * 10n ** BigInt(scale);
    const bound = 10n ** BigInt(to.precision);
    return unscaled !== undefined && unscaled < bound && unscaled > -bound ? unscaled : undefined;
  }
  if (to.kind !== 'timestamp') return undefined;
  if (from.kind === 'date') return inRange(BigInt(value) * PER_DAY[to.unit]);
  if (from.kind !== 'timestamp') return undefined;
  const count = BigInt(value);
  return to.unit === 'ns' ? inRange(count * 1000n) : floorDivide(count, 1000n);
}

function inRange(count: bigint): bigint | undefined {
  return fitsInt64(count) ? count : undefined;
}
