import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../src/core/clock.ts';
import { assert, OrasiError } from '../src/core/errors.ts';
import type { ObjectDatabase } from '../src/core/object-database.ts';
import { BUILT_IN_TYPES, PLATFORM_AGENT } from '../src/core/protocol/built-in-tasks.ts';
import type { ConnectedAgents } from '../src/core/protocol/queue-connection.ts';
import type { QueueConfiguration } from '../src/core/protocol/queue-settings.ts';
import type { ScalingSignals, ScalingView } from '../src/core/protocol/scaling.ts';
import type {
  ClaimedTask,
  ClaimRequest,
  HeartbeatAnswer,
  HeartbeatRequest,
  NewTask,
  QueueState,
  QueueStats,
  RedriveRequest,
  ReportOutcome,
  SubmittedTask,
  TaskAnswer,
  TaskFence,
  TaskFilter,
  TaskPage,
  TaskQueueCalls,
  TaskReason,
  TaskRecord,
  TaskReport,
} from '../src/core/protocol/tasks.ts';
import { systemRandom } from '../src/core/random.ts';
import { depsOf } from '../src/deps.ts';
import { sumOfSignals } from '../src/tasks/scaling.ts';
import { TaskQueueMachine } from '../src/tasks/task-queue.ts';
import { AgentSockets } from './agent-sockets.ts';
import { ObjectAlarm } from './object-alarm.ts';
import { PlatformWake } from './platform-wake.ts';
import { QueueScaler } from './queue-scaler.ts';
import { closeSocketsOf, ownerTags } from './socket-owners.ts';
import { LONGEST_TIMER_MS, WaitingClaims } from './waiting-claims.ts';

/** What is due and could not be placed on a connected agent is looked at again this soon. */
const PUSH_AGAIN_MS = 1_000;

/**
 * One shard of a task queue: SQLite, the alarm, connected agents, waiting claims and RPC around `TaskQueueMachine`, which
 * decides.
 */
export class TaskQueue extends DurableObject<Cloudflare.Env> implements TaskQueueCalls {
  private machine: TaskQueueMachine;
  private readonly waiting = new WaitingClaims();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly sockets: AgentSockets;
  /** When connected agents may be sent something, where that is too far for a timer; null where it is not known. */
  private pushAtMs: number | null = null;
  private rowsWritten = 0;
  /** This object's name, once the sweep knows of it. */
  private watchedAs: string | null = null;
  private readonly alarmClock: ObjectAlarm;
  private readonly scaler: QueueScaler;
  private readonly platform = new PlatformWake(() => this.wakePlatform());

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.alarmClock = new ObjectAlarm(ctx.storage);
    this.machine = this.open();
    this.sockets = new AgentSockets(ctx, systemClock, () => this.machine);
    this.scaler = this.createScaler();
    ctx.blockConcurrencyWhile(async () => {
      this.machine.start(await this.alarmClock.load());
      const watchedAs = await ctx.storage.get('watched');
      this.watchedAs = typeof watchedAs === 'string' ? watchedAs : null;
      await this.rearm();
    });
  }

  async submit(
    name: string,
    tasks: readonly NewTask[],
    fence?: TaskFence,
  ): Promise<TaskAnswer<readonly SubmittedTask[]>> {
    return await this.answer(async () => {
      await this.watch(name);
      this.machine.checkFence(fence);
      return this.machine.submit(tasks);
    });
  }

  async claim(request: ClaimRequest): Promise<TaskAnswer<readonly ClaimedTask[]>> {
    if (request.agentId === PLATFORM_AGENT) this.platform.answered();
    const first = await this.answer(() => this.claimNow(request));
    if (!first.ok || first.value.length > 0 || request.waitMs <= 0) return first;
    return await this.answer(() => this.wait<readonly ClaimedTask[]>(request, [], () => this.claimNow(request)));
  }

  async awaitWork(request: ClaimRequest): Promise<TaskAnswer<boolean>> {
    const isDue = () => {
      const dueAtMs = this.machine.nextClaimAtMs(request);
      return dueAtMs !== null && dueAtMs <= systemClock.now();
    };
    const first = await this.answer(isDue);
    if (!first.ok || first.value || request.waitMs <= 0) return first;
    return await this.answer(() => this.wait<boolean>(request, false, isDue));
  }

  async report(reports: readonly TaskReport[], fence?: TaskFence): Promise<TaskAnswer<readonly ReportOutcome[]>> {
    return await this.answer(() => {
      this.machine.checkFence(fence);
      return this.machine.report(reports);
    });
  }

  async heartbeat(request: HeartbeatRequest): Promise<TaskAnswer<readonly HeartbeatAnswer[]>> {
    return await this.answer(() => {
      this.machine.checkFence(request.fence);
      return this.machine.heartbeat(request);
    });
  }

  async get(taskId: string): Promise<TaskAnswer<TaskRecord | null>> {
    return await this.answer(() => this.machine.get(taskId));
  }

  async why(taskId: string): Promise<TaskAnswer<readonly TaskReason[] | null>> {
    return await this.answer(() => {
      for (const { agentId, types, capabilities } of this.sockets.agents())
        this.machine.saw(agentId, types, capabilities);
      return this.machine.why(taskId);
    });
  }

  async cancel(taskId: string): Promise<TaskAnswer<TaskRecord | null>> {
    return await this.answer(() => {
      const record = this.machine.cancel(taskId);
      if (record?.running?.cancelRequested) this.sockets.cancelled(record.running.agentId, taskId);
      return record;
    });
  }

  async list(filter: TaskFilter, limit: number, cursor: string | undefined): Promise<TaskAnswer<TaskPage>> {
    return await this.answer(() => this.machine.list(filter, limit, cursor));
  }

  async stats(): Promise<TaskAnswer<QueueStats>> {
    return await this.answer(() => this.statsNow());
  }

  async setState(name: string, state: QueueState): Promise<TaskAnswer<QueueStats>> {
    return await this.answer(async () => {
      await this.watch(name);
      this.machine.setState(state);
      return this.statsNow();
    });
  }

  async state(): Promise<QueueState> {
    return this.machine.state;
  }

  async configure(configuration: QueueConfiguration): Promise<void> {
    this.machine.configure(configuration);
    this.serve();
    // Who is told of the number hears of it though nothing was ever submitted, or all of it to other shards.
    if (this.machine.settings.scaling.webhook !== null) await this.watch(this.name());
    this.noticeScaling();
    await this.rearm();
  }

  async signals(): Promise<TaskAnswer<ScalingSignals>> {
    return await this.answer(() => this.machine.signals());
  }

  async scaling(): Promise<TaskAnswer<ScalingView>> {
    return await this.answer(() => this.scaler.look());
  }

  async redrive(request: RedriveRequest): Promise<TaskAnswer<number>> {
    return await this.answer(() => this.machine.redrive(request));
  }

  async agents(): Promise<TaskAnswer<ConnectedAgents>> {
    return await this.answer(() => ({ strategy: this.machine.settings.balance.strategy, items: this.sockets.view() }));
  }

  async tick(): Promise<void> {
    await this.alarmClock.load();
    await this.renewSettings();
    await this.scaler.run();
    await this.renewSettings();
    this.serve();
    await this.rearm();
  }

  async erase(): Promise<void> {
    this.waiting.end();
    this.sockets.erase();
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.watchedAs = null;
    this.scaler.forget();
    this.alarmClock.clear();
    this.machine = this.open();
    this.machine.start(null);
  }

  override async alarm(): Promise<void> {
    this.alarmClock.clear();
    const purgeAtMs = this.machine.nextWorkAtMs();
    if (purgeAtMs !== null && purgeAtMs <= systemClock.now()) this.machine.purge();
    this.serve();
    await this.renewSettings();
    await this.scaler.run();
    await this.rearm();
  }

  /** The WebSocket of an agent. */
  override async fetch(request: Request): Promise<Response> {
    await this.watch(this.name());
    return this.sockets.accept(ownerTags(request));
  }

  async revoked(owner: string): Promise<void> {
    for (const socket of closeSocketsOf(this.ctx, owner)) await this.lost(socket);
  }

  override async webSocketMessage(socket: WebSocket, text: string | ArrayBuffer): Promise<void> {
    // Before anything is waited for: messages of a socket are taken in their order.
    this.sockets.message(socket, text);
    await this.renewSettings();
    this.serve();
    await this.rearm();
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
    this.sockets.closed(socket);
    this.serve();
    await this.rearm();
  }

  private open(): TaskQueueMachine {
    const { sql } = this.ctx.storage;
    const database: ObjectDatabase = {
      exec: (query, ...bindings) => {
        const cursor = sql.exec(query, ...bindings);
        const rows = cursor.toArray();
        this.rowsWritten += cursor.rowsWritten;
        return rows;
      },
      transaction: (work) => this.ctx.storage.transactionSync(work),
    };
    return new TaskQueueMachine({
      database,
      clock: systemClock,
      random: systemRandom,
      shard: shardOfName(this.name()),
    });
  }

  /** Runs a call of the machine, then what follows from any: the alarm, and claims that wait. */
  private async answer<T>(call: () => T | Promise<T>): Promise<TaskAnswer<T>> {
    try {
      await this.renewSettings();
      const value = await call();
      this.serve();
      this.noticeScaling();
      await this.rearm();
      return { ok: true, value };
    } catch (error) {
      if (!(error instanceof OrasiError)) throw error;
      return { ok: false, code: error.code, message: error.message, errors: error.errors };
    }
  }

  private claimNow(request: ClaimRequest): ClaimedTask[] {
    this.machine.checkFence(request.fence);
    return this.machine.claim(request);
  }

  /** Has a claim wait until `look` has something for it, or else answers `nothing`. */
  private wait<T extends readonly ClaimedTask[] | boolean>(
    request: ClaimRequest,
    nothing: T,
    look: () => T,
  ): Promise<T> {
    const found = this.waiting.wait(request, nothing, look);
    this.serve();
    return found;
  }

  /** Takes up what is declared; the last settings stay in force where the control plane does not answer. */
  private async renewSettings(): Promise<void> {
    const { control, taskQueue, logs } = depsOf(this.env);
    const [namespaceUid, queue, shard] = this.name().split('/');
    try {
      this.machine.configure(await control.queueSettings(namespaceUid, queue));
      // A shard that came later begins as the queue is: paused or draining.
      if (shard !== '0' && !this.machine.knowsState)
        this.machine.adoptState(await taskQueue(`${namespaceUid}/${queue}/0`).state());
    } catch (error) {
      logs('tasks').warn('the last settings of a queue stay in force', { queue: this.name(), error });
    }
  }

  /** `{namespaceUid}/{queue}/{shard}`. */
  private name(): string {
    const { name } = this.ctx.id;
    assert(name !== undefined, 'a queue is reached by its name');
    return name;
  }

  private statsNow(): QueueStats {
    return { ...this.machine.stats(), waitingClaims: this.waiting.size, rowsWritten: this.rowsWritten };
  }

  /** Gives out what is due, to connected agents first, and sets the timer to when more will be. */
  private serve(): void {
    clearTimeout(this.timer);
    const nowMs = systemClock.now();
    const placed = this.sockets.serve();
    const waitersAtMs = this.waiting.serve(nowMs, (request) => this.machine.nextClaimAtMs(request));
    const dueAtMs = this.sockets.nextAtMs();
    const isDue = dueAtMs !== null && dueAtMs <= nowMs;
    const pushAtMs = isDue ? nowMs + (placed > 0 ? 1 : PUSH_AGAIN_MS) : dueAtMs;
    const isSoon = pushAtMs !== null && pushAtMs <= nowMs + LONGEST_TIMER_MS;
    this.pushAtMs = isSoon ? null : pushAtMs;
    const nextAtMs = Math.min(waitersAtMs ?? Number.POSITIVE_INFINITY, isSoon ? pushAtMs : Number.POSITIVE_INFINITY);
    if (nextAtMs === Number.POSITIVE_INFINITY) return;
    this.timer = setTimeout(
      () => {
        this.serve();
        this.ctx.waitUntil(this.rearm());
      },
      Math.max(1, nextAtMs - nowMs),
    );
  }

  /** Has the sweep know of this object before anything it holds is acknowledged. */
  private async watch(name: string): Promise<void> {
    if (this.watchedAs !== null) return;
    await depsOf(this.env).watched.add({ kind: 'task-queue', name });
    await this.ctx.storage.put('watched', name);
    this.watchedAs = name;
  }

  /** Sets the one alarm to when something is due, and has the platform's workers come where that is theirs and now. */
  private async rearm(): Promise<void> {
    const platformDueAtMs = this.machine.nextClaimAtMs({ types: BUILT_IN_TYPES, capabilities: [] });
    this.platform.look(platformDueAtMs, systemClock.now());
    await this.alarmClock.arm(this.machine.nextWorkAtMs());
    await this.alarmClock.arm(this.pushAtMs);
    await this.alarmClock.arm(this.scaler.nextDueMs());
    await this.alarmClock.arm(this.platform.nextAtMs(platformDueAtMs));
  }

  private createScaler(): QueueScaler {
    const [namespaceUid, queue, shard] = this.name().split('/');
    const { kv } = this.ctx.storage;
    return new QueueScaler({
      queue,
      policy: () => {
        const { scaling } = this.machine.settings;
        // Only the first shard asks the others, and tells of what all want.
        return shard === '0' ? scaling : { ...scaling, webhook: null };
      },
      signals: () => this.signalsOfAllShards(namespaceUid, queue),
      load: () => kv.get<string>('scaling') ?? null,
      save: (text) => kv.put('scaling', text),
      secret: (name) => depsOf(this.env).control.secretEntry(namespaceUid, name, 'key'),
      namespace: async () => (await depsOf(this.env).control.queueSettings(namespaceUid, queue)).namespace,
      allowed: () => depsOf(this.env).config.upstreamAllow,
      fetch: (...request) => fetch(...request),
      clock: systemClock,
      random: systemRandom,
      log: depsOf(this.env).logs('tasks'),
    });
  }

  /** Of the first shard, which speaks for the queue. */
  private async signalsOfAllShards(namespaceUid: string, queue: string): Promise<ScalingSignals> {
    const { control, taskQueue } = depsOf(this.env);
    const { settings, shardsEver } = await control.queueSettings(namespaceUid, queue);
    const others = Array.from({ length: Math.max(settings.shards, shardsEver) - 1 }, async (_, i) => {
      const answer = await taskQueue(`${namespaceUid}/${queue}/${i + 1}`).signals();
      assert(answer.ok, 'a shard refuses nobody its signals');
      return answer.value;
    });
    return sumOfSignals([this.machine.signals(), ...(await Promise.all(others))]);
  }

  /** Has whoever is to be told of the number of agents be told soon. */
  private noticeScaling(): void {
    this.scaler.noticed((work) => this.ctx.waitUntil(work.then(() => this.rearm())));
  }

  /** A message may be lost, so nobody waits for it to be sent: the alarm sends it again until a worker has come. */
  private wakePlatform(): void {
    const { messages, log } = depsOf(this.env).platformTasks;
    if (this.watchedAs === null) return;
    const sent = messages.send([{ v: 1, type: 'tasks', queue: this.watchedAs }]);
    this.ctx.waitUntil(sent.catch((error) => log.warn('no worker woken; the alarm will', { error })));
  }
}

function shardOfName(name: string): number {
  return Number(name.slice(name.lastIndexOf('/') + 1));
}
