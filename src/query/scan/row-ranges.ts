import type { RowRanges } from '../../storage/catalog-records.ts';

export type { RowRanges };

/** The rows in both lists. Each list is ascending and disjoint, as is the answer. */
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
  let j = 0;
  for (const [start, end] of from) {
    let at = start;
    while (j < taken.length && taken[j][1] <= at) j++;
    for (let k = j; k < taken.length && taken[k][0] < end; k++) {
      if (taken[k][0] > at) out.push([at, taken[k][0]]);
      at = Math.max(at, taken[k][1]);
    }
    if (at < end) out.push([at, end]);
  }
  return out;
}

export function countRange(ranges: RowRanges): number {
  let count = 0;
  for (const [start, end] of ranges) count += end - start;
  return count;
}

/** Ascending rows as ranges, neighbours joined. */
export function rangesOfRows(rows: Int32Array): RowRanges {
  const out: [number, number][] = [];
  for (let i = 0; i < rows.length; ) {
    const start = rows[i];
    let end = start + 1;
    for (i++; i < rows.length && rows[i] === end; i++) end++;
    out.push([start, end]);
  }
  return out;
}

/** The rows of ranges, ascending. */
export function rowsOfRanges(ranges: RowRanges): Int32Array {
  const rows = new Int32Array(countRange(ranges));
  let count = 0;
  for (const [start, end] of ranges) for (let row = start; row < end; row++) rows[count++] = row;
  return rows;
}
