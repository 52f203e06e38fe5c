import { type NewTask, TASK_PRIORITIES } from '../../../src/core/protocol/tasks.ts';
import { orNone, type QueueClient } from '../clients.ts';
import type { QueueOracle } from '../oracle/queue-oracle.ts';
import { Process } from '../process.ts';
import type { World } from '../world.ts';

export const TYPES = ['resize', 'mail', 'index'];
export const GROUPS = ['red', 'blue'];
export const CAPABILITIES = ['gpu'];

/** Hands in tasks, cancels some, redrives what failed, and now and then stops the queue for a while. */
export class Submitter extends Process {
  /** What it was told is taken. */
  readonly acknowledged = new Set<string>();
  private readonly queue: QueueClient;
  private readonly oracle: QueueOracle;

  constructor(world: World, name: string, queue: QueueClient, oracle: QueueOracle) {
    super(world, name);
    this.queue = queue;
    this.oracle = oracle;
  }

  async run(): Promise<void> {
    const { world } = this;
    while (!world.faults.ended) {
      await this.sleep(world.below(16_000));
      const turn = world.random.next();
      if (turn < 0.75) await this.submit();
      else if (turn < 0.85) await this.change();
      else if (turn < 0.9) await this.redrive();
      else if (turn < 0.93) await this.pause();
      else await this.look();
    }
  }

  private async submit(): Promise<void> {
    const { world } = this;
    const tasks = Array.from({ length: 1 + world.below(4) }, () => this.task());
    const answers = await this.live(orNone(this.queue.submit(tasks)));
    world.trace(this.name, 'submits', tasks.length, answers?.map(({ taskId }) => taskId) ?? 'no answer');
    for (const { taskId } of answers ?? []) {
      this.acknowledged.add(taskId);
      this.oracle.acknowledged(taskId);
    }
  }

  private task(): NewTask {
    const { world } = this;
    const maybe = <T>(part: number, make: () => T): T | undefined => (world.chance(part) ? make() : undefined);
    return {
      type: world.pick(TYPES),
      payload: '{}',
      priority: world.pick(TASK_PRIORITIES),
      delayMs: maybe(0.25, () => world.below(60_000)),
      dedupeKey: maybe(0.1, () => `key-${world.below(20)}`),
      dedupeWindowSeconds: maybe(0.5, () => 1 + world.below(60)),
      requires: world.chance(0.15) ? CAPABILITIES : [],
      expiresAtMs: maybe(0.1, () => world.nowMs + world.below(120_000)),
      options: {
        maxRetries: maybe(0.8, () => world.below(4)),
        retryDelaySeconds: maybe(0.3, () => 1 + world.below(10)),
        timeoutSeconds: maybe(0.15, () => 10 + world.below(60)),
        groupKey: maybe(0.5, () => world.pick(GROUPS)),
        resultRetentionSeconds: maybe(0.3, () => world.below(2) * 60),
      },
    };
  }

  private async change(): Promise<void> {
    const open = this.oracle.openTasks;
    if (open.length === 0) return;
    const { taskId } = this.world.pick(open);
    const record = await this.live(orNone(this.queue.cancel(taskId)));
    this.world.trace(this.name, 'cancels', taskId, record?.status ?? 'no answer');
  }

  private async redrive(): Promise<void> {
    const failed = [...this.oracle.tasks.values()].filter(({ over }) => over === 'Failed').slice(0, 3);
    if (failed.length === 0) return;
    const taskIds = failed.map(({ taskId }) => taskId);
    const count = await this.live(orNone(this.queue.redrive(taskIds)));
    this.world.trace(this.name, 'redrives', taskIds, count);
  }

  private async pause(): Promise<void> {
    const state = this.world.pick(['Paused', 'Draining'] as const);
    this.world.trace(this.name, 'asks the queue to be', state);
    await this.live(orNone(this.queue.setState(state)));
    await this.sleep(this.world.below(30_000));
    while ((await this.live(orNone(this.queue.setState('Active')))) === null) await this.sleep(1_000);
  }

  private async look(): Promise<void> {
    const known = [...this.oracle.tasks.keys()];
    if (known.length > 0) await this.live(orNone(this.queue.get(this.world.pick(known))));
    await this.live(orNone(this.queue.stats()));
  }
}
