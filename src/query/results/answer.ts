import type { Batch } from '../../columns/column.ts';
import type { Schema } from '../../columns/types.ts';

/** What a query did, as its answer says it; `truncated` where there were more rows than were asked for. */
export interface AnswerStats {
  readonly elapsedMs: number;
  readonly rowsScanned: number;
  readonly rowsReturned: number;
  readonly truncated: boolean;
  readonly segmentsTotal: number;
  readonly segmentsPruned: number;
  readonly segmentsScanned: number;
  readonly indexesUsed: readonly { readonly name: string; readonly kind: string }[];
  readonly reads: number;
  readonly bytesRead: number;
}

/** The answer of a running query. The batches can be drawn once. */
export interface Answer {
  readonly schema: Schema;
  readonly batches: AsyncIterable<Batch>;
  /** As they stand; final once the batches have ended. */
  stats(): AnswerStats;
}
