import type { BalanceSettings } from '../core/protocol/balance-settings.ts';
import { DEFAULT_CLUSTER_SETTINGS } from '../core/protocol/cluster-settings.ts';
import type { AgentHello, AgentState, ConnectedAgent } from '../core/protocol/queue-connection.ts';
import type { ClaimedTask } from '../core/protocol/tasks.ts';
import type { AgentHealth, Turns } from './balance.ts';
import { Connection, type PushedLease, type SavedConnection } from './connection.ts';
import { PushRound } from './push-round.ts';

/** A silent agent is looked at again this soon: its pings, which say that it is well, wake nobody. */
const LOOK_AGAIN_MS = 5_000;
/** Signs of life that are due in a session. */
const HEARTBEATS = 3;

export interface ConnectionsParts<Socket> {
  balance(): BalanceSettings;
  /** When a socket was last pinged, or null. */
  pingedAtMs(socket: Socket): number | null;
}

/** Tasks that are to be sent. */
export interface Push<Socket> {
  readonly socket: Socket;
  readonly push: number;
  readonly tasks: readonly ClaimedTask[];
}

/**
 * The agents that hold a WebSocket to a queue: who is there, how well, and with how much room. All of it is in memory
 * and beside the sockets; the leases they hold are the queue's, as any.
 *
 * An agent is known by its newest connection. Who is silent is decided as in clusters (docs/clusters.md).
 */
export class Connections<Socket> {
  private readonly parts: ConnectionsParts<Socket>;
  private readonly connections = new Map<Socket, Connection>();
  private readonly sockets = new Map<string, Socket>();
  private turns: Turns = new Map();

  constructor(parts: ConnectionsParts<Socket>) {
    this.parts = parts;
  }

  get size(): number {
    return this.connections.size;
  }

  /** A socket that outlived the object's memory. */
  restore(socket: Socket, saved: SavedConnection): void {
    this.connections.set(socket, new Connection(saved));
    this.sockets.set(saved.hello.agentId, socket);
  }

  /** What is to be kept with a socket; null for one that has not said who it is. */
  saved(socket: Socket): SavedConnection | null {
    return this.connections.get(socket)?.saved() ?? null;
  }

  /** Who holds a socket; null where it has not said. */
  agentOf(socket: Socket): string | null {
    return this.connections.get(socket)?.agentId ?? null;
  }

  socketOf(agentId: string): Socket | null {
    return this.sockets.get(agentId) ?? null;
  }

  /** An agent says who it is, or anew what it takes. Answers the socket it held before, which is nobody's any more. */
  hello(socket: Socket, { slots, load, ...hello }: AgentHello, nowMs: number): Socket | null {
    const before = this.socketOf(hello.agentId);
    const present = this.connections.get(socket);
    if (present === undefined) {
      const nothing = { slots: 0, push: 0, pending: 0, load: null, unreported: 0, chosen: {} };
      this.restore(socket, { hello, ...nothing, connectedAtMs: nowMs, heardAtMs: nowMs });
    } else {
      present.introduce(hello);
    }
    this.tell(socket, { slots, load }, [], nowMs);
    return before === socket ? null : before;
  }

  /** A message of an agent that names the leases of these tokens. */
  tell(socket: Socket, state: AgentState, leaseTokens: Iterable<string>, nowMs: number): void {
    const connection = this.connections.get(socket);
    if (connection === undefined) return;
    connection.heardAtMs = nowMs;
    connection.tell(state, leaseTokens);
  }

  /** A connection is over. Answers what it was sent and never acknowledged: the agent cannot have begun with it. */
  close(socket: Socket): readonly PushedLease[] {
    const connection = this.connections.get(socket);
    if (connection === undefined) return [];
    this.connections.delete(socket);
    if (this.sockets.get(connection.agentId) === socket) {
      this.sockets.delete(connection.agentId);
      this.turns = new Map([...this.turns].filter(([agentId]) => agentId !== connection.agentId));
    }
    return connection.unacknowledged;
  }

  /** Begins to place tasks. */
  round(nowMs: number): PushRound {
    const present = [...this.connections].map(([socket, connection]) => ({
      connection,
      health: this.healthOf(socket, connection, nowMs),
    }));
    return new PushRound(present, this.turns, this.parts.balance());
  }

  /** The leases that a round led to, in its order: what is to be sent to whom. */
  pushed(round: PushRound, leased: readonly ClaimedTask[]): Push<Socket>[] {
    this.turns = round.turns;
    const byAgent = Map.groupBy(
      leased.map((task, i) => ({ task, ...round.choices[i] })),
      ({ agentId }) => agentId,
    );
    return [...byAgent].flatMap(([agentId, chosen]): Push<Socket>[] => {
      const socket = this.sockets.get(agentId);
      const connection = socket === undefined ? undefined : this.connections.get(socket);
      if (socket === undefined || connection === undefined) return [];
      const leases = chosen.map(({ task: { taskId, leaseToken }, reason }) => ({ taskId, leaseToken, reason }));
      return [{ socket, push: connection.push(leases), tasks: chosen.map(({ task }) => task) }];
    });
  }

  /** Sockets whose agents have said nothing for a whole session. */
  lapsed(nowMs: number): Socket[] {
    return [...this.connections].flatMap(([socket, connection]) =>
      this.silenceMs(socket, connection, nowMs) >= sessionMs(connection) ? [socket] : [],
    );
  }

  /** When who is there is to be looked at again though nobody says anything; null: never. */
  nextLookMs(nowMs: number): number | null {
    const silent = [...this.connections].some(
      ([socket, connection]) => this.healthOf(socket, connection, nowMs) === 'Unhealthy',
    );
    return silent ? nowMs + LOOK_AGAIN_MS : null;
  }

  /** The sockets of all agents. */
  all(): Iterable<Socket> {
    return this.connections.keys();
  }

  /** Who is connected, and for what. */
  agents(): readonly Pick<AgentHello, 'agentId' | 'types' | 'capabilities'>[] {
    return [...this.connections.values()].map(({ hello }) => hello);
  }

  view(nowMs: number): Omit<ConnectedAgent, 'shard'>[] {
    return [...this.connections].map(([socket, connection]) => {
      const { hello, load, room, pendingCount, connectedAtMs } = connection;
      return {
        agentId: hello.agentId,
        types: hello.types,
        capabilities: hello.capabilities,
        health: this.healthOf(socket, connection, nowMs),
        load,
        slots: room,
        unacknowledged: pendingCount,
        chosen: connection.saved().chosen,
        connectedAt: new Date(connectedAtMs).toISOString(),
        seenAt: new Date(nowMs - this.silenceMs(socket, connection, nowMs)).toISOString(),
      };
    });
  }

  private healthOf(socket: Socket, connection: Connection, nowMs: number): AgentHealth {
    const silentMs = (sessionMs(connection) * DEFAULT_CLUSTER_SETTINGS.unhealthyAfterMissed) / HEARTBEATS;
    if (this.silenceMs(socket, connection, nowMs) >= silentMs) return 'Unhealthy';
    const { cpuPercent = 0 } = connection.load ?? {};
    return cpuPercent > this.parts.balance().degradedCpuPercent ? 'Degraded' : 'Healthy';
  }

  /** How long nothing was heard of an agent. */
  private silenceMs(socket: Socket, connection: Connection, nowMs: number): number {
    const heardAtMs = Math.max(connection.heardAtMs, this.parts.pingedAtMs(socket) ?? 0);
    return Math.max(0, nowMs - heardAtMs);
  }
}

function sessionMs({ hello }: Connection): number {
  return (hello.sessionTtlSeconds ?? DEFAULT_CLUSTER_SETTINGS.sessionTtlSeconds) * 1_000;
}
