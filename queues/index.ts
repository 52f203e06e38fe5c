import * as z from 'zod';
import type { Indexing } from '../src/indexing/indexing.ts';
import type { Log } from '../src/observe/log.ts';
import { handleEach } from './each-message.ts';
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
 * The index queue, one message after another: a build wants the isolate to itself. What is lost the sweep asks
 * for again.
 */
export async function consumeIndex(
  deliveries: readonly IndexDelivery[],
  { indexing, log }: IndexConsumer,
): Promise<void> {
  await handleEach(deliveries, {
    schema: Message,
    handle: async (message, { attempts }) => {
      const outcome = await indexing.handle(message, attempts);
      return outcome.kind === 'again' ? outcome.delaySeconds : null;
    },
    soonSeconds: SOON_SECONDS,
    log,
    named: ({ datasetId }) => ({ datasetId }),
  });
}
