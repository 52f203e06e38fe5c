import { OrasiError } from '../core/errors.ts';
import type { NewTask, TaskStatus } from '../core/protocol/tasks.ts';
import { type Condition, withCondition } from './conditions.ts';
import { isJsonObject } from './json.ts';
import { DONE, type ReconcileContext, type ReconcileResult, type Reconciler } from './reconcile.ts';
import type { ResourceKey } from './resource.ts';
import { decide, rhythmText } from './schedule.ts';
import { type CompiledSchedule, compileSchedule } from './schedule-spec.ts';
import { type ActiveRun, type EndedRun, readStatus, type ScheduleStatus, writeStatus } from './schedule-status.ts';
import { nextTime } from './schedule-times.ts';

/** Queues, as schedules see them. All of it may be repeated: a task is one by its dedupe key. */
export interface ScheduledTasks {
  /** Answers the task's id. */
  submit(namespaceUid: string, queue: string, task: NewTask): Promise<string>;
  /** Null where the queue does not know of the task any more. */
  status(namespaceUid: string, queue: string, taskId: string): Promise<TaskStatus | null>;
  /** One that has ended stays as it is. */
  cancel(namespaceUid: string, queue: string, taskId: string): Promise<void>;
}

/** Where there are no queues: schedules are kept and say that nothing takes their tasks. */
export const NO_QUEUES: ScheduledTasks = {
  submit: async () => {
    throw new OrasiError('unavailable', 'there are no queues here');
  },
  status: async () => null,
  cancel: async () => {},
};

/** Whoever sets this annotation to a new value gets a run at once: `kubectl annotate ts nightly orasi.io/run=now-1`. */
const RUN_ANNOTATION = 'orasi.io/run';
/** Tasks that run are looked at this often, beside the times of the schedule. */
const LOOK_MS = 15_000;
const ENDED: ReadonlySet<string> = new Set(['Completed', 'Failed', 'Cancelled']);

/**
 * Submits a schedule's tasks. What is decided is written to the status first and submitted then, so that a crash in
 * between changes nothing: the next look submits what the status says was decided, under the same key, and the queue
 * makes one task of it. When the next look comes is kept with the control plane's other work.
 */
export const scheduleReconciler: Reconciler = {
  async reconcile(context, key) {
    const { store, clock } = context;
    const found = store.find(key);
    const namespace = store.find({ group: '', resource: 'namespaces', namespace: '', name: key.namespace });
    if (found === undefined || found.metadata.deletionTimestamp !== undefined || namespace === undefined) return DONE;
    const schedule = compileSchedule(found);
    const { uid, annotations = {}, creationTimestamp } = found.metadata;
    const queue = new Queue(context, namespace.metadata.uid, schedule);

    let before = readStatus(found.status);
    try {
      before = await queue.lookedAfter(before);
    } catch (error) {
      return refused(context, key, before, nextTime(schedule.rules.rhythm, clock.now()), error);
    }
    const nowMs = clock.now();
    const decision = decide(
      schedule.rules,
      {
        rhythm: before.schedule,
        decidedUntilMs: before.decidedUntilMs ?? Date.parse(creationTimestamp),
        suspended: before.suspended,
        active: before.active.length,
      },
      nowMs,
    );
    const asked = annotations[RUN_ANNOTATION] ?? null;
    const runs: ActiveRun[] = decision.runs.map((scheduledMs) => ({
      key: `schedule/${uid}/${scheduledMs}`,
      scheduledMs,
      taskId: undefined,
    }));
    if (asked !== null && asked !== before.lastRunRequest) {
      runs.push({ key: `schedule/${uid}/asked/${asked}`.slice(0, 200), scheduledMs: nowMs, taskId: undefined });
    }
    if (decision.replaces) await queue.cancel(before.active);
    const decided: ScheduleStatus = {
      ...before,
      schedule: rhythmText(schedule.rules.rhythm),
      decidedUntilMs: decision.decidedUntilMs,
      lastScheduleMs: decision.runs.at(-1) ?? before.lastScheduleMs,
      skipped: decision.skipped ?? before.skipped,
      lastRunRequest: asked ?? before.lastRunRequest,
      suspended: schedule.rules.suspend,
      active: [...before.active, ...runs],
    };
    write(context, key, decided, decision.nextMs, null);
    try {
      if (runs.length > 0) write(context, key, await queue.submitted(decided), decision.nextMs, null);
    } catch (error) {
      return refused(context, key, decided, decision.nextMs, error);
    }
    const waits = [decision.nextMs === null ? null : decision.nextMs - clock.now()];
    if (decided.active.length > 0) waits.push(LOOK_MS);
    const known = waits.filter((wait) => wait !== null);
    return known.length === 0 ? DONE : { requeueAfterMs: Math.max(1, Math.min(...known)) };
  },
};

/** The queue of one schedule. */
class Queue {
  readonly #context: ReconcileContext;
  readonly #namespaceUid: string;
  readonly #schedule: CompiledSchedule;

  constructor(context: ReconcileContext, namespaceUid: string, schedule: CompiledSchedule) {
    this.#context = context;
    this.#namespaceUid = namespaceUid;
    this.#schedule = schedule;
  }

  /** The status once what was decided before is submitted, and what has ended since is history. */
  async lookedAfter(status: ScheduleStatus): Promise<ScheduleStatus> {
    const { successfulRunsHistoryLimit, failedRunsHistoryLimit } = this.#schedule;
    const active: ActiveRun[] = [];
    const ended: EndedRun[] = [];
    for (const run of (await this.submitted(status)).active) {
      const { taskId, scheduledMs } = run;
      if (taskId === undefined) continue;
      const now = (await this.#context.tasks.status(this.#namespaceUid, this.#schedule.queue, taskId)) ?? 'Gone';
      if (now === 'Gone' || ENDED.has(now)) ended.unshift({ scheduledMs, taskId, status: now });
      else active.push(run);
    }
    const history = [...ended, ...status.history];
    const kept = new Set([
      ...history.filter((run) => run.status !== 'Failed').slice(0, successfulRunsHistoryLimit),
      ...history.filter((run) => run.status === 'Failed').slice(0, failedRunsHistoryLimit),
    ]);
    return { ...status, active, history: history.filter((run) => kept.has(run)) };
  }

  /** The status once every active run has its task. */
  async submitted(status: ScheduleStatus): Promise<ScheduleStatus> {
    const active: ActiveRun[] = [];
    for (const run of status.active) {
      const { queue } = this.#schedule;
      const task = this.#schedule.task(run.key, this.#context.clock.now());
      const taskId = run.taskId ?? (await this.#context.tasks.submit(this.#namespaceUid, queue, task));
      active.push({ ...run, taskId });
    }
    return { ...status, active };
  }

  async cancel(runs: readonly ActiveRun[]): Promise<void> {
    for (const { taskId } of runs) {
      if (taskId !== undefined) await this.#context.tasks.cancel(this.#namespaceUid, this.#schedule.queue, taskId);
    }
  }
}

/** A queue that does not take the tasks, or does not answer, is asked again later and later. */
function refused(
  context: ReconcileContext,
  key: ResourceKey,
  status: ScheduleStatus,
  nextMs: number | null,
  error: unknown,
): ReconcileResult {
  const reason = error instanceof Error ? error.message : String(error);
  write(context, key, status, nextMs, reason);
  return { error: reason };
}

function write(
  { store, clock }: ReconcileContext,
  key: ResourceKey,
  status: ScheduleStatus,
  nextMs: number | null,
  refusal: string | null,
): void {
  store.edit(key, (object) => {
    const { generation } = object.metadata;
    const old = isJsonObject(object.status) ? object.status : {};
    const conditions = withCondition(old.conditions, conditionOf(status, refusal, generation), clock.now());
    object.status = { ...writeStatus(status, nextMs), observedGeneration: generation, conditions };
  });
}

function conditionOf({ suspended }: ScheduleStatus, refusal: string | null, observedGeneration: number): Condition {
  const type = 'Ready';
  if (refusal !== null) {
    return { type, status: 'False', reason: 'QueueRefused', message: refusal, observedGeneration };
  }
  return suspended
    ? { type, status: 'False', reason: 'Suspended', message: 'nothing is submitted', observedGeneration }
    : { type, status: 'True', reason: 'Scheduled', message: 'tasks are submitted at their times', observedGeneration };
}
