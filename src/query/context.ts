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

/** What every operator of a running query shares. */
export interface QueryContext {
  readonly memory: MemoryBudget;
  readonly stats: QueryStats;
  /** Throws `cancelled` or `timeout` where the query should not go on; called between batches and reads. */
  checkpoint(): void;
}
