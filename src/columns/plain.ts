import { type Codes, type Column, type ColumnData, type FixedValues, gatherColumn } from './column.ts';

/** The column without a dictionary: every row holds its own value. */
export function plainColumn(column: Column): Column {
  if (column.data.layout !== 'dictionary') return column;
  return { ...column, data: plainData(column, column.data.codes, column.data.dictionary) };
}

function plainData(column: Column, codes: Codes, dictionary: Column): ColumnData {
  if (dictionary.data.layout === 'fixed') {
    return { layout: 'fixed', values: takeFixed(dictionary.data.values, codes, column.length) };
  }
  // A null row of an all-null batch has a code with no entry behind it; a negative row gathers as nothing.
  const rows = new Int32Array(codes);
  if (dictionary.length === 0) rows.fill(-1);
  return gatherColumn(dictionary, rows).data;
}

function takeFixed(values: FixedValues, codes: Codes, length: number): FixedValues {
  if (values instanceof Int32Array) {
    const out = new Int32Array(length);
    if (codes instanceof Uint16Array) for (let i = 0; i < length; i++) out[i] = values[codes[i]];
    else for (let i = 0; i < length; i++) out[i] = values[codes[i]];
    return out;
  }
  if (values instanceof Float64Array) {
    const out = new Float64Array(length);
    if (codes instanceof Uint16Array) for (let i = 0; i < length; i++) out[i] = values[codes[i]];
    else for (let i = 0; i < length; i++) out[i] = values[codes[i]];
    return out;
  }
  const out = new BigInt64Array(length);
  if (values.length > 0) for (let i = 0; i < length; i++) out[i] = values[codes[i]];
  return out;
}

/** The values of a fixed column as doubles: exact for Int32Array and Float64Array, rounded for BigInt64Array. */
export function toDoubles(values: FixedValues): Float64Array {
  if (values instanceof Float64Array) return values;
  if (values instanceof Int32Array) return new Float64Array(values);
  const out = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = Number(values[i]);
  return out;
}

/** The values of a fixed column of integers in 64 bits; what a null row's slot holds, if no integer, becomes any. */
export function toBigInts(values: FixedValues): BigInt64Array {
  if (values instanceof BigInt64Array) return values;
  const out = new BigInt64Array(values.length);
  const words = new Int32Array(out.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    // Two halves by arithmetic: making a bigint for each value costs ten times as much.
    const high = Math.floor(value / 4_294_967_296);
    words[2 * i] = value - high * 4_294_967_296;
    words[2 * i + 1] = high;
  }
  return out;
}
