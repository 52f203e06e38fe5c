import { expect, test } from 'vitest';
import { queueFixture } from './queue-fixture.ts';

const fence = (epoch: number, presentEpoch: number, cluster = 'main') => ({ cluster, epoch, presentEpoch });

test('the highest epoch ever seen of a cluster is the one that is taken, whatever the cluster says later', () => {
  const queue = queueFixture();
  const taken = (epoch: number, presentEpoch: number, cluster?: string) => {
    try {
      queue.queue.checkFence(fence(epoch, presentEpoch, cluster));
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'precondition_failed' });
      return false;
    }
  };
  expect(taken(5, 5)).toBe(true);
  // A new leader is known from the first call that met it, though that call was refused.
  expect(taken(5, 6)).toBe(false);
  queue.restart();
  expect(taken(5, 5)).toBe(false);
  expect(taken(6, 5)).toBe(true);
  expect(taken(7, 6)).toBe(false);
  expect(taken(5, 5, 'other')).toBe(true);
  queue.queue.checkFence(undefined);
});

test('an epoch is written once', () => {
  const queue = queueFixture();
  expect(queue.rowsWrittenBy(() => queue.queue.checkFence(fence(5, 5)))).toBe(1);
  expect(queue.rowsWrittenBy(() => queue.queue.checkFence(fence(5, 5)))).toBe(0);
});
