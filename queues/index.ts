import * as z from 'zod';
import type { Indexing } from '../src/indexing/indexing.ts';
import type { Log } from '../src/observe/log.ts';
import type { Delivery } from './ingest.ts';

const Message = z.object({
  v: z.literal(1),
  type: z.literal('index'),
  namespaceUid: z.string().min(1),
  datasetId: z.string().min(1),
  segmentIds: z.array(z.string().min(1)),
});

/** A message as the platform hands it over; `attempts` counts its deliveries from 1. */
export interface IndexDelivery extends Delivery {
  readonly attempts: number;
}

export interface IndexConsumer {
  readonly indexing: Pick<Indexing, 'handle'>;
  readonly log: Log;
}

/** Where the fault lies outside any build, the catalogue for one. */
const SOON_SECONDS = 10;

/**
 * The index queue, one message after another: a build wants the isolate to itself. Messages are hints; one of an
 * unknown shape is told of and dropped, and what is lost the sweep asks for again.
 */
export async function consumeIndex(
  deliveries: readonly IndexDelivery[],
  { indexing, log }: IndexConsumer,
): Promise<void> {
  for (const delivery of deliveries) {
    const parsed = Message.safeParse(delivery.body);
    if (!parsed.success) {
      log.error('message of an unknown shape dropped', { reason: z.prettifyError(parsed.error) });
      delivery.ack();
      continue;
    }
    try {
      const outcome = await indexing.handle(parsed.data, delivery.attempts);
      if (outcome.kind === 'again') delivery.retry({ delaySeconds: outcome.delaySeconds });
      else delivery.ack();
    } catch (error) {
      log.error('index message not handled', { datasetId: parsed.data.datasetId, error });
      delivery.retry({ delaySeconds: SOON_SECONDS });
    }
  }
}

/**
 * Messages the index queue gave up. What failed is recorded with each build, and what is still wanted the sweep
 * asks for: here it is only told of.
 */
export async function consumeDeadIndex(
  deliveries: readonly Delivery[],
  { log }: Pick<IndexConsumer, 'log'>,
): Promise<void> {
  for (const delivery of deliveries) {
    log.error('dead letter', { body: JSON.stringify(delivery.body)?.slice(0, 500) });
    delivery.ack();
  }
}
