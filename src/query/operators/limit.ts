import { type Batch, sliceBatch } from '../../columns/column.ts';

/** Leaves out the first `offset` rows and ends after `limit` more, without asking its input for what follows. */
export async function* limitRows(
  input: AsyncIterable<Batch>,
  limit: number | null,
  offset: number,
): AsyncGenerator<Batch> {
  let skip = offset;
  let left = limit ?? Number.POSITIVE_INFINITY;
  if (left === 0) return;
  for await (const batch of input) {
    const start = Math.min(skip, batch.length);
    skip -= start;
    const end = Math.min(batch.length, start + left);
    if (end > start) yield sliceBatch(batch, start, end);
    left -= end - start;
    if (left === 0) return;
  }
}
