import {
  type QueueConfiguration,
  type QueueSettings,
  UNDECLARED_QUEUE,
} from '../../../src/core/protocol/queue-settings.ts';
import type {
  ClaimedTask,
  ClaimRequest,
  HeartbeatAnswer,
  HeartbeatRequest,
  NewTask,
  QueueState,
  RedriveRequest,
  ReportOutcome,
  SubmittedTask,
  TaskFence,
  TaskRecord,
  TaskReport,
} from '../../../src/core/protocol/tasks.ts';
import { TASK_PRIORITIES } from '../../../src/core/protocol/tasks.ts';
import type { Executed } from '../observed.ts';
import type { World } from '../world.ts';
import { isSuitable, type KnownTask, mayGoFirst, retryWindow } from './known-task.ts';
import { LimitsOracle } from './limits.ts';

/**
 * What a queue is to do, as its documentation has it: a second, slow and simple queue that is told every call the
 * machine carried out, once it is safe, and says which promise an answer breaks.
 */
export class QueueOracle {
  readonly tasks = new Map<string, KnownTask>();
  readonly counts = {
    submitted: 0,
    claimed: 0,
    retried: 0,
    lapsed: 0,
    accepted: 0,
    duplicate: 0,
    stale: 0,
    unknown: 0,
    overtaken: 0,
    'held by limits': 0,
    'fenced calls': 0,
    'given back': 0,
  };
  private readonly open = new Set<KnownTask>();
  private readonly keys = new Map<string, { readonly taskId: string; readonly untilMs: number }>();
  private readonly world: World;
  private readonly limits: LimitsOracle;
  private settings: QueueSettings;
  private version = UNDECLARED_QUEUE.version;
  private state: QueueState = 'Active';
  /** The highest epoch that a call was held to. */
  private epoch = 0;
  private nowMs = 0;

  constructor(world: World) {
    this.world = world;
    this.settings = UNDECLARED_QUEUE.settings;
    this.limits = new LimitsOracle(world, this.settings);
  }

  get openTasks(): readonly KnownTask[] {
    return [...this.open];
  }

  /** A client was told that its task is taken. */
  acknowledged(taskId: string): void {
    if (!this.tasks.has(taskId)) this.world.broken('a submit was acknowledged and is not safe', taskId);
  }

  take({ method, args, answer, atMs }: Executed): void {
    this.nowMs = atMs;
    this.settle();
    switch (method) {
      case 'submit':
        this.submitted(args[0] as readonly NewTask[], answer as readonly SubmittedTask[]);
        return;
      case 'claim':
        this.claimed(args[0] as ClaimRequest, answer as readonly ClaimedTask[]);
        return;
      case 'giveOut':
        this.claimed(null, answer as readonly ClaimedTask[]);
        return;
      case 'giveBack':
        this.givenBack(args[0] as Parameters<QueueOracle['givenBack']>[0]);
        return;
      case 'report':
        for (const [at, report] of (args[0] as readonly TaskReport[]).entries())
          this.reported(report, (answer as readonly ReportOutcome[])[at]);
        return;
      case 'heartbeat': {
        const { leases, leaseSeconds } = args[0] as HeartbeatRequest;
        for (const [at, { leaseToken }] of leases.entries())
          this.beaten(leaseToken, leaseSeconds, (answer as readonly HeartbeatAnswer[])[at]);
        return;
      }
      case 'cancel':
        this.cancelled(args[0] as string, answer as TaskRecord | null);
        return;
      case 'redrive':
        this.redriven(args[0] as RedriveRequest, answer as number);
        return;
      case 'setState':
        this.state = args[0] as QueueState;
        return;
      case 'configure':
        this.configured(args[0] as QueueConfiguration);
        return;
      case 'checkFence':
        this.fenced(args[0] as TaskFence | undefined);
        return;
      case 'get':
        this.seen(args[0] as string, answer as TaskRecord | null);
        return;
    }
  }

  private configured({ version, settings }: QueueConfiguration): void {
    if (version <= this.version) return;
    this.version = version;
    this.settings = settings;
    this.limits.configure(settings);
  }

  /** The call of a leader was let through. */
  private fenced(fence: TaskFence | undefined): void {
    if (fence === undefined) return;
    this.counts['fenced calls'] += 1;
    if (fence.epoch < Math.max(this.epoch, fence.presentEpoch))
      this.world.broken('a call of a leader that was deposed is taken', String(fence.epoch));
    this.epoch = fence.epoch;
  }

  /** What time alone has done: leases that ran out are failed attempts, and what waited too long has failed. */
  settle(nowMs = this.nowMs): void {
    this.nowMs = nowMs;
    for (const task of this.open) {
      if (task.held !== null && task.held.untilMs <= nowMs) {
        this.counts.lapsed += 1;
        this.world.trace('queue', 'ends the lease', `${task.taskId}/${task.held.token.slice(0, 5)}`);
        this.endAttempt(task, task.held.untilMs, true);
      }
      if (task.held === null && task.over === null && task.expiresAtMs !== null && task.expiresAtMs <= nowMs)
        this.end(task, 'Failed', nowMs);
    }
  }

  private submitted(wanted: readonly NewTask[], answers: readonly SubmittedTask[]): void {
    const { nowMs } = this;
    if (this.state === 'Draining') this.world.broken('a draining queue takes tasks', answers[0]?.taskId);
    for (const [at, { taskId, duplicate }] of answers.entries()) {
      const task = wanted[at];
      const entry = task.dedupeKey === undefined ? undefined : this.keys.get(task.dedupeKey);
      const present = entry !== undefined && entry.untilMs > nowMs ? entry.taskId : null;
      if (duplicate) {
        if (present !== taskId) this.world.broken('a task is called a duplicate and is none', taskId);
        continue;
      }
      if (present !== null) this.world.broken('a dedupe key made a second task within its window', taskId);
      if (this.tasks.has(taskId)) this.world.broken('an id was given twice', taskId);
      if (task.dedupeKey !== undefined) {
        const windowSeconds = task.dedupeWindowSeconds ?? this.settings.dedupeWindowSeconds;
        this.keys.set(task.dedupeKey, { taskId, untilMs: nowMs + windowSeconds * 1_000 });
      }
      const dueMs = Math.max(nowMs, task.runAtMs ?? nowMs + (task.delayMs ?? 0));
      const known: KnownTask = {
        taskId,
        type: task.type,
        level: TASK_PRIORITIES.indexOf(task.priority),
        requires: task.requires,
        options: task.options,
        dueFromMs: dueMs,
        dueToMs: dueMs,
        expiresAtMs: task.expiresAtMs ?? null,
        attempts: 0,
        held: null,
        settled: new Set(),
        lastSettled: null,
        successes: 0,
        over: null,
        keptUntilMs: 0,
        cancelWanted: false,
      };
      this.tasks.set(taskId, known);
      this.open.add(known);
      this.counts.submitted += 1;
    }
  }

  /** A claim, or a push to connected agents (null), of whom it is not known here what they take. */
  private claimed(request: ClaimRequest | null, claimed: readonly ClaimedTask[]): void {
    const { nowMs, world } = this;
    const taken = new Set<KnownTask>();
    for (const { taskId, attempt } of claimed) {
      const task = this.known(taskId);
      if (task === null) continue;
      taken.add(task);
      if (this.state === 'Paused') world.broken('a paused queue gives out a task', taskId);
      if (task.over !== null) world.broken('a task that has ended runs again', taskId);
      if (task.held !== null) world.broken('two live leases on one task', taskId);
      if (task.dueFromMs > nowMs)
        world.broken(task.attempts === 0 ? 'a task before its time' : 'a retry early', taskId);
      if (attempt !== task.attempts + 1) world.broken('an attempt is not counted', taskId);
      if (attempt > this.maxRetries(task) + 1) world.broken('more attempts than allowed', taskId);
      if (request !== null && !isSuitable(task, request))
        world.broken('a task for an agent that cannot run it', taskId);
    }
    const running = [...this.open].filter((task) => task.held !== null || taken.has(task));
    this.limits.began([...taken], running, nowMs);
    const waiting =
      request === null ? [] : [...this.open].filter((task) => !taken.has(task) && this.isDue(task, request));
    const free = waiting.filter((task) => !this.limits.mayHold(task, running));
    this.counts['held by limits'] += waiting.length - free.length;
    for (const task of taken) {
      for (const other of free) {
        if (other.level > task.level) this.counts.overtaken += 1;
        if (!mayGoFirst(task, other, this.settings.starvationSeconds * 1_000))
          world.broken('a priority inversion beyond the bound', `${task.taskId} before ${other.taskId}`);
      }
    }
    const [missed] = free;
    if (request !== null && claimed.length < request.max && this.state !== 'Paused' && missed !== undefined)
      world.broken('due work that a claim did not find', missed.taskId);
    for (const { taskId, leaseToken, leaseExpiresAtMs, attempt } of claimed) {
      const task = this.tasks.get(taskId);
      if (task === undefined) continue;
      if (attempt > 1) this.counts.retried += 1;
      this.counts.claimed += 1;
      task.attempts += 1;
      task.held = { token: leaseToken, untilMs: leaseExpiresAtMs, claimedAtMs: nowMs };
      this.checkTimeout(task);
    }
  }

  /** Leases that an agent cannot have begun with are as if they had never been. */
  private givenBack(leases: readonly { readonly taskId: string; readonly leaseToken: string }[]): void {
    for (const { taskId, leaseToken } of leases) {
      const task = this.tasks.get(taskId);
      if (task?.held?.token !== leaseToken) continue;
      this.counts['given back'] += 1;
      task.held = null;
      task.attempts -= 1;
      if (task.cancelWanted) this.end(task, 'Cancelled', this.nowMs);
    }
  }

  private isDue(task: KnownTask, request: ClaimRequest): boolean {
    return task.held === null && task.over === null && task.dueToMs <= this.nowMs && isSuitable(task, request);
  }

  private reported({ taskId, leaseToken, success, retryable }: TaskReport, outcome: ReportOutcome): void {
    const { nowMs, world } = this;
    this.counts[outcome] += 1;
    world.trace('queue', 'is told', `${taskId}/${leaseToken.slice(0, 5)}`, success ? 'done' : 'failed', outcome);
    const task = this.tasks.get(taskId);
    if (task === undefined) {
      if (outcome !== 'unknown') world.broken('a report of no task was taken', taskId);
      return;
    }
    const live = task.held !== null && task.held.token === leaseToken;
    if (live !== (outcome === 'accepted'))
      world.broken(live ? 'a live lease was not believed' : 'a lease that is over was believed', taskId);
    if (outcome === 'duplicate' && !task.settled.has(leaseToken))
      world.broken('a report is called a duplicate and is the first', taskId);
    if (outcome === 'stale' && task.lastSettled === leaseToken && (task.over === null || task.keptUntilMs > nowMs))
      world.broken('a report said again is not called a duplicate', taskId);
    if (outcome === 'unknown' && !(task.over !== null && task.keptUntilMs <= nowMs))
      world.broken('a task that is kept is not known', taskId);
    if (outcome !== 'accepted') return;
    task.settled.add(leaseToken);
    if (!success) {
      this.endAttempt(task, nowMs, retryable);
      task.lastSettled = leaseToken;
      return;
    }
    task.successes += 1;
    if (task.successes > 1) world.broken('a result was taken twice', taskId);
    this.end(task, 'Completed', nowMs);
    task.lastSettled = leaseToken;
  }

  private beaten(token: string, leaseSeconds: number | undefined, answer: HeartbeatAnswer): void {
    const { world } = this;
    const task = this.tasks.get(answer.taskId);
    const live = task !== undefined && task.held !== null && task.held.token === token;
    if (live !== (answer.outcome === 'extended'))
      world.broken(live ? 'a live lease is not extended' : 'a lease that is over is extended', answer.taskId);
    if (answer.outcome !== 'extended' || task?.held === null || task === undefined) return;
    if (answer.cancelled !== task.cancelWanted)
      world.broken('a cancellation does not reach the agent, or comes of itself', answer.taskId);
    if (leaseSeconds !== undefined && answer.leaseExpiresAtMs > this.nowMs + leaseSeconds * 1_000)
      world.broken('a lease longer than asked for', answer.taskId);
    task.held = { ...task.held, untilMs: answer.leaseExpiresAtMs };
    this.checkTimeout(task);
  }

  private cancelled(taskId: string, answer: TaskRecord | null): void {
    const task = this.tasks.get(taskId);
    if (task === undefined || task.over !== null) return;
    if (answer === null) this.world.broken('a task was lost', taskId);
    task.cancelWanted = true;
    if (task.held === null) this.end(task, 'Cancelled', this.nowMs);
  }

  private redriven({ taskIds }: RedriveRequest, count: number): void {
    const failed = [...new Set(taskIds ?? [])]
      .map((taskId) => this.tasks.get(taskId))
      .filter((task) => task?.over === 'Failed' && task.keptUntilMs > this.nowMs) as KnownTask[];
    if (failed.length !== count) this.world.broken('dead letters are lost, or too many redriven', taskIds?.join(' '));
    for (const task of failed) {
      Object.assign(task, { over: null, attempts: 0, dueFromMs: this.nowMs, dueToMs: this.nowMs, expiresAtMs: null });
      task.cancelWanted = false;
      this.open.add(task);
    }
  }

  private seen(taskId: string, record: TaskRecord | null): void {
    const task = this.tasks.get(taskId);
    if (task === undefined) return;
    if (record === null) {
      if (task.over === null || task.keptUntilMs > this.nowMs) this.world.broken('a task was lost', taskId);
      return;
    }
    const ended = record.finished !== null;
    if (ended !== (task.over !== null) || (ended && record.status !== task.over))
      this.world.broken(`a task is ${record.status} and should be ${task.over ?? 'under way'}`, taskId);
    if ((record.status === 'Running') !== (task.held !== null))
      this.world.broken('a task is said to run and does not, or the reverse', taskId);
  }

  private endAttempt(task: KnownTask, atMs: number, retryable: boolean): void {
    task.held = null;
    task.lastSettled = null;
    if (task.cancelWanted) this.end(task, 'Cancelled', atMs);
    else if (!retryable || task.attempts > this.maxRetries(task)) this.end(task, 'Failed', atMs);
    else Object.assign(task, retryWindow(task, atMs, this.settings));
  }

  private end(task: KnownTask, status: 'Completed' | 'Failed' | 'Cancelled', atMs: number): void {
    const { deadLetterRetentionSeconds, resultRetentionSeconds } = this.settings;
    const keptSeconds =
      status === 'Failed'
        ? deadLetterRetentionSeconds
        : (task.options.resultRetentionSeconds ?? resultRetentionSeconds);
    task.held = null;
    task.lastSettled = null;
    task.over = status;
    task.keptUntilMs = atMs + keptSeconds * 1_000;
    this.open.delete(task);
  }

  private checkTimeout({ taskId, held, options }: KnownTask): void {
    const { timeoutSeconds } = options;
    if (timeoutSeconds === undefined || held === null) return;
    if (held.untilMs > held.claimedAtMs + timeoutSeconds * 1_000)
      this.world.broken('a lease beyond the timeout of its task', taskId);
  }

  private maxRetries({ options }: KnownTask): number {
    return options.maxRetries ?? this.settings.maxRetries;
  }

  private known(taskId: string): KnownTask | null {
    const task = this.tasks.get(taskId);
    if (task === undefined) this.world.broken('a task nobody submitted', taskId);
    return task ?? null;
  }
}
