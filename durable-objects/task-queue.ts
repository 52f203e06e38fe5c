import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../src/core/clock.ts';
import { OrasiError } from '../src/core/errors.ts';
import { BUILT_IN_TYPES, PLATFORM_AGENT } from '../src/core/protocol/built-in-tasks.ts';
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
  TaskFilter,
  TaskPage,
  TaskQueueCalls,
  TaskReason,
  TaskRecord,
  TaskReport,
} from '../src/core/protocol/tasks.ts';
import { systemRandom } from '../src/core/random.ts';
import { depsOf } from '../src/deps.ts';
import type { TaskDatabase } from '../src/tasks/database.ts';
import { TaskQueueMachine } from '../src/tasks/task-queue.ts';
import { ObjectAlarm } from './object-alarm.ts';
import { PlatformWake } from './platform-wake.ts';

/** A claim that waits looks again at least this often, should the clock have been set back. */
const LONGEST_TIMER_MS = 10_000;

/** A claim that waits for work. It is in memory alone: the request that waits keeps the object there. */
interface Waiter {
  readonly request: ClaimRequest;
  readonly answer: (tasks: readonly ClaimedTask[]) => void;
}

/** One shard of a task queue: SQLite, the alarm, waiting claims and RPC around `TaskQueueMachine`, which decides. */
export class TaskQueue extends DurableObject<Cloudflare.Env> implements TaskQueueCalls {
  private machine: TaskQueueMachine;
  private readonly waiters = new Set<Waiter>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private rowsWritten = 0;
  /** This object's name, once the sweep knows of it. */
  private watchedAs: string | null = null;
  private readonly alarmClock: ObjectAlarm;
  private readonly platform = new PlatformWake(() => this.wakePlatform());

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.alarmClock = new ObjectAlarm(ctx.storage);
    this.machine = this.open();
    ctx.blockConcurrencyWhile(async () => {
      this.machine.start(await this.alarmClock.load());
      const watchedAs = await ctx.storage.get('watched');
      this.watchedAs = typeof watchedAs === 'string' ? watchedAs : null;
      await this.rearm();
    });
  }

  async submit(name: string, tasks: readonly NewTask[]): Promise<TaskAnswer<readonly SubmittedTask[]>> {
    return await this.answer(async () => {
      await this.watch(name);
      return this.machine.submit(tasks);
    });
  }

  async claim(request: ClaimRequest): Promise<TaskAnswer<readonly ClaimedTask[]>> {
    if (request.agentId === PLATFORM_AGENT) this.platform.answered();
    const first = await this.answer(() => this.machine.claim(request));
    if (!first.ok || first.value.length > 0 || request.waitMs <= 0) return first;
    const tasks = await new Promise<readonly ClaimedTask[]>((resolve) => {
      const waiter: Waiter = {
        request,
        answer: (claimed) => {
          clearTimeout(deadline);
          this.waiters.delete(waiter);
          resolve(claimed);
        },
      };
      const deadline = setTimeout(() => waiter.answer([]), request.waitMs);
      this.waiters.add(waiter);
      this.serveWaiters();
    });
    return { ok: true, value: tasks };
  }

  async report(reports: readonly TaskReport[]): Promise<TaskAnswer<readonly ReportOutcome[]>> {
    return await this.answer(() => this.machine.report(reports));
  }

  async heartbeat(request: HeartbeatRequest): Promise<TaskAnswer<readonly HeartbeatAnswer[]>> {
    return await this.answer(() => this.machine.heartbeat(request));
  }

  async get(taskId: string): Promise<TaskAnswer<TaskRecord | null>> {
    return await this.answer(() => this.machine.get(taskId));
  }

  async why(taskId: string): Promise<TaskAnswer<readonly TaskReason[] | null>> {
    return await this.answer(() => this.machine.why(taskId));
  }

  async cancel(taskId: string): Promise<TaskAnswer<TaskRecord | null>> {
    return await this.answer(() => this.machine.cancel(taskId));
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

  async redrive(request: RedriveRequest): Promise<TaskAnswer<number>> {
    return await this.answer(() => this.machine.redrive(request));
  }

  async tick(): Promise<void> {
    await this.alarmClock.load();
    await this.rearm();
  }

  async erase(): Promise<void> {
    for (const waiter of [...this.waiters]) waiter.answer([]);
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.watchedAs = null;
    this.alarmClock.clear();
    this.machine = this.open();
    this.machine.start(null);
  }

  override async alarm(): Promise<void> {
    this.alarmClock.clear();
    this.machine.purge();
    this.serveWaiters();
    await this.rearm();
  }

  private open(): TaskQueueMachine {
    const { sql } = this.ctx.storage;
    const database: TaskDatabase = {
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
      shard: 0,
    });
  }

  /** Runs a call of the machine, then what follows from any: the alarm, and claims that wait. */
  private async answer<T>(call: () => T | Promise<T>): Promise<TaskAnswer<T>> {
    try {
      const value = await call();
      this.serveWaiters();
      await this.rearm();
      return { ok: true, value };
    } catch (error) {
      if (!(error instanceof OrasiError)) throw error;
      return { ok: false, code: error.code, message: error.message, errors: error.errors };
    }
  }

  private statsNow(): QueueStats {
    return { ...this.machine.stats(), waitingClaims: this.waiters.size, rowsWritten: this.rowsWritten };
  }

  /** Gives waiting claims what is due, the longest waiting first, and sets the timer to when more will be. */
  private serveWaiters(): void {
    if (this.waiters.size === 0) return;
    clearTimeout(this.timer);
    const nowMs = systemClock.now();
    let nextAtMs = nowMs + LONGEST_TIMER_MS;
    for (const waiter of [...this.waiters]) {
      const dueAtMs = this.machine.nextClaimAtMs(waiter.request);
      if (dueAtMs === null) continue;
      const claimed = dueAtMs <= nowMs ? this.machine.claim(waiter.request) : [];
      if (claimed.length > 0) waiter.answer(claimed);
      else nextAtMs = Math.min(nextAtMs, this.machine.nextClaimAtMs(waiter.request) ?? nextAtMs);
    }
    if (this.waiters.size === 0) return;
    this.timer = setTimeout(() => this.serveWaiters(), Math.max(1, nextAtMs - nowMs));
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
    await this.alarmClock.arm(this.platform.nextAtMs(platformDueAtMs));
  }

  /** A message may be lost, so nobody waits for it to be sent: the alarm sends it again until a worker has come. */
  private wakePlatform(): void {
    const { messages, log } = depsOf(this.env).platformTasks;
    if (this.watchedAs === null) return;
    const sent = messages.send([{ v: 1, type: 'tasks', queue: this.watchedAs }]);
    this.ctx.waitUntil(sent.catch((error) => log.warn('no worker woken; the alarm will', { error })));
  }
}
