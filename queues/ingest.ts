import * as z from 'zod';
import type { BucketEvent, IngestMessage } from '../src/core/protocol/messages.ts';
import type { FaultPoints } from '../src/ingest/fault-points.ts';
import type { Ingest } from '../src/ingest/ingest.ts';
import type { Log } from '../src/observe/log.ts';

export const IngestSchema = z.object({
  v: z.literal(1),
  type: z.literal('ingest'),
  namespaceUid: z.string().min(1),
  objectId: z.string().min(1),
});

const BucketEventSchema = z.object({
  account: z.string(),
  action: z.enum(['PutObject', 'CopyObject', 'CompleteMultipartUpload', 'DeleteObject', 'LifecycleDeletion']),
  bucket: z.string(),
  object: z.object({ key: z.string(), size: z.number().optional(), eTag: z.string().optional() }),
  eventTime: z.string(),
  copySource: z.object({ bucket: z.string(), object: z.string() }).optional(),
});

const Message = z.union([IngestSchema, BucketEventSchema]);

/** A message as the platform hands it over. */
export interface Delivery {
  readonly body: unknown;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

export interface IngestConsumer {
  readonly ingest: Ingest;
  readonly faults: FaultPoints;
  readonly log: Log;
}

/**
 * The ingest queue: our own messages and the bucket's event notifications. Each message is acknowledged for itself,
 * so that one that must come back does not bring the others. One of an unknown shape is told of and dropped: it
 * would be no clearer the next time, and what it may have meant to announce the sweep finds.
 */
export async function consumeIngest(
  messages: readonly Delivery[],
  { ingest, faults, log }: IngestConsumer,
): Promise<void> {
  const known: { delivery: Delivery; message: IngestMessage | BucketEvent }[] = [];
  for (const delivery of messages) {
    const parsed = Message.safeParse(delivery.body);
    if (parsed.success) {
      known.push({ delivery, message: parsed.data });
    } else {
      log.error('message of an unknown shape dropped', {
        reason: z.prettifyError(parsed.error),
        body: excerpt(delivery.body),
      });
      delivery.ack();
    }
  }
  const outcomes = await ingest.handle(known.map(({ message }) => message));
  await faults.reach('before-ack');
  known.forEach(({ delivery }, i) => {
    const outcome = outcomes[i];
    if (outcome.kind === 'again') delivery.retry({ delaySeconds: outcome.delaySeconds });
    else delivery.ack();
  });
}

function excerpt(body: unknown): string {
  return (JSON.stringify(body) ?? String(body)).slice(0, 500);
}
