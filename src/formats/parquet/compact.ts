import { getBit } from '../../columns/bitmap.ts';
import { type Codes, type Column, type ColumnData, columnBytes, gatherColumn } from '../../columns/column.ts';

/** A dictionary below this is shared by the columns cut from it; a larger one is cut down to what they use. */
const SHARED_DICTIONARY_BYTES = 16 * 1024;

/** A copy of a column that keeps nothing else alive: not the page it was cut from, nor all of a large dictionary. */
export function compactColumn(column: Column): Column {
  const { type, length } = column;
  const validity = column.validity?.slice() ?? null;
  return { type, length, validity, data: compactData(column) };
}

function compactData(column: Column): ColumnData {
  const { data, length } = column;
  switch (data.layout) {
    case 'none':
      return data;
    case 'bits':
      return { layout: 'bits', values: data.values.slice() };
    case 'fixed':
      return { layout: 'fixed', values: data.values.slice() };
    case 'int128':
      return { layout: 'int128', values: data.values.slice() };
    case 'varlen': {
      const start = data.offsets[0];
      const offsets = new Int32Array(length + 1);
      for (let i = 0; i <= length; i++) offsets[i] = data.offsets[i] - start;
      return { layout: 'varlen', offsets, bytes: data.bytes.slice(start, data.offsets[length]) };
    }
    case 'dictionary': {
      const { dictionary } = data;
      if (columnBytes(dictionary) <= SHARED_DICTIONARY_BYTES) return { ...data, codes: data.codes.slice() };
      return withUsedEntries(column, data.codes, dictionary);
    }
  }
}

function withUsedEntries(column: Column, codes: Codes, dictionary: Column): ColumnData {
  const { length, validity } = column;
  const renamed = new Int32Array(dictionary.length).fill(-1);
  const used = new Int32Array(Math.min(dictionary.length, length));
  const own = new Int32Array(length);
  let count = 0;
  for (let row = 0; row < length; row++) {
    if (validity !== null && !getBit(validity, row)) continue;
    const code = codes[row];
    if (renamed[code] < 0) {
      used[count] = code;
      renamed[code] = count++;
    }
    own[row] = renamed[code];
  }
  return { layout: 'dictionary', codes: own, dictionary: gatherColumn(dictionary, used.subarray(0, count)) };
}
