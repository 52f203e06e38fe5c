import { type Batch, type Scalar, scalarAt } from '../../src/columns/column.ts';
import { concatBatches } from '../../src/columns/concat.ts';
import { conformBatch } from '../../src/columns/conform.ts';
import { mergeSchemas, typeName } from '../../src/columns/types.ts';
import { memoryReader } from '../../src/core/bytes.ts';
import type { BadRow, Checkpoint, DecodeRequest, DecodeSource, Format } from '../../src/formats/format.ts';

/** Bytes in memory as a source whose stream comes in chunks of a size. */
export function sourceOf(bytes: Uint8Array | string, chunkBytes = 64 * 1024): DecodeSource {
  const data = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  return {
    sizeBytes: data.length,
    ranges: memoryReader(data),
    async stream(offset) {
      let at = offset;
      return new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (at >= data.length) return controller.close();
            controller.enqueue(data.slice(at, at + chunkBytes));
            at += chunkBytes;
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}

export interface Outcome {
  /** `name type` of each column of the merged schema. */
  columns: string[];
  /** A row as name → value, nulls left out. */
  rows: Record<string, Scalar>[];
  bad: BadRow[];
  batches: Batch[];
  checkpoint: Checkpoint;
}

export type DecodeOptions = Partial<Omit<DecodeRequest, 'source'>> & {
  chunkBytes?: number;
  /** Begin anew from the checkpoint, as JSON, after every item. */
  resume?: boolean;
};

/** Decodes bytes to the end. */
export async function decode(
  format: Format,
  bytes: Uint8Array | string,
  options: DecodeOptions = {},
): Promise<Outcome> {
  const { chunkBytes, resume, ...request } = options;
  const batches: Batch[] = [];
  const bad: BadRow[] = [];
  let from = options.from;
  for (;;) {
    const source = sourceOf(bytes, chunkBytes);
    const decoder = await format.decode({ options: {}, declared: [], ...request, source, ...(from ? { from } : {}) });
    let items = 0;
    for await (const item of decoder) {
      items++;
      if (item.batch !== null) batches.push(item.batch);
      bad.push(...item.bad);
      from = JSON.parse(JSON.stringify(decoder.checkpoint()));
      if (resume) break;
    }
    if (resume && items > 0) continue;
    return { ...rowsOf(batches), bad, batches, checkpoint: decoder.checkpoint() };
  }
}

export function rowsOf(batches: readonly Batch[]): Pick<Outcome, 'columns' | 'rows'> {
  if (batches.length === 0) return { columns: [], rows: [] };
  const schema = batches.map((batch) => batch.schema).reduce(mergeSchemas);
  const whole = concatBatches(
    schema,
    batches.map((batch) => conformBatch(batch, schema)),
  );
  const rows: Outcome['rows'] = [];
  for (let row = 0; row < whole.length; row++) {
    const values: Record<string, Scalar> = Object.create(null);
    whole.schema.forEach(({ name }, i) => {
      const value = scalarAt(whole.columns[i], row);
      if (value !== null) values[name] = value;
    });
    rows.push(values);
  }
  return { columns: whole.schema.map(({ name, type }) => `${name} ${typeName(type)}`), rows };
}
