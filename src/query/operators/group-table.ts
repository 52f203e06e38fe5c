import { type Column, gatherColumn, sliceColumn } from '../../columns/column.ts';
import type { ColumnType } from '../../columns/types.ts';
import { KeyColumn, NULL_ID } from './key-column.ts';
import { PairTable } from './pair-table.ts';

/**
 * Numbers groups of rows by their keys. One key: its id is the group (group 0 is that of null, and may be
 * empty). Several: the ids of the first two make a pair, that pair's id and the third's id another, and so on.
 */
export class GroupTable {
  readonly #keys: readonly KeyColumn[];
  /** `#chain[i]` pairs what the keys up to `i` came to with the id of key `i + 1`. */
  readonly #chain: readonly PairTable[];
  #nullSeen = false;

  constructor(types: readonly ColumnType[]) {
    this.#keys = types.map((type) => new KeyColumn(type));
    this.#chain = types.slice(1).map(() => new PairTable());
  }

  get bytes(): number {
    const keys = this.#keys.reduce((sum, key) => sum + key.bytes, 0);
    return keys + this.#chain.reduce((sum, table) => sum + table.bytes, 0);
  }

  /** One more than the largest group given. */
  get count(): number {
    const last = this.#chain.at(-1);
    return last === undefined ? this.#keys[0].count : last.count;
  }

  /** The group of each row, new ones where keys are new. */
  assign(columns: readonly Column[], length: number): Int32Array {
    const groups = new Int32Array(length);
    this.#keys[0].assign(columns[0], groups);
    if (this.#chain.length === 0) {
      this.#nullSeen ||=
        columns[0].data.layout === 'none' || columns[0].validity !== null ? groups.includes(NULL_ID) : false;
      return groups;
    }
    const ids = new Int32Array(length);
    for (let level = 0; level < this.#chain.length; level++) {
      this.#keys[level + 1].assign(columns[level + 1], ids);
      const table = this.#chain[level];
      for (let i = 0; i < length; i++) groups[i] = table.idOf(groups[i], ids[i]);
    }
    return groups;
  }

  /** Like `assign`, but -1 where no group has the row's keys, or one of them is null. */
  find(columns: readonly Column[], length: number): Int32Array {
    const groups = new Int32Array(length);
    this.#keys[0].find(columns[0], groups);
    const ids = new Int32Array(length);
    for (let level = 0; level < this.#chain.length; level++) {
      this.#keys[level + 1].find(columns[level + 1], ids);
      const table = this.#chain[level];
      for (let i = 0; i < length; i++) groups[i] = groups[i] < 0 || ids[i] < 0 ? -1 : table.find(groups[i], ids[i]);
    }
    return groups;
  }

  /** The groups that have rows, in the order in which they will be put out. */
  groups(): Int32Array {
    const skipsNull = this.#chain.length === 0 && !this.#nullSeen;
    const first = skipsNull ? 1 : 0;
    const groups = new Int32Array(this.count - first);
    for (let i = 0; i < groups.length; i++) groups[i] = i + first;
    return groups;
  }

  /** The keys of the groups that `groups` gave, a column a key. */
  keys(groups: Int32Array): Column[] {
    if (this.#chain.length === 0) return [this.#onlyKeys(groups[0], groups.length)];
    const columns: Column[] = [];
    let left = groups;
    for (let level = this.#chain.length - 1; level >= 0; level--) {
      const { lows, highs } = this.#chain[level];
      columns.unshift(
        gatherColumn(
          this.#keys[level + 1].values(),
          left.map((id) => highs[id]),
        ),
      );
      left = left.map((id) => lows[id]);
    }
    columns.unshift(gatherColumn(this.#keys[0].values(), left));
    return columns;
  }

  /** With one key, groups stand in the order of its values; only the first may be null. */
  #onlyKeys(first: number, count: number): Column {
    const values = this.#keys[0].values();
    if (values.data.layout === 'none') return sliceColumn(values, first, first + count);
    const present = first > NULL_ID ? { ...values, validity: null } : values;
    return sliceColumn(present, first, first + count);
  }
}
