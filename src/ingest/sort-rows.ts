import { getBit } from '../columns/bitmap.ts';
import { type Batch, type Column, isNull } from '../columns/column.ts';
import { compareBytes, compareDoubles } from '../columns/compare.ts';

type RowOrder = (a: number, b: number) => number;

/**
 * The order of a batch's rows by some of its columns, ascending, nulls last, rows that are equal as they came.
 * Columns the batch does not have are null in every row and order nothing.
 */
export function sortedRows(batch: Batch, sortKey: readonly string[]): Int32Array {
  const orders = sortKey
    .map((name) => batch.schema.findIndex((field) => field.name === name))
    .filter((at) => at >= 0)
    .map((at) => columnOrder(batch.columns[at]));
  const rows = Int32Array.from({ length: batch.length }, (_, row) => row);
  if (orders.length === 0) return rows;
  return rows.sort((a, b) => {
    for (const order of orders) {
      const difference = order(a, b);
      if (difference !== 0) return difference;
    }
    return a - b;
  });
}

function columnOrder(column: Column): RowOrder {
  const order = valueOrder(column);
  if (column.validity === null && column.data.layout !== 'none') return order;
  return (a, b) => {
    const [aNull, bNull] = [isNull(column, a), isNull(column, b)];
    return aNull || bNull ? Number(aNull) - Number(bNull) : order(a, b);
  };
}

/** The order of rows that are not null; loops of the sort must not make a value of each comparison. */
function valueOrder(column: Column): RowOrder {
  const { data } = column;
  switch (data.layout) {
    case 'none':
      return () => 0;
    case 'bits':
      return (a, b) => Number(getBit(data.values, a)) - Number(getBit(data.values, b));
    case 'fixed': {
      const { values } = data;
      if (values instanceof BigInt64Array)
        return (a, b) => (values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : 0);
      if (values instanceof Int32Array) return (a, b) => values[a] - values[b];
      return (a, b) => compareDoubles(values[a], values[b]);
    }
    case 'int128':
      return (a, b) => {
        const high = data.values[2 * a + 1] - data.values[2 * b + 1];
        if (high !== 0n) return high < 0n ? -1 : 1;
        const [low, other] = [BigInt.asUintN(64, data.values[2 * a]), BigInt.asUintN(64, data.values[2 * b])];
        return low < other ? -1 : low > other ? 1 : 0;
      };
    case 'varlen': {
      const { offsets, bytes } = data;
      return (a, b) => compareBytes(bytes, offsets[a], offsets[a + 1], bytes, offsets[b], offsets[b + 1]);
    }
    case 'dictionary': {
      const ranks = dictionaryRanks(data.dictionary);
      const { codes } = data;
      return (a, b) => ranks[codes[a]] - ranks[codes[b]];
    }
  }
}

/** The place of each entry among the entries; equal ones share it. */
function dictionaryRanks(dictionary: Column): Int32Array {
  const order = valueOrder(dictionary);
  const entries = Int32Array.from({ length: dictionary.length }, (_, entry) => entry).sort(order);
  const ranks = new Int32Array(dictionary.length);
  for (let i = 1; i < entries.length; i++) {
    ranks[entries[i]] = ranks[entries[i - 1]] + (order(entries[i - 1], entries[i]) === 0 ? 0 : 1);
  }
  return ranks;
}
