import type { ReconcileResult } from './reconcile.ts';
import type { WorkItem } from './storage.ts';

/** The wait after the first failure; it doubles with every further one. */
const FIRST_RETRY_MS = 250;
/** The longest wait: an error that lasts is looked at this often. */
const LONGEST_RETRY_MS = 5 * 60_000;

/** How long to wait after the `failures`-th failure in a row, counted from 1. */
export function retryDelayMs(failures: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 30));
}

/** What becomes of an item after a look at it: its next due time, or null where it leaves the queue. */
export function settle(
  item: Pick<WorkItem, 'failures'>,
  result: ReconcileResult,
  nowMs: number,
): { dueAtMs: number; failures: number } | null {
  if ('error' in result) {
    if ('terminal' in result) return null;
    const failures = item.failures + 1;
    return { dueAtMs: nowMs + retryDelayMs(failures), failures };
  }
  if ('requeueAfterMs' in result) return { dueAtMs: nowMs + result.requeueAfterMs, failures: 0 };
  return null;
}
