import type { RowRanges } from './catalog-records.ts';

/**
 * Ranges as compact text: for each the gap to the range before and its length, both in base 36, e.g. `0+5,a+1`
 * for rows 0 to 4 and row 15. Rows of two sources interleaved by a sort make many short ranges, hence the care.
 */
export function encodeRowRanges(ranges: RowRanges): string {
  let at = 0;
  return ranges
    .map(([start, end]) => {
      const text = `${(start - at).toString(36)}+${(end - start).toString(36)}`;
      at = end;
      return text;
    })
    .join(',');
}

/** Reads `encodeRowRanges` back. */
export function decodeRowRanges(text: string): RowRanges {
  if (text === '') return [];
  let at = 0;
  return text.split(',').map((part) => {
    const [gap, length] = part.split('+');
    const start = at + Number.parseInt(gap, 36);
    at = start + Number.parseInt(length, 36);
    return [start, at] as const;
  });
}

/** The union of disjoint lists of ranges, ascending, neighbours joined. */
export function mergeRowRanges(lists: readonly RowRanges[]): RowRanges {
  const merged: [number, number][] = [];
  for (const [start, end] of lists.flat().sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** How many rows the ranges hold. */
export function countRows(ranges: RowRanges): number {
  return ranges.reduce((sum, [start, end]) => sum + end - start, 0);
}
