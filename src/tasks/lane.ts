import type { Group } from './group.ts';
import type { TaskKey } from './task-rows.ts';
import type { Track } from './track.ts';
import type { Turn } from './turns.ts';

/** Keys read ahead of the claims of a lane at a time; a lane begins with few, since there may be many lanes. */
export const READ_AHEAD = 32;
const READ_FIRST = 4;

/**
 * Tasks of one kind and group in the order they are claimed in, and what is remembered of them so that a claim need
 * not step over what is leased. All of it is derived: a lane that remembers nothing begins at its start and finds the
 * leases there.
 *
 * Invariant: every row of the lane up to `cursor` is leased and in the lease heap.
 * Invariant: `ahead` holds the unleased rows right after `cursor`, all of them up to its last.
 */
export class Lane {
  readonly id: number;
  readonly track: Track;
  readonly group: Group;
  cursor: TaskKey;
  ahead: TaskKey[] = [];
  /** No unleased row comes after `ahead`. */
  exhausted = false;
  /** The first task as its track's heaps have it; null where the lane is in none. */
  placed: TaskKey | null = null;
  /** Keys to read at the next look into the table. */
  readNext = READ_FIRST;

  constructor(id: number, track: Track, group: Group) {
    this.id = id;
    this.track = track;
    this.group = group;
    this.cursor = startOf(id);
    track.unsettled.add(this);
    group.lanes.push(this);
  }

  get type(): string {
    return this.track.type;
  }

  get level(): number {
    return this.track.level;
  }

  get requires(): readonly string[] {
    return this.track.requires;
  }

  /** Its group's turn among the tasks of its priority. */
  get turn(): Turn {
    return this.group.turnAt(this.track.level);
  }

  /** Nothing is known of the lane but that its first row is at `key`, without a lease. */
  begins(key: TaskKey): void {
    if (this.ahead.length === 0 && !comesBefore(startOf(this.id), this.cursor)) this.ahead.push(key);
  }

  /** A row without a lease is now at `key`. */
  added(key: TaskKey): void {
    const last = this.ahead.at(-1);
    if (!comesBefore(this.cursor, key)) {
      this.cursor = { lane: this.id, dueAtMs: key.dueAtMs, sequence: key.sequence - 1 };
      this.ahead = [];
    } else if (last !== undefined && comesBefore(key, last)) this.ahead = [];
    this.exhausted = false;
    this.unsettle();
  }

  /** The first of `ahead` is leased now. */
  taken(): void {
    const key = this.ahead.shift();
    if (key !== undefined) this.cursor = key;
    this.unsettle();
  }

  /** A row without a lease went from the lane, or may have: what was read ahead is read again. */
  removed(): void {
    this.ahead = [];
    this.exhausted = false;
    this.unsettle();
  }

  forget(): void {
    this.removed();
    this.cursor = startOf(this.id);
  }

  /** Whether an agent of these types (null for any that agents run) and capabilities may have its tasks. */
  suits(types: ReadonlySet<string> | null, capabilities: ReadonlySet<string>): boolean {
    return this.track.suits(types, capabilities);
  }

  private unsettle(): void {
    this.track.unsettled.add(this);
  }
}

function startOf(lane: number): TaskKey {
  return { lane, dueAtMs: -1, sequence: -1 };
}

function comesBefore(a: TaskKey, b: TaskKey): boolean {
  return a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.sequence < b.sequence);
}
