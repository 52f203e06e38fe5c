import { TASK_PRIORITIES } from '../core/protocol/tasks.ts';
import type { Lane } from './lane.ts';
import { newTurn, type Turn } from './turns.ts';

/** Tasks that say the same group key; those that say none are a group as well. In memory alone. */
export class Group {
  /** Null for tasks without a group. */
  readonly key: string | null;
  readonly lanes = new Set<Lane>();
  /** By level. */
  readonly turns: readonly Turn[];
  /** Its limit lets a task of it wait, until `opensAtMs` if that is finite, else until one of its tasks has ended. */
  parked = false;
  opensAtMs = 0;

  constructor(key: string | null, weight: number) {
    this.key = key;
    this.turns = TASK_PRIORITIES.map(() => newTurn(weight));
  }

  /** What its limit lets through has changed, or may have. */
  unsettle(): void {
    this.parked = false;
    for (const lane of this.lanes) lane.track.unsettled.add(lane);
  }
}
