import { OrasiError } from '../core/errors.ts';
import type { TaskFence } from '../core/protocol/tasks.ts';
import type { TaskStore } from './task-store.ts';

/**
 * Refuses the call of a leader that is none any more. The highest epoch seen of a cluster is stored before anything
 * else is done, whoever brought it, so that a lower one is refused from then on, also where the cluster cannot be
 * asked. Throws `precondition_failed`.
 */
export function checkFence(store: TaskStore, { cluster, epoch, presentEpoch }: TaskFence): void {
  const name = `epoch:${cluster}`;
  const seen = Number(store.fact(name) ?? 0);
  const highest = Math.max(seen, presentEpoch);
  if (highest > seen) store.setFact(name, String(highest));
  if (epoch === highest) return;
  const message = `epoch ${epoch} is not that of cluster "${cluster}", which is ${highest}`;
  throw new OrasiError('precondition_failed', message);
}
