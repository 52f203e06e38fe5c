import { concatBytes } from '../core/bytes.ts';
import { OrasiError } from '../core/errors.ts';
import type { ResultFormat } from '../core/protocol/built-in-tasks.ts';
import type { Answer } from '../query/results/answer.ts';
import { encodeArrow } from '../query/results/encode-arrow.ts';
import { encodeCsv } from '../query/results/encode-csv.ts';
import { encodeJson, encodeNdjson } from '../query/results/encode-json.ts';
import { expiringMetadata } from '../storage/expiry.ts';
import { resultKey } from '../storage/layout.ts';
import type { Job } from './job.ts';
import type { WorkPorts } from './ports.ts';

/** An answer up to here is kept with its task; the rest of what a task's result may take is for what is around it. */
const INLINE_BYTES = 100_000;
/** As long as a queue keeps results, unless the task says otherwise. */
const RETENTION_SECONDS = 86_400;

const FORMATS: Readonly<
  Record<ResultFormat, { encode(answer: Answer): AsyncGenerator<Uint8Array>; contentType: string }>
> = {
  json: { encode: encodeJson, contentType: 'application/json' },
  ndjson: { encode: encodeNdjson, contentType: 'application/x-ndjson' },
  csv: { encode: encodeCsv, contentType: 'text/csv' },
  arrow: { encode: encodeArrow, contentType: 'application/vnd.apache.arrow.stream' },
};

/**
 * Keeps the answer of a query: as the result itself where it is JSON and small, else in the bucket, and where that is.
 * Each attempt has a key of its own, so that one which was given up does not write into another's.
 */
export async function keepAnswer(
  { store, clock }: Pick<WorkPorts, 'store' | 'clock'>,
  job: Job,
  answer: Answer,
  format: ResultFormat,
): Promise<unknown> {
  const { encode, contentType } = FORMATS[format];
  const chunks = encode(answer);
  const held: Uint8Array[] = [];
  if (format === 'json') {
    let bytes = 0;
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) return JSON.parse(new TextDecoder().decode(concatBytes(held)));
      held.push(next.value);
      bytes += next.value.length;
      if (bytes > INLINE_BYTES) break;
    }
  }
  const key = resultKey(job.namespaceUid, job.queue, `${job.taskId}-${job.attempt}`);
  const keptSeconds = job.resultRetentionSeconds ?? RETENTION_SECONDS;
  const stored = await store.put(key, streamOf(held, chunks), {
    contentType,
    metadata: expiringMetadata(clock.now() + keptSeconds * 1_000),
  });
  if (stored === null) throw new OrasiError('internal', 'an unconditional write was refused');
  return { stored: { key, sizeBytes: stored.sizeBytes, contentType }, stats: answer.stats() };
}

/** Chunks as a stream, those that were drawn already first. */
export function streamOf(held: readonly Uint8Array[], rest: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  const first = [...held];
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = first.shift();
      if (chunk !== undefined) return controller.enqueue(chunk);
      const next = await rest.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await rest.return(undefined);
    },
  });
}
