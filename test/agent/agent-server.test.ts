import { expect, test } from 'vitest';
import { serveAgent } from '../../agent/process/agent-server.ts';

test('a port that is taken is named, and how to go without it', async () => {
  const view = () => {
    throw new Error('nobody asks');
  };
  const first = await serveAgent(view, '127.0.0.1', 0);
  await expect(serveAgent(view, '127.0.0.1', first.port)).rejects.toThrow(
    `port ${first.port} of 127.0.0.1 is taken; --port 0 finds a free one`,
  );
  await new Promise((resolve) => first.server.close(resolve));
});
