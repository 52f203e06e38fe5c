import { type ErrorCode, OrasiError } from '../core/errors.ts';
import { BUILT_IN_TYPES, isBuiltInType, PLATFORM_AGENT } from '../core/protocol/built-in-tasks.ts';
import type { TaskMessage, TaskStepMessage, TaskStepState } from '../core/protocol/messages.ts';
import type { TaskAnswer, TaskOptions, TaskReport } from '../core/protocol/tasks.ts';
import type { Job, StepOutcome } from './job.ts';
import type { WorkPorts } from './ports.ts';
import { runStep } from './steps.ts';

/** Renewed while a step runs; a worker that died is found out after this. */
const LEASE_SECONDS = 60;
const HEARTBEAT_MS = (LEASE_SECONDS * 1_000) / 3;
/** Characters of an error that are reported. */
const ERROR_CHARS = 4_000;

/** Faults that another attempt may not meet; with all others the task fails at once. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'internal',
  'unavailable',
  'rate_limited',
  'timeout',
  'source_changed',
  'corrupt_file',
]);

/** A task in hand. */
interface Held {
  readonly queue: string;
  readonly taskId: string;
  readonly leaseToken: string;
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly type: string;
  /** JSON text. */
  readonly payload: string;
  readonly options: TaskOptions;
  /** Which step is done, counted from 1, and the progress that is kept since the one before; null before the first. */
  readonly step: number;
  readonly progress: string | null;
}

/**
 * Does what a message asks. The message is only a hint: who is at work on a task is said by its lease, and which step is
 * next by its progress, so a message that comes again later finds nothing to do. One that comes twice at once may have
 * its step done twice, which changes nothing, and one of the two hands the task on. The work of a message that is lost
 * is found by the queue's alarm or, begun, by the end of its lease.
 */
export async function handleTaskMessage(ports: WorkPorts, message: TaskMessage | TaskStepMessage): Promise<void> {
  if (message.type === 'tasks') await claimAndRun(ports, message);
  else await goOn(ports, message);
}

async function claimAndRun(ports: WorkPorts, message: TaskMessage): Promise<void> {
  const [task] = unwrapped(
    await ports.taskQueue(message.queue).claim({
      agentId: PLATFORM_AGENT,
      max: 1,
      types: BUILT_IN_TYPES,
      capabilities: [],
      leaseSeconds: LEASE_SECONDS,
      waitMs: 0,
    }),
  );
  if (task === undefined) return;
  await run(
    ports,
    { ...task, queue: message.queue, startedAtMs: ports.clock.now(), step: 1, progress: null },
    undefined,
  );
}

async function goOn(ports: WorkPorts, message: TaskStepMessage): Promise<void> {
  const { queue, taskId, leaseToken, attempt, step, state } = message;
  const calls = ports.taskQueue(queue);
  const [beat] = unwrapped(await calls.heartbeat({ leases: [{ taskId, leaseToken }], leaseSeconds: LEASE_SECONDS }));
  if (beat.outcome !== 'extended') return;
  const task = unwrapped(await calls.get(taskId));
  if (task === null || task.payload === null) return;
  const progress = task.running?.progress ?? null;
  if (progress === null || stepOf(progress) !== step) return;
  const { type, payload, options } = task;
  const startedAtMs = task.running?.startedAtMs ?? ports.clock.now();
  const held = { queue, taskId, leaseToken, attempt, startedAtMs, type, payload, options, step, progress };
  await run(ports, held, state, beat.cancelled);
}

async function run(ports: WorkPorts, task: Held, state: TaskStepState | undefined, cancelled = false): Promise<void> {
  const lease = keepLease(ports, task);
  let outcome: StepOutcome | { readonly kind: 'failed'; readonly error: unknown };
  try {
    if (cancelled) lease.abort.abort();
    lease.abort.signal.throwIfAborted();
    outcome = await step(ports, task, state, lease.abort.signal);
  } catch (error) {
    outcome = { kind: 'failed', error };
  } finally {
    lease.end();
  }
  const processingTimeMs = ports.clock.now() - task.startedAtMs;
  switch (outcome.kind) {
    case 'done':
      return await report(ports, task, {
        success: true,
        data: JSON.stringify(outcome.data),
        retryable: true,
        processingTimeMs,
      });
    case 'later':
      return await pause(ports, task, outcome);
    case 'failed':
      ports.log.warn('task failed', { queue: task.queue, taskId: task.taskId, type: task.type, error: outcome.error });
      return await report(ports, task, {
        success: false,
        error: reasonOf(outcome.error),
        retryable: mayPass(outcome.error),
        processingTimeMs,
      });
  }
}

async function step(
  ports: WorkPorts,
  task: Held,
  state: TaskStepState | undefined,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const [namespaceUid, queue] = task.queue.split('/');
  const namespace = await ports.namespaceName(namespaceUid);
  if (namespace === null) throw new OrasiError('gone', 'the namespace is deleted');
  if (!isBuiltInType(task.type)) throw new OrasiError('bad_request', `"${task.type}" is not a built-in type`);
  const { taskId, attempt, options } = task;
  const { resultRetentionSeconds } = options;
  const job: Job = { namespace, namespaceUid, queue, taskId, attempt, resultRetentionSeconds, signal };
  return await runStep(ports, job, task.type, JSON.parse(task.payload), state);
}

/** Hands a task over to a later message, its lease held until then and some more. */
async function pause(
  ports: WorkPorts,
  { queue, taskId, leaseToken, attempt, step: done, progress: ifProgress }: Held,
  { state, delaySeconds }: Extract<StepOutcome, { kind: 'later' }>,
): Promise<void> {
  const step = done + 1;
  const progress = JSON.stringify({ phase: state.phase, ...state.counts, step });
  const leaseSeconds = LEASE_SECONDS + delaySeconds;
  const leases = [{ taskId, leaseToken, progress, ifProgress }];
  const calls = ports.taskQueue(queue);
  const [beat] = unwrapped(await calls.heartbeat({ leases, leaseSeconds }));
  // It is somebody else's, or the same message came twice and the other has handed it over.
  if (beat.outcome !== 'extended') return;
  const message: TaskStepMessage = { v: 1, type: 'task-step', queue, taskId, leaseToken, attempt, step, state };
  try {
    await ports.messages.send([message], { delaySeconds });
  } catch (error) {
    // The message of this step comes again, and is to find it undone.
    if (ifProgress !== null) {
      const undone = [{ taskId, leaseToken, progress: ifProgress, ifProgress: progress }];
      unwrapped(await calls.heartbeat({ leases: undone, leaseSeconds: LEASE_SECONDS }));
    }
    throw error;
  }
}

function stepOf(progress: string): number | null {
  const { step }: { step?: unknown } = JSON.parse(progress);
  return typeof step === 'number' ? step : null;
}

async function report(
  ports: WorkPorts,
  { queue, taskId, leaseToken, type }: Held,
  result: Omit<TaskReport, 'taskId' | 'leaseToken'>,
): Promise<void> {
  const [outcome] = unwrapped(await ports.taskQueue(queue).report([{ taskId, leaseToken, ...result }]));
  const { success, processingTimeMs } = result;
  ports.log.info('task ended', { queue, taskId, taskType: type, success, outcome, elapsedMs: processingTimeMs });
}

/** Renews the lease of a task until it is ended; where that fails for good, or somebody cancels it, its work is aborted. */
function keepLease(ports: WorkPorts, { queue, taskId, leaseToken }: Held): { abort: AbortController; end(): void } {
  const abort = new AbortController();
  let callOff = () => {};
  const beat = async () => {
    try {
      const leases = [{ taskId, leaseToken }];
      const [answer] = unwrapped(await ports.taskQueue(queue).heartbeat({ leases, leaseSeconds: LEASE_SECONDS }));
      if (answer.outcome !== 'extended' || answer.cancelled) return abort.abort();
    } catch (error) {
      ports.log.warn('lease not renewed', { queue, taskId, error });
    }
    if (!ended) callOff = ports.timer(HEARTBEAT_MS, beat);
  };
  let ended = false;
  callOff = ports.timer(HEARTBEAT_MS, beat);
  return {
    abort,
    end() {
      ended = true;
      callOff();
    },
  };
}

/** A defect may come from a moment's state; what the caller is told of lies with the task, unless it is of the moment. */
function mayPass(error: unknown): boolean {
  return !(error instanceof OrasiError) || PASSING.has(error.code);
}

function reasonOf(error: unknown): string {
  const code = error instanceof OrasiError ? `${error.code}: ` : '';
  return `${code}${error instanceof Error ? error.message : String(error)}`.slice(0, ERROR_CHARS);
}

function unwrapped<T>(answer: TaskAnswer<T>): T {
  if (answer.ok) return answer.value;
  throw new OrasiError(answer.code, answer.message, { errors: [...answer.errors] });
}
