import type { ScheduledTasks } from '../src/control/schedule-reconciler.ts';
import { OrasiError } from '../src/core/errors.ts';
import type { ShardedQueues } from '../src/tasks/sharded-queue.ts';

/** Queues as schedules see them. */
export function scheduledTasks(queues: ShardedQueues): ScheduledTasks {
  return {
    async submit(namespaceUid, queue, task) {
      const [{ taskId }] = await (await queues.open(namespaceUid, queue)).submit([task]);
      return taskId;
    },
    async status(namespaceUid, queue, taskId) {
      return (await (await queues.open(namespaceUid, queue)).get(taskId))?.status ?? null;
    },
    async cancel(namespaceUid, queue, taskId) {
      try {
        await (await queues.open(namespaceUid, queue)).cancel(taskId);
      } catch (error) {
        // It has ended, which is as good.
        if (!(error instanceof OrasiError) || error.code !== 'conflict') throw error;
      }
    },
  };
}
