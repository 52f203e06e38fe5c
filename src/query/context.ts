import { OrasiError } from '../core/errors.ts';

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

/** Bytes the operators of one query hold between them; what is over the bound is refused, not tried. */
export class MemoryBudget {
  readonly #limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Throws `query_too_large`, naming the operator, where the bytes do not fit. */
  take(bytes: number, operator: string): void {
    this.#heldBytes += bytes;
    if (this.#heldBytes > this.#limitBytes) {
      throw new OrasiError(
        'query_too_large',
        `${operator} needs more than the ${this.#limitBytes} bytes a query may hold in memory`,
      );
    }
  }

  give(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }
}

/** What every operator of a running query shares. */
export interface QueryContext {
  readonly memory: MemoryBudget;
  readonly stats: QueryStats;
  /** Throws `cancelled` or `timeout` where the query should not go on; called between batches and reads. */
  checkpoint(): void;
}
