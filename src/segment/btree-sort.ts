import { getBit } from '../columns/bitmap.ts';
import type { Column } from '../columns/column.ts';
import type { ColumnType } from '../columns/types.ts';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { fixedKeys, keyWords } from './btree-keys.ts';
import { StringTable } from './string-table.ts';

/** All (key, row) pairs of a column but nulls, ordered by key, then row. */
export interface SortedEntries {
  readonly length: number;
  row(entry: number): number;
  /** Whether the entry's key is another than the one before; true for the first. */
  startsKey(entry: number): boolean;
  /** A view of the entry's key, good until the next call. */
  key(entry: number): Uint8Array;
}

/** Gathers a column batch by batch in flat memory, then sorts it. One use each. */
export interface EntrySorter {
  add(column: Column, firstRow: number): void;
  sort(): SortedEntries;
}

/** The sorter of a type's keys. Throws `unprocessable` at a type without an order. */
export function entrySorter(type: ColumnType): EntrySorter {
  const words = keyWords(type);
  if (words === undefined) throw new OrasiError('unprocessable', `${type.kind} values have no order to index`);
  return words === 0 ? textSorter() : fixedSorter(words);
}

/** Flat 32-bit arrays that grow together. */
class Rows {
  arrays: Uint32Array[];
  length = 0;

  constructor(arrays: number) {
    this.arrays = Array.from({ length: arrays }, () => new Uint32Array(16_384));
  }

  reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.arrays[0].length) return;
    const capacity = Math.max(needed, Math.ceil(this.arrays[0].length * 1.5));
    this.arrays = this.arrays.map((array) => {
      const grown = new Uint32Array(capacity);
      grown.set(array.subarray(0, this.length));
      return grown;
    });
  }
}

function isPresent(column: Column, row: number): boolean {
  return column.validity === null || getBit(column.validity, row);
}

function fixedSorter(words: number): EntrySorter {
  const rows = new Rows(words + 1);
  return {
    add(column, firstRow) {
      if (column.data.layout === 'none') return;
      rows.reserve(column.length);
      const keys = fixedKeys(column);
      const [ordinals, ...targets] = rows.arrays;
      let at = rows.length;
      for (let i = 0; i < column.length; i++) {
        if (!isPresent(column, i)) continue;
        ordinals[at] = firstRow + i;
        for (let w = 0; w < words; w++) targets[w][at] = keys[w][i];
        at++;
      }
      rows.length = at;
    },
    sort() {
      const [ordinals, ...keys] = rows.arrays;
      const order = radixOrder(keys, rows.length);
      const bytes = new Uint8Array(words * 4);
      const view = new DataView(bytes.buffer);
      return {
        length: rows.length,
        row: (entry) => ordinals[order[entry]],
        startsKey: (entry) => entry === 0 || keys.some((word) => word[order[entry]] !== word[order[entry - 1]]),
        key(entry) {
          for (let w = 0; w < words; w++) view.setUint32(w * 4, keys[w][order[entry]]);
          return bytes;
        },
      };
    },
  };
}

/** Positions in ascending order of their keys, most significant word first; stable. Least-significant-digit radix sort. */
function radixOrder(words: readonly Uint32Array[], length: number): Uint32Array {
  let order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  let next = new Uint32Array(length);
  const counts = new Uint32Array(65_536);
  for (let w = words.length - 1; w >= 0; w--) {
    const word = words[w];
    for (const shift of [0, 16]) {
      counts.fill(0);
      for (let i = 0; i < length; i++) counts[(word[i] >>> shift) & 0xffff]++;
      // A digit that all share, as the upper ones of most integers are, orders nothing.
      if (length === 0 || counts[(word[0] >>> shift) & 0xffff] === length) continue;
      let start = 0;
      for (let digit = 0; digit < 65_536; digit++) {
        const count = counts[digit];
        counts[digit] = start;
        start += count;
      }
      for (let i = 0; i < length; i++) {
        const position = order[i];
        next[counts[(word[position] >>> shift) & 0xffff]++] = position;
      }
      [order, next] = [next, order];
    }
  }
  return order;
}

function textSorter(): EntrySorter {
  const table = new StringTable();
  const rows = new Rows(2);

  function internRows(column: Column, firstRow: number, id: (row: number) => number): void {
    rows.reserve(column.length);
    const [ordinals, ids] = rows.arrays;
    let at = rows.length;
    for (let i = 0; i < column.length; i++) {
      if (!isPresent(column, i)) continue;
      ordinals[at] = firstRow + i;
      ids[at] = id(i);
      at++;
    }
    rows.length = at;
    if (table.heldBytes > LIMITS.indexBuildBytes) {
      throw new OrasiError('value_too_large', `the distinct values to index exceed ${LIMITS.indexBuildBytes} bytes`);
    }
  }

  return {
    add(column, firstRow) {
      const { data } = column;
      if (data.layout === 'varlen') {
        internRows(column, firstRow, (i) => table.intern(data.bytes, data.offsets[i], data.offsets[i + 1]));
      } else if (data.layout === 'dictionary' && data.dictionary.data.layout === 'varlen') {
        const { offsets, bytes } = data.dictionary.data;
        const known = new Int32Array(data.dictionary.length).fill(-1);
        internRows(column, firstRow, (i) => {
          const code = data.codes[i];
          if (known[code] < 0) known[code] = table.intern(bytes, offsets[code], offsets[code + 1]);
          return known[code];
        });
      }
    },
    sort() {
      const [ordinals, ids] = rows.arrays;
      const sorted = table.sorted();
      const rank = new Uint32Array(table.size);
      for (let i = 0; i < sorted.length; i++) rank[sorted[i]] = i;
      const ranks = new Uint32Array(rows.length);
      for (let i = 0; i < ranks.length; i++) ranks[i] = rank[ids[i]];
      const order = radixOrder([ranks], rows.length);
      return {
        length: rows.length,
        row: (entry) => ordinals[order[entry]],
        startsKey: (entry) => entry === 0 || ranks[order[entry]] !== ranks[order[entry - 1]],
        key: (entry) => table.at(ids[order[entry]]),
      };
    },
  };
}
