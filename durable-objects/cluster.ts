import { DurableObject } from 'cloudflare:workers';
import { type BackupParts, discardRestore, Restore } from '../src/cluster/backup.ts';
import { Cluster as ClusterMachine } from '../src/cluster/cluster.ts';
import { eventStream } from '../src/cluster/event-stream.ts';
import { migrateKv } from '../src/cluster/kv/database.ts';
import { KvMachine } from '../src/cluster/kv/machine.ts';
import { KvStore } from '../src/cluster/kv/store.ts';
import type { WatchTiming } from '../src/cluster/pulled-stream.ts';
import { type ClusterStore, clusterStore, migrateCluster } from '../src/cluster/store.ts';
import { readInto, takeBackup } from '../src/cluster/take-backup.ts';
import { untoldEvents } from '../src/cluster/untold.ts';
import { ChangeSignal } from '../src/core/change-signal.ts';
import { systemClock } from '../src/core/clock.ts';
import { assert, type ErrorCode, OrasiError } from '../src/core/errors.ts';
import { newId } from '../src/core/ids.ts';
import type { ObjectDatabase } from '../src/core/object-database.ts';
import type {
  ClusterAnswer,
  ClusterBackup,
  ClusterEvent,
  ClusterObject,
  ClusterRefusal,
  ClusterRestored,
  ClusterView,
  ElectionView,
  JoinAnswer,
  LeaderView,
  MemberReport,
  MemberView,
  Vote,
} from '../src/core/protocol/cluster.ts';
import type { ClusterKv, KvAnswer, KvCall, KvWatch } from '../src/core/protocol/cluster-kv.ts';
import { parseClusterName } from '../src/core/protocol/cluster-name.ts';
import { type ClusterSettings, DEFAULT_CLUSTER_SETTINGS } from '../src/core/protocol/cluster-settings.ts';
import { systemRandom } from '../src/core/random.ts';
import { systemTimer } from '../src/core/timer.ts';
import { depsOf } from '../src/deps.ts';
import type { Incarnations } from '../src/storage/incarnations.ts';
import type { WatchedObjects } from '../src/storage/watched-objects.ts';
import { heard, memberLost, takeMessage } from './member-messages.ts';
import { CLOSED, MemberSockets } from './member-sockets.ts';
import { ObjectAlarm } from './object-alarm.ts';
import { ObjectSettings } from './object-settings.ts';
import { closeSocketsOf, ownerTags } from './socket-owners.ts';
import { sqlDatabase } from './sql-database.ts';
import { refusedUpgrade, WatchSockets } from './watch-sockets.ts';

const WATCH_TIMING: WatchTiming = { progressEveryMs: 15_000, startTimer: systemTimer };
/** Calls that write nothing: they make no cluster of what is none. */
const READS: ReadonlySet<KvCall['op']> = new Set(['range', 'timeToLive', 'leases', 'verify']);

/**
 * A cluster's shell: SQLite, the alarm, RPC and the members' WebSockets around the machine, which decides everything.
 * Its name is `{namespaceUid}/{cluster}`.
 */
export class Cluster extends DurableObject<Cloudflare.Env> implements ClusterObject, ClusterKv {
  private readonly database: ObjectDatabase;
  private readonly incarnations: Incarnations;
  private readonly watched: WatchedObjects;
  private readonly sockets: MemberSockets;
  private readonly watches: WatchSockets;
  private readonly keyWatches: WatchSockets;
  private settings: ObjectSettings<ClusterSettings>;
  private store: ClusterStore;
  private machine: ClusterMachine;
  private keys: KvMachine;
  private changes = new ChangeSignal();
  private beginning: Promise<void> | null = null;
  private restoring = false;
  private readonly alarmClock: ObjectAlarm;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.alarmClock = new ObjectAlarm(ctx.storage);
    const { incarnations, watched } = depsOf(env);
    this.incarnations = incarnations;
    this.watched = watched;
    this.database = sqlDatabase(ctx.storage);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
    this.sockets = new MemberSockets(ctx);
    this.watches = new WatchSockets(ctx, 'events', (_prefix, after) => untoldEvents(this.store, after));
    this.keyWatches = new WatchSockets(ctx, 'kv-watch', (prefix, after) => this.keys.untold(prefix, after));
    this.settings = this.createSettings();
    migrateCluster(this.database);
    migrateKv(this.database);
    discardRestore(this.database);
    this.store = clusterStore(this.database);
    this.machine = this.createMachine();
    this.keys = this.createKeys();
    ctx.blockConcurrencyWhile(async () => {
      // Whether this storage was restored is known outside of it alone, and nothing is answered before.
      const { incarnation } = this.machine;
      if (incarnation > 0 && (await this.incarnations.read(this.name())) !== incarnation) await this.takeIncarnation();
      this.machine.start(this.sockets.members());
      this.keyWatches.catchUp();
      await this.alarmClock.load();
      await this.rearm();
    });
  }

  async report(memberId: string, report: MemberReport): Promise<ClusterAnswer<JoinAnswer>> {
    await this.begin();
    return await this.answer(() => this.machine.report(memberId, report, false));
  }

  async leave(memberId: string): Promise<ClusterAnswer<null>> {
    return await this.answer(() => this.machine.leave(memberId));
  }

  async members(): Promise<readonly MemberView[]> {
    return await this.answer(() => this.machine.members());
  }

  async member(memberId: string): Promise<ClusterAnswer<MemberView>> {
    return await this.answer(() => this.machine.member(memberId));
  }

  async leader(): Promise<LeaderView> {
    return await this.answer(() => this.machine.leader());
  }

  async state(): Promise<ClusterView> {
    return await this.answer(() => this.machine.view());
  }

  async election(): Promise<ElectionView> {
    return await this.answer(() => this.machine.election());
  }

  async campaign(memberId: string): Promise<ClusterAnswer<ElectionView>> {
    return await this.answer(() => this.machine.campaign(memberId));
  }

  async vote(vote: Vote): Promise<ClusterAnswer<ElectionView>> {
    return await this.answer(() => this.machine.vote(vote));
  }

  async resign(memberId: string): Promise<ClusterAnswer<ElectionView>> {
    return await this.answer(() => this.machine.resign(memberId));
  }

  async watch(revision: number | null): Promise<ReadableStream<Uint8Array> | ClusterRefusal> {
    const after = await this.answer(() => this.watchFrom(revision));
    if (typeof after !== 'number') return after;
    return eventStream(this.store, after, this.changes, WATCH_TIMING);
  }

  async backup(): Promise<ClusterAnswer<ClusterBackup>> {
    if (this.machine.incarnation === 0) return refusal('not_found', 'there is nothing to back up');
    await this.advance();
    const { clusterBackups } = depsOf(this.env);
    const backupId = newId(systemClock, systemRandom);
    const taken = await takeBackup(this.backupParts(), clusterBackups, this.name(), backupId, systemClock.now);
    if (taken === null) return refusal('unavailable', 'more is written than history is kept for: try again');
    return { ok: true, value: taken };
  }

  async restore(from: string, backupId: string): Promise<ClusterAnswer<ClusterRestored>> {
    await this.begin();
    if (this.restoring) return refusal('conflict', 'a restore is under way');
    this.restoring = true;
    try {
      return { ok: true, value: await this.restoreFrom(from, backupId) };
    } catch (error) {
      discardRestore(this.database);
      if (!(error instanceof OrasiError)) throw error;
      return refusal(error.code, error.message);
    } finally {
      this.restoring = false;
      await this.rearm();
    }
  }

  async kv(call: KvCall, ifEpoch: number | null): Promise<KvAnswer> {
    if (!READS.has(call.op)) await this.begin();
    return await this.answer(() => this.keys.call(call, ifEpoch, ifEpoch === null ? 0 : this.machine.leader().epoch));
  }

  async kvWatch(watches: readonly KvWatch[]): Promise<ReadableStream<Uint8Array>> {
    return this.keys.watch(watches, WATCH_TIMING);
  }

  /** Looks whether the alarm is set as it should be; a sweep calls it, since an alarm can be lost. */
  async tick(): Promise<void> {
    await this.alarmClock.load();
    await this.advance();
  }

  override async alarm(): Promise<void> {
    this.alarmClock.clear();
    await this.advance();
  }

  /** Everything of the cluster is forgotten: its namespace is being deleted. */
  async erase(): Promise<void> {
    const name = this.name();
    this.sockets.closeAll(CLOSED.left, 'the cluster is gone');
    this.watches.closeAll(CLOSED.left, 'the cluster is gone');
    this.keyWatches.closeAll(CLOSED.left, 'the cluster is gone');
    // Those that have not joined.
    for (const socket of this.ctx.getWebSockets()) socket.close(CLOSED.left, 'the cluster is gone');
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.alarmClock.clear();
    this.settings = this.createSettings();
    migrateCluster(this.database);
    migrateKv(this.database);
    this.store = clusterStore(this.database);
    this.machine = this.createMachine();
    this.changes.end();
    this.changes = new ChangeSignal();
    this.keys.end();
    this.keys = this.createKeys();
    await this.incarnations.remove(name);
  }

  /** A member's WebSocket, which says who it is by its first message, or that of a watch. */
  override async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const tags = ownerTags(request);
    // Who ends a key's sockets finds them by the objects there are.
    await this.watched.add({ kind: 'cluster', name: this.name() });
    if (pathname.endsWith('/watch')) {
      const revision = searchParams.get('revision');
      const after = await this.answer(() => this.watchFrom(revision === null ? null : Number(revision)));
      return typeof after === 'number' ? this.watches.open('', after, tags) : refusedUpgrade(after);
    }
    if (pathname.endsWith('/watch/kv')) {
      const after = searchParams.get('revision');
      await this.advance();
      const revision = after === null ? this.keys.revision() : Number(after);
      return this.keyWatches.open(searchParams.get('prefix') ?? '', revision, tags);
    }
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, tags);
    return new Response(null, { status: 101, webSocket: client });
  }

  async revoked(owner: string): Promise<void> {
    for (const socket of closeSocketsOf(this.ctx, owner)) await this.lost(socket);
  }

  override async webSocketMessage(socket: WebSocket, text: string | ArrayBuffer): Promise<void> {
    const watches = this.watchesOf(socket);
    if (watches !== undefined) {
      watches.heard(socket);
      return;
    }
    const message = heard(socket, text);
    if (message === null) return;
    if (message.type === 'join') await this.begin();
    await this.answer(() => takeMessage(this.machine, this.sockets, socket, message));
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    // The other half of the handshake (RFC 6455, section 5.5.1): a client waits for it.
    socket.close();
    await this.lost(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.lost(socket);
  }

  private async lost(socket: WebSocket): Promise<void> {
    const watches = this.watchesOf(socket);
    if (watches !== undefined) {
      watches.forget(socket);
      return;
    }
    const memberId = this.sockets.memberOf(socket);
    if (memberId === undefined) return;
    this.sockets.letGo(socket);
    await this.answer(() => memberLost(this.machine, this.sockets, memberId));
  }

  /** The watches that a socket is one of; undefined where it is a member's. */
  private watchesOf(socket: WebSocket): WatchSockets | undefined {
    return [this.watches, this.keyWatches].find((watches) => watches.has(socket));
  }

  private async restoreFrom(from: string, backupId: string): Promise<ClusterRestored> {
    const parts = this.backupParts();
    const restore = new Restore(parts);
    await readInto(restore, depsOf(this.env).clusterBackups, from, backupId);
    // Before anything is put in place: whatever comes after, no epoch is given twice.
    const own = Math.max(this.machine.incarnation, restore.incarnation);
    const incarnation = await this.incarnations.take(this.name(), own);
    assert(incarnation !== null, 'the cluster began in another jurisdiction meanwhile');
    restore.apply(systemClock.now(), () => this.createMachine(() => {}).begin(incarnation));
    this.machine = this.createMachine();
    this.keys.end();
    this.keys = this.createKeys();
    this.keyWatches.catchUp();
    this.sockets.closeAll(CLOSED.restored, 'the cluster was restored: join again');
    this.tellWatches();
    return { backupId, revision: parts.keys.revision(), epoch: this.machine.epoch() };
  }

  private backupParts(): BackupParts {
    return {
      database: this.database,
      cluster: this.store,
      keys: new KvStore(this.database, this.settings.present.kv.answerBytes),
    };
  }

  /** The revision that a watch begins after, or why it cannot begin there. */
  private watchFrom(revision: number | null): number | ClusterRefusal {
    this.machine.advance();
    const present = this.store.revision();
    const compacted = this.store.compactedRevision();
    if (revision === null || (revision >= compacted && revision <= present)) return revision ?? present;
    const message = `changes after revision ${revision} are not known: history begins after ${compacted}`;
    return { ok: false, code: 'gone', message, errors: [], compactedRevision: compacted };
  }

  /** Tells members and watchers what changed. */
  private publish(events: readonly ClusterEvent[]): void {
    for (const event of events) {
      if (event.kind === 'member' && (event.change === 'left' || event.change === 'expired')) {
        this.sockets.close(event.member.memberId, CLOSED[event.change], event.reason);
      }
    }
    if (events.some((event) => event.kind === 'leader')) {
      this.sockets.tellAll({ type: 'leader', ...this.machine.presentLeader() });
    }
    const ballot = this.machine.ballot();
    if (ballot !== null && events.some((event) => event.kind === 'ballot')) {
      this.sockets.tellAll({ type: 'ballot', ...ballot });
    }
    this.tellWatches();
  }

  private tellWatches(): void {
    this.watches.catchUp();
    this.changes.notify();
  }

  private createSettings(): ObjectSettings<ClusterSettings> {
    const { control, logs } = depsOf(this.env);
    const { namespaceUid, cluster } = parseClusterName(this.name());
    return new ObjectSettings(
      this.ctx.storage.kv,
      DEFAULT_CLUSTER_SETTINGS,
      () => control.clusterSettings(namespaceUid, cluster),
      logs('cluster'),
    );
  }

  private createMachine(changed = (events: readonly ClusterEvent[]) => this.publish(events)): ClusterMachine {
    const { logs } = depsOf(this.env);
    return new ClusterMachine({
      store: this.store,
      settings: this.settings.present,
      clock: systemClock,
      log: logs('cluster'),
      lastPingMs: (memberId) => this.sockets.lastPingMs(memberId),
      changed,
    });
  }

  private createKeys(): KvMachine {
    return new KvMachine({
      database: this.database,
      clock: systemClock,
      random: systemRandom,
      settings: this.settings.present.kv,
      changed: () => this.keyWatches.catchUp(),
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
    const incarnation = await this.incarnations.take(this.name(), this.machine.incarnation);
    // Two instances of the Worker that know of different settings may have asked for the cluster in two places.
    assert(incarnation !== null, 'the cluster began in another jurisdiction meanwhile');
    const wentBack = this.machine.incarnation > 0;
    this.machine.begin(incarnation);
    if (wentBack) this.keys.skip();
  }

  private name(): string {
    const { name } = this.ctx.id;
    assert(name !== undefined, 'a cluster is reached by its name');
    return name;
  }

  private async advance(): Promise<void> {
    await this.answer(() => {
      this.machine.advance();
      this.keys.expire();
    });
  }

  /** Acts by the settings in force, and sees to the alarm. */
  private async answer<T>(act: () => T): Promise<T> {
    if (await this.settings.renew()) {
      this.machine.configure(this.settings.present);
      this.keys.configure(this.settings.present.kv);
    }
    const answer = act();
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

function refusal(code: ErrorCode, message: string): ClusterRefusal {
  return { ok: false, code, message, errors: [] };
}
