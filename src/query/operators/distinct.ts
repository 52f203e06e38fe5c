import { type Batch, gatherBatch } from '../../columns/column.ts';
import type { Schema } from '../../columns/types.ts';
import type { QueryContext } from '../context.ts';
import { GroupTable } from './group-table.ts';
import { HeldMemory } from './held-memory.ts';

/** Each row once, where it first comes; nulls are equal here. A row is put out at once. */
export async function* distinctRows(
  input: AsyncIterable<Batch>,
  schema: Schema,
  context: QueryContext,
): AsyncGenerator<Batch> {
  if (schema.length === 0) {
    for await (const batch of input) {
      if (batch.length > 0) {
        yield { ...batch, length: 1 };
        return;
      }
    }
    return;
  }
  const table = new GroupTable(schema.map(({ type }) => type));
  const memory = new HeldMemory(context.memory, 'DISTINCT');
  try {
    let seen = new Uint8Array(1024);
    for await (const batch of input) {
      const groups = table.assign(batch.columns, batch.length);
      memory.hold(table.bytes + seen.byteLength);
      if (table.count > seen.length) {
        const longer = new Uint8Array(2 * table.count);
        longer.set(seen);
        seen = longer;
      }
      const rows = new Int32Array(batch.length);
      let fresh = 0;
      for (let i = 0; i < groups.length; i++) {
        if (seen[groups[i]] === 1) continue;
        seen[groups[i]] = 1;
        rows[fresh++] = i;
      }
      if (fresh === batch.length) yield batch;
      else if (fresh > 0) yield gatherBatch(batch, rows.subarray(0, fresh));
    }
  } finally {
    memory.release();
  }
}
