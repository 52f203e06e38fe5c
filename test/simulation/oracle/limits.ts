import type { QueueSettings, TaskLimit } from '../../../src/core/protocol/queue-settings.ts';
import type { World } from '../world.ts';
import type { KnownTask } from './known-task.ts';

/** Of a task: a limit's time is a double of milliseconds since 1970, which each task moves on by a rounded part of it. */
const ROUNDING = 1e-4;

/** What a queue's limits allow, counted from outside: what runs, and when what began. */
export class LimitsOracle {
  private readonly world: World;
  private limits: QueueSettings['limits'];
  /** When tasks began, by the name of a limit with a rate; anew where limits change. */
  private begun = new Map<string, number[]>();

  constructor(world: World, { limits }: QueueSettings) {
    this.world = world;
    this.limits = limits;
  }

  configure({ limits }: QueueSettings): void {
    this.limits = limits;
    this.begun = new Map();
  }

  /** Tasks began; `running` are all that run, these among them. Complains where a limit is exceeded. */
  began(tasks: readonly KnownTask[], running: readonly KnownTask[], nowMs: number): void {
    for (const task of tasks) {
      for (const { name, limit, holds } of this.limitsOf(task)) {
        const present = running.filter(holds).length;
        if (limit.concurrency !== null && present > limit.concurrency)
          this.world.broken('a limit of what runs is exceeded', `${task.taskId}: ${name} ${present}`);
        if (limit.rate === null) continue;
        const times = [...(this.begun.get(name) ?? []), nowMs];
        this.begun.set(name, times);
        const { perSecond, burst } = limit.rate;
        for (const [at, fromMs] of times.entries()) {
          const allowed = burst + (perSecond * (nowMs - fromMs)) / 1_000 + ROUNDING;
          if (times.length - at > Math.floor(allowed))
            this.world.broken('a limit of what begins is exceeded', `${task.taskId}: ${name}`);
        }
      }
    }
  }

  /** Whether a limit may be what keeps a task from running: one is reached, or is of a rate. */
  mayHold(task: KnownTask, running: readonly KnownTask[]): boolean {
    return this.limitsOf(task).some(
      ({ limit, holds }) =>
        limit.rate !== null || (limit.concurrency !== null && running.filter(holds).length >= limit.concurrency),
    );
  }

  private limitsOf(task: KnownTask) {
    const { queue, perType, perGroup } = this.limits;
    const { groupKey } = task.options;
    const ofType = perType.find(({ type }) => type === task.type) ?? perType.find(({ type }) => type === '*');
    const ofGroup =
      groupKey === undefined
        ? undefined
        : (perGroup.find(({ group }) => group === groupKey) ?? perGroup.find(({ group }) => group === '*'));
    const all: { name: string; limit: TaskLimit; holds: (other: KnownTask) => boolean }[] = [
      { name: 'queue', limit: queue, holds: () => true },
    ];
    if (ofType !== undefined)
      all.push({ name: `type ${task.type}`, limit: ofType, holds: ({ type }) => type === task.type });
    if (ofGroup !== undefined)
      all.push({ name: `group ${groupKey}`, limit: ofGroup, holds: ({ options }) => options.groupKey === groupKey });
    return all;
  }
}
