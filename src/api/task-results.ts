import { OrasiError } from '../core/errors.ts';
import type { TaskQueueCalls } from '../core/protocol/tasks.ts';
import { RESULTS, resultKey } from '../storage/layout.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { shardOfId } from '../tasks/shards.ts';
import type { ApiBase } from './ports.ts';
import { checkQueueName } from './queue-name.ts';
import { type ApiApp, defineRoute } from './route.ts';

/** The result of a task as itself: what is kept with the task as JSON, what is kept in the bucket as it was written. */
export function mountTaskResults(
  app: ApiApp,
  base: ApiBase,
  taskQueue: (name: string) => TaskQueueCalls,
  store: ObjectStore,
): void {
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/queues/{queue}/tasks/{taskId}/result',
      access: { verb: 'get', resource: 'tasks' },
      tag: 'tasks',
      summary: 'The data that a task ended with; of a large answer the rows, in the format asked for.',
      responses: {
        200: {
          description: 'The data.',
          mediaTypes: ['application/json', 'application/x-ndjson', 'text/csv', 'application/vnd.apache.arrow.stream'],
        },
      },
    },
    async ({ params: { ns, queue, taskId } }) => {
      checkQueueName(queue);
      const namespaceUid = await base.namespaceUid(ns);
      const answer = await taskQueue(`${namespaceUid}/${queue}/${shardOfId(taskId) ?? 0}`).get(taskId);
      if (!answer.ok) throw new OrasiError(answer.code, answer.message, { errors: [...answer.errors] });
      if (answer.value === null) throw new OrasiError('not_found', `there is no task "${taskId}"`);
      const data = answer.value.finished?.data ?? null;
      if (data === null) throw new OrasiError('not_found', `task "${taskId}" has no result`);
      const key = storedKey(JSON.parse(data));
      // Agents report what they like: only what the platform wrote for this very task is read from the bucket.
      if (key === undefined || !key.startsWith(resultKey(namespaceUid, queue, `${taskId}-`))) {
        return new Response(data, { headers: { 'content-type': 'application/json' } });
      }
      const stored = await store.head(key);
      if (stored === null) throw new OrasiError('gone', `the result of task "${taskId}" is no longer kept`);
      return new Response(await store.stream(key, 0, stored.etag), {
        headers: { 'content-type': stored.contentType ?? 'application/octet-stream' },
      });
    },
  );
}

function storedKey(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || !('stored' in data)) return undefined;
  const { stored } = data;
  if (typeof stored !== 'object' || stored === null || !('key' in stored)) return undefined;
  return typeof stored.key === 'string' && stored.key.startsWith(RESULTS) ? stored.key : undefined;
}
