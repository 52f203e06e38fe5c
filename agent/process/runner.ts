import { LIMITS } from '../../src/core/limits.ts';
import { pause } from '../client/backoff.ts';
import type { Changes } from './changes.ts';
import type { Log } from './log.ts';
import type { ClaimedTask, Report } from './queue-calls.ts';
import type { TaskType } from './task-type.ts';

/** A task that runs. */
export interface RunningTask {
  readonly task: ClaimedTask;
  /** By `performance.now()`, as the rest. */
  readonly startedMs: number;
  /** Until when the lease holds, unless the queue says more: what is asked later ends later. */
  leaseUntilMs: number;
  heartbeatDueMs: number;
  /** Absent until there is some, and once it is sent. */
  progress?: unknown;
  /** Somebody else has it now, or nobody: its result would change nothing. */
  isLost: boolean;
  /** It is over, and what it started has not ended yet. */
  isOver: boolean;
  readonly abort: AbortController;
}

/** Counts since the agent began. */
export interface RunCounts {
  begun: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** Leases that lapsed or went to somebody else. */
  lost: number;
}

/** Runs tasks, each until it is over or no longer ours. */
export interface Runner {
  readonly counts: Readonly<RunCounts>;
  /** Those whose result is wanted. */
  tasks(): readonly RunningTask[];
  /** How many places are taken, also by what was told to end and has not. */
  readonly occupied: number;
  begin(task: ClaimedTask): void;
  cancel(running: RunningTask): void;
  lose(running: RunningTask, reason: string): void;
  /** Stops all that runs; each is reported as to be tried again. */
  stop(): void;
}

export interface RunnerParts {
  readonly types: () => ReadonlyMap<string, TaskType>;
  /** Takes a result over. */
  readonly report: (report: Report) => Promise<void>;
  readonly changes: Changes;
  readonly log: Log;
}

/** What is told to end has so long before its place is given away: a program's own grace, and a little. */
const HEED_MS = 7_000;
/** A report has to arrive before the queue's own time-out ends the lease. */
const REPORT_SHARE = 0.1;
const REPORT_MS = 500;
const ERROR_CHARS = 4_000;

export function createRunner({ types, report, changes, log }: RunnerParts): Runner {
  const running = new Set<RunningTask>();
  const counts: RunCounts = { begun: 0, completed: 0, failed: 0, cancelled: 0, lost: 0 };

  const run = async (one: RunningTask): Promise<void> => {
    const { task, abort, startedMs } = one;
    const limitSeconds = Math.min(task.timeoutSeconds ?? Infinity, types().get(task.type)?.timeoutSeconds ?? Infinity);
    const limitMs = limitSeconds * 1000;
    const timer = Number.isFinite(limitMs)
      ? setTimeout(
          () => abort.abort(new Error(`it took longer than ${limitSeconds} s`)),
          limitMs - Math.min(REPORT_MS, limitMs * REPORT_SHARE),
        )
      : undefined;
    const work = runType(types().get(task.type), one);
    const outcome = await Promise.race([work.then(succeeded, failed), whenAborted(abort.signal)]);
    clearTimeout(timer);
    one.isOver = true;
    const processingTimeMs = Math.round(performance.now() - startedMs);
    if (!one.isLost) {
      counts[outcome.success ? 'completed' : 'failed']++;
      await report({ taskId: task.taskId, leaseToken: task.leaseToken, ...outcome, processingTimeMs });
    }
    log('task ended', { taskId: task.taskId, success: outcome.success, processingTimeMs, error: outcome.error });
    changes.tell();
    // Its place is free when it has ended indeed; one that does not heed its signal is left alone.
    const heeded = new AbortController();
    await Promise.race([work.catch(() => {}).finally(() => heeded.abort()), pause(HEED_MS, heeded.signal)]);
    running.delete(one);
    changes.tell();
  };

  return {
    counts,
    tasks: () => [...running].filter(({ isOver }) => !isOver),
    get occupied() {
      return running.size;
    },
    begin(task) {
      const startedMs = performance.now();
      const one: RunningTask = {
        task,
        startedMs,
        leaseUntilMs: startedMs + task.leaseRemainingMs,
        heartbeatDueMs: startedMs + task.leaseRemainingMs / 3,
        isLost: false,
        isOver: false,
        abort: new AbortController(),
      };
      running.add(one);
      counts.begun++;
      log('task begins', { taskId: task.taskId, type: task.type, attempt: task.attempt });
      void run(one);
      changes.tell();
    },
    cancel({ abort }) {
      if (abort.signal.aborted) return;
      counts.cancelled++;
      abort.abort(Object.assign(new Error('it was cancelled'), { retryable: false }));
    },
    lose(one, reason) {
      if (one.isLost) return;
      one.isLost = true;
      counts.lost++;
      log('task lost', { taskId: one.task.taskId, reason });
      one.abort.abort(new Error(reason));
    },
    stop() {
      for (const { abort } of running) abort.abort(new Error('the agent stops'));
    },
  };
}

async function runType(type: TaskType | undefined, one: RunningTask): Promise<unknown> {
  const { taskId, type: name, payload, attempt } = one.task;
  if (type === undefined) throw new Error(`this agent runs no tasks of type "${name}"`);
  const progress = (value: unknown) => {
    const text = JSON.stringify(value);
    if (text !== undefined && Buffer.byteLength(text) <= LIMITS.taskPayloadBytes) one.progress = JSON.parse(text);
  };
  return await type.run({ taskId, type: name, payload, attempt, signal: one.abort.signal, progress });
}

type Outcome = Pick<Report, 'success' | 'data' | 'error' | 'retryable'>;

function succeeded(data: unknown): Outcome {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    return { success: false, retryable: false, error: `its result is not JSON: ${String(error)}` };
  }
  if (text === undefined) return { success: true };
  if (Buffer.byteLength(text) > LIMITS.taskPayloadBytes) {
    const error = `its result is larger than ${LIMITS.taskPayloadBytes} bytes of JSON`;
    return { success: false, retryable: false, error };
  }
  return { success: true, data: JSON.parse(text) };
}

function failed(error: unknown): Outcome {
  const message = error instanceof Error ? error.message : String(error);
  const final = typeof error === 'object' && error !== null && 'retryable' in error && error.retryable === false;
  return { success: false, error: message.slice(0, ERROR_CHARS), ...(final ? { retryable: false } : {}) };
}

function whenAborted(signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(failed(signal.reason));
    signal.addEventListener('abort', () => resolve(failed(signal.reason)), { once: true });
  });
}
