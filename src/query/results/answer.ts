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

/**
 * The same answer with its first batch drawn: what is put out before it is only put out once the query has
 * begun to answer, so that most of its errors come first.
 */
export async function begun(answer: Answer): Promise<Answer> {
  const batches = answer.batches[Symbol.asyncIterator]();
  const first = await batches.next();
  async function* drawn(): AsyncGenerator<Batch> {
    try {
      for (let next = first; next.done !== true; next = await batches.next()) yield next.value;
    } finally {
      await batches.return?.();
    }
  }
  return { schema: answer.schema, batches: drawn(), stats: () => answer.stats() };
}

/** The answer of a running query. The batches can be drawn once. */
export interface Answer {
  readonly schema: Schema;
  readonly batches: AsyncIterable<Batch>;
  /** As they stand; final once the batches have ended. */
  stats(): AnswerStats;
}
