import type { AgentState } from '../../../src/core/protocol/queue-connection.ts';
import type { ClaimedTask, TaskReport } from '../../../src/core/protocol/tasks.ts';
import type { Network } from '../network.ts';
import type { ObjectHost } from '../platform/object-host.ts';
import type { ClientSocket } from '../platform/sockets.ts';
import { Process } from '../process.ts';
import type { World } from '../world.ts';
import { CAPABILITIES, TYPES } from './submitter.ts';

/** A task as it is pushed. */
type PushedTask = Pick<ClaimedTask, 'taskId' | 'leaseToken' | 'leaseRemainingMs'>;
type Message = { readonly type: string; readonly id?: string; readonly push?: number; readonly items?: PushedTask[] };

/**
 * A process that holds a WebSocket and is sent tasks, never more than it takes: it says how many that is, in words
 * that cross what it is sent. It may acknowledge late or never, dies at any moment, and after a broken connection
 * reports again what was not answered.
 */
export class ConnectedAgent extends Process {
  /** Set in the quiet end: it works off what it is sent, fast and well. */
  diligent = false;
  private readonly network: Network;
  private readonly host: ObjectHost;
  private readonly types: readonly string[] | null;
  private readonly capabilities: readonly string[];
  private readonly capacity: number;
  /** How often it acknowledges at once. */
  private readonly manners: number;
  private socket: ClientSocket | null = null;
  private push = 0;
  private held = new Set<string>();
  /** Reports that were not answered, on its disk. */
  private unanswered: TaskReport[] = [];

  constructor(world: World, name: string, network: Network, host: ObjectHost) {
    super(world, name);
    this.network = network;
    this.host = host;
    this.types = world.chance(0.5) ? null : TYPES.slice(0, 1 + world.below(2));
    this.capabilities = world.chance(0.5) ? CAPABILITIES : [];
    this.capacity = 1 + world.below(4);
    this.manners = world.pick([0, 0.5, 1]);
  }

  async run(): Promise<void> {
    const { world } = this;
    for (;;) {
      if (world.faults.hit('agent vanished')) {
        this.restart();
        return;
      }
      // Half open: its pings are not answered. A process that minds takes another connection.
      if (this.socket?.cut && world.chance(0.3)) this.socket = null;
      if (this.socket === null) await this.connect();
      this.socket?.send('ping');
      if (world.chance(0.5)) this.say({ type: 'slots', ...this.state() });
      if (this.unanswered.length > 0 && world.chance(0.3)) this.report(this.unanswered);
      await this.sleep(world.below(8_000));
    }
  }

  override die(why: string): void {
    super.die(why);
    this.socket?.close();
    this.socket = null;
  }

  private restart(): void {
    this.die('');
    this.held = new Set();
    this.begin(() => this.run());
  }

  private async connect(): Promise<void> {
    const { world, name, types, capabilities } = this;
    const socket = await this.live(this.network.connect(name, this.host));
    if (socket === null) return;
    this.socket = socket;
    this.push = 0;
    socket.onClose = () => {
      if (this.socket === socket) this.socket = null;
    };
    socket.onMessage = (text) => {
      if (this.socket === socket && text.startsWith('{')) this.take(JSON.parse(text) as Message);
    };
    const { slots } = this.state();
    const leaseSeconds = 5 + world.below(30);
    this.say({ type: 'hello', agentId: name, types, capabilities, slots, leaseSeconds, sessionTtlSeconds: 30 });
    if (this.unanswered.length > 0) this.report(this.unanswered);
  }

  private take({ type, id, push = 0, items = [] }: Message): void {
    const { world, name } = this;
    if (type === 'error') world.broken('a message is not understood', name);
    if (type === 'outcomes') this.unanswered = this.unanswered.filter(({ leaseToken }) => leaseToken !== id);
    if (type !== 'tasks') return;
    world.trace(
      name,
      'is sent',
      items.map(({ taskId, leaseToken }) => `${taskId}/${leaseToken.slice(0, 5)}`),
    );
    if (world.faults.hit('agent vanished mid-claim')) {
      this.restart();
      return;
    }
    this.push = push;
    for (const { leaseToken } of items) this.held.add(leaseToken);
    if (this.held.size > this.capacity) world.broken('an agent is sent more than it takes', items[0]?.taskId);
    if (world.chance(this.manners)) this.say({ type: 'slots', ...this.state() });
    for (const task of items) this.begin(() => this.work(task));
  }

  private async work(task: PushedTask): Promise<void> {
    const { world } = this;
    const { taskId, leaseToken } = task;
    const success = this.diligent || world.chance(0.7);
    const lasts = this.diligent ? 50 : world.below(40_000);
    const beatsAfterMs = world.chance(0.7) ? task.leaseRemainingMs / 2 : Number.POSITIVE_INFINITY;
    for (let doneMs = 0; doneMs < lasts; ) {
      const stepMs = Math.min(lasts - doneMs, beatsAfterMs);
      await this.sleep(stepMs);
      doneMs += stepMs;
      if (doneMs < lasts)
        this.say({ type: 'heartbeats', id: 'beat', leases: [{ taskId, leaseToken }], ...this.sometimes() });
    }
    this.held.delete(leaseToken);
    const report = { taskId, leaseToken, success, retryable: world.chance(0.9), data: '1' };
    this.unanswered.push(report);
    this.report([report]);
  }

  /** One by one, so that each is answered for itself. */
  private report(reports: readonly TaskReport[]): void {
    for (const report of reports)
      this.say({ type: 'results', id: report.leaseToken, results: [{ ...report, data: 1 }], ...this.sometimes() });
  }

  private state(): Required<Pick<AgentState, 'slots' | 'push'>> {
    return { slots: this.capacity - this.held.size, push: this.push };
  }

  /** Says how it is beside what it has to say, or does not. */
  private sometimes(): AgentState {
    return this.diligent || this.world.chance(0.5) ? this.state() : {};
  }

  private say(message: object): void {
    this.socket?.send(JSON.stringify(message));
  }
}
