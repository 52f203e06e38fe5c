import { expect, test } from 'vitest';
import type { Subject } from '../../src/access/authorize.ts';
import { createApp } from '../../src/api/app.ts';
import { mountTasks } from '../../src/api/tasks.ts';
import { manualClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { UNDECLARED_QUEUE } from '../../src/core/protocol/queue-settings.ts';
import type { NewTask, TaskQueueCalls } from '../../src/core/protocol/tasks.ts';
import { ShardedQueues } from '../../src/tasks/sharded-queue.ts';
import { apiBase } from './api-base.ts';

const agent: Subject = { kind: 'api-key', name: 'k', role: 'agent', namespace: 'default', namespaceUid: 'uid' };
const clock = manualClock(0);
const base = apiBase({
  clock,
  authenticate: async () => agent,
  namespaceUid: async (name) => `uid-of-${name}`,
});
const submitted: NewTask[] = [];
const submit: TaskQueueCalls['submit'] = async (_name, tasks) => {
  submitted.push(...tasks);
  return { ok: true, value: tasks.map(() => ({ taskId: 'a', status: 'Pending', duplicate: false })) };
};
const queues = new ShardedQueues({
  taskQueue: () => ({ submit }) as unknown as TaskQueueCalls,
  configuration: async () => UNDECLARED_QUEUE,
  clock,
});
const app = createApp(base, (surface) =>
  mountTasks(surface, base, {
    queues,
    fence: async () => {
      throw new Error('nothing is held to an epoch here');
    },
  }),
);

const answer = async (path: string, body: object) => {
  const response = await app.request(`http://localhost/v1/namespaces/default/queues/q/${path}`, {
    method: 'POST',
    headers: { host: 'localhost', authorization: 'Bearer key', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return [response.status, ((await response.json()) as { errors?: { path: string }[] }).errors?.[0].path];
};

test('no agent goes by the name of the platform’s own workers', async () => {
  expect(await answer('claims', { agentId: 'platform' })).toEqual([400, 'agentId']);
});

test('the metadata of a task is bounded as a whole, as its payload is', async () => {
  const post = (metadata: object) => answer('tasks', { type: 'work', metadata });
  const entries = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`name ${i}`, 'x'.repeat(1_000)]));
  expect(await post(entries(Math.floor(LIMITS.taskMetadataChars / 1_100)))).toEqual([202, undefined]);
  expect(await post(entries(Math.ceil(LIMITS.taskMetadataChars / 1_000)))).toEqual([400, 'metadata']);
  expect(submitted).toHaveLength(1);
});
