import type { Lane } from './lane.ts';

/** When a group is served next among those of its priority: in which round, and where in that. */
export interface Turn {
  round: number;
  order: number;
  /** Tasks it may still have in its round; below zero where age let it go ahead of its turn. */
  deficit: number;
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
    turn.round = this.round - 1;
    turn.deficit = 0;
    this.advance(turn);
  }

  /** One of its tasks goes out: `inTurn`, or since it was the oldest and age decided. */
  served(turn: Turn, inTurn: boolean): void {
    if (inTurn) this.round = Math.max(this.round, turn.round);
    turn.deficit -= 1;
    if (turn.deficit < 1) this.advance(turn);
  }

  /** To the first round in which its weights add up to a task. */
  private advance(turn: Turn): void {
    const rounds = Math.max(1, Math.ceil((1 - turn.deficit) / turn.weight));
    turn.round += rounds;
    turn.deficit += rounds * turn.weight;
    this.order += 1;
    turn.order = this.order;
  }
}
