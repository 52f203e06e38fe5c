import { isBuiltInType } from '../core/protocol/built-in-tasks.ts';
import type { StoredLane, TaskKey } from './task-store.ts';

/** Keys read ahead of the claims of a lane at a time. */
export const READ_AHEAD = 32;

/**
 * What is remembered of a lane, so that a claim need not step over what is leased. All of it is derived: a lane that
 * remembers nothing begins at its start and finds the leases there.
 *
 * Invariant: every row of the lane up to `cursor` is leased and in the lease heap.
 * Invariant: `ahead` holds the unleased rows right after `cursor`, all of them up to its last.
 */
export class Lane {
  readonly id: number;
  readonly type: string;
  readonly level: number;
  readonly requires: readonly string[];
  cursor: TaskKey;
  ahead: TaskKey[] = [];
  /** No unleased row comes after `ahead`. */
  exhausted = false;

  constructor({ id, type, level, requires }: StoredLane) {
    this.id = id;
    this.type = type;
    this.level = level;
    this.requires = requires;
    this.cursor = startOf(id);
  }

  /** A row without a lease is now at `key`. */
  added(key: TaskKey): void {
    const last = this.ahead.at(-1);
    if (!comesBefore(this.cursor, key)) {
      this.cursor = { lane: this.id, dueAtMs: key.dueAtMs, sequence: key.sequence - 1 };
      this.ahead = [];
    } else if (last !== undefined && comesBefore(key, last)) this.ahead = [];
    this.exhausted = false;
  }

  /** The first of `ahead` is leased now. */
  taken(): void {
    const key = this.ahead.shift();
    if (key !== undefined) this.cursor = key;
  }

  /** A row without a lease went from the lane, or may have: what was read ahead is read again. */
  removed(): void {
    this.ahead = [];
    this.exhausted = false;
  }

  forget(): void {
    this.removed();
    this.cursor = startOf(this.id);
  }

  /** Whether an agent of these types (null for any that agents run) and capabilities may have its tasks. */
  suits(types: ReadonlySet<string> | null, capabilities: ReadonlySet<string>): boolean {
    const isWanted = types === null ? !isBuiltInType(this.type) : types.has(this.type);
    return isWanted && this.requires.every((each) => capabilities.has(each));
  }
}

function startOf(lane: number): TaskKey {
  return { lane, dueAtMs: -1, sequence: -1 };
}

function comesBefore(a: TaskKey, b: TaskKey): boolean {
  return a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.sequence < b.sequence);
}
