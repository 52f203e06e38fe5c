import type { Lane } from './lane.ts';
import { newTurn, type Turn } from './turns.ts';

/** Tasks that say the same group key; those that say none are a group as well. In memory alone. */
export class Group {
  /** Null for tasks without a group. */
  readonly key: string | null;
  readonly lanes: Lane[] = [];
  /** By level; there may be many groups, so a turn is made when it is needed. */
  private readonly turns: (Turn | undefined)[] = [];
  private weight: number;
  /** Its limit lets a task of it wait, until `opensAtMs` if that is finite, else until one of its tasks has ended. */
  parked = false;
  opensAtMs = 0;

  constructor(key: string | null, weight: number) {
    this.key = key;
    this.weight = weight;
  }

  turnAt(level: number): Turn {
    const present = this.turns[level];
    if (present !== undefined) return present;
    const turn = newTurn(this.weight);
    this.turns[level] = turn;
    return turn;
  }

  /** Whether it has something to give at a level. */
  isInTurn(level: number): boolean {
    return (this.turns[level]?.lanes.size ?? 0) > 0;
  }

  setWeight(weight: number): void {
    this.weight = weight;
    for (const turn of this.turns) if (turn !== undefined) turn.weight = weight;
  }

  /** What its limit lets through has changed, or may have. */
  unsettle(): void {
    this.parked = false;
    for (const lane of this.lanes) lane.track.unsettled.add(lane);
  }
}
