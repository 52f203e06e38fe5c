import { isBuiltInType } from '../core/protocol/built-in-tasks.ts';
import { KeyedHeap } from './keyed-heap.ts';
import type { Lane } from './lane.ts';
import { compareTurns } from './turns.ts';

/** What decides who may have a task. */
export interface TaskKind {
  readonly type: string;
  /** The place of its priority among `TASK_PRIORITIES`. */
  readonly level: number;
  readonly requires: readonly string[];
}

/**
 * The lanes of one kind of tasks, a lane a group, by what comes first. In memory alone.
 *
 * Invariant: of every lane that is not in `unsettled`, the first task is known: due and let through it is in `byAge`
 * and `byTurn`; of a time to come, in `later`; in none where the lane is empty or its group may begin nothing now.
 */
export class Track implements TaskKind {
  readonly type: string;
  readonly level: number;
  readonly requires: readonly string[];
  /** Lanes whose first task may have changed. */
  readonly unsettled = new Set<Lane>();
  readonly later = new KeyedHeap<Lane>(compareHeads);
  readonly byAge = new KeyedHeap<Lane>(compareHeads);
  readonly byTurn = new KeyedHeap<Lane>((a, b) => compareTurns(a.turn, b.turn));

  constructor({ type, level, requires }: TaskKind) {
    this.type = type;
    this.level = level;
    this.requires = requires;
  }

  /** Whether an agent of these types (null for any that agents run) and capabilities may have its tasks. */
  suits(types: ReadonlySet<string> | null, capabilities: ReadonlySet<string>): boolean {
    const isWanted = types === null ? !isBuiltInType(this.type) : types.has(this.type);
    return isWanted && this.requires.every((each) => capabilities.has(each));
  }

  /** Takes a lane out of its place. */
  displace(lane: Lane): void {
    if (lane.placed === null) return;
    this.later.remove(lane);
    this.byAge.remove(lane);
    this.byTurn.remove(lane);
    lane.turn.lanes.delete(lane);
    lane.placed = null;
  }
}

function compareHeads(a: Lane, b: Lane): number {
  if (a.placed === null || b.placed === null) return 0;
  return a.placed.dueAtMs - b.placed.dueAtMs || a.placed.sequence - b.placed.sequence;
}
