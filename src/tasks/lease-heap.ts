/** A lease that runs out at `untilMs` unless its row says otherwise by then. */
export interface LeaseEntry {
  readonly untilMs: number;
  readonly lane: number;
  readonly dueAtMs: number;
  readonly sequence: number;
}

/**
 * Leases by the time they run out, in memory. An entry is a hint: leases that were extended or ended leave theirs
 * behind, and whoever takes one out looks at the row.
 */
export class LeaseHeap {
  private readonly entries: LeaseEntry[] = [];

  earliestMs(): number | null {
    return this.entries.length === 0 ? null : this.entries[0].untilMs;
  }

  push(entry: LeaseEntry): void {
    const { entries } = this;
    let at = entries.length;
    entries.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (entries[parent].untilMs <= entry.untilMs) break;
      entries[at] = entries[parent];
      at = parent;
    }
    entries[at] = entry;
  }

  /** Takes out the earliest entry that has run out by `nowMs`. */
  popDue(nowMs: number): LeaseEntry | null {
    const { entries } = this;
    if (entries.length === 0 || entries[0].untilMs > nowMs) return null;
    const [first] = entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && entries[child + 1].untilMs < entries[child].untilMs) child += 1;
      if (entries[child].untilMs >= last.untilMs) break;
      entries[at] = entries[child];
      at = child;
    }
    entries[at] = last;
    return first;
  }

  clear(): void {
    this.entries.length = 0;
  }
}
