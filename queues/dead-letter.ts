import type { Ingest } from '../src/ingest/ingest.ts';
import type { Log } from '../src/observe/log.ts';
import { type Delivery, IngestSchema } from './ingest.ts';

export interface DeadLetterConsumer {
  readonly ingest: Pick<Ingest, 'abandon'>;
  readonly log: Log;
}

/**
 * Messages the ingest queue gave up. The object of one of ours is marked failed with that reason, so that whoever
 * waits for it learns of it and can retry it; an event notification is only a hint, and what it meant the sweep finds.
 */
export async function consumeDeadIngest(
  messages: readonly Delivery[],
  { ingest, log }: DeadLetterConsumer,
): Promise<void> {
  for (const delivery of messages) {
    const parsed = IngestSchema.safeParse(delivery.body);
    if (!parsed.success) {
      tellOf(delivery, log);
      continue;
    }
    try {
      const failed = await ingest.abandon(parsed.data);
      log.error('dead letter', { objectId: parsed.data.objectId, failed });
      delivery.ack();
    } catch (error) {
      log.error('dead letter not recorded', { objectId: parsed.data.objectId, error });
      delivery.retry();
    }
  }
}

/**
 * Messages that the queues of hints gave up: here they are only told of. A task is found by its queue's alarm, or by the
 * end of its lease; a build that failed is recorded with it, and the sweep asks for what is still wanted.
 */
export async function consumeDeadHints(deliveries: readonly Delivery[], { log }: { readonly log: Log }): Promise<void> {
  for (const delivery of deliveries) tellOf(delivery, log);
}

function tellOf(delivery: Delivery, log: Log): void {
  log.error('dead letter', { body: JSON.stringify(delivery.body)?.slice(0, 500) });
  delivery.ack();
}
