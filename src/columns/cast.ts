import { OrasiError } from '../core/errors.ts';
import { type Bitmap, newBitmap, setBit } from './bitmap.ts';
import { type CastMode, castScalar } from './cast-scalar.ts';
import { type Column, gatherColumn, isNull, nullColumn, type Scalar, scalarAt } from './column.ts';
import { columnOf } from './from-scalars.ts';
import { canonicalText } from './text.ts';
import { instantText, numberText, type TextForms } from './text-forms.ts';
import { type ColumnType, STRING, sameType, typeName } from './types.ts';
import { writeText } from './utf8.ts';

/**
 * A column in another type, row by row the same as `castScalar`.
 *
 * `widen` never fails on the casts of the lattice. `strict` throws `OrasiError('type_error')` naming the
 * first value that has no equivalent; `lenient` makes such values null. `text` is the `text` of the
 * column's field: with `widen`, the text that values came from is what they become again.
 */
export function castColumn(column: Column, type: ColumnType, mode: CastMode, text?: TextForms): Column {
  if (sameType(column.type, type)) return column;
  if (column.type.kind === 'null') return nullColumn(type, column.length);
  if (mode === 'widen' && type.kind === 'string') return widenToString(column, text?.[0]);
  if (column.data.layout === 'dictionary') return castDictionary(column, type, mode);
  return castNumbers(column, type) ?? castEach(column, type, mode);
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
        const grown = new Uint8Array(2 * bytes.length + 3 * written.length);
        grown.set(bytes);
        bytes = grown;
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

/** Each entry is cast once; rows go on naming entries where the type may have a dictionary. */
function castDictionary(column: Column, type: ColumnType, mode: CastMode): Column {
  if (column.data.layout !== 'dictionary') return column;
  const { codes, dictionary } = column.data;
  // An entry no row names must not fail the cast, so failures are found row by row.
  const entries = castColumn(dictionary, type, mode === 'strict' ? 'lenient' : mode);
  if (entries.validity === null && DICTIONARY_KINDS.has(type.kind)) {
    return {
      type,
      length: column.length,
      validity: column.validity,
      data: { layout: 'dictionary', codes, dictionary: entries },
    };
  }
  const rows = new Int32Array(column.length);
  for (let row = 0; row < column.length; row++) {
    if (isNull(column, row)) rows[row] = -1;
    else if (mode === 'strict' && isNull(entries, codes[row])) throw noSuchValue(column, row, type);
    else rows[row] = codes[row];
  }
  return gatherColumn(entries, rows);
}

/** The casts that are arithmetic on whole arrays; null for others. */
function castNumbers(column: Column, type: ColumnType): Column | null {
  const { data, length, validity } = column;
  if (data.layout !== 'fixed') return null;
  if (column.type.kind === 'int64' && type.kind === 'double') {
    const values = data.values instanceof Float64Array ? data.values : Float64Array.from(data.values, Number);
    return { type, length, validity, data: { layout: 'fixed', values } };
  }
  if (
    column.type.kind === 'date' &&
    type.kind === 'timestamp' &&
    type.unit === 'us' &&
    data.values instanceof Int32Array
  ) {
    const values = new Float64Array(length);
    for (let row = 0; row < length; row++) {
      // Days further out than the year 2255 leave the integers a double holds.
      if (Math.abs(data.values[row]) > 104_249) return null;
      values[row] = data.values[row] * 86_400_000_000;
    }
    return { type, length, validity, data: { layout: 'fixed', values } };
  }
  return null;
}

function castEach(column: Column, type: ColumnType, mode: CastMode): Column {
  const values: Scalar[] = new Array(column.length);
  for (let row = 0; row < column.length; row++) {
    const value = scalarAt(column, row);
    if (value === null) {
      values[row] = null;
      continue;
    }
    const result = castScalar(value, column.type, type, mode);
    if (result === undefined && mode !== 'lenient') throw noSuchValue(column, row, type);
    values[row] = result ?? null;
  }
  return columnOf(type, values);
}

function noSuchValue(column: Column, row: number, type: ColumnType): OrasiError {
  const value = scalarAt(column, row);
  const shown = value === null ? 'null' : canonicalText(value, column.type).slice(0, 60);
  return new OrasiError('type_error', `cannot cast ${typeName(column.type)} '${shown}' to ${typeName(type)}`);
}

/** The rows of a column that are present in it and null in its lenient cast: the values that did not convert. */
export function failedRows(column: Column, cast: Column): Bitmap {
  const failed = newBitmap(column.length, false);
  for (let row = 0; row < column.length; row++) if (!isNull(column, row) && isNull(cast, row)) setBit(failed, row);
  return failed;
}
