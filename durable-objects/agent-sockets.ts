import type { Clock } from '../src/core/clock.ts';
import { OrasiError } from '../src/core/errors.ts';
import { LIMITS } from '../src/core/limits.ts';
import { DEFAULT_CLUSTER_SETTINGS } from '../src/core/protocol/cluster-settings.ts';
import type { AgentMessage, ConnectedAgent, QueueMessage } from '../src/core/protocol/queue-connection.ts';
import { parseAgentMessage } from '../src/tasks/agent-messages.ts';
import type { SavedConnection } from '../src/tasks/connection.ts';
import { Connections } from '../src/tasks/connections.ts';
import type { TaskQueueMachine } from '../src/tasks/task-queue.ts';
import { claimView, heartbeatView } from '../src/tasks/task-view.ts';

/** Close codes, in the range left to applications (RFC 6455, section 7.4.2); a cluster's mean the same. */
const CLOSED = { gone: 4000, replaced: 4001, silent: 4002 } as const;

/** A socket that has not said by then who it is gives its place up to another. */
const HELLO_MS = 30_000;

/** What is kept with a socket that has not said who it is. */
interface Unnamed {
  readonly openedAtMs: number;
}

/** The WebSockets that agents hold to a queue: what they say goes to the machine, and due tasks go to them. */
export class AgentSockets {
  private readonly ctx: DurableObjectState;
  private readonly clock: Clock;
  /** The queue as it is now: it is another one after an erasure. */
  private readonly machine: () => TaskQueueMachine;
  private readonly connections: Connections<WebSocket>;
  /** Sockets that have not said who they are, and since when they are open. */
  private readonly unnamed = new Map<WebSocket, Unnamed>();
  /** How many shards the connected agents know of; null where another life of the object told them. */
  private toldShards: number | null = null;

  constructor(ctx: DurableObjectState, clock: Clock, machine: () => TaskQueueMachine) {
    this.ctx = ctx;
    this.clock = clock;
    this.machine = machine;
    this.connections = new Connections({
      balance: () => machine().settings.balance,
      pingedAtMs: (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null,
    });
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
    for (const socket of ctx.getWebSockets()) {
      const saved = socket.deserializeAttachment() as SavedConnection | Unnamed | null;
      if (saved !== null && 'openedAtMs' in saved) this.unnamed.set(socket, saved);
      else if (saved !== null) this.connections.restore(socket, saved);
    }
  }

  /** An agent's WebSocket, which says who it is by its first message; 503 where there are too many. */
  accept(tags: string[]): Response {
    this.endUnnamed();
    if (this.connections.size + this.unnamed.size >= LIMITS.queueConnections)
      return new Response(null, { status: 503 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, tags);
    this.unnamed.set(server, { openedAtMs: this.clock.now() });
    this.save(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  message(socket: WebSocket, text: string | ArrayBuffer): void {
    // What was on its way when the object closed the socket is nobody's word any more.
    if (socket.readyState !== WebSocket.OPEN) return;
    this.tellShards();
    const message = parseAgentMessage(text);
    if (message.type === 'bad') {
      const { path, message: expected } = message.errors[0];
      const { errors, id } = message;
      send(socket, { type: 'error', code: 'bad_request', message: `${path}: ${expected}`, errors, id });
      return;
    }
    const id = 'id' in message ? message.id : undefined;
    try {
      this.take(socket, message);
    } catch (error) {
      if (!(error instanceof OrasiError)) throw error;
      send(socket, { type: 'error', code: error.code, message: error.message, errors: error.errors, id });
    }
    this.save(socket);
  }

  /** A socket is over. What its agent never acknowledged is due again at once; what it did is its own until it lapses. */
  closed(socket: WebSocket): void {
    this.unnamed.delete(socket);
    const returned = this.connections.close(socket);
    if (returned.length > 0) this.machine().giveBack(returned);
  }

  /** Places due tasks on the agents that have room for them; answers how many. There may be more. */
  serve(): number {
    this.endUnnamed();
    if (this.connections.size === 0) return 0;
    this.tellShards();
    const nowMs = this.clock.now();
    for (const socket of this.connections.lapsed(nowMs)) this.end(socket, CLOSED.silent, 'nothing was heard of it');
    const round = this.connections.round(nowMs);
    if (round.isFull) return 0;
    const leased = this.machine().giveOut(round, LIMITS.tasksPerPush);
    for (const { socket, push, tasks } of this.connections.pushed(round, leased)) {
      send(socket, { type: 'tasks', push, items: tasks.map(claimView) });
      this.save(socket);
    }
    return leased.length;
  }

  /** When `serve` may find something to do though nobody says anything; null: never. */
  nextAtMs(): number | null {
    if (this.connections.size === 0) return null;
    const nowMs = this.clock.now();
    const round = this.connections.round(nowMs);
    const dueAtMs = round.isFull ? null : this.machine().nextGiveOutAtMs(round);
    return earlier(dueAtMs, this.connections.nextLookMs(nowMs));
  }

  /** A running task is to be stopped: its agent hears of it, if it is connected. */
  cancelled(agentId: string, taskId: string): void {
    const socket = this.connections.socketOf(agentId);
    if (socket !== null) send(socket, { type: 'cancelled', taskIds: [taskId] });
  }

  /** Who is connected, and for what. */
  agents(): ReturnType<Connections<WebSocket>['agents']> {
    return this.connections.agents();
  }

  view(): ConnectedAgent[] {
    const { shard } = this.machine().place;
    return this.connections.view(this.clock.now()).map((agent) => ({ shard, ...agent }));
  }

  /** The queue is gone. */
  erase(): void {
    for (const socket of this.ctx.getWebSockets()) this.end(socket, CLOSED.gone, 'the queue is gone');
  }

  private take(socket: WebSocket, message: AgentMessage): void {
    const nowMs = this.clock.now();
    if (message.type === 'hello') {
      this.hello(socket, message, nowMs);
      return;
    }
    if (this.connections.agentOf(socket) === null) throw new OrasiError('conflict', 'say hello first');
    switch (message.type) {
      case 'slots':
        this.connections.tell(socket, message, [], nowMs);
        return;
      case 'results': {
        const { id, results } = message;
        const outcomes = this.machine().report(results);
        this.connections.tell(socket, message, tokensOf(results), nowMs);
        const items = outcomes.map((outcome, i) => ({ taskId: results[i].taskId, outcome }));
        send(socket, { type: 'outcomes', id, outcomes: items });
        return;
      }
      case 'heartbeats': {
        const { id, leases, leaseSeconds } = message;
        const answers = this.machine().heartbeat({ leases, leaseSeconds });
        this.connections.tell(socket, message, tokensOf(leases), nowMs);
        send(socket, { type: 'heartbeats', id, leases: answers.map(heartbeatView) });
      }
    }
  }

  private hello(socket: WebSocket, { type, ...hello }: AgentMessage & { type: 'hello' }, nowMs: number): void {
    const present = this.connections.agentOf(socket);
    if (present !== null && present !== hello.agentId) {
      throw new OrasiError('conflict', `this connection is that of "${present}"`);
    }
    const before = this.connections.hello(socket, hello, nowMs);
    this.unnamed.delete(socket);
    // A process that comes back may find its old connection still open.
    if (before !== null) this.end(before, CLOSED.replaced, 'replaced by a newer connection');
    send(socket, {
      type: 'welcome',
      leaseSeconds: hello.leaseSeconds ?? this.machine().settings.leaseSeconds,
      sessionTtlSeconds: hello.sessionTtlSeconds ?? DEFAULT_CLUSTER_SETTINGS.sessionTtlSeconds,
      ...this.machine().place,
    });
  }

  /** Tells connected agents of how many shards the queue has, where that is another number than they may know. */
  private tellShards(): void {
    const { shards } = this.machine().place;
    if (this.toldShards === shards) return;
    this.toldShards = shards;
    for (const socket of this.connections.all()) send(socket, { type: 'shards', shards });
  }

  /** Keeps what is to be known of a connection when the object wakes up. */
  private save(socket: WebSocket): void {
    socket.serializeAttachment(this.connections.saved(socket) ?? this.unnamed.get(socket) ?? null);
  }

  /** No timer does it, which would keep the object awake: they are in nobody's way until somebody comes. */
  private endUnnamed(): void {
    const openedBeforeMs = this.clock.now() - HELLO_MS;
    for (const [socket, { openedAtMs }] of this.unnamed) {
      if (openedAtMs <= openedBeforeMs) this.end(socket, CLOSED.silent, 'it did not say who it is');
    }
  }

  private end(socket: WebSocket, code: number, reason: string): void {
    this.closed(socket);
    socket.serializeAttachment(null);
    socket.close(code, reason);
  }
}

function tokensOf(leases: readonly { readonly leaseToken: string }[]): string[] {
  return leases.map(({ leaseToken }) => leaseToken);
}

function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

/** A peer that is gone is noticed by its close; what was sent to it meanwhile is lost with it. */
function send(socket: WebSocket, message: QueueMessage): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
