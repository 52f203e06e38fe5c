import type { TaskStepState } from '../core/protocol/messages.ts';

/** A claimed task, as the step that works on it sees it. */
export interface Job {
  readonly namespace: string;
  readonly namespaceUid: string;
  /** The queue's name. */
  readonly queue: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly resultRetentionSeconds: number | undefined;
  /** Aborted when somebody cancels the task, or its lease is lost. */
  readonly signal: AbortSignal;
}

/** How a step ended, if it did not throw. */
export type StepOutcome =
  | { readonly kind: 'done'; readonly data: unknown }
  /** There is more to do, or to wait for: begin again with `state` after a while. What is shown as progress is `counts`. */
  | { readonly kind: 'later'; readonly state: TaskStepState; readonly delaySeconds: number };

export const done = (data: unknown): StepOutcome => ({ kind: 'done', data });
export const later = (state: TaskStepState, delaySeconds: number): StepOutcome => ({
  kind: 'later',
  state,
  delaySeconds,
});

/** How long until somebody else's work is looked at again. */
export const POLL_SECONDS = 1;

/** Adds counts to counts. */
export function plus(
  counts: Readonly<Record<string, number>> | undefined,
  more: Readonly<Record<string, number>>,
): Record<string, number> {
  const sums: Record<string, number> = { ...counts };
  for (const [name, count] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
