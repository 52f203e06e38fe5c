import { expect, test } from 'vitest';
import { consumeDeadTasks, consumeTasks } from '../../queues/tasks.ts';
import { SILENT } from '../query/world.ts';

function delivery(body: unknown) {
  const fate: string[] = [];
  return {
    body,
    fate,
    ack: () => fate.push('ack'),
    retry: (options?: { delaySeconds?: number }) => fate.push(`retry ${options?.delaySeconds}`),
  };
}

test('a message is done, comes back where its queue cannot be reached, and is dropped where nobody can read it', async () => {
  const wake = { v: 1, type: 'tasks', queue: 'ns/q/0' };
  const step = {
    v: 1,
    type: 'task-step',
    queue: 'ns/q/0',
    taskId: 't',
    leaseToken: '1.a',
    attempt: 1,
    state: { phase: 'p' },
  };
  const bodies = [wake, step, { ...wake, queue: 'away' }, { ...step, state: {} }, { v: 2 }, null];
  const deliveries = bodies.map(delivery);
  const handled: unknown[] = [];
  const work = {
    handle: async (message: { queue: string }) => {
      if (message.queue === 'away') throw new Error('away');
      handled.push(message);
    },
  };
  await consumeTasks(deliveries, { work, log: SILENT });
  expect(handled).toEqual([wake, step]);
  expect(deliveries.map(({ fate }) => fate)).toEqual([['ack'], ['ack'], ['retry 5'], ['ack'], ['ack'], ['ack']]);
  const dead = delivery(step);
  await consumeDeadTasks([dead], { log: SILENT });
  expect(dead.fate).toEqual(['ack']);
});
