import { toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { assert, OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import {
  type ClaimedTask,
  type ClaimRequest,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  type NewTask,
  type QueueState,
  type QueueStats,
  type RedriveRequest,
  type ReportOutcome,
  type SubmittedTask,
  TASK_PRIORITIES,
  type TaskAttempt,
  type TaskFilter,
  type TaskPage,
  type TaskReason,
  type TaskRecord,
  type TaskReport,
  type TaskStatus,
} from '../core/protocol/tasks.ts';
import type { Random } from '../core/random.ts';
import { AgentsSeen } from './agents-seen.ts';
import { Census } from './census.ts';
import { migrateTasks, type TaskDatabase } from './database.ts';
import { type Lane, READ_AHEAD } from './lane.ts';
import { Lanes } from './lanes.ts';
import { LeaseHeap } from './lease-heap.ts';
import { listTasks } from './list.ts';
import { RateMeter } from './rate-meter.ts';
import { waitingReasons } from './reasons.ts';
import { retryDelayMs } from './retry-delay.ts';
import type { QueueSettings } from './settings.ts';
import { placeOf, type TaskPlace, taskIdOf } from './task-id.ts';
import { finishedRecordOf, recordOf } from './task-record.ts';
import { type FinishedTask, type StoredTask, type TaskKey, TaskStore } from './task-store.ts';
import { compareUrgency, type Urgency, urgencyOf } from './urgency.ts';

/** Sequence numbers taken in advance by one written row; a restart leaves at most this many out. */
const SEQUENCES_AT_ONCE = 10_000;
/** Lapsed leases settled by one call, so that none takes long after an outage; the next call goes on. */
const LAPSES_AT_ONCE = 500;
/** Expired tasks ended by one purge. */
const EXPIRED_AT_ONCE = 1_000;
/** A purge reads whole tables: not more often than this, and the less often the more rows there are. */
const PURGE_EVERY_MS = 60_000;
const PURGE_ROWS_PER_MS = 1;
/** Attempts remembered of a task; of one redriven time and again the last. */
const HISTORY = 20;
export interface TaskQueueParts {
  readonly database: TaskDatabase;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: QueueSettings;
  readonly shard: number;
}

/** How an attempt ended badly. */
interface Failure {
  readonly atMs: number;
  readonly outcome: 'failed' | 'lapsed';
  readonly error: string;
  readonly retryable: boolean;
  /** The token that reported it; null where nobody did. */
  readonly settledToken: string | null;
  readonly data: string | null;
  readonly processingTimeMs: number | null;
}

/**
 * One shard of a queue: takes tasks, leases them, takes their results. Every call is one transaction and decides by
 * what is stored and the time alone; what is in memory only makes it quick, and can vanish between any two calls.
 *
 * Who goes first: of all due tasks an agent may have, the one with the least `due + starvation × (levels below
 * Critical)`. So priorities go in order, except that a task goes before one a level above that came `starvation`
 * later; none waits for ever, and a flood of urgent tasks takes no share away by itself.
 */
export class TaskQueueMachine {
  private readonly store: TaskStore;
  private readonly database: TaskDatabase;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly settings: QueueSettings;
  private readonly shard: number;

  private readonly lanes: Lanes;
  private readonly leases = new LeaseHeap();
  private readonly census = new Census();
  private readonly submitted = new RateMeter();
  private readonly ended = new RateMeter();
  private readonly agents = new AgentsSeen();
  private nextSequence = 0;
  private sequencesUntil = 0;
  private state: QueueState = 'Active';
  /** The earliest that something stored is over; null where nothing ever is. */
  private expiryAtMs: number | null = null;
  private purgedAtMs = Number.NEGATIVE_INFINITY;
  private purgeEveryMs = PURGE_EVERY_MS;

  constructor({ database, clock, random, settings, shard }: TaskQueueParts) {
    this.store = new TaskStore(database);
    this.lanes = new Lanes(this.store);
    this.database = database;
    this.clock = clock;
    this.random = random;
    this.settings = settings;
    this.shard = shard;
  }

  /** Brings the tables up to date. `alarmAtMs`: when the object's alarm is set to ring, which an earlier life knew. */
  start(alarmAtMs: number | null): void {
    migrateTasks(this.database);
    this.recall();
    this.expiryAtMs = alarmAtMs ?? this.clock.now();
  }

  /** Takes tasks in. Throws `conflict` while the queue is draining. */
  submit(tasks: readonly NewTask[]): SubmittedTask[] {
    if (this.state === 'Draining')
      throw new OrasiError('conflict', 'the queue is draining: it takes no tasks until it is resumed');
    const nowMs = this.clock.now();
    return this.change(() => {
      const answers = tasks.map((task) => this.submitOne(task, nowMs));
      this.submitted.add(nowMs, answers.filter(({ duplicate }) => !duplicate).length);
      return answers;
    });
  }

  private submitOne(task: NewTask, nowMs: number): SubmittedTask {
    if (task.dedupeKey !== undefined) {
      const taskId = this.store.dedupe(task.dedupeKey, nowMs);
      // A task that left no result has ended well, or was cancelled, and its kind of result is not wanted.
      if (taskId !== null) return { taskId, status: this.look(taskId, nowMs)?.status ?? 'Completed', duplicate: true };
    }
    const { type, requires } = task;
    const lane = this.lanes.of({ type, level: TASK_PRIORITIES.indexOf(task.priority), requires });
    const dueAtMs = Math.max(nowMs, task.runAtMs ?? nowMs + (task.delayMs ?? 0));
    const place = { shard: this.shard, lane: lane.id, firstDueAtMs: dueAtMs, sequence: this.takeSequence() };
    this.addTask(lane, {
      lane: lane.id,
      dueAtMs,
      sequence: place.sequence,
      firstDueAtMs: dueAtMs,
      submittedAtMs: nowMs,
      expiresAtMs: task.expiresAtMs ?? null,
      attempt: 0,
      lease: null,
      settledToken: null,
      cancelRequested: false,
      options: task.options,
      history: [],
      progress: null,
      payload: task.payload,
    });
    const taskId = taskIdOf(place);
    if (task.dedupeKey !== undefined) {
      const untilMs = nowMs + (task.dedupeWindowSeconds ?? this.settings.dedupeWindowSeconds) * 1_000;
      this.store.addDedupe(task.dedupeKey, taskId, untilMs);
      this.expires(untilMs);
    }
    return { taskId, status: 'Pending', duplicate: false };
  }

  /** Leases up to `max` due tasks, most urgent first. Whatever alarms did, what is due is found here. */
  claim(request: Omit<ClaimRequest, 'waitMs'>): ClaimedTask[] {
    const nowMs = this.clock.now();
    this.agents.saw(request.agentId, request.types, request.capabilities, nowMs);
    if (this.state === 'Paused') return [];
    return this.change(() => {
      this.settleLapsed(nowMs);
      const suitable = this.lanes.suiting(request.types, request.capabilities);
      const claimed: ClaimedTask[] = [];
      let payloadChars = 0;
      while (claimed.length < request.max) {
        const lane = this.mostUrgent(suitable, nowMs);
        if (lane === null) break;
        const task = this.store.read(lane.ahead[0]);
        assert(task !== null && task.lease === null, 'what was read ahead is there and not leased');
        if (task.expiresAtMs !== null && task.expiresAtMs <= nowMs) {
          this.expire(task, nowMs);
          continue;
        }
        payloadChars += task.payload.length;
        if (claimed.length > 0 && payloadChars > LIMITS.claimPayloadChars) break;
        claimed.push(this.leaseOut(task, lane, request, nowMs));
      }
      return claimed;
    });
  }

  private leaseOut(
    task: StoredTask,
    lane: Lane,
    request: Pick<ClaimRequest, 'agentId' | 'leaseSeconds'>,
    nowMs: number,
  ): ClaimedTask {
    const { options } = task;
    const leaseMs = (request.leaseSeconds ?? options.timeoutSeconds ?? this.settings.leaseSeconds) * 1_000;
    const attempt = task.attempt + 1;
    const lease = {
      token: `${attempt}.${toHex(this.random.bytes(12))}`,
      untilMs: leaseEndMs(nowMs, leaseMs, nowMs, options.timeoutSeconds),
      leaseMs,
      agentId: request.agentId,
      claimedAtMs: nowMs,
    };
    this.store.lease(task, attempt, lease);
    this.leases.push({ untilMs: lease.untilMs, lane: task.lane, dueAtMs: task.dueAtMs, sequence: task.sequence });
    lane.taken();
    this.census.change(task.lane, task.attempt === 0 ? 'Pending' : 'Retrying', -1);
    this.census.change(task.lane, 'Running', 1);
    return {
      taskId: this.idOf(task),
      type: lane.type,
      priority: TASK_PRIORITIES[lane.level],
      payload: task.payload,
      attempt,
      leaseToken: lease.token,
      leaseExpiresAtMs: lease.untilMs,
      leaseRemainingMs: lease.untilMs - nowMs,
      submittedAtMs: task.submittedAtMs,
      options,
    };
  }

  /** Takes results, each by itself. */
  report(reports: readonly TaskReport[]): ReportOutcome[] {
    const nowMs = this.clock.now();
    return this.change(() => reports.map((report) => this.reportOne(report, nowMs)));
  }

  private reportOne(report: TaskReport, nowMs: number): ReportOutcome {
    const place = this.placeHere(report.taskId);
    if (place === null) return 'unknown';
    const task = this.store.find(place);
    if (task === null) {
      const finished = this.finishedAt(place, nowMs);
      if (finished === null) return 'unknown';
      return finished.leaseToken === report.leaseToken ? 'duplicate' : 'stale';
    }
    const lease = this.heldLease(task, report.leaseToken, nowMs);
    if (lease === null) return task.settledToken === report.leaseToken ? 'duplicate' : 'stale';
    if (report.success) {
      const history = remembered(task.history, {
        attempt: task.attempt,
        agentId: lease.agentId,
        startedAtMs: lease.claimedAtMs,
        endedAtMs: nowMs,
        outcome: 'succeeded',
      });
      this.finish({ ...task, history }, 'Completed', nowMs, { ...report, error: undefined });
    } else {
      this.fail(task, {
        atMs: nowMs,
        outcome: 'failed',
        error: report.error ?? 'the agent reported a failure and said no more',
        retryable: report.retryable,
        settledToken: report.leaseToken,
        data: report.data ?? null,
        processingTimeMs: report.processingTimeMs ?? null,
      });
    }
    return 'accepted';
  }

  /** Extends leases, keeps progress, and tells which tasks are to be stopped. */
  heartbeat({ leases, leaseSeconds }: HeartbeatRequest): HeartbeatAnswer[] {
    const nowMs = this.clock.now();
    return this.change(() =>
      leases.map(({ taskId, leaseToken, progress }): HeartbeatAnswer => {
        const place = this.placeHere(taskId);
        const task = place === null ? null : this.store.find(place);
        if (task === null) {
          const ended = place !== null && this.finishedAt(place, nowMs) !== null;
          return { taskId, outcome: ended ? 'stale' : 'unknown' };
        }
        const lease = this.heldLease(task, leaseToken, nowMs);
        if (lease === null) return { taskId, outcome: 'stale' };
        const leaseMs = leaseSeconds === undefined ? lease.leaseMs : leaseSeconds * 1_000;
        const untilMs = leaseEndMs(nowMs, leaseMs, lease.claimedAtMs, task.options.timeoutSeconds);
        this.store.extend(task, untilMs, progress ?? null);
        this.leases.push({ untilMs, lane: task.lane, dueAtMs: task.dueAtMs, sequence: task.sequence });
        return {
          taskId,
          outcome: 'extended',
          leaseExpiresAtMs: untilMs,
          leaseRemainingMs: untilMs - nowMs,
          cancelled: task.cancelRequested,
        };
      }),
    );
  }

  get(taskId: string): TaskRecord | null {
    const nowMs = this.clock.now();
    return this.change(() => this.look(taskId, nowMs));
  }

  /** Cancels: at once what waits, and what runs as soon as its agent hears of it. Throws `conflict` where it has ended. */
  cancel(taskId: string): TaskRecord | null {
    const nowMs = this.clock.now();
    return this.change(() => {
      const record = this.look(taskId, nowMs);
      if (record === null || record.status === 'Cancelled') return record;
      if (record.finished !== null) throw new OrasiError('conflict', `the task has ended: it is ${record.status}`);
      const task = this.settled(taskId, nowMs);
      if (task === null) return record;
      if (task.lease !== null) {
        this.store.requestCancel(task);
        return this.look(taskId, nowMs);
      }
      this.finish(task, 'Cancelled', nowMs, {});
      const kept = this.look(taskId, nowMs);
      return kept ?? { ...record, status: 'Cancelled' };
    });
  }

  /** See `listTasks`. */
  list(filter: TaskFilter, limit: number, cursor: string | undefined): TaskPage {
    const nowMs = this.clock.now();
    return this.change(() => {
      this.settleLapsed(nowMs);
      const { store, lanes, shard } = this;
      return listTasks({ store, lanes, shard }, filter, limit, cursor, nowMs);
    });
  }

  /** The shell adds what it alone knows. */
  stats(): Omit<QueueStats, 'waitingClaims' | 'rowsWritten'> {
    const nowMs = this.clock.now();
    return this.change(() => {
      if (this.census.load(this.store)) for (const lane of this.lanes.all()) lane.forget();
      this.settleLapsed(nowMs);
      let oldestMs = nowMs;
      for (const lane of this.lanes.all()) oldestMs = Math.min(oldestMs, this.head(lane, nowMs)?.dueAtMs ?? nowMs);
      const {
        maxRetries,
        leaseSeconds,
        resultRetentionSeconds,
        deadLetterRetentionSeconds,
        dedupeWindowSeconds,
        starvationSeconds,
      } = this.settings;
      return {
        state: this.state,
        depth: this.census.depth(this.lanes.all()),
        oldestAgeMs: nowMs - oldestMs,
        submittedPerSecond: this.submitted.perSecond(nowMs),
        finishedPerSecond: this.ended.perSecond(nowMs),
        limits: {
          maxRetries,
          leaseSeconds,
          resultRetentionSeconds,
          deadLetterRetentionSeconds,
          dedupeWindowSeconds,
          starvationSeconds,
        },
      };
    });
  }

  setState(state: QueueState): void {
    if (state === this.state) return;
    this.store.setFact('state', state);
    this.state = state;
  }

  /** Puts failed tasks back, due now and with all their attempts before them; answers how many. */
  redrive({ taskIds, type, max }: RedriveRequest): number {
    const nowMs = this.clock.now();
    return this.change(() => {
      let count = 0;
      for (const task of this.deadLetters(taskIds, type, max, nowMs)) {
        const lane = this.lanes.get(task.lane);
        this.store.removeFinished(task.sequence);
        this.census.change(task.lane, 'Failed', -1);
        this.addTask(lane, {
          lane: task.lane,
          // Its id names the first place, and two rows of one task are never there at once.
          dueAtMs: nowMs,
          sequence: task.sequence,
          firstDueAtMs: task.firstDueAtMs,
          submittedAtMs: task.body.submittedAtMs,
          expiresAtMs: null,
          attempt: 0,
          lease: null,
          settledToken: task.leaseToken,
          cancelRequested: false,
          options: task.body.options,
          history: task.body.history,
          progress: null,
          payload: task.body.payload ?? 'null',
        });
        count += 1;
      }
      return count;
    });
  }

  private deadLetters(
    taskIds: readonly string[] | null,
    type: string | undefined,
    max: number,
    nowMs: number,
  ): FinishedTask[] {
    const ofType = (task: FinishedTask) => type === undefined || this.lanes.get(task.lane).type === type;
    if (taskIds === null) {
      const lanes = type === undefined ? null : this.lanes.ofType(type).map(({ id }) => id);
      return this.store.finishedAfter(-1, { status: 'Failed', lanes, nowMs }, max);
    }
    return [...new Set(taskIds)].slice(0, max).flatMap((taskId) => {
      const place = this.placeHere(taskId);
      const task = place === null ? null : this.finishedAt(place, nowMs);
      return task !== null && task.status === 'Failed' && ofType(task) ? [task] : [];
    });
  }

  /** Why a task is not running, all that holds; null where there is no such task. */
  why(taskId: string): TaskReason[] | null {
    const nowMs = this.clock.now();
    return this.change(() => {
      const record = this.look(taskId, nowMs);
      if (record === null) return null;
      if (record.finished !== null) return [{ code: 'finished', message: `it has ended: ${record.status}` }];
      if (record.running !== null) return [{ code: 'running', message: `agent "${record.running.agentId}" has it` }];
      const task = this.settled(taskId, nowMs);
      const { state, lanes, store, agents } = this;
      return task === null
        ? null
        : waitingReasons(task, { state, lanes, store, agents, starvationMs: this.starvationMs() }, nowMs);
    });
  }

  /** When a claim of these types and capabilities may find something, with what is known now; null for never. */
  nextClaimAtMs(request: Pick<ClaimRequest, 'types' | 'capabilities'>): number | null {
    if (this.state === 'Paused') return null;
    const nowMs = this.clock.now();
    return this.change(() => {
      let earliest = Number.POSITIVE_INFINITY;
      for (const lane of this.lanes.suiting(request.types, request.capabilities)) {
        const head = this.head(lane, nowMs);
        earliest = Math.min(earliest, head?.dueAtMs ?? earliest);
      }
      earliest = Math.min(earliest, this.leases.earliestMs() ?? earliest);
      return Number.isFinite(earliest) ? earliest : null;
    });
  }

  /** When the alarm is to ring: only to throw away what is over. Null for never. */
  nextWorkAtMs(): number | null {
    return this.expiryAtMs === null ? null : Math.max(this.expiryAtMs, this.purgedAtMs + this.purgeEveryMs);
  }

  /** What the alarm does: ends what has expired and drops what was kept long enough. Early, late or twice, it is the same. */
  purge(): void {
    const nowMs = this.clock.now();
    this.change(() => {
      this.settleLapsed(nowMs);
      for (const task of this.store.expiredTasks(nowMs, EXPIRED_AT_ONCE)) this.expire(task, nowMs);
      for (const { lane, status } of this.store.dropExpired(nowMs)) this.census.change(lane, status, -1);
      const { atMs, rowsRead } = this.store.nextExpiry();
      this.expiryAtMs = atMs;
      this.purgedAtMs = nowMs;
      this.purgeEveryMs = Math.max(PURGE_EVERY_MS, rowsRead / PURGE_ROWS_PER_MS);
    });
  }

  /** The task as it is now: a lease that has run out is settled first. */
  private look(taskId: string, nowMs: number): TaskRecord | null {
    const place = this.placeHere(taskId);
    if (place === null) return null;
    const task = this.settled(taskId, nowMs);
    if (task !== null) return recordOf(task, this.lanes.get(task.lane), this.shard, nowMs);
    const finished = this.finishedAt(place, nowMs);
    return finished === null ? null : finishedRecordOf(finished, this.lanes.get(finished.lane), this.shard);
  }

  private settled(taskId: string, nowMs: number): StoredTask | null {
    const place = this.placeHere(taskId);
    const task = place === null ? null : this.store.find(place);
    if (place === null || task === null) return null;
    if (task.lease !== null && task.lease.untilMs <= nowMs) {
      this.lapse(task, task.lease.untilMs);
      return this.store.find(place);
    }
    if (task.lease === null && task.expiresAtMs !== null && task.expiresAtMs <= nowMs) {
      this.expire(task, nowMs);
      return null;
    }
    return task;
  }

  /** The lease of a task if the token is its and it has not run out. */
  private heldLease(task: StoredTask, token: string, nowMs: number): StoredTask['lease'] {
    const { lease } = task;
    return lease !== null && lease.token === token && lease.untilMs > nowMs ? lease : null;
  }

  private settleLapsed(nowMs: number): void {
    for (let settled = 0; settled < LAPSES_AT_ONCE; settled++) {
      const entry = this.leases.popDue(nowMs);
      if (entry === null) return;
      const task = this.store.read(entry);
      if (task?.lease && task.lease.untilMs <= nowMs) this.lapse(task, task.lease.untilMs);
    }
  }

  private lapse(task: StoredTask, atMs: number): void {
    const { timeoutSeconds } = task.options;
    const timedOut =
      timeoutSeconds !== undefined && task.lease !== null && atMs - task.lease.claimedAtMs >= timeoutSeconds * 1_000;
    this.fail(task, {
      atMs,
      outcome: 'lapsed',
      error: timedOut
        ? `the attempt took longer than its timeout of ${timeoutSeconds} s`
        : 'the lease ran out without a heartbeat or a result',
      retryable: true,
      settledToken: null,
      data: null,
      processingTimeMs: null,
    });
  }

  /** An attempt ended badly: the task waits for the next, or has had its last. */
  private fail(task: StoredTask, failure: Failure): void {
    const { atMs, outcome, error } = failure;
    const { maxRetries = this.settings.maxRetries, retryDelaySeconds } = task.options;
    const history = remembered(task.history, {
      attempt: task.attempt,
      agentId: task.lease?.agentId ?? '',
      startedAtMs: task.lease?.claimedAtMs ?? atMs,
      endedAtMs: atMs,
      outcome,
      error,
    });
    if (task.cancelRequested || !failure.retryable || task.attempt > maxRetries) {
      const status = task.cancelRequested ? 'Cancelled' : 'Failed';
      this.finish({ ...task, history }, status, atMs, failureResult(failure));
      return;
    }
    const dueAtMs = atMs + retryDelayMs(task.attempt, retryDelaySeconds, this.settings, this.random);
    this.store.retry(task, dueAtMs, failure.settledToken, history);
    this.lanes.get(task.lane).added({ lane: task.lane, dueAtMs, sequence: task.sequence });
    this.census.change(task.lane, 'Running', -1);
    this.census.change(task.lane, 'Retrying', 1);
    if (task.expiresAtMs !== null) this.expires(task.expiresAtMs);
  }

  private expire(task: StoredTask, nowMs: number): void {
    this.finish(task, 'Failed', nowMs, { error: 'it expired before it was started' });
  }

  /** Takes a task out of the queue and keeps its result for as long as it is wanted; a dead letter always. */
  private finish(
    task: StoredTask,
    status: 'Completed' | 'Failed' | 'Cancelled',
    atMs: number,
    result: {
      readonly data?: string | null | undefined;
      readonly error?: string | null | undefined;
      readonly processingTimeMs?: number | null | undefined;
      readonly leaseToken?: string | undefined;
    },
  ): void {
    this.store.remove(task);
    if (task.lease === null) this.lanes.get(task.lane).removed();
    this.census.change(task.lane, storedStatus(task), -1);
    this.ended.add(this.clock.now(), 1);
    const keptSeconds =
      status === 'Failed'
        ? this.settings.deadLetterRetentionSeconds
        : (task.options.resultRetentionSeconds ?? this.settings.resultRetentionSeconds);
    if (keptSeconds <= 0) return;
    const expiresAtMs = atMs + keptSeconds * 1_000;
    this.store.addFinished({
      lane: task.lane,
      sequence: task.sequence,
      firstDueAtMs: task.firstDueAtMs,
      status,
      expiresAtMs,
      leaseToken: result.leaseToken ?? null,
      body: {
        submittedAtMs: task.submittedAtMs,
        dueAtMs: task.dueAtMs,
        atMs,
        attempts: task.attempt,
        history: task.history,
        options: task.options,
        data: result.data ?? null,
        error: result.error ?? null,
        processingTimeMs: result.processingTimeMs ?? null,
        payload: status === 'Failed' ? task.payload : null,
      },
    });
    this.census.change(task.lane, status, 1);
    this.expires(expiresAtMs);
  }

  private addTask(lane: Lane, task: StoredTask): void {
    this.store.insert(task);
    lane.added(task);
    this.census.change(lane.id, 'Pending', 1);
    if (task.expiresAtMs !== null) this.expires(task.expiresAtMs);
  }

  /** The lane whose first due task goes before all others, with that task first in `ahead`; null where none is due. */
  private mostUrgent(lanes: readonly Lane[], nowMs: number): Lane | null {
    let first: { lane: Lane; urgency: Urgency } | null = null;
    for (const lane of lanes) {
      const head = this.head(lane, nowMs);
      if (head === null || head.dueAtMs > nowMs) continue;
      const urgency = urgencyOf(head, lane.level, this.starvationMs());
      if (first === null || compareUrgency(urgency, first.urgency) < 0) first = { lane, urgency };
    }
    return first?.lane ?? null;
  }

  /** The first unleased task of a lane; leases on the way are remembered, or settled where they have run out. */
  private head(lane: Lane, nowMs: number): TaskKey | null {
    while (lane.ahead.length === 0 && !lane.exhausted) {
      for (const key of this.readAhead(lane, nowMs)) {
        const task = this.store.read(key);
        if (task?.lease) this.lapse(task, task.lease.untilMs);
      }
    }
    return lane.ahead[0] ?? null;
  }

  /** Reads on in a lane; answers the leases on the way that have run out. */
  private readAhead(lane: Lane, nowMs: number): TaskKey[] {
    const rows = this.store.keysAfter(lane.id, lane.cursor, READ_AHEAD);
    const lapsed: TaskKey[] = [];
    lane.exhausted = rows.length < READ_AHEAD;
    for (const { key, leaseUntilMs } of rows) {
      if (leaseUntilMs === null) {
        lane.ahead.push(key);
        continue;
      }
      // A lease after tasks without one is met again when those are gone.
      if (lane.ahead.length > 0) {
        lane.exhausted = false;
        break;
      }
      lane.cursor = key;
      if (leaseUntilMs <= nowMs) lapsed.push(key);
      else this.leases.push({ ...key, untilMs: leaseUntilMs });
    }
    return lapsed;
  }

  private placeHere(taskId: string): TaskPlace | null {
    const place = placeOf(taskId);
    return place?.shard === this.shard ? place : null;
  }

  private finishedAt(place: TaskPlace, nowMs: number): FinishedTask | null {
    const finished = this.store.finished(place);
    return finished !== null && finished.expiresAtMs > nowMs ? finished : null;
  }

  private idOf({ lane, firstDueAtMs, sequence }: StoredTask): string {
    return taskIdOf({ shard: this.shard, lane, firstDueAtMs, sequence });
  }

  private takeSequence(): number {
    if (this.nextSequence >= this.sequencesUntil) {
      this.sequencesUntil = this.nextSequence + SEQUENCES_AT_ONCE;
      this.store.setFact('sequences', String(this.sequencesUntil));
    }
    this.nextSequence += 1;
    return this.nextSequence;
  }

  private expires(atMs: number): void {
    this.expiryAtMs = Math.min(this.expiryAtMs ?? atMs, atMs);
  }

  private starvationMs(): number {
    return this.settings.starvationSeconds * 1_000;
  }

  /** One transaction. Where it fails nothing of it holds, and what memory made of it is forgotten. */
  private change<T>(work: () => T): T {
    try {
      return this.store.transaction(work);
    } catch (error) {
      this.recall();
      throw error;
    }
  }

  /** Begins to remember anew, from what is stored. */
  private recall(): void {
    this.lanes.recall();
    this.leases.clear();
    this.census.forget();
    this.state = (this.store.fact('state') as QueueState | null) ?? 'Active';
    this.nextSequence = Number(this.store.fact('sequences') ?? 0);
    this.sequencesUntil = this.nextSequence;
    this.expiryAtMs = this.clock.now();
  }
}

function leaseEndMs(nowMs: number, leaseMs: number, claimedAtMs: number, timeoutSeconds: number | undefined): number {
  const untilMs = nowMs + leaseMs;
  return timeoutSeconds === undefined ? untilMs : Math.min(untilMs, claimedAtMs + timeoutSeconds * 1_000);
}

function remembered(history: readonly TaskAttempt[], attempt: TaskAttempt): TaskAttempt[] {
  return [...history, attempt].slice(-HISTORY);
}

function failureResult(failure: Failure) {
  const { data, error, processingTimeMs, settledToken } = failure;
  return { data, error, processingTimeMs, leaseToken: settledToken ?? undefined };
}

/** The status a row was counted under: a lease counts until it is settled. */
function storedStatus(task: StoredTask): TaskStatus {
  if (task.lease !== null) return 'Running';
  return task.attempt === 0 ? 'Pending' : 'Retrying';
}
