import type { MemoryBudget } from './memory-budget.ts';

/** Counts of one query, answered as `stats`. */
export interface QueryStats {
  rowsScanned: number;
  segmentsTotal: number;
  segmentsPruned: number;
  segmentsScanned: number;
  indexesUsed: { name: string; kind: string }[];
  /** Range reads of the object store. */
  reads: number;
  bytesRead: number;
}

export function newQueryStats(): QueryStats {
  return {
    rowsScanned: 0,
    segmentsTotal: 0,
    segmentsPruned: 0,
    segmentsScanned: 0,
    indexesUsed: [],
    reads: 0,
    bytesRead: 0,
  };
}

/**
 * Lets others have their turn. A query that computes without reading would keep its isolate to itself: no other request
 * would go on, no client that left be noticed, and the clock, which stands still between an isolate's waits, never
 * reach the query's time-out.
 */
export class Turns {
  #steps = 0;

  /** Counts a batch; a wait for the next turn of the event loop where enough of them have passed, else undefined. */
  next(): Promise<void> | undefined {
    if (++this.#steps % STEPS_PER_TURN !== 0) return undefined;
    return new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Batches of all operators together between two turns: some 50 to 100 ms of work, for which a wait is nothing. */
const STEPS_PER_TURN = 64;

/** What every operator of a running query shares. */
export interface QueryContext {
  readonly memory: MemoryBudget;
  readonly stats: QueryStats;
  readonly turns: Turns;
  /** Throws `cancelled` or `timeout` where the query should not go on; called between batches and reads. */
  checkpoint(): void;
}
