import { expect, test } from 'vitest';
import { consumeDeadHints } from '../../queues/dead-letter.ts';
import { consumeIndex } from '../../queues/index.ts';
import { consumeTasks } from '../../queues/tasks.ts';
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
    step: 2,
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
  await consumeDeadHints([dead], { log: SILENT });
  expect(dead.fate).toEqual(['ack']);
});

test('a message of the index queue is done, comes back when its build says, soon where that fails, or is dropped', async () => {
  const message = { v: 1, type: 'index', namespaceUid: 'ns', datasetId: 'fine', segmentIds: ['s'] };
  const bodies = [message, { ...message, datasetId: 'busy' }, { ...message, datasetId: 'away' }, { v: 2 }];
  const deliveries = bodies.map((body, i) => ({ ...delivery(body), attempts: i + 1 }));
  const handled: unknown[] = [];
  const indexing: Parameters<typeof consumeIndex>[1]['indexing'] = {
    handle: async ({ datasetId }, attempts) => {
      if (datasetId === 'away') throw new Error('away');
      handled.push([datasetId, attempts]);
      return datasetId === 'busy' ? { kind: 'again', delaySeconds: 7 } : { kind: 'done' };
    },
  };
  await consumeIndex(deliveries, { indexing, log: SILENT });
  expect(handled).toEqual([
    ['fine', 1],
    ['busy', 2],
  ]);
  expect(deliveries.map(({ fate }) => fate)).toEqual([['ack'], ['retry 7'], ['retry 10'], ['ack']]);
});
