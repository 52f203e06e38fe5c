import type { QueueSettings } from '../../../src/core/protocol/queue-settings.ts';
import type { ClaimRequest, TaskOptions } from '../../../src/core/protocol/tasks.ts';

/** A task as those outside may know it. Times are milliseconds. */
export interface KnownTask {
  readonly taskId: string;
  readonly type: string;
  /** The place of its priority, the lowest 0. */
  readonly level: number;
  readonly requires: readonly string[];
  readonly options: TaskOptions;
  /** Not before this may it be claimed, and from `dueToMs` on a claim must find it: chance is between the two. */
  dueFromMs: number;
  dueToMs: number;
  expiresAtMs: number | null;
  attempts: number;
  /** The lease that holds it, by what its claim and its heartbeats were told. */
  held: { readonly token: string; readonly untilMs: number; readonly claimedAtMs: number } | null;
  /** Tokens whose report was taken. */
  readonly settled: Set<string>;
  /** The one of them that ended the last attempt, if a report did: said again, it is a duplicate. */
  lastSettled: string | null;
  successes: number;
  over: 'Completed' | 'Failed' | 'Cancelled' | null;
  keptUntilMs: number;
  cancelWanted: boolean;
}

/** What chance may add to a wait between two attempts, as a part of it. */
const JITTER = 0.2;

/** When a task may be tried again after an attempt that ended. */
export function retryWindow(
  { attempts, options }: KnownTask,
  endedAtMs: number,
  { retryDelaySeconds, retryDelayMaxSeconds }: QueueSettings,
): Pick<KnownTask, 'dueFromMs' | 'dueToMs'> {
  const doubled = (options.retryDelaySeconds ?? retryDelaySeconds) * 2 ** (attempts - 1);
  const least = Math.min(doubled, retryDelayMaxSeconds / (1 + JITTER));
  return {
    dueFromMs: endedAtMs + Math.floor(least * 1_000),
    dueToMs: endedAtMs + Math.ceil(least * (1 + JITTER) * 1_000),
  };
}

export function isSuitable(
  task: KnownTask,
  { types, capabilities }: Pick<ClaimRequest, 'types' | 'capabilities'>,
): boolean {
  return (types === null || types.includes(task.type)) && task.requires.every((each) => capabilities.includes(each));
}

/**
 * Whether `task` may be given out while `other`, due and as suitable, waits. Between two priorities age decides; within
 * one groups take turns, and in each of them what is due first goes first.
 */
export function mayGoFirst(task: KnownTask, other: KnownTask, starvationMs: number): boolean {
  const isInTurn = other.level === task.level && other.options.groupKey !== task.options.groupKey;
  return isInTurn || other.dueToMs - task.dueFromMs >= starvationMs * (other.level - task.level);
}
