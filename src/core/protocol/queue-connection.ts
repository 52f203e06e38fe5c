import type { ErrorCode, FieldError } from '../errors.ts';
import type { MemberLoad } from './cluster.ts';
import type { HeartbeatRequest, TaskReport } from './tasks.ts';

/**
 * What an agent may say beside anything: how many more tasks it takes, and its load. `push` is the number of the last
 * push that it has taken in: that acknowledges it, and `slots` counts beyond it.
 */
export interface AgentState {
  readonly slots?: number | undefined;
  readonly load?: MemberLoad | undefined;
  readonly push?: number | undefined;
}

/** Who an agent is, and what it takes. */
export interface AgentHello {
  readonly agentId: string;
  /** Null for tasks of any type. */
  readonly types: readonly string[] | null;
  readonly capabilities: readonly string[];
  readonly slots: number;
  readonly load?: MemberLoad | undefined;
  /** How long its tasks are leased at a time; as the task or the queue has it, where absent. */
  readonly leaseSeconds?: number | undefined;
  /** How long it is there without a word from it; the cluster's default where absent. */
  readonly sessionTtlSeconds?: number | undefined;
}

/** Agent to queue, over its WebSocket. Besides these the bare text `ping`, answered `pong`, is a sign of life. */
export type AgentMessage =
  | ({ readonly type: 'hello' } & AgentHello)
  | ({ readonly type: 'slots' } & AgentState)
  | ({ readonly type: 'results'; readonly id: string; readonly results: readonly TaskReport[] } & AgentState)
  | ({ readonly type: 'heartbeats'; readonly id: string } & HeartbeatRequest & AgentState);

/** Queue to agent. Times are RFC 3339; a task is as a claim answers it. */
export type QueueMessage =
  | {
      readonly type: 'welcome';
      readonly leaseSeconds: number;
      readonly sessionTtlSeconds: number;
      /** The shard at the other end, of so many: an agent that wants tasks of all holds a socket to each. */
      readonly shard: number;
      readonly shards: number;
    }
  /** The queue has another number of shards now. */
  | { readonly type: 'shards'; readonly shards: number }
  | { readonly type: 'tasks'; readonly push: number; readonly items: readonly unknown[] }
  | {
      readonly type: 'outcomes';
      readonly id: string;
      readonly outcomes: readonly { readonly taskId: string; readonly outcome: string }[];
    }
  | { readonly type: 'heartbeats'; readonly id: string; readonly leases: readonly unknown[] }
  | { readonly type: 'cancelled'; readonly taskIds: readonly string[] }
  | {
      readonly type: 'error';
      readonly code: ErrorCode;
      readonly message: string;
      readonly errors: readonly FieldError[];
      readonly id?: string | undefined;
    };

/** An agent that is connected to a shard, as it is shown. Times are RFC 3339. */
export interface ConnectedAgent {
  readonly shard: number;
  readonly agentId: string;
  readonly types: readonly string[] | null;
  readonly capabilities: readonly string[];
  readonly health: 'Healthy' | 'Degraded' | 'Unhealthy';
  readonly load: MemberLoad | null;
  /** How many more tasks it gets. */
  readonly slots: number;
  /** Tasks pushed whose arrival it has not told yet. */
  readonly unacknowledged: number;
  /** Tasks it got since it connected, by why it was chosen. */
  readonly chosen: Readonly<Record<string, number>>;
  readonly connectedAt: string;
  readonly seenAt: string;
}

/** Connected agents, and how it is chosen among those of a shard. */
export interface ConnectedAgents {
  readonly strategy: string;
  readonly items: readonly ConnectedAgent[];
}
