import type { ErrorCode, FieldError } from '../errors.ts';
import type { ConnectedAgents } from './queue-connection.ts';
import type { QueueConfiguration, TaskLimits } from './queue-settings.ts';
import type { ScalingSignals, ScalingView } from './scaling.ts';

/** Priorities, lowest first; a task's level is its place here. */
export const TASK_PRIORITIES = ['Low', 'Normal', 'High', 'Critical'] as const;
export type TaskPriority = (typeof TASK_PRIORITIES)[number];

export const TASK_STATUSES = ['Pending', 'Running', 'Completed', 'Failed', 'Cancelled', 'Retrying'] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** What a queue does with tasks: all, takes them and gives none out, or gives out and takes none. */
export const QUEUE_STATES = ['Active', 'Paused', 'Draining'] as const;
export type QueueState = (typeof QUEUE_STATES)[number];

/**
 * What a call is held to (`If-Epoch`): the caller believes to act for the leader of a cluster, of this epoch. A queue
 * remembers the highest epoch it has seen of each cluster, and refuses lower ones for ever.
 */
export interface TaskFence {
  readonly cluster: string;
  readonly epoch: number;
  /** The cluster's present one, as it said itself when the call came. */
  readonly presentEpoch: number;
}

/** A task as it is submitted; valid. Times are milliseconds since the Unix epoch. */
export interface NewTask {
  readonly type: string;
  /** JSON text. */
  readonly payload: string;
  readonly priority: TaskPriority;
  /** Not before; at once where neither this nor `delayMs` is there. */
  readonly runAtMs?: number | undefined;
  readonly delayMs?: number | undefined;
  readonly dedupeKey?: string | undefined;
  readonly dedupeWindowSeconds?: number | undefined;
  /** Capabilities an agent must have, sorted. */
  readonly requires: readonly string[];
  /** Not started by then, it fails. */
  readonly expiresAtMs?: number | undefined;
  readonly options: TaskOptions;
}

/** What a task says beside its payload and its place in the queue; what is absent is as the queue has it. */
export interface TaskOptions {
  readonly maxRetries?: number | undefined;
  /** The wait before the first retry; it doubles with each further one. */
  readonly retryDelaySeconds?: number | undefined;
  /** The longest one attempt may take, whatever its heartbeats say. */
  readonly timeoutSeconds?: number | undefined;
  readonly resultRetentionSeconds?: number | undefined;
  readonly groupKey?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface SubmittedTask {
  readonly taskId: string;
  readonly status: TaskStatus;
  /** A task with this dedupe key is there already; it is the one named. */
  readonly duplicate: boolean;
}

export interface ClaimRequest {
  readonly agentId: string;
  readonly max: number;
  /** Null for tasks of any type. */
  readonly types: readonly string[] | null;
  readonly capabilities: readonly string[];
  readonly leaseSeconds?: number | undefined;
  /** How long to wait for a first task. */
  readonly waitMs: number;
  readonly fence?: TaskFence | undefined;
}

export interface ClaimedTask {
  readonly taskId: string;
  readonly type: string;
  readonly priority: TaskPriority;
  /** JSON text. */
  readonly payload: string;
  /** Counted from 1; a lapsed lease was one. */
  readonly attempt: number;
  readonly leaseToken: string;
  readonly leaseExpiresAtMs: number;
  /** For agents whose clock is wrong. */
  readonly leaseRemainingMs: number;
  readonly submittedAtMs: number;
  readonly options: TaskOptions;
}

/** How an attempt ended, by its agent. */
export interface TaskReport {
  readonly taskId: string;
  readonly leaseToken: string;
  readonly success: boolean;
  /** JSON text. */
  readonly data?: string | undefined;
  readonly error?: string | undefined;
  /** False where another attempt would fail as well. */
  readonly retryable: boolean;
  readonly processingTimeMs?: number | undefined;
}

/**
 * What became of a report: `accepted`; `duplicate`, the same lease reported before; `stale`, the lease is over;
 * `unknown`, no such task, or one whose result is not kept. Only the first changes anything.
 */
export type ReportOutcome = 'accepted' | 'duplicate' | 'stale' | 'unknown';

export interface HeartbeatRequest {
  readonly leases: readonly {
    readonly taskId: string;
    readonly leaseToken: string;
    /** JSON text. */
    readonly progress?: string | undefined;
    /** Where this is not the progress that is kept, nothing is done and the answer is `stale`. */
    readonly ifProgress?: string | null | undefined;
  }[];
  /** The lease from now on; as long as it was claimed for, where absent. */
  readonly leaseSeconds?: number | undefined;
  readonly fence?: TaskFence | undefined;
}

export type HeartbeatAnswer =
  | {
      readonly taskId: string;
      readonly outcome: 'extended';
      readonly leaseExpiresAtMs: number;
      readonly leaseRemainingMs: number;
      /** Somebody wants the task stopped: its agent stops and reports. */
      readonly cancelled: boolean;
    }
  | { readonly taskId: string; readonly outcome: 'stale' | 'unknown' };

/** One past attempt. */
export interface TaskAttempt {
  readonly attempt: number;
  readonly agentId: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: 'succeeded' | 'failed' | 'lapsed';
  readonly error?: string | undefined;
}

/** Everything known of a task. */
export interface TaskRecord {
  readonly taskId: string;
  readonly type: string;
  readonly priority: TaskPriority;
  readonly status: TaskStatus;
  readonly requires: readonly string[];
  readonly submittedAtMs: number;
  /** When it may run, or might have. */
  readonly dueAtMs: number;
  readonly expiresAtMs: number | null;
  /** Attempts begun. */
  readonly attempts: number;
  readonly history: readonly TaskAttempt[];
  readonly options: TaskOptions;
  /** JSON text; null where the task ended well and only its result is kept. */
  readonly payload: string | null;
  readonly running: {
    readonly agentId: string;
    readonly startedAtMs: number;
    readonly leaseExpiresAtMs: number;
    readonly cancelRequested: boolean;
    /** JSON text of the last heartbeat that had some. */
    readonly progress: string | null;
  } | null;
  readonly finished: {
    readonly atMs: number;
    /** When this record goes. */
    readonly keptUntilMs: number;
    /** JSON text. */
    readonly data: string | null;
    readonly error: string | null;
    readonly processingTimeMs: number | null;
  } | null;
}

export interface TaskPage {
  readonly items: readonly TaskRecord[];
  readonly nextCursor: string | undefined;
}

export interface TaskFilter {
  readonly status?: TaskStatus | undefined;
  readonly type?: string | undefined;
}

export interface QueueStats {
  readonly state: QueueState;
  /** Tasks by status, then by priority. */
  readonly depth: Readonly<Record<TaskStatus, Readonly<Record<TaskPriority, number>>>>;
  /** How long the oldest due task waits; 0 where none does. */
  readonly oldestAgeMs: number;
  /** Mean of the last minute; what was before the object last started is not counted. */
  readonly submittedPerSecond: number;
  readonly finishedPerSecond: number;
  /** Claims that wait for work now. */
  readonly waitingClaims: number;
  /** Rows written since the object last started: what it is billed by. */
  readonly rowsWritten: number;
  readonly limits: QueueLimits;
}

/** What is in force in a queue. */
export interface QueueLimits extends TaskLimits {
  readonly shards: number;
  readonly maxRetries: number;
  readonly leaseSeconds: number;
  readonly resultRetentionSeconds: number;
  readonly deadLetterRetentionSeconds: number;
  readonly dedupeWindowSeconds: number;
  readonly starvationSeconds: number;
}

/** Why a task is not running: all that holds now. */
export interface TaskReason {
  readonly code:
    | 'finished'
    | 'running'
    | 'paused'
    | 'draining'
    | 'delayed'
    | 'retry_wait'
    | 'limited'
    | 'behind'
    | 'no_capable_agent'
    | 'next';
  readonly message: string;
}

export interface RedriveRequest {
  /** Null for all that failed. */
  readonly taskIds: readonly string[] | null;
  readonly type?: string | undefined;
  readonly max: number;
}

/** An answer by RPC, over which an error does not travel as what it is. */
export type TaskAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly errors: readonly FieldError[] };

/** A shard of a queue, by RPC. `name` is the object's own. */
export interface TaskQueueCalls {
  submit(name: string, tasks: readonly NewTask[], fence?: TaskFence): Promise<TaskAnswer<readonly SubmittedTask[]>>;
  claim(request: ClaimRequest): Promise<TaskAnswer<readonly ClaimedTask[]>>;
  /** Waits until a claim may find something, and takes nothing; false where the wait is over first. */
  awaitWork(request: ClaimRequest): Promise<TaskAnswer<boolean>>;
  report(reports: readonly TaskReport[], fence?: TaskFence): Promise<TaskAnswer<readonly ReportOutcome[]>>;
  heartbeat(request: HeartbeatRequest): Promise<TaskAnswer<readonly HeartbeatAnswer[]>>;
  get(taskId: string): Promise<TaskAnswer<TaskRecord | null>>;
  why(taskId: string): Promise<TaskAnswer<readonly TaskReason[] | null>>;
  /** Null where there is no such task; refused with `conflict` where it has ended otherwise. */
  cancel(taskId: string): Promise<TaskAnswer<TaskRecord | null>>;
  list(filter: TaskFilter, limit: number, cursor: string | undefined): Promise<TaskAnswer<TaskPage>>;
  stats(): Promise<TaskAnswer<QueueStats>>;
  setState(name: string, state: QueueState): Promise<TaskAnswer<QueueStats>>;
  /** As the last call of `setState` left it, whatever is declared. */
  state(): Promise<QueueState>;
  /** Something else is declared: a hint, since the queue asks itself when it is used. */
  configure(configuration: QueueConfiguration): Promise<void>;
  /** What the number of agents is made from, of this shard. */
  signals(): Promise<TaskAnswer<ScalingSignals>>;
  /** How many agents the queue wants: asked of its first shard, which asks the others. */
  scaling(): Promise<TaskAnswer<ScalingView>>;
  /** Puts failed tasks back; answers how many. */
  redrive(request: RedriveRequest): Promise<TaskAnswer<number>>;
  /** Who holds a WebSocket to it. */
  agents(): Promise<TaskAnswer<ConnectedAgents>>;
  /** The WebSocket of an agent: an upgrade, answered 101; 503 where there are too many. */
  fetch(request: Request): Promise<Response>;
  /** Looks whether the alarm is set as it should be. */
  tick(): Promise<void>;
  /** Forgets everything: the namespace is gone. */
  erase(): Promise<void>;
}
