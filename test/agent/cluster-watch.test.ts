import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { Call } from '../../agent/cli/command.ts';
import type { ClientRequest } from '../../agent/client/client.ts';
import { ApiError, ConnectionError } from '../../agent/client/errors.ts';
import { followCluster } from '../../agent/commands/cluster-watch.ts';

const event = (revision: number) => `id: ${revision}\nevent: event\ndata: ${revision}\n\n`;

/** A call whose connections are these: texts that end, or errors. */
function callOf(connections: (readonly string[] | Error)[], options: Record<string, number> = {}) {
  const asked: ClientRequest['query'][] = [];
  const notes: string[] = [];
  const client = {
    open: async ({ query }: ClientRequest) => {
      asked.push(query);
      const next = connections.shift();
      if (next === undefined || next instanceof Error) throw next ?? new Error('nobody listens any more');
      return { status: 200, headers: {}, body: Readable.from(next.map((text) => Buffer.from(text))) };
    },
  };
  const call = {
    options: { integer: (name: string) => options[name] },
    output: { note: (text: string) => notes.push(text) },
    connect: async () => ({ client, namespace: 'default' }),
  } as unknown as Call;
  const shown: string[] = [];
  const followed = followCluster(call, '/watch', 'p', async (data) => void shown.push(data));
  return { followed, asked, notes, shown };
}

test('a watch goes on after the last revision that came, whole events apart, over ends and refusals that pass', async () => {
  const { followed, asked, shown, notes } = callOf(
    [
      [`id: 4\nevent: progress\ndata: {}\n\n${event(5)}`, event(6).slice(0, 9)],
      new ConnectionError('no answer', null),
      [event(6).slice(0, 20), `${event(6).slice(20)}: a comment\n\n${event(7)}${event(8)}`],
    ],
    { count: 3 },
  );
  expect(await followed).toBe(0);
  expect(shown).toEqual(['5', '6', '7']);
  expect(asked.map((query) => query?.['revision'])).toEqual([undefined, 5, 5]);
  expect(notes).toEqual(['the watch broke off after revision 5, and goes on']);
});

test('a watch ends where its history is gone, and where it never began', async () => {
  const gone = new ApiError({ status: 410, code: 'gone', message: 'history begins after 9' });
  await expect(callOf([[event(5)], gone]).followed).rejects.toThrow('history begins after 9');
  await expect(callOf([new ConnectionError('no answer', null)]).followed).rejects.toThrow('no answer');
});
