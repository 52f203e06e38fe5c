import * as z from 'zod';
import type { Log } from '../src/observe/log.ts';
import type { Work } from '../src/work/work.ts';
import type { Delivery } from './ingest.ts';

const Message = z.discriminatedUnion('type', [
  z.object({ v: z.literal(1), type: z.literal('tasks'), queue: z.string().min(1) }),
  z.object({
    v: z.literal(1),
    type: z.literal('task-step'),
    queue: z.string().min(1),
    taskId: z.string().min(1),
    leaseToken: z.string().min(1),
    attempt: z.number().int(),
    state: z.object({
      phase: z.string(),
      cursor: z.string().optional(),
      ids: z.array(z.string()).optional(),
      counts: z.record(z.string(), z.number()).optional(),
      notes: z.array(z.string()).optional(),
    }),
  }),
]);

/** Where the queue's object, or the broker, cannot be reached. */
const SOON_SECONDS = 5;

/** The queue of the platform's own tasks: each message is a worker that claims one, or goes on with one. */
export async function consumeTasks(
  deliveries: readonly Delivery[],
  { work, log }: { readonly work: Work; readonly log: Log },
): Promise<void> {
  for (const delivery of deliveries) {
    const parsed = Message.safeParse(delivery.body);
    if (!parsed.success) {
      log.error('message of an unknown shape dropped', { reason: z.prettifyError(parsed.error) });
      delivery.ack();
      continue;
    }
    try {
      await work.handle(parsed.data);
      delivery.ack();
    } catch (error) {
      log.error('task message not handled', { queue: parsed.data.queue, error });
      delivery.retry({ delaySeconds: SOON_SECONDS });
    }
  }
}

/** Messages that queue gave up. The task is found by its queue's alarm, or by the end of its lease: here it is only told of. */
export async function consumeDeadTasks(deliveries: readonly Delivery[], { log }: { readonly log: Log }): Promise<void> {
  for (const delivery of deliveries) {
    log.error('dead letter', { body: JSON.stringify(delivery.body)?.slice(0, 500) });
    delivery.ack();
  }
}
