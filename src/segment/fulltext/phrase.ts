/** Ascending positions of one term in one document: `values` from `start` to `end`. */
export interface Positions {
  values: Int32Array;
  start: number;
  end: number;
}

/**
 * How often a phrase occurs: the places where every term stands at its offset. `slots[i]` are the positions
 * of the phrase's i-th term, `offsets[i]` its distance from the first one. Takes the slots apart: their
 * `start`s are moved.
 */
export function countPhrase(slots: readonly Positions[], offsets: readonly number[]): number {
  const [first] = slots;
  let count = 0;
  for (let i = first.start; i < first.end; i++) {
    const start = first.values[i];
    let whole = true;
    for (let slot = 1; slot < slots.length && whole; slot++) {
      const { values, end } = slots[slot];
      const wanted = start + offsets[slot];
      let next = slots[slot].start;
      while (next < end && values[next] < wanted) next++;
      slots[slot].start = next;
      if (next === end) return count;
      whole = values[next] === wanted;
    }
    if (whole) count++;
  }
  return count;
}
