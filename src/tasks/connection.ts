import { LIMITS } from '../core/limits.ts';
import type { MemberLoad } from '../core/protocol/cluster.ts';
import type { AgentHello, AgentState } from '../core/protocol/queue-connection.ts';
import type { ChoiceReason } from './balance.ts';

/** What is kept of a connection while its object hibernates. Times are milliseconds since the Unix epoch. */
export interface SavedConnection {
  readonly hello: Omit<AgentHello, 'slots' | 'load'>;
  readonly slots: number;
  /** The last push, and how many tasks of that and earlier ones are not acknowledged. */
  readonly push: number;
  readonly pending: number;
  readonly load: MemberLoad | null;
  readonly unreported: number;
  readonly chosen: Readonly<Partial<Record<ChoiceReason, number>>>;
  readonly connectedAtMs: number;
  readonly heardAtMs: number;
}

/** A lease that was pushed. */
export interface PushedLease {
  readonly taskId: string;
  readonly leaseToken: string;
}

/**
 * An agent that holds a WebSocket: what it takes, and how much of it yet.
 *
 * What it says and what it is sent may cross. So a push counts against its slots until the agent has acknowledged it:
 * by its number, or by naming the lease in a result or a heartbeat. Slots count beyond what is acknowledged.
 */
export class Connection {
  readonly connectedAtMs: number;
  heardAtMs: number;
  load: MemberLoad | null;
  hello: SavedConnection['hello'];
  types: ReadonlySet<string> | null = null;
  capabilities: ReadonlySet<string> = new Set();
  private slots: number;
  private lastPush: number;
  /** Tasks pushed before the object hibernated and not acknowledged then: which they were is not known any more. */
  private forgotten: { readonly count: number; readonly push: number };
  private unreportedTasks: number;
  private readonly chosen: Partial<Record<ChoiceReason, number>>;
  /** By token: a task that went back and came again is another lease. */
  private readonly pending = new Map<string, PushedLease & { readonly push: number }>();

  constructor(saved: SavedConnection) {
    this.hello = saved.hello;
    this.introduce(saved.hello);
    this.load = saved.load;
    this.connectedAtMs = saved.connectedAtMs;
    this.heardAtMs = saved.heardAtMs;
    this.slots = saved.slots;
    this.lastPush = saved.push;
    this.forgotten = { count: saved.pending, push: saved.push };
    this.unreportedTasks = saved.unreported;
    this.chosen = { ...saved.chosen };
  }

  get agentId(): string {
    return this.hello.agentId;
  }

  /** How many more tasks it may be sent. */
  get room(): number {
    return Math.max(0, this.slots - this.pendingCount);
  }

  /** Tasks it was sent and has not acknowledged. */
  get pendingCount(): number {
    return this.pending.size + this.forgotten.count;
  }

  /** Tasks it was sent of which its load cannot know. */
  get unreported(): number {
    return this.unreportedTasks;
  }

  /** The leases of these, as far as they are known. */
  get unacknowledged(): readonly PushedLease[] {
    return [...this.pending.values()];
  }

  /** It says anew what it takes. */
  introduce(hello: SavedConnection['hello']): void {
    this.hello = hello;
    this.types = hello.types === null ? null : new Set(hello.types);
    this.capabilities = new Set(hello.capabilities);
  }

  /** What it says of itself, in a message that names the leases of these tokens. */
  tell({ slots, load, push }: AgentState, leaseTokens: Iterable<string>): void {
    const before = this.pendingCount;
    for (const token of leaseTokens) this.pending.delete(token);
    for (const [token, lease] of this.pending) if (lease.push <= (push ?? 0)) this.pending.delete(token);
    // One that never names a push is taken at its word: what it says is younger than the sleep.
    const isKnown = push === undefined ? slots !== undefined : push >= this.forgotten.push;
    if (isKnown) this.forgotten = { count: 0, push: 0 };
    const acknowledged = before - this.pendingCount;
    this.slots = slots === undefined ? Math.max(0, this.slots - acknowledged) : Math.min(slots, LIMITS.agentSlots);
    if (load !== undefined) this.load = load;
    if (load !== undefined || slots !== undefined) this.unreportedTasks = this.pendingCount;
  }

  /** It is sent these; answers the number of the push. */
  push(leases: readonly (PushedLease & { readonly reason: ChoiceReason })[]): number {
    this.lastPush += 1;
    for (const { taskId, leaseToken, reason } of leases) {
      this.pending.set(leaseToken, { taskId, leaseToken, push: this.lastPush });
      this.chosen[reason] = (this.chosen[reason] ?? 0) + 1;
    }
    this.unreportedTasks += leases.length;
    return this.lastPush;
  }

  saved(): SavedConnection {
    const { hello, slots, lastPush, pendingCount, load, unreportedTasks, chosen, connectedAtMs, heardAtMs } = this;
    return {
      hello,
      slots,
      push: lastPush,
      pending: pendingCount,
      load,
      unreported: unreportedTasks,
      chosen: { ...chosen },
      connectedAtMs,
      heardAtMs,
    };
  }
}
