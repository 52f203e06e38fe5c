import {
  type QueueStats,
  TASK_PRIORITIES,
  TASK_STATUSES,
  type TaskPriority,
  type TaskStatus,
} from '../core/protocol/tasks.ts';
import type { Lane } from './lane.ts';
import type { TaskStore } from './task-store.ts';

/**
 * How many tasks there are of each status, by lane. Counted from the tables when first asked for in an object's life
 * and kept in memory from then on, so that counting writes nothing.
 */
export class Census {
  private counts: Map<number, Record<TaskStatus, number>> | null = null;

  /** Counts the tables, where nobody has yet. True where it did. */
  load(store: TaskStore): boolean {
    if (this.counts !== null) return false;
    this.counts = new Map();
    for (const { lane, pending, retrying, running } of store.census()) {
      this.change(lane, 'Pending', pending);
      this.change(lane, 'Retrying', retrying);
      this.change(lane, 'Running', running);
    }
    for (const { lane, status, count } of store.finishedCensus()) this.change(lane, status, count);
    return true;
  }

  change(lane: number, status: TaskStatus, by: number): void {
    if (this.counts === null) return;
    const present = this.counts.get(lane) ?? zeros(TASK_STATUSES);
    present[status] += by;
    this.counts.set(lane, present);
  }

  /** Lanes that are stored no more. */
  drop(lanes: readonly number[]): void {
    for (const lane of lanes) this.counts?.delete(lane);
  }

  depth(lanes: Iterable<Lane>): QueueStats['depth'] {
    const depth = Object.fromEntries(TASK_STATUSES.map((status) => [status, zeros(TASK_PRIORITIES)])) as Record<
      TaskStatus,
      Record<TaskPriority, number>
    >;
    for (const lane of lanes) {
      const counts = this.counts?.get(lane.id);
      if (counts === undefined) continue;
      for (const status of TASK_STATUSES) depth[status][TASK_PRIORITIES[lane.level]] += counts[status];
    }
    return depth;
  }

  forget(): void {
    this.counts = null;
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
