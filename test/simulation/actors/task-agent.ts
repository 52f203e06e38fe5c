import type { ClaimedTask, TaskReport } from '../../../src/core/protocol/tasks.ts';
import { orNone, type QueueClient } from '../clients.ts';
import { Process } from '../process.ts';
import type { World } from '../world.ts';
import { CAPABILITIES, TYPES } from './submitter.ts';

/**
 * A process that claims tasks, runs them for a while with heartbeats, and reports until it is answered. It dies at any
 * moment, may believe its own wrong clock, may go on with a lease that it lost, and may report again what it has.
 */
export class TaskAgent extends Process {
  /** Set in the quiet end: it works off everything, fast and well. */
  diligent = false;
  private readonly queue: QueueClient;
  private readonly types: readonly string[] | null;
  private readonly capabilities: readonly string[];
  /** It takes `leaseExpiresAt` for a time of its own clock, until the quiet end: limits would leave others no place. */
  private readonly trustsClock: boolean;
  private readonly stubborn: boolean;
  /** Reports whose answer it never got, on its disk. */
  private unanswered: TaskReport[] = [];
  private running = 0;

  constructor(world: World, name: string, queue: QueueClient, able: boolean) {
    super(world, name);
    this.queue = queue;
    this.types = able || world.chance(0.5) ? null : TYPES.slice(0, 1 + world.below(2));
    this.capabilities = able || world.chance(0.5) ? CAPABILITIES : [];
    this.trustsClock = world.chance(0.3);
    this.stubborn = world.chance(0.5);
  }

  async run(): Promise<void> {
    const { world } = this;
    for (;;) {
      await this.sleep(this.diligent ? 2_000 : world.below(12_000));
      if (world.faults.hit('agent vanished')) {
        this.restart();
        return;
      }
      if (this.unanswered.length > 0) await this.report(this.unanswered.splice(0, 5));
      if (this.running < 4) await this.claim();
    }
  }

  /** It is gone, and begins anew with what its disk has. */
  private restart(): void {
    this.die('');
    this.running = 0;
    this.begin(() => this.run());
  }

  private async claim(): Promise<void> {
    const { world, name } = this;
    const asked = this.queue.claim({
      agentId: name,
      max: this.diligent ? 20 : 1 + world.below(4),
      types: this.types,
      capabilities: this.capabilities,
      leaseSeconds: 5 + world.below(30),
      waitMs: world.chance(0.4) ? world.below(15_000) : 0,
    });
    if (world.faults.hit('agent vanished mid-claim')) {
      // The claim is on its way, and its answer will be nobody's.
      world.after(world.below(60), () => this.restart());
    }
    const tasks = await this.live(orNone(asked));
    if (tasks === null || tasks.length === 0) return;
    world.trace(
      name,
      'claims',
      tasks.map(({ taskId, leaseToken }) => `${taskId}/${leaseToken.slice(0, 5)}`),
    );
    for (const task of tasks) this.begin(() => this.work(task));
  }

  private async work(task: ClaimedTask): Promise<void> {
    const { world } = this;
    const { taskId, leaseToken } = task;
    const success = this.diligent || world.chance(0.7);
    this.running += 1;
    const lasts = this.diligent ? 50 : world.below(40_000);
    const beatsAfterMs = world.chance(0.7) ? task.leaseRemainingMs / 2 : Number.POSITIVE_INFINITY;
    for (let doneMs = 0; doneMs < lasts; ) {
      const stepMs = Math.min(lasts - doneMs, beatsAfterMs);
      await this.sleep(stepMs);
      doneMs += stepMs;
      if (this.trustsClock && !this.diligent && this.believedMs > task.leaseExpiresAtMs && !this.stubborn) {
        // It thinks that its lease is long over and drops the task without a word.
        this.running -= 1;
        return;
      }
      if (doneMs >= lasts) break;
      const [answer] = (await this.live(orNone(this.queue.heartbeat({ leases: [{ taskId, leaseToken }] })))) ?? [];
      if (answer === undefined || this.stubborn) continue;
      if (answer.outcome !== 'extended' || answer.cancelled) break;
    }
    this.running -= 1;
    await this.report([{ taskId, leaseToken, success, retryable: world.chance(0.9), data: '1' }]);
  }

  private async report(reports: readonly TaskReport[]): Promise<void> {
    const outcomes = await this.live(orNone(this.queue.report(reports)));
    const told = reports.map(({ taskId, leaseToken }, at) => `${taskId}/${leaseToken.slice(0, 5)} ${outcomes?.[at]}`);
    this.world.trace(this.name, 'reports', told);
    if (outcomes === null || (!this.diligent && this.world.chance(0.1))) this.unanswered.push(...reports);
  }
}
