import { expect, test } from 'vitest';
import type { Client } from '../../agent/client/client.ts';
import { createChanges } from '../../agent/process/changes.ts';
import type { AgentConfig } from '../../agent/process/config.ts';
import { startQueueSocket } from '../../agent/process/queue-socket.ts';
import { createRunner } from '../../agent/process/runner.ts';
import type { MemberLoad } from '../../src/core/protocol/cluster.ts';

const log = () => {};

test('an agent tells its load with its slots, and by itself where it is another one', async () => {
  const sent: Record<string, unknown>[] = [];
  const ended = Promise.withResolvers<{ code: number; reason: string }>();
  const client = {
    connect: async () => ({
      send: (message: Record<string, unknown>) => void sent.push(message),
      closed: ended.promise,
      close: () => ended.resolve({ code: 1000, reason: '' }),
    }),
  };
  const changes = createChanges();
  const over = new AbortController();
  let load: MemberLoad | null = null;
  let slots = 4;
  const config = { agentId: 'a', queue: 'q', capabilities: [], leaseSeconds: 30, heartbeatSeconds: 30 };
  const socket = startQueueSocket(
    {
      client: client as unknown as Client,
      namespace: 'default',
      config: () => config as unknown as AgentConfig,
      types: () => ['work'],
      load: () => load,
      shard: 0,
      counted: () => {},
      slots: () => slots,
      runner: createRunner({ types: () => new Map(), report: async () => {}, changes, log }),
      changes,
      random: { next: () => 0, bytes: (length) => new Uint8Array(length) },
      log,
    },
    over.signal,
  );
  const told = async (cpuPercent: number, free: number) => {
    load = { cpuPercent, memoryBytes: 1, diskBytes: 1, activeTasks: 0, queueLength: 0 };
    slots = free;
    sent.length = 0;
    changes.tell();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    return sent.map((message) => [message.type, message.slots, (message.load as MemberLoad).cpuPercent]);
  };
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(sent).toMatchObject([{ type: 'hello', slots: 4 }]);
  expect(await told(9, 4)).toEqual([]);
  expect(await told(95, 3)).toEqual([['slots', 3, 95]]);
  expect(await told(90, 3)).toEqual([]);
  expect(await told(20, 3)).toEqual([['slots', 3, 20]]);
  over.abort();
  await socket.over;
});
