import * as z from 'zod';
import type { Log } from '../src/observe/log.ts';
import type { Work } from '../src/work/work.ts';
import { handleEach } from './each-message.ts';
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
    step: z.number().int(),
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
  await handleEach(deliveries, {
    schema: Message,
    handle: async (message) => {
      await work.handle(message);
      return null;
    },
    soonSeconds: SOON_SECONDS,
    log,
    named: ({ queue }) => ({ queue }),
  });
}
