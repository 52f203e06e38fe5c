import { finish } from './endings.ts';
import { heldLease } from './leases.ts';
import type { QueueMemory } from './queue-memory.ts';

/**
 * Takes a lease back from an agent that cannot have begun with the task. It is due as it was before, with its age, and
 * no attempt is counted; the token is stale from here on. False where the lease is no more.
 */
export function giveBack(
  queue: QueueMemory,
  { taskId, leaseToken }: { readonly taskId: string; readonly leaseToken: string },
  nowMs: number,
): boolean {
  const place = queue.placeHere(taskId);
  const task = place === null ? null : queue.store.find(place);
  if (task === null || heldLease(task, leaseToken, nowMs) === null) return false;
  if (task.cancelRequested) {
    finish(queue, task, 'Cancelled', nowMs, {});
    return true;
  }
  const attempt = task.attempt - 1;
  queue.store.release(task, attempt);
  queue.lanes.get(task.lane).added(task);
  queue.leaseEnded(task);
  queue.census.change(task.lane, attempt === 0 ? 'Pending' : 'Retrying', 1);
  if (task.expiresAtMs !== null) queue.expires(task.expiresAtMs);
  return true;
}
