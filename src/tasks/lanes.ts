import { assert, OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { Lane } from './lane.ts';
import type { StoredLane, TaskStore } from './task-store.ts';

/** The lanes of a queue, in memory as they are stored. */
export class Lanes {
  private readonly store: TaskStore;
  private byId = new Map<number, Lane>();
  private byKind = new Map<string, Lane>();

  constructor(store: TaskStore) {
    this.store = store;
  }

  /** Begins anew with what is stored. */
  recall(): void {
    this.byId = new Map();
    this.byKind = new Map();
    for (const stored of this.store.lanes()) this.remember(stored);
  }

  all(): readonly Lane[] {
    return [...this.byId.values()];
  }

  get(id: number): Lane {
    const lane = this.byId.get(id);
    assert(lane !== undefined, `lane ${id} is there, since a task is of it`);
    return lane;
  }

  /** The lane of a kind of tasks, made if there is none. Throws `conflict` where there are too many. */
  of(kind: Omit<StoredLane, 'id'>): Lane {
    const present = this.byKind.get(nameOf(kind));
    if (present !== undefined) return present;
    if (this.byId.size >= LIMITS.taskLanes) {
      const message = `a queue has at most ${LIMITS.taskLanes} combinations of type, priority and requires`;
      throw new OrasiError('conflict', message);
    }
    const stored = { id: this.byId.size, ...kind };
    this.store.addLane(stored);
    return this.remember(stored);
  }

  ofType(type: string): readonly Lane[] {
    return this.all().filter((lane) => lane.type === type);
  }

  private remember(stored: StoredLane): Lane {
    const lane = new Lane(stored);
    this.byId.set(lane.id, lane);
    this.byKind.set(nameOf(stored), lane);
    return lane;
  }
}

function nameOf({ type, level, requires }: Omit<StoredLane, 'id'>): string {
  return JSON.stringify([type, level, requires]);
}
