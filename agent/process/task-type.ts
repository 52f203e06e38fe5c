/** A task as it reaches what runs it. */
export interface TaskRun {
  readonly taskId: string;
  readonly type: string;
  readonly payload: unknown;
  /** Counted from 1; an attempt before may have done part of the work. */
  readonly attempt: number;
  /** Aborted where the task is cancelled, takes too long, has been lost to another agent, or the agent stops. */
  readonly signal: AbortSignal;
  /** Kept with the task and shown to who looks at it; sent with the next heartbeat. */
  progress(value: unknown): void;
}

/**
 * What runs tasks of one type. A plugin is a module that exports one as `taskType`. `run` resolves to the result,
 * which is JSON; it throws TaskError, or anything else, where the attempt failed.
 */
export interface TaskType {
  readonly name: string;
  /** How long an attempt may take where the task does not say less. */
  readonly timeoutSeconds?: number;
  run(task: TaskRun): Promise<unknown>;
}

/** An attempt that failed. A plugin may throw any error with a field `retryable: false` instead. */
export class TaskError extends Error {
  /** False where another attempt would fail as well. */
  readonly retryable: boolean;

  constructor(message: string, options: { readonly retryable: boolean; readonly cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'TaskError';
    this.retryable = options.retryable;
  }
}
