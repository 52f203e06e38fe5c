import type { ScheduledTasks } from '../src/control/schedule-reconciler.ts';
import { OrasiError } from '../src/core/errors.ts';
import type { TaskAnswer, TaskQueueCalls } from '../src/core/protocol/tasks.ts';
import { placeOf } from '../src/tasks/task-id.ts';

/** Queues as schedules see them, over RPC. A task of a schedule is handed to the first shard, where its key is known. */
export function scheduledTasks(taskQueue: (name: string) => TaskQueueCalls): ScheduledTasks {
  const shardOf = (namespaceUid: string, queue: string, taskId: string) =>
    taskQueue(`${namespaceUid}/${queue}/${placeOf(taskId)?.shard ?? 0}`);
  return {
    async submit(namespaceUid, queue, task) {
      const name = `${namespaceUid}/${queue}/0`;
      const [{ taskId }] = unwrapped(await taskQueue(name).submit(name, [task]));
      return taskId;
    },
    async status(namespaceUid, queue, taskId) {
      return unwrapped(await shardOf(namespaceUid, queue, taskId).get(taskId))?.status ?? null;
    },
    async cancel(namespaceUid, queue, taskId) {
      const answer = await shardOf(namespaceUid, queue, taskId).cancel(taskId);
      if (!answer.ok && answer.code !== 'conflict') unwrapped(answer);
    },
  };
}

function unwrapped<T>(answer: TaskAnswer<T>): T {
  if (answer.ok) return answer.value;
  throw new OrasiError(answer.code, answer.message, { errors: [...answer.errors] });
}
