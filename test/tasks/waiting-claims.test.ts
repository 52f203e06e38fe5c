import { expect, test } from 'vitest';
import { WaitingClaims } from '../../durable-objects/waiting-claims.ts';
import type { ClaimedTask, ClaimRequest } from '../../src/core/protocol/tasks.ts';

/** Tasks that are due, by type, and claims that wait for them. */
function waitingRoom() {
  const waiting = new WaitingClaims();
  const due: Record<string, number> = {};
  let looks = 0;
  const wait = async (type: string) => {
    const request = {
      agentId: 'a',
      max: 1,
      types: [type],
      capabilities: [],
      waitMs: 60_000,
    } as unknown as ClaimRequest;
    return await waiting.wait<readonly ClaimedTask[]>(request, [], () => {
      if (!due[type]) return [];
      due[type] -= 1;
      return [{ taskId: type } as ClaimedTask];
    });
  };
  const serve = () => {
    looks = 0;
    waiting.serve(1_000, ({ types }) => {
      looks += 1;
      return due[types?.[0] ?? ''] ? 1_000 : 5_000;
    });
    return looks;
  };
  return { waiting, due, wait, serve };
}

test('where nothing is due it is asked once for all that wait for the same', async () => {
  const { waiting, wait, serve } = waitingRoom();
  const claims = Array.from({ length: 400 }, (_, i) => wait(`type-${i % 2}`));
  expect(serve()).toBe(2);
  waiting.end();
  expect(await Promise.all(claims)).toEqual(claims.map(() => []));
});

test('what is due goes to the longest waiting, each task to one', async () => {
  const { waiting, due, wait, serve } = waitingRoom();
  const claims = Array.from({ length: 100 }, (_, i) => wait(`type-${i % 2}`));
  due['type-1'] = 3;
  expect(serve()).toBeLessThan(20);
  expect(waiting.size).toBe(97);
  waiting.end();
  const given = await Promise.all(claims);
  expect(given.flatMap((items, i) => (items.length > 0 ? [i] : []))).toEqual([1, 3, 5]);
});
