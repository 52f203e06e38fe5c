import * as z from 'zod';
import type { Log } from '../src/observe/log.ts';
import type { Delivery } from './ingest.ts';

export interface EachMessage<Message, Each extends Delivery> {
  readonly schema: z.ZodType<Message>;
  /** Answers after how many seconds the message is to come back; null where it is done. */
  readonly handle: (message: Message, delivery: Each) => Promise<number | null>;
  /** A message that is not handled, for a fault that lies outside of it, comes back after so long. */
  readonly soonSeconds: number;
  readonly log: Log;
  /** Which message it was, for the log. */
  readonly named: (message: Message) => Readonly<Record<string, unknown>>;
}

/** Handles messages one after another, each for itself. They are hints: one of an unknown shape is told of and dropped. */
export async function handleEach<Message, Each extends Delivery>(
  deliveries: readonly Each[],
  { schema, handle, soonSeconds, log, named }: EachMessage<Message, Each>,
): Promise<void> {
  for (const delivery of deliveries) {
    const parsed = schema.safeParse(delivery.body);
    if (!parsed.success) {
      log.error('message of an unknown shape dropped', { reason: z.prettifyError(parsed.error) });
      delivery.ack();
      continue;
    }
    try {
      const againSeconds = await handle(parsed.data, delivery);
      if (againSeconds === null) delivery.ack();
      else delivery.retry({ delaySeconds: againSeconds });
    } catch (error) {
      log.error('message not handled', { ...named(parsed.data), error });
      delivery.retry({ delaySeconds: soonSeconds });
    }
  }
}
