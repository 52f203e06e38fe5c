import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../agent/client/client.ts';

/** Takes the token `new` alone, and says how often it was asked. */
let asked = 0;
const server = createServer((request, response) => {
  asked++;
  const isKnown = request.headers.authorization === 'Bearer new';
  response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' }).end('{}');
});
let url: string;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('a token that is refused is read anew, once a request, and kept', async () => {
  let reads = 0;
  const client = createClient({
    url,
    token: 'old',
    readToken: async () => {
      reads++;
      return 'new';
    },
  });
  await client.json({ method: 'POST', path: '/', json: {} });
  await client.json({ method: 'GET', path: '/' });
  expect([asked, reads]).toEqual([3, 1]);
  const lost = createClient({ url, token: 'old', readToken: async () => 'old' });
  await expect(lost.json({ method: 'GET', path: '/' })).rejects.toMatchObject({ status: 401 });
  await expect(createClient({ url, token: 'old' }).json({ method: 'GET', path: '/' })).rejects.toMatchObject({
    status: 401,
  });
  await expect(lost.connect('/', { pingMs: 1_000, onMessage: () => {} })).rejects.toMatchObject({ status: 401 });
  expect(asked).toBe(6);
  client.close();
  lost.close();
});
