import { countRows, type RowRanges, type RowSelection } from '../../segment/read-plan.ts';

export type { RowRanges, RowSelection };

/** The rows in both lists of ranges. Each list is ascending and disjoint, as is the answer. */
export function intersectRanges(a: RowRanges, b: RowRanges): RowRanges {
  const out: [number, number][] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const start = Math.max(a[i][0], b[j][0]);
    const end = Math.min(a[i][1], b[j][1]);
    if (start < end) out.push([start, end]);
    if (a[i][1] < b[j][1]) i++;
    else j++;
  }
  return out;
}

/** The rows of `from` that are not in `taken`. */
export function subtractRanges(from: RowRanges, taken: RowRanges): RowRanges {
  if (taken.length === 0) return from;
  const out: [number, number][] = [];
  let next = 0;
  for (const [start, end] of from) {
    let at = start;
    while (next < taken.length && taken[next][1] <= at) next++;
    for (let i = next; i < taken.length && taken[i][0] < end; i++) {
      if (taken[i][0] > at) out.push([at, taken[i][0]]);
      at = Math.max(at, taken[i][1]);
    }
    if (at < end) out.push([at, end]);
  }
  return out;
}

/** Those of ascending rows that lie in ranges. */
export function rowsWithin(rows: Int32Array, ranges: RowRanges): Int32Array {
  const out = new Int32Array(rows.length);
  let count = 0;
  let range = 0;
  for (const row of rows) {
    while (range < ranges.length && ranges[range][1] <= row) range++;
    if (range === ranges.length) break;
    if (ranges[range][0] <= row) out[count++] = row;
  }
  return count === rows.length ? rows : out.subarray(0, count);
}

/** Rows in both of two ascending lists. */
export function intersectRows(a: Int32Array, b: Int32Array): Int32Array {
  const out = new Int32Array(Math.min(a.length, b.length));
  let count = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      out[count++] = a[i++];
      j++;
    } else if (a[i] < b[j]) i++;
    else j++;
  }
  return out.subarray(0, count);
}

/** The ordinals of a selection, ascending. */
export function ordinalsOf(rows: RowSelection): Int32Array {
  if (rows instanceof Int32Array) return rows;
  const out = new Int32Array(countRows(rows));
  let count = 0;
  for (const [start, end] of rows) for (let row = start; row < end; row++) out[count++] = row;
  return out;
}

/** The ordinals of those rows of a selection that stand at places `at`; of all of them where no places are given. */
export function ordinalsAt(rows: RowSelection, at: Int32Array | undefined): Int32Array {
  if (at === undefined) return ordinalsOf(rows);
  const out = new Int32Array(at.length);
  if (!(rows instanceof Int32Array) && rows.length === 1) {
    const [[start]] = rows;
    for (let i = 0; i < at.length; i++) out[i] = start + at[i];
    return out;
  }
  const ordinals = ordinalsOf(rows);
  for (let i = 0; i < at.length; i++) out[i] = ordinals[at[i]];
  return out;
}
