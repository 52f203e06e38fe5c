import { DurableObject } from 'cloudflare:workers';
import { Cluster as ClusterMachine } from '../src/cluster/cluster.ts';
import { eventStream } from '../src/cluster/event-stream.ts';
import { type KvDatabase, migrateKv } from '../src/cluster/kv/database.ts';
import { KvMachine } from '../src/cluster/kv/machine.ts';
import { KV_DEFAULTS } from '../src/cluster/kv/settings.ts';
import { MemberMessageSchema } from '../src/cluster/messages.ts';
import { DEFAULT_CLUSTER_SETTINGS } from '../src/cluster/settings.ts';
import { type ClusterDatabase, type ClusterStore, clusterStore, migrateCluster } from '../src/cluster/store.ts';
import { systemClock } from '../src/core/clock.ts';
import { assert } from '../src/core/errors.ts';
import { LIMITS } from '../src/core/limits.ts';
import type {
  ClusterAnswer,
  ClusterEvent,
  ClusterMessage,
  ClusterObject,
  ClusterRefusal,
  ClusterView,
  ElectionView,
  JoinAnswer,
  LeaderView,
  MemberMessage,
  MemberReport,
  MemberView,
  Vote,
} from '../src/core/protocol/cluster.ts';
import type { ClusterKv, KvAnswer, KvCall, KvWatch } from '../src/core/protocol/cluster-kv.ts';
import { systemRandom } from '../src/core/random.ts';
import { depsOf } from '../src/deps.ts';
import type { Incarnations } from '../src/storage/incarnations.ts';
import type { WatchedObjects } from '../src/storage/watched-objects.ts';
import { ObjectAlarm } from './object-alarm.ts';

/** A watch is told this often how far it has come. */
const PROGRESS_EVERY_MS = 15_000;
/** Close codes, in the range left to applications (RFC 6455, section 7.4.2). */
const CLOSED = { left: 4000, replaced: 4001, expired: 4002 } as const;

/** Calls that write nothing: they make no cluster of what is none. */
const READS: ReadonlySet<KvCall['op']> = new Set(['range', 'timeToLive', 'leases', 'verify']);

/** What is kept with a socket over hibernation. */
interface Held {
  readonly memberId: string;
}

/**
 * A cluster's shell: SQLite, the alarm, RPC and the members' WebSockets around the machine, which decides everything.
 * Its name is `{namespaceUid}/{cluster}`.
 */
export class Cluster extends DurableObject<Cloudflare.Env> implements ClusterObject, ClusterKv {
  private readonly database: ClusterDatabase & KvDatabase;
  private readonly incarnations: Incarnations;
  private readonly watched: WatchedObjects;
  private store: ClusterStore;
  private machine: ClusterMachine;
  private keys: KvMachine;
  /** The socket each connected member holds. */
  private readonly sockets = new Map<string, WebSocket>();
  private readonly waiting = new Set<() => void>();
  private beginning: Promise<void> | null = null;
  private readonly alarmClock: ObjectAlarm;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.alarmClock = new ObjectAlarm(ctx.storage);
    const { incarnations, watched } = depsOf(env);
    this.incarnations = incarnations;
    this.watched = watched;
    this.database = {
      exec: (query, ...bindings) => ctx.storage.sql.exec(query, ...bindings).toArray(),
      transaction: (work) => ctx.storage.transactionSync(work),
    };
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
    for (const socket of ctx.getWebSockets()) {
      const held = heldBy(socket);
      if (held !== null) this.sockets.set(held.memberId, socket);
    }
    migrateCluster(this.database);
    migrateKv(this.database);
    this.store = clusterStore(this.database);
    this.machine = this.createMachine();
    this.keys = this.createKeys();
    ctx.blockConcurrencyWhile(async () => {
      // Whether this storage was restored is known outside of it alone, and nothing is answered before.
      const { incarnation } = this.machine;
      if (incarnation > 0 && (await this.incarnations.read(this.name())) !== incarnation) await this.takeIncarnation();
      this.machine.start([...this.sockets.keys()]);
      await this.alarmClock.load();
      await this.rearm();
    });
  }

  async report(memberId: string, report: MemberReport): Promise<ClusterAnswer<JoinAnswer>> {
    await this.begin();
    return await this.rearmed(this.machine.report(memberId, report, false));
  }

  async leave(memberId: string): Promise<ClusterAnswer<null>> {
    return await this.rearmed(this.machine.leave(memberId));
  }

  async members(): Promise<readonly MemberView[]> {
    return await this.rearmed(this.machine.members());
  }

  async member(memberId: string): Promise<ClusterAnswer<MemberView>> {
    return await this.rearmed(this.machine.member(memberId));
  }

  async leader(): Promise<LeaderView> {
    return await this.rearmed(this.machine.leader());
  }

  async state(): Promise<ClusterView> {
    return await this.rearmed(this.machine.view());
  }

  async election(): Promise<ElectionView> {
    return await this.rearmed(this.machine.election());
  }

  async campaign(memberId: string): Promise<ClusterAnswer<ElectionView>> {
    return await this.rearmed(this.machine.campaign(memberId));
  }

  async vote(vote: Vote): Promise<ClusterAnswer<ElectionView>> {
    return await this.rearmed(this.machine.vote(vote));
  }

  async resign(memberId: string): Promise<ClusterAnswer<ElectionView>> {
    return await this.rearmed(this.machine.resign(memberId));
  }

  async watch(revision: number | null): Promise<ReadableStream<Uint8Array> | ClusterRefusal> {
    this.machine.advance();
    const present = this.store.revision();
    const compacted = this.store.compactedRevision();
    if (revision !== null && (revision < compacted || revision > present)) {
      const message = `changes after revision ${revision} are not known: history begins after ${compacted}`;
      return { ok: false, code: 'gone', message, errors: [], compactedRevision: compacted };
    }
    const source = {
      eventsAfter: (after: number, limit: number) => this.store.eventsAfter(after, limit),
      compactedRevision: () => this.store.compactedRevision(),
      onNext: (wake: () => void) => {
        this.waiting.add(wake);
        return () => this.waiting.delete(wake);
      },
    };
    return eventStream(source, revision ?? present, {
      progressEveryMs: PROGRESS_EVERY_MS,
      startTimer: (ms, fire) => {
        const timer = setTimeout(fire, ms);
        return () => clearTimeout(timer);
      },
    });
  }

  async kv(call: KvCall, ifEpoch: number | null): Promise<KvAnswer> {
    if (!READS.has(call.op)) await this.begin();
    return await this.rearmed(this.keys.call(call, ifEpoch, ifEpoch === null ? 0 : this.machine.leader().epoch));
  }

  async kvWatch(watches: readonly KvWatch[]): Promise<ReadableStream<Uint8Array>> {
    return this.keys.watch(watches, {
      progressEveryMs: PROGRESS_EVERY_MS,
      startTimer: (ms, fire) => {
        const timer = setTimeout(fire, ms);
        return () => clearTimeout(timer);
      },
    });
  }

  /** Looks whether the alarm is set as it should be; a sweep calls it, since an alarm can be lost. */
  async tick(): Promise<void> {
    await this.alarmClock.load();
    this.machine.advance();
    this.keys.expire();
    await this.rearm();
  }

  override async alarm(): Promise<void> {
    this.alarmClock.clear();
    this.machine.advance();
    this.keys.expire();
    await this.rearm();
  }

  /** Everything of the cluster is forgotten: its namespace is being deleted. */
  async erase(): Promise<void> {
    const name = this.name();
    for (const socket of this.ctx.getWebSockets()) socket.close(CLOSED.left, 'the cluster is gone');
    this.sockets.clear();
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.alarmClock.clear();
    migrateCluster(this.database);
    migrateKv(this.database);
    this.store = clusterStore(this.database);
    this.machine = this.createMachine();
    this.keys.end();
    this.keys = this.createKeys();
    await this.incarnations.remove(name);
  }

  /** A member's WebSocket; it says who it is by its first message. */
  override async fetch(_request: Request): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(socket: WebSocket, text: string | ArrayBuffer): Promise<void> {
    const message = parse(text);
    if (typeof message === 'string') {
      send(socket, { type: 'error', code: 'bad_request', message });
      return;
    }
    await this.begin();
    this.take(socket, message);
    await this.rearm();
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    await this.lost(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.lost(socket);
  }

  private take(socket: WebSocket, message: MemberMessage): void {
    if (message.type === 'join') {
      this.join(socket, message);
      return;
    }
    const memberId = heldBy(socket)?.memberId;
    if (memberId === undefined) {
      send(socket, { type: 'error', code: 'conflict', message: 'join first' });
      return;
    }
    const answer = this.act(memberId, message);
    if (!answer.ok) send(socket, { type: 'error', code: answer.code, message: answer.message });
  }

  private act(memberId: string, message: Exclude<MemberMessage, { type: 'join' }>): ClusterAnswer<unknown> {
    switch (message.type) {
      case 'heartbeat':
        return this.machine.report(memberId, message, true);
      case 'leave':
        return this.machine.leave(memberId);
      case 'campaign':
        return this.machine.campaign(memberId);
      case 'resign':
        return this.machine.resign(memberId);
      case 'vote':
        return this.machine.vote({ memberId, candidateId: message.candidateId, term: message.term });
    }
  }

  private join(socket: WebSocket, { memberId, ...report }: MemberMessage & { type: 'join' }): void {
    const present = heldBy(socket)?.memberId;
    if (present !== undefined && present !== memberId) {
      send(socket, { type: 'error', code: 'conflict', message: `this connection is that of "${present}"` });
      return;
    }
    const before = this.sockets.get(memberId);
    socket.serializeAttachment({ memberId } satisfies Held);
    this.sockets.set(memberId, socket);
    // A process that comes back may find its old connection still open.
    if (before !== undefined && before !== socket) release(before, CLOSED.replaced, 'replaced by a newer connection');
    const answer = this.machine.report(memberId, report, true);
    if (answer.ok) {
      send(socket, { type: 'joined', ...answer.value });
      send(socket, { type: 'leader', ...this.machine.leader() });
      const ballot = this.machine.ballot();
      if (ballot !== null) send(socket, { type: 'ballot', ...ballot });
      return;
    }
    this.sockets.delete(memberId);
    socket.serializeAttachment(null);
    send(socket, { type: 'error', code: answer.code, message: answer.message });
  }

  private async lost(socket: WebSocket): Promise<void> {
    const memberId = heldBy(socket)?.memberId;
    if (memberId === undefined) return;
    socket.serializeAttachment(null);
    this.sockets.delete(memberId);
    this.machine.close(memberId);
    await this.rearm();
  }

  /** Tells members and watchers what changed. */
  private publish(events: readonly ClusterEvent[]): void {
    for (const event of events) {
      if (event.kind === 'member' && (event.change === 'left' || event.change === 'expired')) {
        const socket = this.sockets.get(event.member.memberId);
        this.sockets.delete(event.member.memberId);
        if (socket !== undefined) release(socket, CLOSED[event.change], event.reason);
      }
    }
    if (events.some((event) => event.kind === 'leader')) {
      this.tellAll({ type: 'leader', ...this.machine.presentLeader() });
    }
    const ballot = this.machine.ballot();
    if (ballot !== null && events.some((event) => event.kind === 'ballot')) this.tellAll({ type: 'ballot', ...ballot });
    const woken = [...this.waiting];
    this.waiting.clear();
    for (const wake of woken) wake();
  }

  private tellAll(message: ClusterMessage): void {
    for (const socket of this.sockets.values()) send(socket, message);
  }

  private createMachine(): ClusterMachine {
    const { logs } = depsOf(this.env);
    return new ClusterMachine({
      store: this.store,
      settings: DEFAULT_CLUSTER_SETTINGS,
      clock: systemClock,
      log: logs('cluster'),
      lastPingMs: (memberId) => {
        const socket = this.sockets.get(memberId);
        if (socket === undefined) return null;
        return this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null;
      },
      changed: (events) => this.publish(events),
    });
  }

  private createKeys(): KvMachine {
    return new KvMachine({
      database: this.database,
      clock: systemClock,
      random: systemRandom,
      settings: KV_DEFAULTS,
    });
  }

  /** Before the first write: the cluster is registered, for the sweep and for its erasure, and has an incarnation. */
  private async begin(): Promise<void> {
    if (this.machine.incarnation > 0) return;
    this.beginning ??= this.register().finally(() => {
      this.beginning = null;
    });
    await this.beginning;
  }

  private async register(): Promise<void> {
    await this.watched.add({ kind: 'cluster', name: this.name() });
    await this.takeIncarnation();
  }

  private async takeIncarnation(): Promise<void> {
    this.machine.begin(await this.incarnations.take(this.name(), this.machine.incarnation));
  }

  private name(): string {
    const { name } = this.ctx.id;
    assert(name !== undefined, 'a cluster is reached by its name');
    return name;
  }

  private async rearmed<T>(answer: T): Promise<T> {
    await this.rearm();
    return answer;
  }

  /** Sets the one alarm to when something is due. */
  private async rearm(): Promise<void> {
    await this.alarmClock.arm(earlier(this.machine.nextDeadlineMs(), this.keys.nextDueMs()));
  }
}

function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

function heldBy(socket: WebSocket): Held | null {
  return socket.deserializeAttachment() as Held | null;
}

/** Closes a socket that is nobody's any more: its end says nothing of the member. */
function release(socket: WebSocket, code: number, reason: string): void {
  socket.serializeAttachment(null);
  socket.close(code, reason);
}

/** A peer that is gone is noticed by its close; what was sent to it meanwhile is lost with it. */
function send(socket: WebSocket, message: ClusterMessage): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

/** A member's message, or what is wrong with it. */
function parse(text: string | ArrayBuffer): MemberMessage | string {
  if (typeof text !== 'string') return 'expected text';
  if (text.length > LIMITS.clusterMemberBytes) return `a message has at most ${LIMITS.clusterMemberBytes} characters`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'expected JSON';
  }
  const parsed = MemberMessageSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${issue.path.join('.') || '(message)'}: ${issue.message}`;
}
