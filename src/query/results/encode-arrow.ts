import { RecordBatchStreamWriter } from 'apache-arrow';
import { arrowSchema, toRecordBatch } from '../../columns/arrow.ts';
import type { Answer } from './answer.ts';

/**
 * An Arrow IPC stream (https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format): the
 * schema, a record batch for each batch, the end mark. An empty answer is a schema and the end mark.
 */
export async function* encodeArrow(answer: Answer): AsyncGenerator<Uint8Array> {
  const schema = arrowSchema(answer.schema);
  const writer = new RecordBatchStreamWriter({ autoDestroy: false });
  // The writer keeps what it wrote in a queue; it is emptied after each batch, so that only one is held.
  writer.reset(undefined, schema);
  const queue = writer[Symbol.asyncIterator]();
  let next = queue.next();
  async function* written(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const result = await Promise.race([next, NOTHING]);
      if (result === undefined || result.done === true) return;
      next = queue.next();
      yield result.value;
    }
  }
  for await (const batch of answer.batches) {
    writer.write(toRecordBatch(batch, schema));
    yield* written();
  }
  writer.finish();
  yield* written();
  writer.close();
}

/** Settled already: in a race, it is what wins against a promise that is not. */
const NOTHING = Promise.resolve(undefined);
