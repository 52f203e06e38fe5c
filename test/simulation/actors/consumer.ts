import { orNone, type QueueClient } from '../clients.ts';
import { Process } from '../process.ts';
import type { World } from '../world.ts';
import { TYPES } from './submitter.ts';

/**
 * Takes batches of pointer messages off a message queue and makes a task of each, named by its message. A batch that
 * is not acknowledged, or of which the broker has forgotten that it was, comes again whole.
 */
export class Consumer extends Process {
  private readonly queue: QueueClient;
  private readonly taskOf = new Map<string, string>();
  private batches = 0;

  constructor(world: World, queue: QueueClient) {
    super(world, 'consumer');
    this.queue = queue;
  }

  async run(): Promise<void> {
    const { world } = this;
    while (!world.faults.ended) {
      await this.sleep(10_000 + world.below(40_000));
      const batch = this.batches++;
      const messages = Array.from({ length: 1 + world.below(5) }, (_, at) => `message-${batch}-${at}`);
      let again = 0;
      do {
        const done = await this.deliver(messages);
        if (done && !world.faults.hit('batch redelivered')) break;
        await this.sleep(1_000 + world.below(20_000));
      } while (again++ < 20);
    }
  }

  private async deliver(messages: readonly string[]): Promise<boolean> {
    const tasks = messages.map((message) => ({
      type: TYPES[2],
      payload: JSON.stringify({ message }),
      priority: 'Normal' as const,
      requires: [],
      dedupeKey: message,
      options: {},
    }));
    const answers = await this.live(orNone(this.queue.submit(tasks)));
    this.world.trace(this.name, 'delivers', messages, answers?.map(({ taskId }) => taskId) ?? 'no answer');
    for (const [at, { taskId }] of (answers ?? []).entries()) {
      const before = this.taskOf.get(messages[at]);
      if (before !== undefined && before !== taskId) this.world.broken('a message became two tasks', taskId);
      this.taskOf.set(messages[at], taskId);
    }
    return answers !== null;
  }
}
