import type { Codes } from '../../columns/column.ts';

/** The values of a dictionary in order, and the place of each entry among them; -1 for NaN, which has none. */
export function rankEntries(entries: Float64Array): { values: Float64Array; ranks: Int32Array } {
  const values = entries.filter((value) => !Number.isNaN(value)).sort();
  const ranks = new Int32Array(entries.length);
  for (let i = 0; i < entries.length; i++) ranks[i] = Number.isNaN(entries[i]) ? -1 : placeOf(values, entries[i]);
  return { values, ranks };
}

/** The first place of a value that is there. */
function placeOf(values: Float64Array, value: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Ranks of the rows let in, by group and in ascending order in each: group `g` has `sorted[starts[g] .. starts[g + 1])`. */
export function sortByGroup(
  groups: Int32Array,
  codes: Codes,
  ranks: Int32Array,
  rankCount: number,
  groupCount: number,
): { starts: Int32Array; sorted: Int32Array } {
  const rowRanks = new Int32Array(groups.length);
  const rankEnds = new Int32Array(rankCount + 1);
  const starts = new Int32Array(groupCount + 2);
  for (let i = 0; i < groups.length; i++) {
    const rank = groups[i] < 0 ? -1 : ranks[codes[i]];
    rowRanks[i] = rank;
    if (rank < 0) continue;
    rankEnds[rank + 1]++;
    starts[groups[i] + 2]++;
  }
  for (let rank = 0; rank < rankCount; rank++) rankEnds[rank + 1] += rankEnds[rank];
  for (let group = 0; group < groupCount; group++) starts[group + 2] += starts[group + 1];
  const byRank = new Int32Array(rankEnds[rankCount]);
  for (let i = 0; i < groups.length; i++) if (rowRanks[i] >= 0) byRank[rankEnds[rowRanks[i]]++] = i;
  const sorted = new Int32Array(byRank.length);
  for (let i = 0; i < byRank.length; i++) {
    const row = byRank[i];
    sorted[starts[groups[row] + 1]++] = rowRanks[row];
  }
  return { starts: starts.subarray(0, groupCount + 1), sorted };
}
