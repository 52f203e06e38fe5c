import type { Lane } from './lane.ts';

/** When a group is served next among those of its priority: in which round, and where in that. */
export interface Turn {
  round: number;
  order: number;
  /** Tasks it may still have in its round. */
  deficit: number;
  /** Tasks it gets in a round, at least one. */
  weight: number;
  /** Its lanes whose first task is due and may run. */
  readonly lanes: Set<Lane>;
}

export function newTurn(weight: number): Turn {
  return { round: -1, order: 0, deficit: 0, weight, lanes: new Set() };
}

export function compareTurns(a: Turn, b: Turn): number {
  return a.round - b.round || a.order - b.order;
}

/**
 * Deficit round robin (Shreedhar and Varghese, 1995) between the groups of one priority; every task costs one. Rounds
 * are numbered instead of walked, so that a heap finds the next group of those that a claim may have, and the others
 * cost it nothing.
 */
export class Turns {
  private round = 0;
  private order = 0;

  /** A group that had nothing to give has something again: it comes last in this round, unless it was served in it. */
  join(turn: Turn): void {
    if (turn.round >= this.round) return;
    this.enter(turn, this.round);
  }

  /** One of its tasks goes out: `inTurn`, or since it was the oldest and age decided; it counts all the same. */
  served(turn: Turn, inTurn: boolean): void {
    if (inTurn) this.round = Math.max(this.round, turn.round);
    turn.deficit -= 1;
    if (turn.deficit === 0) this.enter(turn, turn.round + 1);
  }

  private enter(turn: Turn, round: number): void {
    this.order += 1;
    turn.round = round;
    turn.order = this.order;
    turn.deficit = turn.weight;
  }
}
